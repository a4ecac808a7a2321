/*
 * multiply.c - the product at each point: M[tile][o] = Σ_tap,c V[tile + tap][c]
 * U[tap][c][o].
 *
 * A micro-kernel holds some rows (tiles) by two vectors of output channels in registers
 * and runs down all taps and channels.
 */
#include "winograd.h"

/* Rows of the largest micro-kernel: all registers but those of U. */
enum { MAX_ROWS = LANES == 16 ? 14 : 6 };
/* Channel blocks that are summed before they join M. */
enum { PART = 32 / LANES };

/* What a run down the channels reads. */
typedef struct panel {
    const float *v[MAX_TAPS];
    const float *u[MAX_TAPS];
    int64_t n_taps;
    int64_t in_blocks;
    int64_t v_step; /* from one channel block to the next */
    float *m;
    int64_t m_step;
} panel;

/* Adds up a few channel blocks, all taps; then adds to M: sums in parts round less. */
static inline __attribute__((always_inline)) void
run_part(const panel *a, int64_t begin, int64_t end, const int rows, const int vecs)
{
    vec sum[MAX_ROWS][VECS];
    UNROLL(14)
    for (int r = 0; r < rows; r++)
        sum[r][0] = sum[r][1] = (vec){0};
    for (int64_t tap = 0; tap < a->n_taps; tap++) {
        const float *v = a->v[tap] + begin * a->v_step;
        const float *u = a->u[tap] + begin * LANES * vecs * LANES;
        for (int64_t block = begin; block < end; block++, v += a->v_step) {
            for (int c = 0; c < LANES; c++, u += vecs * LANES) {
                vec u0 = *(const vec *)u;
                vec u1 = *(const vec *)(u + (vecs - 1) * LANES);
                UNROLL(14)
                for (int r = 0; r < rows; r++) {
                    float x = v[r * LANES + c];
                    sum[r][0] += x * u0;
                    if (vecs > 1) sum[r][1] += x * u1;
                }
            }
        }
    }
    float *m0 = a->m;
    float *m1 = m0 + a->m_step;
    UNROLL(14)
    for (int r = 0; r < rows; r++) {
        if (begin > 0) sum[r][0] += *(const vec *)(m0 + r * LANES);
        if (begin > 0 && vecs > 1) sum[r][1] += *(const vec *)(m1 + r * LANES);
        *(vec *)(m0 + r * LANES) = sum[r][0];
        if (vecs > 1) *(vec *)(m1 + r * LANES) = sum[r][1];
    }
}

static inline __attribute__((always_inline)) void run_rows(const panel *a, const int rows,
                                                           const int vecs)
{
    for (int64_t begin = 0; begin < a->in_blocks; begin += PART) {
        int64_t end = begin + PART < a->in_blocks ? begin + PART : a->in_blocks;
        run_part(a, begin, end, rows, vecs);
    }
}

#define ROWS(n)                                                                          \
    case n:                                                                              \
        if (vecs > 1)                                                                    \
            run_rows(a, n, 2);                                                           \
        else                                                                             \
            run_rows(a, n, 1);                                                           \
        break

static void run_panel(const panel *a, int64_t rows, int64_t vecs)
{
    switch (rows) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
#if AVCL_LANES == 16
        ROWS(7);
        ROWS(8);
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
        ROWS(13);
        ROWS(14);
#endif
    default:
        break;
    }
}

/* The taps of an output frame that meet a frame of the input. */
static void find_taps(const wino_block *b, int64_t point, int64_t u_at, int64_t frame,
                      panel *a)
{
    const wino_plan *p = b->plan;
    int64_t u_tap = wino_tap_stride(p->in_blocks, p->out_blocks, LANES);
    a->n_taps = 0;
    for (int64_t tap = 0; tap < p->n_taps; tap++) {
        int64_t from = frame + tap - p->pad[0];
        if (from < 0 || from >= p->in[0]) continue;
        a->v[a->n_taps] = b->v + point * p->v_point + from % p->slots * p->v_frame;
        a->u[a->n_taps] = b->u + (point * p->n_taps + tap) * u_tap + u_at;
        a->n_taps++;
    }
}

/* All tiles of the block in near equal numbers of rows. */
static void run_tiles(const wino_block *b, panel *a, float *m, int64_t vecs)
{
    int64_t n = (b->n_tiles + MAX_ROWS - 1) / MAX_ROWS;
    int64_t done = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t end = b->n_tiles * (i + 1) / n;
        a->m = m + done * LANES;
        run_panel(a, end - done, vecs);
        for (int64_t k = 0; k < a->n_taps; k++)
            a->v[k] += (end - done) * LANES;
        done = end;
    }
}

void AVCL_ISA_NAME(avcl__wino_multiply)(void *block, int64_t begin, int64_t end)
{
    const wino_block *b = block;
    const wino_plan *p = b->plan;
    int64_t n_groups = (p->out_blocks + VECS - 1) / VECS;
    panel a = {.in_blocks = p->in_blocks,
               .v_step = p->tiles * LANES,
               .m_step = p->tiles * LANES};
    for (int64_t item = begin; item < end; item++) {
        int64_t point = item / n_groups;
        int64_t group = item % n_groups;
        int64_t vecs = p->out_blocks - group * VECS;
        for (int64_t f = b->out_frame; f < b->out_end; f++) {
            find_taps(b, point, group * GROUP * p->in_blocks * LANES, f, &a);
            run_tiles(b, &a,
                      b->m + point * p->m_point + (f - b->out_frame) * p->m_frame +
                          group * VECS * a.m_step,
                      vecs < VECS ? vecs : VECS);
        }
    }
}
