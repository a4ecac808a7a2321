/* run.c - a convolution by Winograd's algorithm: block after block, group after group. */
#include <stdlib.h>

#include "winograd.h"

typedef void phase(void *block, int64_t begin, int64_t end);

/* One phase of a block: by all threads if they share it (device), else right here. */
static void run_phase(const avcl_device *shared_by, phase *body, int64_t n, wino_block *b)
{
    if (shared_by)
        avcl__cpu_for(shared_by, n, 1, body, b);
    else
        body(b, 0, n);
}

static int64_t n_products(const wino_plan *p)
{
    return POINTS * ((p->out_blocks + VECS - 1) / VECS);
}

/* Moves on to the next group of frames: which to compute, which to transform for it. */
static int next_frames(wino_block *b)
{
    const wino_plan *p = b->plan;
    if (b->out_end >= p->out[0]) return 0;
    b->out_frame = b->out_end;
    b->out_end += p->frames;
    if (b->out_end > p->out[0]) b->out_end = p->out[0];
    int64_t begin = b->out_frame - p->pad[0];
    int64_t end = b->out_end - p->pad[0] + p->n_taps - 1;
    b->in_frame = begin > b->in_end ? begin : b->in_end;
    b->in_end = end < p->in[0] ? end : p->in[0];
    if (b->in_frame > b->in_end) b->in_frame = b->in_end;
    return 1;
}

static void select_tiles(wino_block *b, int64_t block)
{
    const wino_plan *p = b->plan;
    int64_t left = p->batch * p->down * p->across - block * p->tiles;
    b->tile = block * p->tiles;
    b->n_tiles = left < p->tiles ? left : p->tiles;
    b->in_frame = b->in_end = b->out_frame = b->out_end = 0;
}

static void convolve(const avcl_device *shared_by, wino_block *b)
{
    const wino_plan *p = b->plan;
    while (next_frames(b)) {
        run_phase(shared_by, AVCL_ISA_NAME(avcl__wino_points),
                  (b->in_end - b->in_frame) * p->in_blocks, b);
        run_phase(shared_by, AVCL_ISA_NAME(avcl__wino_multiply), n_products(p), b);
        run_phase(shared_by, AVCL_ISA_NAME(avcl__wino_outputs),
                  (b->out_end - b->out_frame) * p->out_blocks, b);
    }
}

/* What one thread of many does: its share of the blocks in workspaces [begin, end). */
static void convolve_share(void *arg, int64_t begin, int64_t end)
{
    const wino_block *job = arg;
    const wino_plan *p = job->plan;
    for (int64_t s = begin; s < end; s++) {
        wino_block b = *job;
        b.v += s * avcl__wino_workspace(p);
        b.m = b.v + POINTS * p->v_point;
        for (int64_t k = p->n_blocks * s / p->n_workspaces;
             k < p->n_blocks * (s + 1) / p->n_workspaces; k++) {
            select_tiles(&b, k);
            convolve(NULL, &b);
        }
    }
}

/* Zeros behind the last channel, so that vectors can be read. */
static const float *pad_bias(const cpu_call *c, float *to)
{
    const avcl_tinfo *info = &c->kernel->in_info[2];
    const wino_plan *p = c->kernel->plan;
    memset(to, 0, (size_t)(p->out_blocks * LANES) * sizeof *to);
    memcpy(to, c->in[2], (size_t)info->shape[0] * sizeof *to);
    return to;
}

static avcl_status run(const cpu_call *c)
{
    const wino_plan *p = c->kernel->plan;
    float *scratch = c->scratch;
    wino_block b = {.plan = p, .in = c->in[0], .u = c->in[1], .out = c->out[0]};
    b.v = scratch + p->out_blocks * LANES;
    b.m = b.v + POINTS * p->v_point;
    if (c->kernel->n_in > 2) b.bias = pad_bias(c, scratch);
    if (p->n_workspaces > 1) {
        avcl__cpu_for(c->device, p->n_workspaces, 1, convolve_share, &b);
        return AVCL_OK;
    }
    for (int64_t k = 0; k < p->n_blocks; k++) {
        select_tiles(&b, k);
        convolve(c->device, &b);
    }
    return AVCL_OK;
}

/* The gradient of w. Threads share each block: a sum over tiles has one order. */
static avcl_status run_gradient(const cpu_call *c)
{
    const wino_plan *p = c->kernel->plan;
    float *u = c->scratch;
    wino_weights w =
        AVCL_ISA_NAME(avcl__wino_weights_of)(&c->kernel->out_info[0], 0, p->is_centre);
    w.u = u;
    w.gw = c->out[0];
    wino_block b = {.plan = p, .in = c->in[1], .u = u};
    b.out = (float *)(uintptr_t)c->in[0]; /* gy: read only */
    b.v = u + avcl__wino_u_size(p);
    b.m = b.v + POINTS * p->v_point;
    for (int64_t k = 0; k < p->n_blocks; k++) {
        select_tiles(&b, k);
        while (next_frames(&b)) {
            run_phase(c->device, AVCL_ISA_NAME(avcl__wino_points),
                      (b.in_end - b.in_frame) * p->in_blocks, &b);
            run_phase(c->device, AVCL_ISA_NAME(avcl__wino_gy_points),
                      (b.out_end - b.out_frame) * p->out_blocks, &b);
            run_phase(c->device, AVCL_ISA_NAME(avcl__wino_accumulate), n_products(p), &b);
        }
    }
    AVCL_ISA_NAME(avcl__wino_unpack)(c->device, &w);
    return AVCL_OK;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    conv_shape shape = avcl__conv_shape(k->op->name, k->attrs, k->in_info, k->out_info);
    conv_choice choice = avcl__conv_choose(device, &shape);
    wino_plan *p = malloc(sizeof *p);
    if (!p) return avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
    *p = avcl__wino_plan(device, &shape, &choice);
    k->plan = p;
    k->text = p->text;
    k->free_plan = free;
    return AVCL_OK;
}

static avcl_status prepare(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    avcl_status status = plan(device, k, err);
    if (status) return status;
    const wino_plan *p = k->plan;
    int64_t floats = p->out_blocks * LANES + p->n_workspaces * avcl__wino_workspace(p);
    k->scratch = avcl__align((uint64_t)floats * sizeof(float));
    return AVCL_OK;
}

static avcl_status prepare_gradient(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    avcl_status status = plan(device, k, err);
    if (status) return status;
    int64_t floats = avcl__wino_u_size(k->plan) + avcl__wino_workspace(k->plan);
    k->scratch = avcl__align((uint64_t)floats * sizeof(float));
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_winograd)[] = {
    {.name = "conv3d", sizeof(avcl_conv3d_attrs), .run = run, .prepare = prepare},
    {.name = "conv3d_backward_data",
     sizeof(avcl_conv3d_attrs),
     .run = run,
     .prepare = prepare},
    {.name = "conv3d_backward_weight",
     sizeof(avcl_conv3d_attrs),
     .run = run_gradient,
     .prepare = prepare_gradient},
    {.name = "reorder", .run = AVCL_ISA_NAME(avcl__wino_reorder)},
    {.name = NULL},
};
