/*
 * norm.h - how batch normalisation sees its tensors, forward and backward.
 *
 * Vectors of channels: blocked layout, and [N, C] whose rows act as positions.
 * Vectors of positions: row-major with something behind the channel axis.
 * Sums of one (row, channel) go into doubles of their own and are combined in
 * row order, so that no thread count changes a bit.
 */
#ifndef AVCL_CPU_NORM_H
#define AVCL_CPU_NORM_H

#include "kernels.h"

enum { CHUNK = 256 }; /* positions whose f32 sums stay exact enough, and in L1 */

typedef struct norm_view {
    int by_channel;    /* a vector holds channels */
    int64_t rows;      /* N, or 1 */
    int64_t channels;  /* C */
    int64_t blocks;    /* of channels */
    int64_t plane;     /* positions per row */
    int64_t step;      /* by_channel: floats from one position to the next */
    int64_t row_size;  /* floats from one row to the next */
    int64_t part_size; /* floats from one channel (block) to the next */
} norm_view;

/* Scratch: two doubles per (row, channel), four floats per channel. */
typedef struct norm_scratch {
    double *part[2];
    float *coef[4];
} norm_scratch;

static inline norm_view norm_view_of(const avcl_tinfo *x, int blocked)
{
    int64_t plane = positions(x);
    norm_view v = {.channels = x->shape[1], .blocks = n_blocks(x), .by_channel = 1};
    v.rows = x->shape[0];
    v.plane = plane;
    v.step = LANES;
    v.part_size = plane * LANES;
    v.row_size = v.blocks * v.part_size;
    if (!blocked && plane == 1) {
        v.rows = 1;
        v.plane = x->shape[0];
        v.step = v.channels;
        v.part_size = LANES;
    } else if (!blocked) {
        v.by_channel = 0;
        v.part_size = plane;
        v.row_size = v.channels * plane;
    }
    return v;
}

static inline int64_t norm_padded(const norm_view *v)
{
    return v->blocks * LANES;
}

static inline uint64_t norm_scratch_bytes(const norm_view *v)
{
    uint64_t padded = (uint64_t)norm_padded(v);
    return avcl__align(padded *
                       (2 * (uint64_t)v->rows * sizeof(double) + 4 * sizeof(float)));
}

static inline norm_scratch norm_scratch_of(const norm_view *v, void *scratch)
{
    int64_t padded = norm_padded(v);
    double *part = scratch;
    float *coef = (float *)(part + 2 * v->rows * padded);
    return (norm_scratch){{part, part + v->rows * padded},
                          {coef, coef + padded, coef + 2 * padded, coef + 3 * padded}};
}

/* Pieces of work: channel blocks or channels, over all rows. */
static inline int64_t norm_parts(const norm_view *v)
{
    return v->by_channel ? v->blocks : v->channels;
}

static inline const float *norm_at(const norm_view *v, const float *x, int64_t part)
{
    int64_t n = norm_parts(v);
    return x + part / n * v->row_size + part % n * v->part_size;
}

/* First channel of a part, and where its sums are. */
static inline int64_t norm_channel(const norm_view *v, int64_t part)
{
    return part % norm_parts(v) * (v->by_channel ? LANES : 1);
}

static inline int64_t norm_sums_at(const norm_view *v, int64_t part)
{
    return part / norm_parts(v) * norm_padded(v) + norm_channel(v, part);
}

/* Lanes of a part that lie in memory: fewer than LANES only at the end of [N, C]. */
static inline int64_t norm_lanes(const norm_view *v, int64_t part)
{
    int64_t left = v->channels - norm_channel(v, part);
    return v->step == LANES || left > LANES ? LANES : left;
}

static inline __attribute__((always_inline)) vec norm_load(const float *x, int64_t lanes)
{
    if (lanes == LANES) return *(const vec_any *)x;
    vec v = {0};
    memcpy(&v, x, (size_t)lanes * sizeof *x);
    return v;
}

static inline __attribute__((always_inline)) void norm_store(float *y, vec v,
                                                             int64_t lanes)
{
    if (lanes == LANES)
        *(vec_any *)y = v;
    else
        memcpy(y, &v, (size_t)lanes * sizeof *y);
}

static inline int64_t norm_grain(const norm_view *v)
{
    return grain_of(v->plane * (v->by_channel ? LANES : 1));
}

#endif
