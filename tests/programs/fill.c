// Fills the file system up, and says what it was told: the error, that what was written is still there,
// and that there is room again after the file is gone.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char block[1 << 16];

int main(void) {
    const char *path = "/given/fill";
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    if (fd < 0) return perror("open"), 1;
    memset(block, 'x', sizeof block);
    long long written = 0;
    ssize_t length;
    while ((length = write(fd, block, sizeof block)) > 0) written += length;
    printf("%s\n", errno == ENOSPC ? "ENOSPC" : strerror(errno));
    struct stat status;
    fstat(fd, &status);
    printf("%s\n", status.st_size == written && written > (1 << 20) ? "kept" : "lost");
    close(fd);
    unlink(path);
    fd = open(path, O_CREAT | O_RDWR, 0600);
    printf("%s\n", write(fd, block, sizeof block) == sizeof block ? "room" : "full");
    return 0;
}
