/*
 * point.c - the gradient that a strided 1x1x1 convolution sends back, added to what
 * arrives by another way: a residual block's shortcut and its main path.
 *
 * Only one position in stride^3 gets anything, so the sum is worked out in place and the
 * rest is left as it is. gx and gy are blocked, w is [O][C] as the optimiser has it.
 */
#include "kernels.h"

enum {
    TILE = 7,   /* positions of a row at a time: with two blocks, 14 sums in registers */
    DEEP = 512, /* output channels whose gradients are at hand at once */
};

typedef struct point_job {
    const avcl_conv3d_attrs *attrs;
    const avcl_tinfo *x;
    const avcl_tinfo *y;
    const void *gy;
    const void *w;
    void *gx;
    int is_bf16;
} point_job;

/* The gradients [o, o + n) of `width` neighbours, a row of TILE each, f32. */
static inline __attribute__((always_inline)) void fetch(const point_job *j, int64_t at,
                                                        int64_t o, int64_t n,
                                                        int64_t width, float (*g)[TILE],
                                                        int bf)
{
    int64_t plane = positions(j->y);
    memset(g, 0, (size_t)n * sizeof *g);
    for (int64_t first = 0; first < n; first += LANES) {
        int64_t from = ((o + first) / LANES * plane + at) * LANES;
        int64_t lanes = n - first < LANES ? n - first : LANES;
        for (int64_t p = 0; p < width; p++) {
            vec v = load_real(j->gy, from + p * LANES, LANES, bf);
            for (int64_t l = 0; l < lanes; l++)
                g[first + l][p] = v[l];
        }
    }
}

/* sum[b][p] += Σ_o w[o][c] g[o][p] for up to two blocks of channels from c on. */
static inline __attribute__((always_inline)) void multiply(const point_job *j, int64_t o,
                                                           int64_t n, int64_t c,
                                                           float (*g)[TILE],
                                                           vec sum[2][TILE], int bf)
{
    int64_t channels = j->x->shape[1];
    int64_t left = channels - c - LANES;
    int64_t lanes[2] = {left < 0 ? left + LANES : LANES, left < LANES ? left : LANES};
    for (int64_t i = 0; i < n; i++) {
        int64_t row = (o + i) * channels + c;
        vec w0 = load_real(j->w, row, lanes[0], bf);
        vec w1 = lanes[1] > 0 ? load_real(j->w, row + LANES, lanes[1], bf) : (vec){0};
        UNROLL(7)
        for (int p = 0; p < TILE; p++) {
            sum[0][p] += g[i][p] * w0;
            sum[1][p] += g[i][p] * w1;
        }
    }
}

/* Where position p of y's row goes in x. */
static int64_t target(const point_job *j, int64_t t, int64_t h, int64_t p)
{
    const int64_t *stride = j->attrs->stride.v;
    const int64_t *size = j->x->shape + 2;
    return ((t * stride[0]) * size[1] + h * stride[1]) * size[2] + p * stride[2];
}

static inline __attribute__((always_inline)) void
add_sums(const point_job *j, int64_t image, const int64_t at[3], int64_t c, int64_t width,
         vec sum[2][TILE], int bf)
{
    int64_t blocks = n_blocks(j->x);
    int64_t plane = positions(j->x);
    for (int64_t b = 0; b < 2 && c / LANES + b < blocks; b++) {
        int64_t block = image * blocks + c / LANES + b;
        for (int64_t p = 0; p < width; p++) {
            int64_t to = (block * plane + target(j, at[0], at[1], at[2] + p)) * LANES;
            vec v = load_real(j->gx, to, LANES, bf) + sum[b][p];
            store_real(j->gx, to, v, LANES, bf);
        }
    }
}

