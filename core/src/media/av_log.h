/*
 * av_log.h - libav's log, kept for the error text instead of printed.
 *
 * Each thread remembers the last error line that libav logged on it. [any thread]
 */
#ifndef AVCL_AV_LOG_H
#define AVCL_AV_LOG_H

#include "avcl/error.h"

/* Silences libav for the process and forgets this thread's last line. */
void avcl__av_log_begin(void);
/* Sets "<text>: <libav's reason> (<libav's last line>)"; rc 0 = no reason to name. */
avcl_status avcl__av_fail(avcl_error *err, avcl_status code, int rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
