// Names: directories, links, symbolic links, rename, unlink, times, paths that lead out.
#include "wasi.h"

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// Prints a directory's names with their types, sorted, read through a buffer of this size.
static void list(__wasi_fd_t fd, __wasi_size_t size) {
    static char *names[4096];
    uint8_t *buffer = malloc(size);
    __wasi_dircookie_t cookie = 0;
    int count = 0;
    for (;;) {
        __wasi_size_t used;
        __wasi_errno_t error = __wasi_fd_readdir(fd, buffer, size, cookie, &used);
        if (error) {
            SAY("readdir: %d", error);
            break;
        }
        __wasi_size_t at = 0;
        int before = count;
        while (at + sizeof(__wasi_dirent_t) <= used) {
            __wasi_dirent_t entry;
            memcpy(&entry, buffer + at, sizeof entry);
            if (at + sizeof entry + entry.d_namlen > used)
                break;
            char *name = malloc(entry.d_namlen + 8);
            memcpy(name, buffer + at + sizeof entry, entry.d_namlen);
            sprintf(name + entry.d_namlen, ":%d", entry.d_type);
            names[count++] = name;
            cookie = entry.d_next;
            at += sizeof entry + entry.d_namlen;
        }
        if (used < size || count == before)
            break;
    }
    qsort(names, count, sizeof *names, by_name);
    SAY("%d names", count);
    for (int i = 0; i < count; i++)
        if (i < 12 || i >= count - 2)
            SAY("%s", names[i]);
    free(buffer);
}

