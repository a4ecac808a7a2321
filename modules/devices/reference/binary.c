/* binary.c - y = f(a, b) with NumPy's broadcasting. */
#include "reference.h"

static avcl_status map(const ref_call *c)
{
    const double *a = c->in[0];
    const double *b = c->in[1];
    double *y = c->out[0];
    const avcl_tinfo *shape = &c->out_info[0];
    int64_t n = avcl__count(shape);
    for (int64_t i = 0; i < n; i++)
        y[i] = c->op->map2(a[avcl__broadcast_index(&c->in_info[0], shape, i)],
                           b[avcl__broadcast_index(&c->in_info[1], shape, i)]);
    return AVCL_OK;
}

static double add(double a, double b)
{
    return a + b;
}

static double sub(double a, double b)
{
    return a - b;
}

static double mul(double a, double b)
{
    return a * b;
}

static double divide(double a, double b)
{
    return a / b;
}

static double maximum(double a, double b)
{
    return a >= b ? a : b;
}

static double greater_equal(double a, double b)
{
    return a >= b;
}

static double equal(double a, double b)
{
    return a == b;
}

const ref_op avcl__ref_binary[] = {
    {.name = "add", .run = map, .map2 = add},
    {.name = "sub", .run = map, .map2 = sub},
    {.name = "mul", .run = map, .map2 = mul},
    {.name = "div", .run = map, .map2 = divide},
    {.name = "maximum", .run = map, .map2 = maximum},
    {.name = "greater_equal", .run = map, .map2 = greater_equal},
    {.name = "equal", .run = map, .map2 = equal},
    {.name = NULL},
};
