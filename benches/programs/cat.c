// Copies standard input to standard output, a quarter of a megabyte at a time.
#include <unistd.h>

static char buffer[256 * 1024];

int main(void) {
    for (;;) {
        ssize_t length = read(0, buffer, sizeof buffer);
        if (length <= 0) return length < 0;
        for (ssize_t done = 0; done < length;) {
            ssize_t written = write(1, buffer + done, length - done);
            if (written < 0) return 1;
            done += written;
        }
    }
}
