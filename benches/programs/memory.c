// Grows the memory by 1 GiB in steps of 1 MiB, then writes to each of its pages, twice.
#include <stdint.h>

#include "phase.h"

enum { PAGE = 65536, STEP = 16, STEPS = 1024 };

static void touch(volatile char *memory, char value) {
    for (uint32_t at = 0; at < (uint32_t)STEPS * STEP * PAGE; at += 4096) memory[at] = value;
}

int main(void) {
    long long begin = now();
    uintptr_t first = __builtin_wasm_memory_grow(0, STEP);
    for (int step = 1; step < STEPS; step++) {
        if (__builtin_wasm_memory_grow(0, STEP) == (size_t)-1) return 1;
    }
    phase("grow", begin);
    if (first == (uintptr_t)-1) return 1;
    volatile char *memory = (char *)(first * PAGE);
    begin = now();
    touch(memory, 1);
    phase("touch", begin);
    begin = now();
    touch(memory, 2);
    phase("again", begin);
    return 0;
}
