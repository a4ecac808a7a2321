/*
 * conv.c - 3-D convolution as a matrix product per sample, y = W col(x): the way
 * without oneDNN. col has a row per (channel, tap) and a column per output.
 */
#include <cblas.h>
#include <string.h>

#include "../conv/conv.h"

typedef struct volume {
    const avcl_conv3d_attrs *attrs;
    const int64_t *x; /* N C T H W */
    const int64_t *w; /* O C kt kh kw */
    const int64_t *y; /* N O T' H' W' */
    float *image;     /* one sample of x, or of its gradient */
    float *col;
} volume;

static int64_t product(const int64_t *v, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        p *= v[i];
    return p;
}

/* Start of a row of x that tap k of output (t, h) reads, or -1 in the padding. */
static int64_t row_of(const volume *v, const int64_t k[2], int64_t t, int64_t h)
{
    int64_t at_t = t * v->attrs->stride.v[0] - v->attrs->pad.v[0] + k[0];
    int64_t at_h = h * v->attrs->stride.v[1] - v->attrs->pad.v[1] + k[1];
    if (at_t < 0 || at_t >= v->x[2] || at_h < 0 || at_h >= v->x[3]) return -1;
    return (at_t * v->x[3] + at_h) * v->x[4];
}

/* One row of outputs' worth of col, copied from x (or added to it). */
static void move_row(const volume *v, float *x, float *col, int64_t kw, int to_image)
{
    for (int64_t o = 0; o < v->y[4]; o++) {
        int64_t at = o * v->attrs->stride.v[2] - v->attrs->pad.v[2] + kw;
        int inside = x && at >= 0 && at < v->x[4];
        if (!to_image)
            col[o] = inside ? x[at] : 0;
        else if (inside)
            x[at] += col[o];
    }
}

static void move_tap(const volume *v, int64_t channel, int64_t tap, int to_image)
{
    int64_t plane = product(v->x + 2, 3);
    int64_t n_taps = product(v->w + 2, 3);
    int64_t k[2] = {tap / (v->w[3] * v->w[4]), tap / v->w[4] % v->w[3]};
    float *col = v->col + (channel * n_taps + tap) * product(v->y + 2, 3);
    for (int64_t t = 0; t < v->y[2]; t++)
        for (int64_t h = 0; h < v->y[3]; h++, col += v->y[4]) {
            int64_t row = row_of(v, k, t, h);
            float *x = row < 0 ? NULL : v->image + channel * plane + row;
            move_row(v, x, col, tap % v->w[4], to_image);
        }
}

static void unfold(void *arg, int64_t begin, int64_t end)
{
    const volume *v = arg;
    int64_t n_taps = product(v->w + 2, 3);
    for (int64_t i = begin; i < end; i++)
        move_tap(v, i / n_taps, i % n_taps, 0);
}

/* Channels [begin, end): two taps may meet in one element, two channels never. */
static void fold(void *arg, int64_t begin, int64_t end)
{
    const volume *v = arg;
    int64_t plane = product(v->x + 2, 3);
    int64_t n_taps = product(v->w + 2, 3);
    for (int64_t c = begin; c < end; c++) {
        memset(v->image + c * plane, 0, (size_t)plane * sizeof(float));
        for (int64_t tap = 0; tap < n_taps; tap++)
            move_tap(v, c, tap, 1);
    }
}

static int64_t grain(const volume *v)
{
    return 1 + AVCL_CPU_GRAIN / (1 + product(v->y + 2, 3));
}

static volume volume_of(const cpu_call *c, const avcl_tinfo *x, const avcl_tinfo *w,
                        const avcl_tinfo *y)
{
    return (volume){c->attrs, x->shape, w->shape, y->shape, NULL, c->scratch};
}

static void multiply(const cpu_call *c, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb,
                     const int64_t mnk[3], const float *a, const float *b, float beta,
                     float *y)
{
    int m = (int)mnk[0];
    int n = (int)mnk[1];
    int k = (int)mnk[2];
    int saved = avcl__cpu_threads_enter(c->device);
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, ta == CblasTrans ? m : k, b,
                tb == CblasTrans ? k : n, beta, y, n);
    avcl__cpu_threads_leave(saved);
}

