/*
 * accumulate.c - the product of a gradient of w at each point:
 * U[tap][c][o] += Σ_tile,frame V[tile, frame + tap][c] M[tile, frame][o].
 *
 * A micro-kernel holds half a block of input channels by two vectors of output channels
 * and runs down all tiles and frames of the block.
 */
#include "winograd.h"

enum { HALF = LANES / 2 };

typedef struct strip {
    const wino_block *b;
    const float *v; /* at the point and channel, frame 0 of the slots */
    const float *m; /* at the point and channel, frame 0 of the group */
    int64_t tap;
    float *u;
} strip;

static inline __attribute__((always_inline)) void run_strip(const strip *s,
                                                            const int vecs)
{
    const wino_block *b = s->b;
    const wino_plan *p = b->plan;
    vec sum[HALF][VECS];
    int is_first = b->tile == 0 && b->out_frame == 0;
    UNROLL(8)
    for (int c = 0; c < HALF; c++) {
        sum[c][0] = is_first ? (vec){0} : *(const vec *)(s->u + c * vecs * LANES);
        sum[c][1] =
            is_first ? (vec){0} : *(const vec *)(s->u + (c * vecs + vecs - 1) * LANES);
    }
    for (int64_t f = b->out_frame; f < b->out_end; f++) {
        int64_t from = f + s->tap - p->pad[0];
        if (from < 0 || from >= p->in[0]) continue;
        const float *v = s->v + from % p->slots * p->v_frame;
        const float *m = s->m + (f - b->out_frame) * p->m_frame;
        for (int64_t k = 0; k < b->n_tiles; k++, v += LANES, m += LANES) {
            vec m0 = *(const vec *)m;
            vec m1 = *(const vec *)(m + (vecs - 1) * p->tiles * LANES);
            UNROLL(8)
            for (int c = 0; c < HALF; c++) {
                sum[c][0] += v[c] * m0;
                if (vecs > 1) sum[c][1] += v[c] * m1;
            }
        }
    }
    UNROLL(8)
    for (int c = 0; c < HALF; c++) {
        *(vec *)(s->u + c * vecs * LANES) = sum[c][0];
        if (vecs > 1) *(vec *)(s->u + (c * vecs + 1) * LANES) = sum[c][1];
    }
}

/* All taps and input channels of one point and group of output channels. */
static void run_group(const wino_block *b, int64_t point, int64_t group, int64_t vecs)
{
    const wino_plan *p = b->plan;
    int64_t u_tap = wino_tap_stride(p->in_blocks, p->out_blocks, LANES);
    const float *m = b->m + point * p->m_point + group * VECS * p->tiles * LANES;
    for (int64_t tap = 0; tap < p->n_taps; tap++) {
        float *u = (float *)(uintptr_t)b->u + (point * p->n_taps + tap) * u_tap +
                   group * GROUP * p->in_blocks * LANES;
        for (int64_t c = 0; c < p->in_blocks * LANES; c += HALF) {
            const float *v =
                b->v + point * p->v_point + c / LANES * p->tiles * LANES + c % LANES;
            strip s = {b, v, m, tap, u + c * vecs * LANES};
            if (vecs > 1)
                run_strip(&s, 2);
            else
                run_strip(&s, 1);
        }
    }
}

void AVCL_ISA_NAME(avcl__wino_accumulate)(void *block, int64_t begin, int64_t end)
{
    const wino_block *b = block;
    int64_t n_groups = (b->plan->out_blocks + VECS - 1) / VECS;
    for (int64_t item = begin; item < end; item++) {
        int64_t group = item % n_groups;
        int64_t vecs = b->plan->out_blocks - group * VECS;
        run_group(b, item / n_groups, group, vecs < VECS ? vecs : VECS);
    }
}