int main(void) {
    __wasi_fd_t fd, directory;
    __wasi_size_t n;
    __wasi_filestat_t stat, same;
    char text[64];

    TRY(__wasi_path_create_directory(ROOT, "d"));
    TRY(__wasi_path_create_directory(ROOT, "d"));
    TRY(__wasi_path_create_directory(ROOT, "x/y"));
    TRY(__wasi_path_create_directory(ROOT, "d/e"));
    TRY(__wasi_path_create_directory(ROOT, "d/e/"));
    TRY(__wasi_path_create_directory(ROOT, ""));
    TRY(make_file("d/f", &fd));
    TRY(put(fd, "content", &n));
    TRY(__wasi_fd_close(fd));
    TRY(__wasi_path_filestat_get(ROOT, 0, "d", &stat));
    SHOW(stat.filetype);
    TRY(__wasi_path_filestat_get(ROOT, 0, "d/f/", &stat));
    TRY(__wasi_path_filestat_get(ROOT, 0, "d/f/g", &stat));
    TRY(__wasi_path_filestat_get(ROOT, 0, "d/./e/../f", &stat));
    SHOW(stat.size);

    TRY(__wasi_path_link(ROOT, 0, "d/f", ROOT, "hard"));
    TRY(__wasi_path_filestat_get(ROOT, 0, "hard", &same));
    SAY("links %d, the same file: %d", (int)same.nlink, same.ino == stat.ino && same.dev == stat.dev);
    TRY(__wasi_path_link(ROOT, 0, "d/f", ROOT, "hard"));
    TRY(__wasi_path_link(ROOT, 0, "d", ROOT, "directory-link"));
    TRY(__wasi_path_link(ROOT, 0, "missing", ROOT, "l"));

    TRY(__wasi_path_symlink("d/f", ROOT, "soft"));
    TRY(__wasi_path_symlink("d/f", ROOT, "soft"));
    TRY(__wasi_path_symlink("nowhere", ROOT, "dangling"));
    TRY(__wasi_path_symlink("loop", ROOT, "loop"));
    TRY(__wasi_path_symlink("../../etc", ROOT, "out"));
    TRY(__wasi_path_symlink("/etc", ROOT, "absolute"));
    TRY(__wasi_path_symlink("", ROOT, "empty"));
    memset(text, 0, sizeof text);
    TRY(__wasi_path_readlink(ROOT, "soft", (uint8_t *)text, sizeof text, &n));
    SAY("%lu %s", n, text);
    memset(text, 0, sizeof text);
    TRY(__wasi_path_readlink(ROOT, "soft", (uint8_t *)text, 2, &n));
    SAY("%lu %s", n, text);
    TRY(__wasi_path_readlink(ROOT, "d", (uint8_t *)text, sizeof text, &n));
    TRY(__wasi_path_filestat_get(ROOT, 0, "soft", &stat));
    SAY("type %d size %d", stat.filetype, (int)stat.size);
    TRY(__wasi_path_filestat_get(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "soft", &stat));
    SAY("type %d size %d", stat.filetype, (int)stat.size);
    TRY(__wasi_path_filestat_get(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "dangling", &stat));
    TRY(__wasi_path_filestat_get(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "loop", &stat));
    TRY(__wasi_path_open(ROOT, 0, "soft", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "soft", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(get(fd, text, sizeof text, &n));
    SAY("%s", text);
    TRY(__wasi_fd_close(fd));

    // Nothing leads out.
    TRY(__wasi_path_open(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "out/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "absolute/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, 0, "../etc/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, 0, "/etc/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_open(ROOT, 0, "d/../../etc", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
    TRY(__wasi_path_filestat_get(ROOT, 0, "..", &stat));
    TRY(__wasi_path_create_directory(ROOT, "../evil"));
    TRY(__wasi_path_rename(ROOT, "hard", ROOT, "../evil"));

    TRY(__wasi_path_filestat_set_times(ROOT, 0, "d/f", 3000000000, 4000000000, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
    TRY(__wasi_path_filestat_get(ROOT, 0, "hard", &stat));
    SHOW(stat.atim);
    SHOW(stat.mtim);
    TRY(__wasi_path_filestat_set_times(ROOT, 0, "missing", 0, 0, __WASI_FSTFLAGS_MTIM));

    TRY(__wasi_path_rename(ROOT, "hard", ROOT, "moved"));
    TRY(__wasi_path_rename(ROOT, "hard", ROOT, "moved"));
    TRY(__wasi_path_rename(ROOT, "moved", ROOT, "d"));
    TRY(__wasi_path_rename(ROOT, "d", ROOT, "moved"));
    TRY(__wasi_path_rename(ROOT, "d", ROOT, "d/e/inside"));
    TRY(__wasi_path_create_directory(ROOT, "empty-directory"));
    TRY(__wasi_path_rename(ROOT, "d/e", ROOT, "empty-directory"));
    TRY(__wasi_path_rename(ROOT, "empty-directory", ROOT, "d"));
    TRY(__wasi_path_rename(ROOT, "moved", ROOT, "soft"));

    TRY(__wasi_path_unlink_file(ROOT, "d"));
    TRY(__wasi_path_unlink_file(ROOT, "missing"));
    TRY(__wasi_path_unlink_file(ROOT, "dangling"));
    TRY(__wasi_path_unlink_file(ROOT, "d/f/"));
    TRY(__wasi_path_remove_directory(ROOT, "d"));
    TRY(__wasi_path_remove_directory(ROOT, "d/f"));
    TRY(__wasi_path_remove_directory(ROOT, "loop"));
    TRY(__wasi_path_remove_directory(ROOT, "missing"));
    TRY(__wasi_path_remove_directory(ROOT, "empty-directory/"));
    TRY(__wasi_path_remove_directory(ROOT, "."));

    TRY(__wasi_path_open(ROOT, 0, "d", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &directory));
    TRY(put(directory, "no", &n));
    TRY(get(directory, text, sizeof text, &n));
    __wasi_filesize_t at;
    TRY(__wasi_fd_seek(directory, 0, __WASI_WHENCE_SET, &at));
    TRY(__wasi_fd_filestat_get(directory, &stat));
    SHOW(stat.filetype);
    list(directory, 4096);
    for (int i = 0; i < 300; i++) {
        sprintf(text, "d/many-%03d", i);
        if (make_file(text, &fd) || __wasi_fd_close(fd))
            SAY("%s failed", text);
    }
    list(directory, 4096);
    list(directory, 64);
    list(ROOT, 1000);

    // A directory that is gone, but open.
    TRY(__wasi_path_create_directory(ROOT, "g"));
    TRY(__wasi_path_open(ROOT, 0, "g", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READDIR, 0, 0, &directory));
    TRY(__wasi_path_remove_directory(ROOT, "g"));
    TRY(__wasi_path_create_directory(directory, "h"));
    TRY(__wasi_path_filestat_get(directory, 0, "h", &stat));

    __wasi_prestat_t prestat;
    TRY(__wasi_fd_prestat_get(ROOT, &prestat));
    memset(text, 0, sizeof text);
    TRY(__wasi_fd_prestat_dir_name(ROOT, (uint8_t *)text, prestat.u.dir.pr_name_len));
    SAY("%s", text);
    TRY(__wasi_fd_prestat_dir_name(ROOT, (uint8_t *)text, 0));
    TRY(__wasi_fd_prestat_get(ROOT + 1, &prestat));
    return 0;
}
