/*
 * profile.h - where the time goes: the kernels of a program, the ceilings of a device.
 *
 *     avcl_session_profile(s, 1, &err);            // from now on runs are timed
 *     avcl_session_run(s, AVCL_TRAIN, &err);
 *     for (uint32_t i = 0; i < avcl_session_n_kernels(s, AVCL_TRAIN); i++)
 *         avcl_session_get_kernel(s, AVCL_TRAIN, i, &kernel);
 *
 * Timing reads the clock twice a kernel; a session that is not profiled pays nothing.
 * [run]
 */
#ifndef AVCL_PROFILE_H
#define AVCL_PROFILE_H

#include "avcl/session.h"

/* One kernel of a compiled program, in the order they run. Texts: [session's life] */
typedef struct avcl_kernel_info {
    const char *op;        /* core op, or "reorder": a value in another layout */
    const char *path;      /* "video/conv3/block1/conv1" */
    const char *where;     /* "table3.lua:14", or "" */
    const char *text;      /* what the device runs: "jit:avx512_core", or "" */
    avcl_tinfo info;       /* of output 0 */
    int64_t multiply_adds; /* of the op as declared, 0 when it is not made of them */
    uint64_t bytes;        /* inputs and outputs, once each */
    double seconds;        /* of all profiled runs together */
    uint64_t n_runs;
} avcl_kernel_info;

/* Starts (on = 1) or stops timing the runs of both programs; times begin at 0. */
AVCL_EXPORT avcl_status avcl_session_profile(avcl_session *s, int32_t on,
                                             avcl_error *err);
AVCL_EXPORT uint32_t avcl_session_n_kernels(const avcl_session *s, avcl_program program);
AVCL_EXPORT avcl_status avcl_session_get_kernel(const avcl_session *s,
                                                avcl_program program, uint32_t index,
                                                avcl_kernel_info *out);

/* The i-th row that a kernel plan may hold for a kernel (core/doc/kernel-plan.md), 0
 * being the one in force; AVCL_END when there is no such row. */
AVCL_EXPORT avcl_status avcl_session_plan_row(const avcl_session *s, avcl_program program,
                                              uint32_t index, uint32_t i, char *row,
                                              uint64_t size);

/* Measures what a device can do at most (AVCL_CEILING_*, device.h): operations or bytes a
 * second on `n_threads` threads (0 = the host's). Takes a second or so. 0 in `out`: the
 * device has no such thing. AVCL_E_UNSUPPORTED: it does not know its ceilings. */
AVCL_EXPORT avcl_status avcl_device_ceiling(avcl_host *host, const char *device,
                                            uint32_t n_threads, int32_t which,
                                            double *out, avcl_error *err);

#endif
