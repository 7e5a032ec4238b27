#!/bin/sh
# Builds the C programs here. Needs clang, lld, wasi-libc and the WebAssembly builtins (Debian:
# clang lld wasi-libc libclang-rt-dev-wasm32).
set -eu
cd "$(dirname "$0")"
for program in cat memory files; do
    clang --target=wasm32-wasi -O2 -Wall -s -o "$program.wasm" "$program.c"
done