static avcl_status forward(const cpu_call *c)
{
    const avcl_tinfo *in = c->kernel->in_info;
    volume v = volume_of(c, &in[0], &in[1], &c->kernel->out_info[0]);
    const float *bias = c->kernel->n_in > 2 ? c->in[2] : NULL;
    int64_t rows = product(v.w + 1, 4);
    int64_t plane = product(v.y + 2, 3);
    int64_t mnk[3] = {v.w[0], plane, rows};
    for (int64_t n = 0; n < v.x[0]; n++) {
        float *y = (float *)c->out[0] + n * v.y[1] * plane;
        v.image = (float *)(uintptr_t)c->in[0] + n * product(v.x + 1, 4);
        avcl__cpu_for(c->device, rows, grain(&v), unfold, &v);
        for (int64_t i = 0; bias && i < v.y[1] * plane; i++)
            y[i] = bias[i / plane];
        multiply(c, CblasNoTrans, CblasNoTrans, mnk, c->in[1], v.col, bias ? 1 : 0, y);
    }
    return AVCL_OK;
}

static avcl_status backward_data(const cpu_call *c)
{
    const avcl_tinfo *in = c->kernel->in_info;
    volume v = volume_of(c, &c->kernel->out_info[0], &in[1], &in[0]);
    int64_t plane = product(v.y + 2, 3);
    int64_t mnk[3] = {product(v.w + 1, 4), plane, v.w[0]};
    for (int64_t n = 0; n < v.x[0]; n++) {
        const float *gy = (const float *)c->in[0] + n * v.y[1] * plane;
        v.image = (float *)c->out[0] + n * product(v.x + 1, 4);
        multiply(c, CblasTrans, CblasNoTrans, mnk, c->in[1], gy, 0, v.col);
        avcl__cpu_for(c->device, v.x[1], 1, fold, &v);
    }
    return AVCL_OK;
}

static avcl_status backward_weight(const cpu_call *c)
{
    const avcl_tinfo *in = c->kernel->in_info;
    volume v = volume_of(c, &in[1], &c->kernel->out_info[0], &in[0]);
    int64_t rows = product(v.w + 1, 4);
    int64_t plane = product(v.y + 2, 3);
    int64_t mnk[3] = {v.w[0], rows, plane};
    for (int64_t n = 0; n < v.x[0]; n++) {
        const float *gy = (const float *)c->in[0] + n * v.y[1] * plane;
        v.image = (float *)(uintptr_t)c->in[1] + n * product(v.x + 1, 4);
        avcl__cpu_for(c->device, rows, grain(&v), unfold, &v);
        multiply(c, CblasNoTrans, CblasTrans, mnk, gy, v.col, n ? 1 : 0, c->out[0]);
    }
    return AVCL_OK;
}

/* Scratch: col of one sample. The gradients carry w as out 0 or in 1. */
static avcl_status plan(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    (void)device;
    (void)err;
    int is_forward = !strcmp(k->op->name, "conv3d");
    int makes_w = !strcmp(k->op->name, "conv3d_backward_weight");
    const avcl_tinfo *w = makes_w ? &k->out_info[0] : &k->in_info[1];
    const avcl_tinfo *y = is_forward ? &k->out_info[0] : &k->in_info[0];
    k->scratch = avcl__align(
        (uint64_t)(product(w->shape + 1, 4) * product(y->shape + 2, 3)) * sizeof(float));
    return AVCL_OK;
}

const cpu_op avcl__cpu_direct[] = {
    {.name = "conv3d", sizeof(avcl_conv3d_attrs), .run = forward, .prepare = plan},
    {.name = "conv3d_backward_data",
     sizeof(avcl_conv3d_attrs),
     .run = backward_data,
     .prepare = plan},
    {.name = "conv3d_backward_weight",
     sizeof(avcl_conv3d_attrs),
     .run = backward_weight,
     .prepare = plan},
    {.name = NULL},
};
