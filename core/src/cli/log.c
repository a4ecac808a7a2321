/* log.c - one write per line, so that threads do not mix. */
#include <stdio.h>

#include "avcl/plugin.h"
#include "cli/log.h"

__attribute__((visibility("default"))) void avcl_cli_log(void *arg, int level,
                                                         const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)arg;
    if (level < AVCL_LOG_DEBUG || level > AVCL_LOG_ERROR) level = AVCL_LOG_ERROR;
    fprintf(stderr, "avcl: %s: %s\n", names[level], text);
}
