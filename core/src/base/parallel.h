/*
 * parallel.h - parallel_for, the only way to threads inside a kernel.
 *
 * Pieces depend on n, grain and the thread count alone, so a reduction that
 * keeps one partial result per piece is repeatable. Not nested: an inner call
 * runs in its caller.
 */
#ifndef AVCL_PARALLEL_H
#define AVCL_PARALLEL_H

#include <stdint.h>

void avcl__parallel_for(uint32_t n_threads, int64_t n, int64_t grain,
                        void (*body)(void *arg, int64_t begin, int64_t end), void *arg);

#endif
