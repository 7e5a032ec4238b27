// Arguments, environment, and an exit status of its own.
#include "wasi.h"

int main(void) {
    __wasi_size_t count, size;
    TRY(__wasi_args_sizes_get(&count, &size));
    SHOW(count);
    uint8_t **strings = calloc(count + 1, sizeof *strings);
    uint8_t *bytes = malloc(size + 1);
    TRY(__wasi_args_get(strings, bytes));
    for (__wasi_size_t i = 1; i < count; i++)
        SAY("argument <%s>", strings[i]);

    TRY(__wasi_environ_sizes_get(&count, &size));
    SHOW(count);
    SHOW(size);
    strings = calloc(count + 1, sizeof *strings);
    bytes = malloc(size + 1);
    TRY(__wasi_environ_get(strings, bytes));
    for (__wasi_size_t i = 0; i < count; i++)
        SAY("<%s>", strings[i]);
    fflush(stdout);
    __wasi_proc_exit(37);
}
