/*
 * pointwise.c - y = f(x), element by element, over whatever layout the values have.
 *
 * A strip is computed into a local array first: the compiler then vectorises
 * although y may be x.
 */
#include <math.h>

#include "kernels.h"

typedef struct map_job {
    const void *x;
    const void *b; /* second operand, if any */
    void *y;
    float scale;
    float shift;
} map_job;

typedef float map_fn(float x, float b, const map_job *j);

static inline __attribute__((always_inline)) void strips(const map_job *j, int64_t begin,
                                                         int64_t end, map_fn *f)
{
    const float *x = j->x;
    const float *b = j->b ? j->b : x;
    float *y = j->y;
    int64_t i = begin;
    for (; i + STRIP <= end; i += STRIP) {
        float t[STRIP];
        for (int k = 0; k < STRIP; k++)
            t[k] = f(x[i + k], b[i + k], j);
        memcpy(y + i, t, sizeof t);
    }
    for (; i < end; i++)
        y[i] = f(x[i], b[i], j);
}

static avcl_status each(const cpu_call *c, void (*body)(void *, int64_t, int64_t),
                        int64_t grain)
{
    const avcl_affine_attrs *a = c->attrs;
    map_job j = {c->in[0], c->kernel->n_in > 1 ? c->in[1] : NULL, c->out[0],
                 a ? (float)a->scale : 1, a ? (float)a->shift : 0};
    int64_t n =
        avcl__cpu_elements(c->device, c->kernel->out_tag[0], &c->kernel->out_info[0]);
    avcl__cpu_for(c->device, n, grain, body, &j);
    return AVCL_OK;
}

/* bf16: whole vectors at a time. */
static inline __attribute__((always_inline)) void
vectors(const map_job *j, int64_t begin, int64_t end, vec (*f)(vec x, vec b))
{
    for (int64_t i = begin; i < end; i += LANES) {
        int64_t lanes = end - i < LANES ? end - i : LANES;
        vec x = load_real(j->x, i, lanes, 1);
        vec b = j->b ? load_real(j->b, i, lanes, 1) : x;
        store_real(j->y, i, f(x, b), lanes, 1);
    }
}

static int is_bf16(const cpu_call *c)
{
    return c->kernel->out_info[0].dtype == AVCL_BF16;
}

enum { SLOW_GRAIN = AVCL_CPU_GRAIN / 8 }; /* for functions of the maths library */

static inline float relu_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return x <= 0 ? 0 : x; /* NaN stays NaN */
}

static void relu_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, relu_1);
}

static vec relu_bf16_1(vec x, vec b)
{
    (void)b;
    return relu_vec(x);
}

static void relu_bf16_body(void *arg, int64_t begin, int64_t end)
{
    vectors(arg, begin, end, relu_bf16_1);
}

static avcl_status relu(const cpu_call *c)
{
    return each(c, is_bf16(c) ? relu_bf16_body : relu_body, AVCL_CPU_GRAIN);
}

static inline float relu_grad_1(float g, float y, const map_job *j)
{
    (void)j;
    return y > 0 ? g : 0;
}

static void relu_grad_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, relu_grad_1);
}

static vec relu_grad_bf16_1(vec g, vec y)
{
    return where_positive(y, g);
}

static void relu_grad_bf16_body(void *arg, int64_t begin, int64_t end)
{
    vectors(arg, begin, end, relu_grad_bf16_1);
}

static avcl_status relu_backward(const cpu_call *c)
{
    return each(c, is_bf16(c) ? relu_grad_bf16_body : relu_grad_body, AVCL_CPU_GRAIN);
}

static inline float neg_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return -x;
}

static void neg_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, neg_1);
}

static avcl_status neg(const cpu_call *c)
{
    return each(c, neg_body, AVCL_CPU_GRAIN);
}

static inline float square_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return x * x;
}

static void square_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, square_1);
}

static avcl_status square(const cpu_call *c)
{
    return each(c, square_body, AVCL_CPU_GRAIN);
}

static inline float abs_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return fabsf(x);
}

static void abs_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, abs_1);
}

static avcl_status abs_of(const cpu_call *c)
{
    return each(c, abs_body, AVCL_CPU_GRAIN);
}

