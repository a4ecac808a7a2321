/* leaks.c - what a process holds, before and after. */
#define _GNU_SOURCE
#include <dirent.h>
#include <malloc.h>

#include "check/samples.h"

/* A pool may have grown by a few pieces. */
static const size_t leak_bytes = 16 << 10;

int check_count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = 0;
    while (dir && readdir(dir))
        n++;
    if (dir) closedir(dir);
    return n;
}

samples_state samples_look(void)
{
    struct mallinfo2 m = mallinfo2();
    return (samples_state){m.uordblks + m.hblkhd, check_count_entries("/proc/self/fd"),
                           check_count_entries("/proc/self/task")};
}

void samples_compare(check *c, const samples_state *before, int rounds, const char *what)
{
    samples_state now = samples_look();
    if (now.bytes > before->bytes + leak_bytes)
        check_say(c, AVCL_CHECK_FAIL, "%d %s leave %zu KiB behind", rounds, what,
                  (now.bytes - before->bytes) >> 10);
    if (now.n_fds > before->n_fds)
        check_say(c, AVCL_CHECK_FAIL, "%d %s leave %d files open", rounds, what,
                  now.n_fds - before->n_fds);
    if (now.n_threads > before->n_threads)
        check_say(c, AVCL_CHECK_FAIL, "%d %s leave threads behind", rounds, what);
}
