//! Makes a Keep by its launch plan and serves its gate (untrusted).