static inline float sign_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return (float)(x > 0) - (float)(x < 0);
}

static void sign_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, sign_1);
}

static avcl_status sign(const cpu_call *c)
{
    return each(c, sign_body, AVCL_CPU_GRAIN);
}

static inline float affine_1(float x, float b, const map_job *j)
{
    (void)b;
    return j->scale * x + j->shift;
}

static void affine_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, affine_1);
}

static avcl_status affine(const cpu_call *c)
{
    return each(c, affine_body, AVCL_CPU_GRAIN);
}

static inline float sqrt_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return sqrtf(x);
}

static void sqrt_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, sqrt_1);
}

static avcl_status sqrt_of(const cpu_call *c)
{
    return each(c, sqrt_body, AVCL_CPU_GRAIN);
}

static inline float sigmoid_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return 1 / (1 + expf(-x));
}

static void sigmoid_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, sigmoid_1);
}

static avcl_status sigmoid(const cpu_call *c)
{
    return each(c, sigmoid_body, SLOW_GRAIN);
}

static inline float tanh_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return tanhf(x);
}

static void tanh_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, tanh_1);
}

static avcl_status tanh_of(const cpu_call *c)
{
    return each(c, tanh_body, SLOW_GRAIN);
}

static inline float exp_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return expf(x);
}

static void exp_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, exp_1);
}

static avcl_status exp_of(const cpu_call *c)
{
    return each(c, exp_body, SLOW_GRAIN);
}

static inline float log_1(float x, float b, const map_job *j)
{
    (void)b;
    (void)j;
    return logf(x);
}

static void log_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, log_1);
}

static avcl_status log_of(const cpu_call *c)
{
    return each(c, log_body, SLOW_GRAIN);
}

static inline float elu_1(float x, float b, const map_job *j)
{
    (void)b;
    return x > 0 ? x : j->scale * expm1f(x);
}

static void elu_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, elu_1);
}

static avcl_status elu(const cpu_call *c)
{
    return each(c, elu_body, SLOW_GRAIN);
}

static inline float elu_grad_1(float g, float y, const map_job *j)
{
    return y > 0 ? g : g * (y + j->scale);
}

static void elu_grad_body(void *arg, int64_t begin, int64_t end)
{
    strips(arg, begin, end, elu_grad_1);
}

static avcl_status elu_backward(const cpu_call *c)
{
    return each(c, elu_grad_body, AVCL_CPU_GRAIN);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_pointwise)[] = {
    {.name = "relu",
     .run = relu,
     .layouts = avcl__cpu_layout_pointwise,
     .takes_bf16 = avcl__cpu_pointwise},
    {.name = "relu_backward",
     .run = relu_backward,
     .layouts = avcl__cpu_layout_pointwise,
     .takes_bf16 = avcl__cpu_pointwise},
    {.name = "neg", .run = neg, .layouts = avcl__cpu_layout_pointwise},
    {.name = "square", .run = square, .layouts = avcl__cpu_layout_pointwise},
    {.name = "abs", .run = abs_of, .layouts = avcl__cpu_layout_pointwise},
    {.name = "sign", .run = sign, .layouts = avcl__cpu_layout_pointwise},
    {.name = "affine",
     sizeof(avcl_affine_attrs),
     .run = affine,
     .layouts = avcl__cpu_layout_affine},
    {.name = "sqrt", .run = sqrt_of, .layouts = avcl__cpu_layout_pointwise},
    {.name = "sigmoid", .run = sigmoid, .layouts = avcl__cpu_layout_whole},
    {.name = "tanh", .run = tanh_of, .layouts = avcl__cpu_layout_pointwise},
    {.name = "exp", .run = exp_of, .layouts = avcl__cpu_layout_whole},
    {.name = "log", .run = log_of, .layouts = avcl__cpu_layout_whole},
    {.name = "elu",
     sizeof(avcl_affine_attrs),
     .run = elu,
     .layouts = avcl__cpu_layout_pointwise},
    {.name = "elu_backward",
     sizeof(avcl_affine_attrs),
     .run = elu_backward,
     .layouts = avcl__cpu_layout_pointwise},
    {.name = NULL},
};
