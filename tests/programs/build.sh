#!/bin/sh
# Builds the programs with Debian's clang, lld and wasi-libc:
#   apt install clang lld wasi-libc libclang-rt-dev-wasm32
set -eu
cd "$(dirname "$0")"
for source in *.c; do
    clang --target=wasm32-wasi -Os -Wall -Wextra -Wl,--strip-all "$source" -o "${source%.c}.wasm"
done
