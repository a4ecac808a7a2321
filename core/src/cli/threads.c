/* threads.c - see threads.h; the program's own arguments are kept for exec. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/threads.h"

static char **arguments;

void avcl__threads_remember(char **argv)
{
    arguments = argv;
}

__attribute__((visibility("default"))) void avcl_cli_rest_threads(void)
{
    if (!arguments || getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT")) return;
    if (setenv("OMP_WAIT_POLICY", "passive", 1)) return;
    execv("/proc/self/exe", arguments); /* when it fails, spinning is only slow */
}
