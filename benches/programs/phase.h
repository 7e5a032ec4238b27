// Times the phases of a program: each prints its name and nanoseconds.
#include <stdio.h>
#include <time.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void phase(const char *name, long long begin) {
    printf("%s %lld\n", name, now() - begin);
}
