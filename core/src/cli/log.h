/*
 * log.h - where the host's warnings go in the program: stderr, one line each.
 */
#ifndef AVCL_LOG_H
#define AVCL_LOG_H

/* For avcl_host_options.log; any thread. */
void avcl_cli_log(void *arg, int level, const char *text);

#endif
