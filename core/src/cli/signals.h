/*
 * signals.h - during a run Ctrl-C, SIGTERM and SIGHUP ask for a stop; a second Ctrl-C
 * ends.
 *
 * The one place with file-scope state: a signal handler has nothing else to hold on to.
 * Lua reads it through ffi.C, so the avcl_cli_* names are exported by the program.
 */
#ifndef AVCL_SIGNALS_H
#define AVCL_SIGNALS_H

#ifndef AVCL_CDEF
void avcl__signals_install(void);
#endif

/* 1: signals only ask for a stop and a closed pipe is a failed write, so that a run ends
 * with its checkpoint written. 0 (at the start): they end the program, as everywhere. */
void avcl_cli_hold_signals(int on);
/* 0, or the number of the first signal that asked for a stop. */
int avcl_cli_stop_requested(void);
/* What a signal calls, from its handler: `stop` must be async-signal-safe
 * (avcl_trainer_stop). NULL = nothing. Called at once if a stop was asked for already. */
void avcl_cli_on_stop(void (*stop)(void *arg), void *arg);

#endif
