//! The measured first stage: copies, hashes and starts the body.
