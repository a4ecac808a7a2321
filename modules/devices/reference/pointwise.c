/* pointwise.c - y = f(x), element by element. */
#include <math.h>

#include "reference.h"

static avcl_status map(const ref_call *c)
{
    const double *x = c->in[0];
    double *y = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = c->op->map1(x[i], c->attrs);
    return AVCL_OK;
}

static double relu(double x, const void *attrs)
{
    (void)attrs;
    return x <= 0 ? 0 : x; /* NaN stays NaN */
}

static double sigmoid(double x, const void *attrs)
{
    (void)attrs;
    return 1 / (1 + exp(-x));
}

static double tanh_of(double x, const void *attrs)
{
    (void)attrs;
    return tanh(x);
}

static double exp_of(double x, const void *attrs)
{
    (void)attrs;
    return exp(x);
}

static double sqrt_of(double x, const void *attrs)
{
    (void)attrs;
    return sqrt(x);
}

static double log_of(double x, const void *attrs)
{
    (void)attrs;
    return log(x);
}

static double neg(double x, const void *attrs)
{
    (void)attrs;
    return -x;
}

static double square(double x, const void *attrs)
{
    (void)attrs;
    return x * x;
}

static double abs_of(double x, const void *attrs)
{
    (void)attrs;
    return fabs(x);
}

static double sign(double x, const void *attrs)
{
    (void)attrs;
    return (x > 0) - (x < 0);
}

static double affine(double x, const void *attrs)
{
    const avcl_affine_attrs *a = attrs;
    return a->scale * x + a->shift;
}

static double elu(double x, const void *attrs)
{
    const avcl_affine_attrs *a = attrs;
    return x > 0 ? x : a->scale * expm1(x);
}

static avcl_status relu_backward(const ref_call *c)
{
    const double *g = c->in[0];
    const double *y = c->in[1];
    double *gx = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        gx[i] = y[i] > 0 ? g[i] : 0;
    return AVCL_OK;
}

static avcl_status elu_backward(const ref_call *c)
{
    const avcl_affine_attrs *a = c->attrs;
    const double *g = c->in[0];
    const double *y = c->in[1];
    double *gx = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        gx[i] = g[i] * (y[i] > 0 ? 1 : y[i] + a->scale);
    return AVCL_OK;
}

const ref_op avcl__ref_pointwise[] = {
    {.name = "relu", .run = map, .map1 = relu},
    {.name = "relu_backward", .run = relu_backward},
    {.name = "sigmoid", .run = map, .map1 = sigmoid},
    {.name = "tanh", .run = map, .map1 = tanh_of},
    {.name = "exp", .run = map, .map1 = exp_of},
    {.name = "sqrt", .run = map, .map1 = sqrt_of},
    {.name = "log", .run = map, .map1 = log_of},
    {.name = "neg", .run = map, .map1 = neg},
    {.name = "square", .run = map, .map1 = square},
    {.name = "abs", .run = map, .map1 = abs_of},
    {.name = "sign", .run = map, .map1 = sign},
    {.name = "affine", sizeof(avcl_affine_attrs), .run = map, .map1 = affine},
    {.name = "elu", sizeof(avcl_affine_attrs), .run = map, .map1 = elu},
    {.name = "elu_backward", sizeof(avcl_affine_attrs), .run = elu_backward},
    {.name = NULL},
};
