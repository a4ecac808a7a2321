/* fuzz.c - memory files by memfd_create. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

int fuzz_file(const uint8_t *data, size_t n, char path[FUZZ_PATH])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_expect(fd >= 0, "memfd_create");
    for (size_t at = 0; at < n;) {
        ssize_t wrote = write(fd, data + at, n - at);
        fuzz_expect(wrote > 0, "write");
        at += (size_t)wrote;
    }
    snprintf(path, FUZZ_PATH, "/proc/self/fd/%d", fd);
    return fd;
}

void fuzz_expect(int holds, const char *text)
{
    if (holds) return;
    fprintf(stderr, "broken promise: %s\n", text);
    abort();
}
