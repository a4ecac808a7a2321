/*
 * threads.h - background threads that take no signals, and waits against a steady clock.
 */
#ifndef AVCL_THREADS_H
#define AVCL_THREADS_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "avcl/error.h"

/* Starts up to n threads of fn(arg) into threads[n]; returns how many there are. Fewer is
 * no error unless there are none: `what` names them in the sentence. Signals but
 * for faults of their own are left to the caller's threads. */
int32_t avcl__threads_start(pthread_t *threads, int64_t n, void *(*fn)(void *), void *arg,
                            const char *what, avcl_error *err);
/* A condition that avcl__time_after's times are meant for. */
void avcl__steady_cond_init(pthread_cond_t *cond);
/* `seconds` from now, at most a day. */
struct timespec avcl__time_after(double seconds);

#endif
