/* av_log.c - a thread-local last line behind av_log_set_callback. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/error.h>
#include <libavutil/log.h>

#include "media/av_log.h"

/* libav's callback is one per process and gets no pointer of ours, so the line it leaves
 * behind has to be thread-local: no lock, re-entrant, never shared. */
static _Thread_local char last_line[256];
static pthread_once_t installed = PTHREAD_ONCE_INIT;

static void keep(void *object, int level, const char *fmt, va_list ap)
{
    (void)object;
    if (level > AV_LOG_ERROR) return;
    char line[sizeof last_line];
    if (vsnprintf(line, sizeof line, fmt, ap) < 0) return;
    size_t n = strcspn(line, "\r\n");
    while (n > 0 && (line[n - 1] == '.' || line[n - 1] == ' '))
        n--;
    if (n == 0) return;
    memcpy(last_line, line, n);
    last_line[n] = '\0';
}

static void install(void)
{
    av_log_set_callback(keep);
}

void avcl__av_log_begin(void)
{
    pthread_once(&installed, install);
    last_line[0] = '\0';
}

avcl_status avcl__av_fail(avcl_error *err, avcl_status code, int rc, const char *fmt, ...)
{
    char text[640];
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (rc < 0) av_strerror(rc, reason, sizeof reason);
    const char *line = last_line;
    return avcl_error_set(err, code, "%s%s%s%s%s%s", text, *reason ? ": " : "", reason,
                          *line ? " (" : "", line, *line ? ")" : "");
}
