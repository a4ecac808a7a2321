/*
 * norm.h - how batch normalisation sees its tensors, forward and backward.
 *
 * Vectors of channels: blocked layout, and [N, C] whose rows act as positions.
 * Vectors of positions: row-major with something behind the channel axis.
 * Sums of one (row, channel) go into doubles of their own and are combined in
 * row order, so that no thread count changes a bit. x, y and their gradients are
 * f32 or bf16 alike; statistics and what becomes of γ and β are f32.
 */
#ifndef AVCL_CPU_NORM_H
#define AVCL_CPU_NORM_H

#include "kernels.h"

enum { CHUNK = 256 };    /* positions whose f32 sums stay exact enough, and in L1 */
enum { NORM_COEFS = 6 }; /* numbers of a channel that the inner loops may need */

typedef struct norm_view {
    int is_bf16;
    int by_channel;    /* a vector holds channels */
    int64_t rows;      /* N, or 1 */
    int64_t channels;  /* C */
    int64_t blocks;    /* of channels */
    int64_t plane;     /* positions per row */
    int64_t step;      /* by_channel: elements from one position to the next */
    int64_t row_size;  /* elements from one row to the next */
    int64_t part_size; /* elements from one channel (block) to the next */
} norm_view;

/* Scratch: two doubles per (row, channel), NORM_COEFS floats per channel, padded to
 * whole vectors with zeros: so channels that pad a block come out as zeros. */
typedef struct norm_scratch {
    double *part[2];
    float *coef[NORM_COEFS];
} norm_scratch;

static inline norm_view norm_view_of(const avcl_tinfo *x, int blocked)
{
    int64_t plane = positions(x);
    norm_view v = {.channels = x->shape[1], .blocks = n_blocks(x), .by_channel = 1};
    v.is_bf16 = x->dtype == AVCL_BF16;
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
    return avcl__align(
        padded * (2 * (uint64_t)v->rows * sizeof(double) + NORM_COEFS * sizeof(float)));
}

static inline norm_scratch norm_scratch_of(const norm_view *v, void *scratch)
{
    int64_t padded = norm_padded(v);
    double *part = scratch;
    float *coef = (float *)(part + 2 * v->rows * padded);
    norm_scratch s = {{part, part + v->rows * padded}, {0}};
    memset(coef, 0, (size_t)(NORM_COEFS * padded) * sizeof *coef);
    for (int i = 0; i < NORM_COEFS; i++)
        s.coef[i] = coef + i * padded;
    return s;
}

/* For prepare: input 0 is x, or a gradient of its shape. */
static inline avcl_status norm_plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    (void)err;
    norm_view v = norm_view_of(&k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED);
    k->scratch = norm_scratch_bytes(&v);
    return AVCL_OK;
}

/* Pieces of work: channel blocks or channels, over all rows. */
static inline int64_t norm_parts(const norm_view *v)
{
    return v->by_channel ? v->blocks : v->channels;
}

/* Where part `part` starts, in elements. */
static inline int64_t norm_at(const norm_view *v, int64_t part)
{
    int64_t n = norm_parts(v);
    return part / n * v->row_size + part % n * v->part_size;
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

/* The numbers of a part's channels as a vector: one a lane, or one for all lanes. */
static inline vec norm_coef(const norm_view *v, const float *coef, int64_t part)
{
    int64_t c = norm_channel(v, part);
    if (v->by_channel) return *(const vec_any *)(coef + c);
    vec all = {0};
    return all + coef[c];
}

/* How a part is walked: n vectors, `step` elements apart, `lanes` wide; the last one of
 * a plane by positions is `tail` wide. */
typedef struct norm_walk {
    int64_t at;
    int64_t n;
    int64_t step;
    int64_t lanes;
    int64_t tail; /* lanes of one more, narrower vector; 0 = none */
} norm_walk;

static inline norm_walk norm_walk_of(const norm_view *v, int64_t part)
{
    norm_walk w = {.at = norm_at(v, part)};
    w.n = v->by_channel ? v->plane : v->plane / LANES;
    w.step = v->by_channel ? v->step : LANES;
    w.lanes = v->by_channel ? norm_lanes(v, part) : LANES;
    w.tail = v->by_channel ? 0 : v->plane % LANES;
    return w;
}

static inline int64_t norm_grain(const norm_view *v)
{
    return grain_of(v->plane * (v->by_channel ? LANES : 1));
}

/* norm_scale.c: y = (x - mean) scale + shift, then + s, then relu; coefs 0, 1, 2. */
typedef struct norm_scale_job {
    norm_view v;
    const float *mean;
    const float *scale;
    const float *shift;
    const void *x;
    const void *s; /* NULL = nothing is added */
    void *y;       /* may be x or s */
    int relu;
} norm_scale_job;
void AVCL_ISA_NAME(avcl__norm_scale)(const avcl_device *device, const norm_scale_job *j);

#endif
