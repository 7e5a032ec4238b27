//! The one Wasmtime configuration that compiler and Keep share.
