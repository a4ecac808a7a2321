/*
 * kernels.h - what the files of one instruction set share.
 *
 * Each file here is compiled once per instruction set with AVCL_ISA (a suffix)
 * and AVCL_LANES (floats per vector, also the channels per block).
 */
#ifndef AVCL_CPU_KERNELS_H
#define AVCL_CPU_KERNELS_H

#include <string.h>

#include "../cpu.h"

#define AVCL_JOIN_(a, b) a##_##b
#define AVCL_JOIN(a, b)  AVCL_JOIN_(a, b)
/* name_avx512 and the like: what is visible outside its file. */
#define AVCL_ISA_NAME(name) AVCL_JOIN(name, AVCL_ISA)

enum {
    LANES = AVCL_LANES,
    STRIP = 64, /* elements a pointwise loop holds in registers and L1 */
    RUN = 1024, /* elements summed in f32 before they join a double */
};

/* Before a loop whose body must lie n times in a row, all of its sums in registers. Each
 * compiler ignores the other's pragma. */
#define AVCL_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define UNROLL(n) AVCL_PRAGMA(clang loop unroll(full))
#else
#define UNROLL(n) AVCL_PRAGMA(GCC unroll n)
#endif

typedef float vec __attribute__((vector_size(LANES * 4), may_alias));
/* The same at any address a float may have. */
typedef float vec_any __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

typedef int32_t ivec __attribute__((vector_size(LANES * 4), may_alias));
typedef uint16_t half_vec __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

/* Widening is exact; narrowing rounds to nearest even, and NaN stays NaN. */
static inline __attribute__((always_inline)) vec vec_of_bf16(half_vec h)
{
    return (vec)(__builtin_convertvector(h, ivec) << 16);
}

static inline __attribute__((always_inline)) half_vec bf16_of_vec(vec v)
{
    typedef uint32_t uvec __attribute__((vector_size(LANES * 4), may_alias));
    uvec bits = (uvec)v;
    uvec rounded = bits + 0x7fff + (bits >> 16 & 1);
    uvec is_nan = (uvec)(v != v);
    bits = (is_nan & (bits | 0x400000)) | (~is_nan & rounded);
    return __builtin_convertvector(bits >> 16, half_vec);
}

/* max(v, 0); NaN stays NaN. */
static inline __attribute__((always_inline)) vec relu_vec(vec v)
{
    return (vec)((ivec)v & ~(ivec)(v <= 0));
}

/* v where m > 0, else 0. */
static inline __attribute__((always_inline)) vec where_positive(vec m, vec v)
{
    return (vec)((ivec)v & (ivec)(m > 0));
}

/* Elements [at, at + lanes) of an f32 or bf16 array; lanes beyond those read are 0. */
static inline __attribute__((always_inline)) vec load_real(const void *x, int64_t at,
                                                           int64_t lanes, int is_bf16)
{
    if (is_bf16) {
        const uint16_t *p = (const uint16_t *)x + at;
        half_vec h = {0};
        if (lanes == LANES)
            h = *(const half_vec *)p;
        else
            memcpy(&h, p, (size_t)lanes * sizeof *p);
        return vec_of_bf16(h);
    }
    const float *p = (const float *)x + at;
    if (lanes == LANES) return *(const vec_any *)p;
    vec v = {0};
    memcpy(&v, p, (size_t)lanes * sizeof *p);
    return v;
}

static inline __attribute__((always_inline)) void store_real(void *y, int64_t at, vec v,
                                                             int64_t lanes, int is_bf16)
{
    if (is_bf16) {
        uint16_t *p = (uint16_t *)y + at;
        half_vec h = bf16_of_vec(v);
        if (lanes == LANES)
            *(half_vec *)p = h;
        else
            memcpy(p, &h, (size_t)lanes * sizeof *p);
    } else {
        float *p = (float *)y + at;
        if (lanes == LANES)
            *(vec_any *)p = v;
        else
            memcpy(p, &v, (size_t)lanes * sizeof *p);
    }
}

/* Channel blocks of a 5-d value in blocked layout. */
static inline int64_t n_blocks(const avcl_tinfo *info)
{
    return (info->shape[1] + LANES - 1) / LANES;
}

/* Positions behind the channel axis. */
static inline int64_t positions(const avcl_tinfo *info)
{
    return avcl__extent(info, 2, info->ndim);
}

/* How many units of `size` elements make a piece worth a thread. */
static inline int64_t grain_of(int64_t size)
{
    return size >= AVCL_CPU_GRAIN ? 1
                                  : (AVCL_CPU_GRAIN + size - 1) / (size > 0 ? size : 1);
}

/* Σ x[0, n): f32 in lanes over a run, runs in double. */
static inline double sum_of(const float *x, int64_t n)
{
    double total = 0;
    int64_t i = 0;
    while (n - i >= LANES) {
        int64_t end = n - i < RUN ? n : i + RUN;
        vec acc = {0};
        for (; i + LANES <= end; i += LANES)
            acc += *(const vec_any *)(x + i);
        double part = 0;
        for (int l = 0; l < LANES; l++)
            part += acc[l];
        total += part;
    }
    for (; i < n; i++)
        total += x[i];
    return total;
}

extern const cpu_op AVCL_ISA_NAME(avcl__cpu_pointwise)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_binary)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_reduce)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_line)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_shape)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_reorder)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_norm)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_norm_scale)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_norm_grad)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_point)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_pool)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_global)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_loss)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_random)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_optim)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_source)[];
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_winograd)[]; /* winograd/run.c */
extern const cpu_op AVCL_ISA_NAME(avcl__cpu_native)[];   /* native/gradient.c */

/* peak.c */
double AVCL_ISA_NAME(avcl__cpu_ceiling)(const avcl_device *device, int32_t which);

#endif
