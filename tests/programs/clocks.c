// Clocks, randomness and yielding.
#include "wasi.h"

int main(void) {
    __wasi_timestamp_t time, later, resolution;
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &time));
    SAY("after 2024 and before 2100: %d", time > 1704067200000000000 && time < 4102444800000000000);
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &time));
    int back = 0;
    for (int i = 0; i < 10000; i++) {
        back += __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &later) || later < time;
        time = later;
    }
    SAY("went back %d times", back);
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1, &time));
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_THREAD_CPUTIME_ID, 1, &time));
    TRY(__wasi_clock_res_get(__WASI_CLOCKID_REALTIME, &resolution));
    SAY("finer than a second: %d", resolution > 0 && resolution < 1000000000);
    TRY(__wasi_clock_res_get(__WASI_CLOCKID_MONOTONIC, &resolution));
    SAY("finer than a second: %d", resolution > 0 && resolution < 1000000000);
    TRY(__wasi_clock_res_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, &resolution));

    uint8_t random[4096] = {0}, more[4096] = {0};
    TRY(__wasi_random_get(random, sizeof random));
    TRY(__wasi_random_get(more, sizeof more));
    TRY(__wasi_random_get(random, 0));
    int seen[256] = {0}, values = 0;
    for (size_t i = 0; i < sizeof random; i++)
        values += !seen[random[i]]++;
    SAY("all bytes occur: %d, twice the same: %d", values == 256, !memcmp(random, more, sizeof more));
    TRY(__wasi_sched_yield());
    return 0;
}
