// Standard streams: what they are, every byte through them both ways, and what they refuse.
#include "wasi.h"

int main(void) {
    __wasi_size_t n;
    __wasi_filesize_t at;
    __wasi_fdstat_t state;
    __wasi_filestat_t stat;
    static uint8_t buffer[100000];

    setvbuf(stdout, NULL, _IONBF, 0);
    for (__wasi_fd_t fd = 0; fd < 3; fd++) {
        TRY(__wasi_fd_fdstat_get(fd, &state));
        SAY("type %d flags %d", state.fs_filetype, state.fs_flags);
        TRY(__wasi_fd_filestat_get(fd, &stat));
        SAY("type %d size %d", stat.filetype, (int)stat.size);
        TRY(__wasi_fd_seek(fd, 0, __WASI_WHENCE_CUR, &at));
        TRY(__wasi_fd_tell(fd, &at));
    }
    TRY(put(0, "no", &n));
    TRY(get(1, (char *)buffer, 10, &n));
    TRY(put(2, "to standard error\n", &n));

    // Every byte comes back, in pieces of odd sizes.
    uint64_t sum = 0, hash = 0xcbf29ce484222325;
    for (__wasi_size_t size = 1;; size = size * 3 % 99991 + 1) {
        __wasi_iovec_t vector = {buffer, size};
        __wasi_errno_t error = __wasi_fd_read(0, &vector, 1, &n);
        if (error || n == 0) {
            SAY("the end: %d", error);
            break;
        }
        sum += n;
        for (__wasi_size_t i = 0; i < n; i++)
            hash = (hash ^ buffer[i]) * 0x100000001b3;
        __wasi_ciovec_t out = {buffer, n};
        while (out.buf_len) {
            error = __wasi_fd_write(1, &out, 1, &n);
            if (error)
                exit(100 + error);
            out.buf += n;
            out.buf_len -= n;
        }
    }
    SAY("%" PRIu64 " bytes, hash %016" PRIx64, sum, hash);

    TRY(__wasi_fd_close(0));
    TRY(get(0, (char *)buffer, 10, &n));
    TRY(__wasi_fd_close(2));
    TRY(put(2, "closed", &n));
    return 0;
}
