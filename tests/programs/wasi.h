// What all programs here share: WASI p1's calls, printed in lines that are the same on every host.
#pragma once
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

// The directory that the host opens before the start.
#define ROOT 3

static int line_number = 0;

// Prints a call and its error number, 0 for success.
#define TRY(call) printf("%03d %s = %d\n", ++line_number, #call, (int)(call))

// Prints a value.
#define SHOW(value) printf("%03d   %s: %" PRId64 "\n", ++line_number, #value, (int64_t)(value))

// Prints text.
#define SAY(...) (printf("%03d   ", ++line_number), printf(__VA_ARGS__), printf("\n"))

// wasi-libc's wrappers take C strings where WASI takes pointer and length.
static inline __wasi_errno_t make_file(const char *path, __wasi_fd_t *fd) {
    return __wasi_path_open(ROOT, 0, path, __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK |
        __WASI_RIGHTS_FD_TELL | __WASI_RIGHTS_FD_FILESTAT_GET | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE | __WASI_RIGHTS_FD_FILESTAT_SET_TIMES |
        __WASI_RIGHTS_FD_ALLOCATE | __WASI_RIGHTS_FD_ADVISE | __WASI_RIGHTS_FD_DATASYNC | __WASI_RIGHTS_FD_SYNC |
        __WASI_RIGHTS_FD_FDSTAT_SET_FLAGS | __WASI_RIGHTS_POLL_FD_READWRITE, 0, 0, fd);
}

static inline __wasi_errno_t put(__wasi_fd_t fd, const char *text, __wasi_size_t *written) {
    __wasi_ciovec_t vector = {(const uint8_t *)text, strlen(text)};
    return __wasi_fd_write(fd, &vector, 1, written);
}

static inline __wasi_errno_t get(__wasi_fd_t fd, char *text, __wasi_size_t size, __wasi_size_t *read) {
    memset(text, 0, size);
    __wasi_iovec_t vector = {(uint8_t *)text, size - 1};
    return __wasi_fd_read(fd, &vector, 1, read);
}
