//! Builds the keep image and carries it.
