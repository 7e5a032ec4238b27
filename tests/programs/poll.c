// Waiting: for time, for input and output, for several of them, for nothing.
#include "wasi.h"

static __wasi_subscription_t timer(uint64_t data, uint32_t clock, uint64_t nanoseconds, uint16_t flags) {
    __wasi_subscription_t s = {.userdata = data, .u = {.tag = __WASI_EVENTTYPE_CLOCK}};
    s.u.u.clock = (__wasi_subscription_clock_t){clock, nanoseconds, 1, flags};
    return s;
}

static __wasi_subscription_t ready(uint64_t data, uint8_t type, __wasi_fd_t fd) {
    __wasi_subscription_t s = {.userdata = data, .u = {.tag = type}};
    s.u.u.fd_read.file_descriptor = fd;
    return s;
}

static void show(__wasi_event_t *events, __wasi_size_t count) {
    for (__wasi_size_t i = 0; i < count; i++)
        SAY("event %d: error %d type %d", (int)events[i].userdata, events[i].error, events[i].type);
}

int main(void) {
    __wasi_event_t events[8];
    __wasi_size_t count = 0;
    __wasi_timestamp_t start, now;
    __wasi_fd_t fd;

    TRY(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &start));
    __wasi_subscription_t one[] = {timer(1, __WASI_CLOCKID_MONOTONIC, 20000000, 0)};
    TRY(__wasi_poll_oneoff(one, events, 1, &count));
    show(events, count);
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now));
    SAY("at least 20 ms: %d", now - start >= 20000000);

    __wasi_subscription_t absolute[] = {timer(2, __WASI_CLOCKID_MONOTONIC, now + 10000000, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME)};
    TRY(__wasi_poll_oneoff(absolute, events, 1, &count));
    show(events, count);
    __wasi_timestamp_t after;
    TRY(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &after));
    SAY("at least 10 ms: %d", after - now >= 10000000);

    TRY(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &now));
    __wasi_subscription_t past[] = {timer(3, __WASI_CLOCKID_REALTIME, now - 1000000000, __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME)};
    TRY(__wasi_poll_oneoff(past, events, 1, &count));
    show(events, count);

    // The sooner of two.
    __wasi_subscription_t two[] = {timer(4, __WASI_CLOCKID_MONOTONIC, 60000000000, 0), timer(5, __WASI_CLOCKID_MONOTONIC, 1000000, 0)};
    TRY(__wasi_poll_oneoff(two, events, 2, &count));
    show(events, count);

    // A file is always ready, and so is standard output. Which of them is found first is up to the runtime.
    TRY(make_file("a", &fd));
    __wasi_subscription_t file[] = {ready(6, __WASI_EVENTTYPE_FD_READ, fd), ready(7, __WASI_EVENTTYPE_FD_WRITE, fd)};
    TRY(__wasi_poll_oneoff(file, events, 2, &count));
    SAY("ready: %d", count >= 1 && (events[0].userdata == 6 || events[0].userdata == 7) && events[0].error == 0);
    __wasi_subscription_t output[] = {ready(8, __WASI_EVENTTYPE_FD_WRITE, 1), ready(9, __WASI_EVENTTYPE_FD_WRITE, 2)};
    TRY(__wasi_poll_oneoff(output, events, 2, &count));
    SAY("ready: %d", count >= 1);

    // Input is there.
    __wasi_subscription_t input[] = {ready(10, __WASI_EVENTTYPE_FD_READ, 0), timer(11, __WASI_CLOCKID_MONOTONIC, 30000000000, 0)};
    TRY(__wasi_poll_oneoff(input, events, 2, &count));
    SAY("count %d first %d", (int)count, (int)events[0].userdata);
    char text[64];
    __wasi_size_t n;
    TRY(get(0, text, 6, &n));
    SAY("%lu %s", n, text);

    __wasi_subscription_t bad[] = {ready(12, __WASI_EVENTTYPE_FD_READ, 77)};
    TRY(__wasi_poll_oneoff(bad, events, 1, &count));
    TRY(__wasi_poll_oneoff(one, events, 0, &count));
    return 0;
}
