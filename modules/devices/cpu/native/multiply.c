/* multiply.c - the product in registers, down the words of a chunk. */
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "native.h"

/* What a chunk adds up to joins what came before it: sums in parts round less. */
static inline __attribute__((always_inline)) void run_f32(const native_product *p,
                                                          const int rows, const int vecs)
{
    vec sum[LANES][VECS];
    UNROLL(16)
    for (int c = 0; c < rows; c++)
        sum[c][0] = sum[c][1] = (vec){0};
    for (int64_t r = 0; r < p->n_runs; r++) {
        const float *x = (const float *)p->x + p->runs[r].begin * LANES + p->runs[r].x;
        const float *g = (const float *)p->g + p->runs[r].begin * vecs * LANES;
        for (int64_t k = p->runs[r].begin; k < p->runs[r].end; k++) {
            vec g0 = *(const vec *)g;
            vec g1 = *(const vec *)(g + (vecs - 1) * LANES);
            UNROLL(16)
            for (int c = 0; c < rows; c++) {
                sum[c][0] += x[c] * g0;
                if (vecs > 1) sum[c][1] += x[c] * g1;
            }
            x += LANES;
            g += vecs * LANES;
        }
    }
    UNROLL(16)
    for (int c = 0; c < rows; c++)
        for (int v = 0; v < vecs; v++)
            *(vec *)(p->sum + c * GROUP + v * LANES) += sum[c][v];
}

static void multiply_f32(const native_product *p)
{
    if (p->vecs > 1)
        run_f32(p, HALF, VECS);
    else
        run_f32(p, LANES, 1);
}

#ifdef __AVX512F__
#define BF16 __attribute__((target("avx512bf16")))

static inline __attribute__((always_inline)) BF16 void
run_bf16(const native_product *p, const int rows, const int vecs)
{
    __m512 sum[LANES][VECS];
    UNROLL(16)
    for (int c = 0; c < rows; c++)
        sum[c][0] = sum[c][1] = _mm512_setzero_ps();
    for (int64_t r = 0; r < p->n_runs; r++) {
        const word *x = p->x + p->runs[r].begin * LANES + p->runs[r].x;
        const word *g = p->g + p->runs[r].begin * vecs * LANES;
        for (int64_t k = p->runs[r].begin; k < p->runs[r].end; k++) {
            __m512bh g0 = (__m512bh)_mm512_load_si512(g);
            __m512bh g1 = (__m512bh)_mm512_load_si512(g + (vecs - 1) * LANES);
            UNROLL(16)
            for (int c = 0; c < rows; c++) {
                __m512bh pair = (__m512bh)_mm512_set1_epi32((int)x[c]);
                sum[c][0] = _mm512_dpbf16_ps(sum[c][0], pair, g0);
                if (vecs > 1) sum[c][1] = _mm512_dpbf16_ps(sum[c][1], pair, g1);
            }
            x += LANES;
            g += vecs * LANES;
        }
    }
    UNROLL(16)
    for (int c = 0; c < rows; c++)
        for (int v = 0; v < vecs; v++)
            *(vec *)(p->sum + c * GROUP + v * LANES) += (vec)sum[c][v];
}

static BF16 void multiply_bf16(const native_product *p)
{
    if (p->vecs > 1)
        run_bf16(p, HALF, VECS);
    else
        run_bf16(p, LANES, 1);
}
#else
/* Never chosen: these machines take no bf16. */
static void multiply_bf16(const native_product *p)
{
    (void)p;
}
#endif

void AVCL_ISA_NAME(avcl__native_multiply)(const native_product *p, int is_bf16)
{
    if (is_bf16)
        multiply_bf16(p);
    else
        multiply_f32(p);
}