/* Up to TILE neighbours of a row of y, from position at[2] on: all channels of x. */
static inline __attribute__((always_inline)) void
run_tile(const point_job *j, int64_t image, const int64_t at[3], int bf)
{
    const int64_t *size = j->y->shape + 2;
    int64_t n_out = j->y->shape[1];
    int64_t width = size[2] - at[2] < TILE ? size[2] - at[2] : TILE;
    int64_t from = (at[0] * size[1] + at[1]) * size[2] + at[2];
    int64_t base = image * n_blocks(j->y) * positions(j->y);
    float g[DEEP][TILE];
    for (int64_t o = 0; o < n_out; o += DEEP) {
        int64_t n = n_out - o < DEEP ? n_out - o : DEEP;
        fetch(j, base + from, o, n, width, g, bf);
        for (int64_t c = 0; c < j->x->shape[1]; c += 2 * LANES) {
            vec sum[2][TILE] = {{{0}}};
            multiply(j, o, n, c, g, sum, bf);
            add_sums(j, image, at, c, width, sum, bf);
        }
    }
}

/* Rows [begin, end) of y, counted over images and frames. */
static inline __attribute__((always_inline)) void
run_rows(const point_job *j, int64_t begin, int64_t end, int bf)
{
    const int64_t *size = j->y->shape + 2;
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / (size[0] * size[1]);
        int64_t at[3] = {row / size[1] % size[0], row % size[1], 0};
        for (; at[2] < size[2]; at[2] += TILE)
            run_tile(j, image, at, bf);
    }
}

static void rows_f32(void *arg, int64_t begin, int64_t end)
{
    run_rows(arg, begin, end, 0);
}

static void rows_bf16(void *arg, int64_t begin, int64_t end)
{
    run_rows(arg, begin, end, 1);
}

/* gy, w, s -> gx + s */
static avcl_status backward_data_add(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    point_job j = {.attrs = c->attrs,
                   .x = &k->out_info[0],
                   .y = &k->in_info[0],
                   .gy = c->in[0],
                   .w = c->in[1],
                   .gx = c->out[0]};
    uint64_t bytes = avcl__cpu_bytes(c->device, AVCL_CPU_BLOCKED, j.x);
    if (c->in[2] != c->out[0]) memcpy(c->out[0], c->in[2], bytes);
    int64_t rows = j.y->shape[0] * j.y->shape[2] * j.y->shape[3];
    int64_t work = j.y->shape[4] * j.y->shape[1] * j.x->shape[1] / LANES;
    avcl__cpu_for(c->device, rows, grain_of(work),
                  j.x->dtype == AVCL_BF16 ? rows_bf16 : rows_f32, &j);
    return AVCL_OK;
}

static int32_t is_point(const avcl_kernel_spec *spec)
{
    const avcl_conv3d_attrs *a = spec->attrs;
    const int64_t *taps = spec->in_info[1].shape + 2;
    int64_t pad = a->pad.v[0] + a->pad.v[1] + a->pad.v[2];
    return avcl__library_blocks() && taps[0] * taps[1] * taps[2] == 1 && pad == 0;
}

static void layouts(avcl_device *device, const avcl_kernel_spec *spec, uint32_t *want,
                    uint32_t *out)
{
    (void)device;
    (void)spec;
    want[0] = want[2] = out[0] = AVCL_CPU_BLOCKED;
    want[1] = AVCL_TAG_PLAIN;
}

static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    if (k->in_tag[0] == AVCL_CPU_BLOCKED && k->in_tag[1] == AVCL_TAG_PLAIN &&
        k->in_tag[2] == AVCL_CPU_BLOCKED && k->out_tag[0] == AVCL_CPU_BLOCKED)
        return AVCL_OK;
    return avcl__fail(err, AVCL_E_UNSUPPORTED, "op '%s' does not take these layouts",
                      k->op->name);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_point)[] = {
    {.name = "conv3d_backward_data_add",
     sizeof(avcl_conv3d_attrs),
     .run = backward_data_add,
     .layouts = layouts,
     .prepare = plan,
     .judges_tags = 1,
     .supports = is_point,
     .takes_bf16 = avcl__cpu_always},
    {.name = NULL},
};
