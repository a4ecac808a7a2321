/*
 * binary.c - y = f(a, b) with broadcasting, row by row of the innermost axis.
 *
 * Equal shapes are one row, whatever their layout.
 */
#include "kernels.h"

typedef float binary_fn(float a, float b);

typedef struct binary_job {
    const void *a;
    const void *b;
    void *y;
    const avcl_tinfo *a_info;
    const avcl_tinfo *b_info;
    const avcl_tinfo *y_info;
    int64_t width; /* of a row */
    int a_moves;   /* 0: one element of a serves the whole row */
    int b_moves;
} binary_job;

/* As in pointwise.c: the strip is local because y may be a. */
static inline __attribute__((always_inline)) void row(const float *a, int64_t a_step,
                                                      const float *b, int64_t b_step,
                                                      float *y, int64_t n, binary_fn *f)
{
    int64_t i = 0;
    for (; i + STRIP <= n; i += STRIP) {
        float t[STRIP];
        for (int k = 0; k < STRIP; k++)
            t[k] = f(a[(i + k) * a_step], b[(i + k) * b_step]);
        memcpy(y + i, t, sizeof t);
    }
    for (; i < n; i++)
        y[i] = f(a[i * a_step], b[i * b_step]);
}

static inline __attribute__((always_inline)) void any_row(const binary_job *j,
                                                          const float *a, const float *b,
                                                          float *y, int64_t n,
                                                          binary_fn *f)
{
    if (j->a_moves && j->b_moves)
        row(a, 1, b, 1, y, n, f);
    else if (j->a_moves)
        row(a, 1, b, 0, y, n, f);
    else if (j->b_moves)
        row(a, 0, b, 1, y, n, f);
    else
        row(a, 0, b, 0, y, n, f);
}

/* [begin, end) in elements: pieces may start inside a row. */
static inline __attribute__((always_inline)) void rows(const binary_job *j, int64_t begin,
                                                       int64_t end, binary_fn *f)
{
    while (begin < end) {
        int64_t left = j->width - begin % j->width;
        int64_t n = left < end - begin ? left : end - begin;
        int64_t a = begin;
        int64_t b = begin;
        if (j->y_info) {
            a = avcl__broadcast_index(j->a_info, j->y_info, begin);
            b = avcl__broadcast_index(j->b_info, j->y_info, begin);
        }
        any_row(j, (const float *)j->a + a, (const float *)j->b + b,
                (float *)j->y + begin, n, f);
        begin += n;
    }
}

static int same(const avcl_tinfo *a, const avcl_tinfo *b)
{
    return a->ndim == b->ndim &&
           !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

static avcl_status each(const cpu_call *c, void (*body)(void *, int64_t, int64_t))
{
    const avcl_kernel *k = c->kernel;
    const avcl_tinfo *a = &k->in_info[0];
    const avcl_tinfo *b = &k->in_info[1];
    const avcl_tinfo *y = &k->out_info[0];
    int64_t n = avcl__cpu_elements(c->device, k->out_tag[0], y);
    binary_job j = {c->in[0], c->in[1], c->out[0], a, b, NULL, n > 0 ? n : 1, 1, 1};
    if (!same(a, y) || !same(b, y)) {
        /* y has an axis, or the two would both be its shape; a scalar serves all of it */
        int64_t width = y->shape[y->ndim - 1];
        j.a_moves = a->ndim > 0 && a->shape[a->ndim - 1] == width;
        j.b_moves = b->ndim > 0 && b->shape[b->ndim - 1] == width;
        if (avcl__count(a) == 1 && same(b, y)) {
            j.a_moves = 0;
        } else if (avcl__count(b) == 1 && same(a, y)) {
            j.b_moves = 0;
        } else {
            j.width = width;
        }
        j.y_info = y;
    }
    avcl__cpu_for(c->device, n, AVCL_CPU_GRAIN, body, &j);
    return AVCL_OK;
}

static inline float add_1(float a, float b)
{
    return a + b;
}

static void add_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, add_1);
}

/* bf16, of one shape and layout. */
static void add_bf16_body(void *arg, int64_t begin, int64_t end)
{
    const binary_job *j = arg;
    for (int64_t i = begin; i < end; i += LANES) {
        int64_t lanes = end - i < LANES ? end - i : LANES;
        vec y = load_real(j->a, i, lanes, 1) + load_real(j->b, i, lanes, 1);
        store_real(j->y, i, y, lanes, 1);
    }
}

static avcl_status add(const cpu_call *c)
{
    int is_bf16 = c->kernel->out_info[0].dtype == AVCL_BF16;
    return each(c, is_bf16 ? add_bf16_body : add_body);
}

static inline float sub_1(float a, float b)
{
    return a - b;
}

static void sub_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, sub_1);
}

static avcl_status sub(const cpu_call *c)
{
    return each(c, sub_body);
}

static inline float mul_1(float a, float b)
{
    return a * b;
}

static void mul_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, mul_1);
}

static avcl_status mul(const cpu_call *c)
{
    return each(c, mul_body);
}

static inline float div_1(float a, float b)
{
    return a / b;
}

static void div_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, div_1);
}

static avcl_status divide(const cpu_call *c)
{
    return each(c, div_body);
}

static inline float maximum_1(float a, float b)
{
    return a >= b ? a : b;
}

static void maximum_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, maximum_1);
}

static avcl_status maximum(const cpu_call *c)
{
    return each(c, maximum_body);
}

static inline float greater_equal_1(float a, float b)
{
    return a >= b ? 1 : 0;
}

static void greater_equal_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, greater_equal_1);
}

static avcl_status greater_equal(const cpu_call *c)
{
    return each(c, greater_equal_body);
}

static inline float equal_1(float a, float b)
{
    return a == b ? 1 : 0;
}

static void equal_body(void *arg, int64_t begin, int64_t end)
{
    rows(arg, begin, end, equal_1);
}

static avcl_status equal(const cpu_call *c)
{
    return each(c, equal_body);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_binary)[] = {
    {.name = "add",
     .run = add,
     .layouts = avcl__cpu_layout_pointwise,
     .takes_bf16 = avcl__cpu_pointwise},
    {.name = "sub", .run = sub, .layouts = avcl__cpu_layout_pointwise},
    {.name = "mul", .run = mul, .layouts = avcl__cpu_layout_pointwise},
    {.name = "div", .run = divide, .layouts = avcl__cpu_layout_whole},
    {.name = "maximum", .run = maximum, .layouts = avcl__cpu_layout_pointwise},
    {.name = "greater_equal", .run = greater_equal, .layouts = avcl__cpu_layout_whole},
    {.name = "equal", .run = equal, .layouts = avcl__cpu_layout_whole},
    {.name = NULL},
};
