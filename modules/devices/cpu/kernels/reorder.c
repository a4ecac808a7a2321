/*
 * reorder.c - between row-major and blocked layout, for elements of 2 or 4 bytes.
 *
 * Reorders that involve what the library interned are the library's.
 */
#include "kernels.h"

typedef struct reorder_job {
    const void *x;
    void *y;
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
#define BODIES(bits)                                                                     \
    static void pack_##bits(void *arg, int64_t begin, int64_t end)                       \
    {                                                                                    \
        typedef uint##bits##_t word;                                                     \
        const reorder_job *j = arg;                                                      \
        for (int64_t i = begin; i < end; i++) {                                          \
            int64_t b = i % j->blocks;                                                   \
            int64_t n = valid(j, b);                                                     \
            int64_t first = i / j->blocks * j->channels + b * LANES;                     \
            const word *x = (const word *)j->x + first * j->plane;                       \
            word *y = (word *)j->y + i * j->plane * LANES;                               \
            for (int64_t p = 0; p < j->plane; p++)                                       \
                for (int64_t l = 0; l < LANES; l++)                                      \
                    y[p * LANES + l] = l < n ? x[l * j->plane + p] : 0;                  \
        }                                                                                \
    }                                                                                    \
                                                                                         \
    static void unpack_##bits(void *arg, int64_t begin, int64_t end)                     \
    {                                                                                    \
        typedef uint##bits##_t word;                                                     \
        const reorder_job *j = arg;                                                      \
        for (int64_t i = begin; i < end; i++) {                                          \
            int64_t b = i % j->blocks;                                                   \
            int64_t n = valid(j, b);                                                     \
            int64_t first = i / j->blocks * j->channels + b * LANES;                     \
            const word *x = (const word *)j->x + i * j->plane * LANES;                   \
            word *y = (word *)j->y + first * j->plane;                                   \
            for (int64_t l = 0; l < n; l++)                                              \
                for (int64_t p = 0; p < j->plane; p++)                                   \
                    y[l * j->plane + p] = x[p * LANES + l];                              \
        }                                                                                \
    }
BODIES(16)
BODIES(32)
#undef BODIES

static void pack_narrowed(void *arg, int64_t begin, int64_t end)
{
    const reorder_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        int64_t b = i % j->blocks;
        int64_t n = valid(j, b);
        int64_t first = i / j->blocks * j->channels + b * LANES;
        const float *x = (const float *)j->x + first * j->plane;
        for (int64_t p = 0; p < j->plane; p++) {
            vec v = {0};
            for (int64_t l = 0; l < n; l++)
                v[l] = x[l * j->plane + p];
            store_real(j->y, (i * j->plane + p) * LANES, v, LANES, 1);
        }
    }
}

typedef void reorder_fn(void *, int64_t, int64_t);

static reorder_fn *body_of(const avcl_kernel *k)
{
    int packs = k->in_tag[0] == AVCL_TAG_PLAIN;
    if (k->in_info[0].dtype != k->out_info[0].dtype) return pack_narrowed;
    if (avcl__dtype_size(k->in_info[0].dtype) == 2) return packs ? pack_16 : unpack_16;
    return packs ? pack_32 : unpack_32;
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
                  body_of(k), &j);
    return AVCL_OK;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    uint32_t from = k->in_tag[0];
    uint32_t to = k->out_tag[0];
    if (from == to && k->in_info[0].dtype == k->out_info[0].dtype) return AVCL_OK;
    if (avcl__cpu_is_winograd(to) || avcl__cpu_is_winograd(from))
        return avcl__conv_pack(device, k, err);
    if (from >= AVCL_CPU_FIRST_PACKED || to >= AVCL_CPU_FIRST_PACKED)
        return avcl__library_reorder(device, k, err);
    uint64_t size = avcl__dtype_size(k->in_info[0].dtype);
    if (k->in_info[0].ndim != 5 || (size != 2 && size != 4))
        return avcl__fail(
            err, AVCL_E_UNSUPPORTED,
            "only 5-d values of 2- or 4-byte elements have a blocked layout, "
            "not %d-d ones of %d bytes",
            k->in_info[0].ndim, (int)size);
    return AVCL_OK;
}

/* On the way into another layout f32 may become bf16, not the other way round. */
static int32_t can_narrow(const avcl_kernel_spec *spec)
{
    avcl_dtype from = spec->in_info[0].dtype;
    avcl_dtype to = spec->out_info[0].dtype;
    return from == to || (from == AVCL_F32 && to == AVCL_BF16);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_reorder)[] = {
    {.name = "reorder",
     .run = reorder,
     .prepare = plan,
     .judges_tags = 1,
     .takes_bf16 = can_narrow},
    {.name = NULL},
};
