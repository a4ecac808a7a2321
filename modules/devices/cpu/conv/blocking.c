/* blocking.c - cuts a Winograd convolution into blocks of tiles and groups of frames. */
#include <stdio.h>

#include "blocking.h"

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void set_geometry(wino_plan *p, const conv_shape *s)
{
    int is_data = s->direction == CONV_BACKWARD_DATA;
    p->batch = s->batch;
    p->in_blocks = ceil_div(is_data ? s->out : s->in, p->lanes);
    p->out_blocks = ceil_div(is_data ? s->in : s->out, p->lanes);
    p->is_centre = avcl__conv_is_centre(s);
    p->n_taps = p->is_centre ? 1 : s->kernel[0];
    for (int d = 0; d < 3; d++) {
        p->in[d] = is_data ? s->y[d] : s->x[d];
        p->out[d] = is_data ? s->x[d] : s->y[d];
        p->pad[d] = is_data ? s->kernel[d] - 1 - s->pad[d] : s->pad[d];
    }
    if (p->is_centre) p->pad[0] = 0;
    p->down = ceil_div(p->out[1], TILE);
    p->across = ceil_div(p->out[2], TILE);
}

static void set_blocks(wino_plan *p, const conv_choice *choice)
{
    int64_t n_tiles = p->batch * p->down * p->across;
    p->tiles = least(choice->tiles, n_tiles);
    p->frames = least(choice->frames, p->out[0]);
    p->slots = least(p->in[0], p->frames + p->n_taps - 1);
    p->n_blocks = ceil_div(n_tiles, p->tiles);
    /* A line more at the end of a point: powers of two would share cache sets. */
    p->v_frame = p->in_blocks * p->tiles * p->lanes;
    p->v_point = p->slots * p->v_frame + p->lanes;
    p->m_frame = p->out_blocks * p->tiles * p->lanes;
    p->m_point = p->frames * p->m_frame + p->lanes;
}

wino_plan avcl__wino_plan(const avcl_device *device, const conv_shape *s,
                          const conv_choice *choice)
{
    wino_plan p = {.lanes = device->isa->block};
    set_geometry(&p, s);
    set_blocks(&p, choice);
    p.n_workspaces = choice->shares_points ? 1 : least(device->n_threads, p.n_blocks);
    snprintf(p.text, sizeof p.text, "winograd tiles=%ld frames=%ld%s", p.tiles, p.frames,
             choice->shares_points ? " share=points" : "");
    return p;
}

int64_t avcl__wino_workspace(const wino_plan *p)
{
    return POINTS * (p->v_point + p->m_point);
}

int64_t avcl__wino_u_size(const wino_plan *p)
{
    return POINTS * p->n_taps * wino_tap_stride(p->in_blocks, p->out_blocks, p->lanes);
}

uint64_t avcl__wino_weight_bytes(const avcl_device *device, const avcl_tinfo *weights,
                                 int is_centre)
{
    wino_plan p = {.lanes = device->isa->block};
    p.out_blocks = ceil_div(weights->shape[0], p.lanes);
    p.in_blocks = ceil_div(weights->shape[1], p.lanes);
    p.n_taps = is_centre ? 1 : weights->shape[2];
    return (uint64_t)avcl__wino_u_size(&p) * sizeof(float);
}
