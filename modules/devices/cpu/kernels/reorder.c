/*
 * reorder.c - between row-major and blocked layout, for any 4-byte element.
 *
 * Reorders that involve what the library interned are the library's.
 */
#include "kernels.h"

typedef struct reorder_job {
    const uint32_t *x;
    uint32_t *y;
    int64_t channels;
    int64_t blocks;
    int64_t plane;
} reorder_job;

static int64_t valid(const reorder_job *j, int64_t b)
{
    int64_t left = j->channels - b * LANES;
    return left < LANES ? left : LANES;
}

/* Channel blocks [begin, end), counted over the batch. */
static void pack(void *arg, int64_t begin, int64_t end)
{
    const reorder_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        int64_t b = i % j->blocks;
        int64_t n = valid(j, b);
        const uint32_t *x = j->x + (i / j->blocks * j->channels + b * LANES) * j->plane;
        uint32_t *y = j->y + i * j->plane * LANES;
        for (int64_t p = 0; p < j->plane; p++)
            for (int64_t l = 0; l < LANES; l++)
                y[p * LANES + l] = l < n ? x[l * j->plane + p] : 0;
    }
}

static void unpack(void *arg, int64_t begin, int64_t end)
{
    const reorder_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        int64_t b = i % j->blocks;
        int64_t n = valid(j, b);
        const uint32_t *x = j->x + i * j->plane * LANES;
        uint32_t *y = j->y + (i / j->blocks * j->channels + b * LANES) * j->plane;
        for (int64_t l = 0; l < n; l++)
            for (int64_t p = 0; p < j->plane; p++)
                y[l * j->plane + p] = x[p * LANES + l];
    }
}

static avcl_status reorder(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    const avcl_tinfo *info = &k->in_info[0];
    if (k->plan) return avcl__library_run(c);
    if (k->in_tag[0] == k->out_tag[0]) {
        uint64_t size = avcl__cpu_bytes(c->device, k->in_tag[0], info);
        if (c->in[0] != c->out[0]) memcpy(c->out[0], c->in[0], size);
        return AVCL_OK;
    }
    reorder_job j = {c->in[0], c->out[0], info->shape[1], n_blocks(info),
                     positions(info)};
    avcl__cpu_for(c->device, info->shape[0] * j.blocks, grain_of(j.plane * LANES),
                  k->in_tag[0] == AVCL_TAG_PLAIN ? pack : unpack, &j);
    return AVCL_OK;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    uint32_t from = k->in_tag[0];
    uint32_t to = k->out_tag[0];
    if (from == to) return AVCL_OK;
    if (from >= AVCL_CPU_FIRST_PACKED || to >= AVCL_CPU_FIRST_PACKED)
        return avcl__library_reorder(device, k, err);
    if (k->in_info[0].ndim != 5 || avcl__dtype_size(k->in_info[0].dtype) != 4)
        return avcl__fail(err, AVCL_E_UNSUPPORTED,
                          "only 5-d values of 4-byte elements have a blocked layout, not "
                          "%d-d",
                          k->in_info[0].ndim);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_reorder)[] = {
    {.name = "reorder", .run = reorder, .prepare = plan, .judges_tags = 1},
    {.name = NULL},
};
