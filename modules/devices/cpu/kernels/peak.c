/*
 * peak.c - what the machine can do at most: multiply-adds in registers, bytes of memory.
 *
 * Each ceiling is the best of several short trials, as other work on the machine can only
 * make a trial slower.
 */
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

#include "kernels.h"

enum {
    CHAINS = 12,      /* independent sums: two units x four cycles, and some */
    ROUNDS = 1000000, /* about 10 ms */
    TRIALS = 12,
    FLOATS = 32 * 1024 * 1024, /* per array: 128 MiB, far beyond any cache */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline vec multiply_add(vec a, vec b, vec c)
{
#if defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

typedef struct peak_job {
    /* Read at run time, so that no chain can be folded into another. */
    _Alignas(64) float start[CHAINS][LANES];
    _Alignas(64) float factor[2 * LANES];
    float *a;
    float *b;
    float *c;
    double sink[64]; /* per piece: keeps the compiler from dropping the work */
} peak_job;

static void keep(peak_job *j, int64_t piece, vec sum)
{
    for (int l = 0; l < LANES; l++)
        j->sink[piece % 64] += sum[l];
}

static void f32_some(void *arg, int64_t begin, int64_t end)
{
    (void)end;
    const peak_job *j = arg;
    vec sum[CHAINS];
    for (int k = 0; k < CHAINS; k++)
        sum[k] = *(const vec *)j->start[k];
    vec x = *(const vec *)j->factor;
    vec y = *(const vec *)(j->factor + LANES);
    for (int64_t i = 0; i < ROUNDS; i++)
        for (int k = 0; k < CHAINS; k++)
            sum[k] = multiply_add(x, y, sum[k]);
    for (int k = 0; k < CHAINS; k++)
        keep(arg, begin, sum[k]);
}

#if defined(__AVX512F__)
__attribute__((target("avx512bf16"))) static void bf16_some(void *arg, int64_t begin,
                                                            int64_t end)
{
    (void)end;
    const peak_job *j = arg;
    __m512 sum[CHAINS];
    for (int k = 0; k < CHAINS; k++)
        sum[k] = *(const __m512 *)j->start[k];
    __m512bh x = *(const __m512bh *)j->factor;
    __m512bh y = *(const __m512bh *)(j->factor + LANES);
    for (int64_t i = 0; i < ROUNDS; i++)
        for (int k = 0; k < CHAINS; k++)
            sum[k] = _mm512_dpbf16_ps(sum[k], x, y);
    for (int k = 0; k < CHAINS; k++)
        keep(arg, begin, (vec)sum[k]);
}

static int has_bf16(void)
{
    return __builtin_cpu_supports("avx512bf16") != 0;
}
#else
static void bf16_some(void *arg, int64_t begin, int64_t end)
{
    (void)arg, (void)begin, (void)end;
}

static int has_bf16(void)
{
    return 0;
}
#endif

static void read_some(void *arg, int64_t begin, int64_t end)
{
    peak_job *j = arg;
    vec sum[4] = {{0}};
    for (int64_t i = begin / (4 * LANES) * (4 * LANES); i + 4 * LANES <= end;
         i += 4 * LANES)
        for (int k = 0; k < 4; k++)
            sum[k] += *(const vec *)(j->a + i + k * LANES);
    for (int k = 0; k < 4; k++)
        keep(j, begin * 64 / FLOATS, sum[k]);
}

static void triad_some(void *arg, int64_t begin, int64_t end)
{
    const peak_job *j = arg;
    for (int64_t i = begin; i < end; i++)
        j->a[i] = j->b[i] + 3 * j->c[i];
}

typedef struct trial {
    void (*body)(void *, int64_t, int64_t);
    int64_t n;     /* of parallel_for */
    double amount; /* operations or bytes in one go */
} trial;

static double best_rate(const avcl_device *device, const trial *t, peak_job *j)
{
    double best = 0;
    for (int i = 0; i < TRIALS; i++) {
        double started = now_s();
        avcl__cpu_for(device, t->n, 1, t->body, j);
        double rate = t->amount / (now_s() - started);
        if (rate > best) best = rate;
    }
    return best;
}

static double compute_rate(const avcl_device *device, int32_t which)
{
    int is_bf16 = which == AVCL_CEILING_BF16;
    if (is_bf16 && !has_bf16()) return 0;
    double per_round = 2.0 * CHAINS * LANES * (is_bf16 ? 2 : 1);
    peak_job j = {0};
    trial t = {is_bf16 ? bf16_some : f32_some, device->n_threads,
               per_round * ROUNDS * device->n_threads};
    return best_rate(device, &t, &j);
}

static double memory_rate(const avcl_device *device, int32_t which)
{
    uint64_t bytes = (uint64_t)FLOATS * sizeof(float);
    int is_triad = which == AVCL_CEILING_TRIAD;
    peak_job j = {.a = avcl__aligned_alloc(bytes)};
    if (is_triad) {
        j.b = avcl__aligned_alloc(bytes);
        j.c = avcl__aligned_alloc(bytes);
    }
    double rate = 0;
    if (j.a && (!is_triad || (j.b && j.c))) {
        trial t = {is_triad ? triad_some : read_some, FLOATS,
                   (double)bytes * (is_triad ? 3 : 1)};
        rate = best_rate(device, &t, &j);
    }
    free(j.a);
    free(j.b);
    free(j.c);
    return rate;
}

double AVCL_ISA_NAME(avcl__cpu_ceiling)(const avcl_device *device, int32_t which)
{
    switch (which) {
    case AVCL_CEILING_F32:
    case AVCL_CEILING_BF16:
        return compute_rate(device, which);
    case AVCL_CEILING_READ:
    case AVCL_CEILING_TRIAD:
        return memory_rate(device, which);
    default:
        return 0;
    }
}
