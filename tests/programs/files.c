// One file: open, read, write, seek, tell, size, times, flags, renumber, close.
#include "wasi.h"

int main(void) {
    __wasi_fd_t fd, other;
    __wasi_size_t n;
    __wasi_filesize_t at;
    __wasi_filestat_t stat;
    __wasi_fdstat_t state;
    char text[64];

    TRY(__wasi_path_open(ROOT, 0, "missing", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(make_file("a", &fd));
    TRY(put(fd, "hello, file", &n));
    SHOW(n);
    TRY(__wasi_fd_tell(fd, &at));
    SHOW(at);
    TRY(__wasi_fd_seek(fd, 7, __WASI_WHENCE_SET, &at));
    TRY(get(fd, text, sizeof text, &n));
    SAY("read %lu %s", n, text);
    TRY(get(fd, text, sizeof text, &n));
    SAY("at the end %lu", n);
    TRY(__wasi_fd_seek(fd, -4, __WASI_WHENCE_END, &at));
    SHOW(at);
    TRY(__wasi_fd_seek(fd, -100, __WASI_WHENCE_CUR, &at));
    TRY(__wasi_fd_seek(fd, 5, __WASI_WHENCE_CUR, &at));
    SHOW(at);

    // Several vectors, one of them empty.
    __wasi_ciovec_t out[3] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"", 0}, {(const uint8_t *)"cde", 3}};
    TRY(__wasi_fd_pwrite(fd, out, 3, 20, &n));
    SHOW(n);
    char x[3] = {0}, y[8] = {0};
    __wasi_iovec_t in[2] = {{(uint8_t *)x, 2}, {(uint8_t *)y, 7}};
    TRY(__wasi_fd_pread(fd, in, 2, 19, &n));
    SHOW(n);
    SAY("%d %c %s", x[0], x[1], y);
    TRY(__wasi_fd_pread(fd, in, 2, 1000, &n));
    SHOW(n);
    TRY(__wasi_fd_tell(fd, &at));
    SHOW(at);

    TRY(__wasi_fd_filestat_get(fd, &stat));
    SAY("type %d links %d size %d", stat.filetype, (int)stat.nlink, (int)stat.size);
    TRY(__wasi_fd_filestat_set_size(fd, 5));
    TRY(__wasi_fd_filestat_set_size(fd, 9));
    TRY(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
    TRY(get(fd, text, sizeof text, &n));
    SAY("%lu %s %d", n, text, text[8]);
    TRY(__wasi_fd_allocate(fd, 0, 100));
    TRY(__wasi_fd_advise(fd, 0, 10, __WASI_ADVICE_SEQUENTIAL));
    TRY(__wasi_fd_datasync(fd));
    TRY(__wasi_fd_sync(fd));

    TRY(__wasi_fd_filestat_set_times(fd, 1000000000, 2000000000, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SHOW(stat.atim);
    SHOW(stat.mtim);
    TRY(__wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW));
    TRY(__wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SAY("set to now: %d, the other kept: %d", stat.mtim > 1700000000000000000, stat.atim == 1000000000);

    TRY(__wasi_fd_fdstat_get(fd, &state));
    SAY("type %d flags %d", state.fs_filetype, state.fs_flags);
    TRY(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND));
    TRY(__wasi_fd_fdstat_get(fd, &state));
    SHOW(state.fs_flags);
    TRY(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
    TRY(put(fd, "end", &n));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SHOW(stat.size);

    TRY(make_file("b", &other));
    TRY(put(other, "other", &n));
    TRY(__wasi_fd_renumber(other, fd));
    TRY(put(other, "gone", &n));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SHOW(stat.size);
    TRY(__wasi_fd_close(fd));
    TRY(__wasi_fd_close(fd));
    TRY(get(fd, text, sizeof text, &n));
    TRY(__wasi_fd_close(1000));

    // What an open file may do is what it was opened for.
    TRY(__wasi_path_open(ROOT, 0, "a", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(put(fd, "no", &n));
    TRY(__wasi_fd_filestat_set_size(fd, 0));
    TRY(__wasi_fd_close(fd));
    TRY(__wasi_path_open(ROOT, 0, "a", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
    TRY(get(fd, text, sizeof text, &n));
    TRY(__wasi_fd_close(fd));
    TRY(__wasi_path_open(ROOT, 0, "a", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, 0, "a", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, 0, "a", __WASI_OFLAGS_TRUNC, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SHOW(stat.size);
    TRY(__wasi_path_open(ROOT, 0, "c", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_WRITE, 0, __WASI_FDFLAGS_APPEND, &other));
    TRY(put(other, "one ", &n));
    TRY(__wasi_fd_seek(other, 0, __WASI_WHENCE_SET, &at));
    TRY(put(other, "two", &n));
    TRY(__wasi_fd_tell(other, &at));
    SHOW(at);

    // An open file outlives its name.
    TRY(__wasi_path_unlink_file(ROOT, "a"));
    TRY(put(fd, "still here", &n));
    TRY(__wasi_fd_filestat_get(fd, &stat));
    SAY("links %d size %d", (int)stat.nlink, (int)stat.size);
    return 0;
}
