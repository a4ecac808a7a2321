/* source.c - values out of nothing or out of another type. */
#include <math.h>

#include "reference.h"

static avcl_status constant(const ref_call *c)
{
    const avcl_shape_attrs *a = c->attrs;
    double *y = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = a->value;
    return AVCL_OK;
}

static avcl_status eye(const ref_call *c)
{
    const avcl_count_attrs *a = c->attrs;
    double *y = c->out[0];
    for (int64_t i = 0; i < a->n * a->n; i++)
        y[i] = i % (a->n + 1) == 0 ? a->scale : 0;
    return AVCL_OK;
}

static avcl_status one_hot(const ref_call *c)
{
    const avcl_count_attrs *a = c->attrs;
    const int32_t *label = c->in[0];
    double *y = c->out[0];
    int64_t rows = avcl__count(&c->in_info[0]);
    avcl_status status = avcl__check_labels(label, rows, a->n, c->err);
    if (status) return status;
    for (int64_t i = 0; i < rows * a->n; i++)
        y[i] = i % a->n == label[i / a->n];
    return AVCL_OK;
}

static double bfloat(uint16_t bits)
{
    union {
        uint32_t u;
        float f;
    } word = {.u = (uint32_t)bits << 16};
    return word.f;
}

/* Element i of any type. Reals are doubles here. */
static double load(const void *x, avcl_dtype dtype, int64_t i)
{
    switch (dtype) {
    case AVCL_U8:
        return ((const uint8_t *)x)[i];
    case AVCL_F16:
        return avcl__half_to_float(((const uint16_t *)x)[i]);
    case AVCL_BF16:
        return bfloat(((const uint16_t *)x)[i]);
    case AVCL_I32:
        return ((const int32_t *)x)[i];
    case AVCL_I64:
        return (double)((const int64_t *)x)[i];
    default:
        return ((const double *)x)[i];
    }
}

static avcl_status cast(const ref_call *c)
{
    double *y = c->out[0];
    avcl_dtype to = c->out_info[0].dtype;
    int64_t n = avcl__count(&c->out_info[0]);
    if (to != AVCL_F32 && to != AVCL_F64)
        return avcl__fail(c->err, AVCL_E_UNSUPPORTED,
                          "cast makes reals only, not type %d", to);
    for (int64_t i = 0; i < n; i++)
        y[i] = load(c->in[0], c->in_info[0].dtype, i);
    return AVCL_OK;
}

const ref_op avcl__ref_source[] = {
    {.name = "constant", sizeof(avcl_shape_attrs), .run = constant},
    {.name = "eye", sizeof(avcl_count_attrs), .run = eye},
    {.name = "one_hot", sizeof(avcl_count_attrs), .run = one_hot},
    {.name = "cast", sizeof(avcl_cast_attrs), .run = cast},
    {.name = NULL},
};
