//! App loader, Wasmtime and WASI: the program inside the Keep.
