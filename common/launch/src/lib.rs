//! Keep image and shape to launch plan: a pure function.
