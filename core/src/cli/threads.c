/* threads.c - see threads.h; the program's own arguments are kept for exec. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/threads.h"

/* Looks at the next piece of work before a thread goes to sleep: some microseconds. A
 * step is hundreds of short kernels, and to wake a thread for each took 40 % of a small
 * network's step; ten times as many looks make two runs on two cores three times slower.
 */
static const char spin_count[] = "1000";

static char **arguments;

void avcl__threads_remember(char **argv)
{
    arguments = argv;
}

__attribute__((visibility("default"))) void avcl_cli_rest_threads(void)
{
    if (!arguments || getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("OMP_WAIT_POLICY", "passive", 1) ||
        setenv("GOMP_SPINCOUNT", spin_count, 1))
        return;
    execv("/proc/self/exe", arguments); /* when it fails, spinning is only slow */
}
