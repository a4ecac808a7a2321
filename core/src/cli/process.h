/*
 * process.h - workers: copies of this process that do runs and talk over a socket.
 *
 * A worker is forked before any thread exists: libgomp's threads would not survive it. It
 * dies with its parent, and leaves Ctrl-C and the terminal's hang-up to it. For Lua
 * (avcl.process); -1 is a failure, with errno kept.
 */
#ifndef AVCL_PROCESS_H
#define AVCL_PROCESS_H

#include <stdint.h>

/* 0 in the worker, its pid in the parent; -2 = this process has threads. *fd = one's own
 * end of the socket. */
int avcl_cli_fork(int *fd);
/* All of it or -1. */
int avcl_cli_send(int fd, const char *text, uint64_t n);
/* Bytes got, 0 = the other side is gone, -1 = nothing now (not `wait`), or a signal. */
int64_t avcl_cli_receive(int fd, char *out, uint64_t room, int wait);
void avcl_cli_close(int fd);
/* Waits until one can be read, a signal comes or the time is over; ready[i] = 0 or 1. */
int avcl_cli_poll(const int *fds, int *ready, uint32_t n, int timeout_ms);
/* 1 and its exit code, or minus the signal that ended it; 0 = it lives. */
int avcl_cli_reap(int pid, int *code);
void avcl_cli_kill(int pid, int signal);
/* "SIGSEGV" of 11; "signal N" for those without a name. [static] */
const char *avcl_cli_signal_name(int signal);
/* stdout and stderr go to the end of this file; NULL = back to where they went. */
int avcl_cli_redirect(const char *path);
/* Confines this process and its future threads to part `index` of `n` of its cores. */
int avcl_cli_pin(uint32_t index, uint32_t n);
uint32_t avcl_cli_cores(void);
int avcl_cli_nice(int increment);
/* Width of a terminal, 0 = none. */
int avcl_cli_width(int fd);
/* Leaves without finalisers: a worker shares what its parent still uses. */
void avcl_cli_leave(int code);

#endif
