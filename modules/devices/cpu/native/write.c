/* write.c - sums of a share to row-major weights: squares of them, turned in registers.
 */
#include "../kernels/transpose.h"
#include "native.h"

/* A block of x and its rows of taps that a share has: of its first and last block it may
 * lack some. Weights of a column are counted by (channel of x, tap). */
typedef struct column {
    const native_plan *plan;
    const float *sums; /* of one vector of output channels */
    float *gw;         /* of its first channel */
    int64_t n_out;     /* channels of it */
    int64_t in;        /* the block's first channel */
    int64_t first_tap; /* that the share has */
    int64_t n_taps;
} column;

/* Where weight w of a column is among an output channel's. */
static int64_t weight_at(const column *c, int64_t w)
{
    const native_plan *p = c->plan;
    int64_t channel = c->in + w / c->n_taps;
    int64_t tap = c->first_tap + w % c->n_taps;
    if (!p->is_few) return channel * p->tap_rows * p->n_taps + tap;
    int64_t width = p->s.kernel[2];
    return (channel / width * p->tap_rows + tap) * width + channel % width;
}

/* Weights [w, w + n) of a column, n <= LANES. */
static void write_square(const column *c, int64_t w, int64_t n)
{
    const native_plan *p = c->plan;
    int64_t per_out = p->columns * p->tap_rows * p->n_taps;
    int in_a_row = !p->is_few && c->n_taps == p->tap_rows * p->n_taps && n == LANES;
    vec rows[LANES] = {{0}};
    for (int64_t i = 0; i < n; i++)
        rows[i] = *(const vec *)(c->sums + (w + i) % c->n_taps * PART * TILE_SIZE +
                                 (w + i) / c->n_taps * GROUP);
    transpose(rows);
    for (int64_t l = 0; l < c->n_out; l++) {
        float *to = c->gw + l * per_out;
        if (in_a_row)
            *(vec_any *)(to + weight_at(c, w)) = rows[l];
        else
            for (int64_t i = 0; i < n; i++)
                to[weight_at(c, w + i)] = rows[l][i];
    }
}

static void write_column(const column *c)
{
    int64_t left = c->plan->columns - c->in;
    int64_t n = (left < LANES ? left : LANES) * c->n_taps;
    for (int64_t w = 0; w < n; w += LANES)
        write_square(c, w, n - w < LANES ? n - w : LANES);
}

/* All output channels of a part. */
static void write_block(column c, int64_t part, float *gw)
{
    const native_plan *p = c.plan;
    const float *sums = c.sums;
    int64_t per_out = p->columns * p->tap_rows * p->n_taps;
    for (int64_t g = 0; g < native_groups(p, part); g++)
        for (int64_t v = 0; v < native_vecs(p, part, g); v++) {
            int64_t out = ((part * PART + g) * VECS + v) * LANES;
            c.sums = sums + g * TILE_SIZE + v * LANES;
            c.gw = gw + out * per_out;
            c.n_out = p->s.out - out < LANES ? p->s.out - out : LANES;
            write_column(&c);
        }
}

void AVCL_ISA_NAME(avcl__native_write)(const native_plan *p, const native_share *s,
                                       const float *sums, float *gw)
{
    for (int64_t unit = s->begin; unit < s->end;) {
        int64_t end = (unit / p->tap_rows + 1) * p->tap_rows;
        if (end > s->end) end = s->end;
        column c = {.plan = p,
                    .sums = sums + (unit - s->begin) * p->n_taps * PART * TILE_SIZE,
                    .in = unit / p->tap_rows * LANES,
                    .first_tap = unit % p->tap_rows * p->n_taps,
                    .n_taps = (end - unit) * p->n_taps};
        write_block(c, s->part, gw);
        unit = end;
    }
}
