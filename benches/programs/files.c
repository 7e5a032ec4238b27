// In the directory /d: one file of 256 MiB in calls of 64 KiB, and 10,000 small ones.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "phase.h"

enum { CALL = 64 * 1024, CALLS = 4096, SMALL = 10000 };

static char buffer[CALL];

static const char *name(int number) {
    static char path[32];
    snprintf(path, sizeof path, "/d/%d", number);
    return path;
}

int main(void) {
    memset(buffer, 'x', sizeof buffer);
    long long begin = now();
    int file = open("/d/large", O_CREAT | O_EXCL | O_RDWR, 0600);
    if (file < 0) return 1;
    for (int call = 0; call < CALLS; call++) {
        if (write(file, buffer, CALL) != CALL) return 2;
    }
    phase("write", begin);
    if (lseek(file, 0, SEEK_SET) != 0) return 3;
    begin = now();
    for (int call = 0; call < CALLS; call++) {
        if (read(file, buffer, CALL) != CALL) return 4;
    }
    phase("read", begin);
    close(file);

    begin = now();
    for (int number = 0; number < SMALL; number++) {
        file = open(name(number), O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (file < 0 || write(file, "small", 5) != 5) return 5;
        close(file);
    }
    phase("create", begin);
    begin = now();
    for (int number = 0; number < SMALL; number++) {
        file = open(name(number), O_RDONLY);
        if (file < 0 || read(file, buffer, CALL) != 5) return 6;
        close(file);
    }
    phase("open", begin);
    begin = now();
    for (int number = 0; number < SMALL; number++) {
        if (unlink(name(number)) != 0) return 7;
    }
    phase("remove", begin);
    return 0;
}
