/*
 * threads.h - idle threads of the OpenMP runtime sleep instead of spinning.
 */
#ifndef AVCL_CLI_THREADS_H
#define AVCL_CLI_THREADS_H

/* libgomp reads its environment when it is loaded, before main, and then lets idle
 * threads spin: on cores shared with the loader's threads that costs a factor of eight in
 * training. So a verb that computes starts the program again with waiting threads asleep,
 * unless the user has decided. Returns when nothing is to be done, or cannot be. */
void avcl_cli_rest_threads(void);

#ifndef AVCL_CDEF
/* What to start again; borrowed for good. */
void avcl__threads_remember(char **argv);
#endif

#endif
