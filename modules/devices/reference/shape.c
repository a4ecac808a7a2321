/* shape.c - values that only move: slices, transposes, rows, copies. */
#include <string.h>

#include "reference.h"

/* Bytes per element as kernels see them: reals are doubles here. */
static size_t element(const avcl_tinfo *info)
{
    int real = info->dtype == AVCL_F32 || info->dtype == AVCL_F64;
    return real ? sizeof(double) : (size_t)avcl__dtype_size(info->dtype);
}

static avcl_status copy(const ref_call *c)
{
    size_t size = (size_t)avcl__count(&c->out_info[0]) * element(&c->out_info[0]);
    if (c->out[0] != c->in[0]) memmove(c->out[0], c->in[0], size);
    return AVCL_OK;
}

/* Copies one element of any type. */
static void move(void *y, int64_t to, const void *x, int64_t from, size_t size)
{
    memcpy((char *)y + (size_t)to * size, (const char *)x + (size_t)from * size, size);
}

static avcl_status broadcast_to(const ref_call *c)
{
    size_t size = element(&c->in_info[0]);
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        move(c->out[0], i, c->in[0],
             avcl__broadcast_index(&c->in_info[0], &c->out_info[0], i), size);
    return AVCL_OK;
}

/* Copies `count` steps along the axis from x at x_at to y at y_at. */
static void copy_range(const ref_call *c, uint32_t input, int64_t axis, int64_t x_at,
                       int64_t y_at, int64_t count)
{
    const avcl_tinfo *x = &c->in_info[input];
    const avcl_tinfo *y = &c->out_info[0];
    size_t size = element(x);
    int64_t outer = avcl__extent(x, 0, (int32_t)axis);
    int64_t inner = avcl__extent(x, (int32_t)axis + 1, x->ndim);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < count; k++)
            for (int64_t i = 0; i < inner; i++)
                move(c->out[0], (o * y->shape[axis] + y_at + k) * inner + i, c->in[input],
                     (o * x->shape[axis] + x_at + k) * inner + i, size);
}

static avcl_status concat(const ref_call *c)
{
    const avcl_axis_attrs *a = c->attrs;
    int64_t at = 0;
    for (uint32_t k = 0; k < c->n_in; k++) {
        int64_t count = c->in_info[k].shape[a->axis];
        copy_range(c, k, a->axis, 0, at, count);
        at += count;
    }
    return AVCL_OK;
}

static avcl_status slice(const ref_call *c)
{
    const avcl_range_attrs *a = c->attrs;
    copy_range(c, 0, a->axis, a->start, 0, c->out_info[0].shape[a->axis]);
    return AVCL_OK;
}

static avcl_status pad_zero(const ref_call *c)
{
    const avcl_range_attrs *a = c->attrs;
    memset(c->out[0], 0, (size_t)avcl__count(&c->out_info[0]) * element(&c->out_info[0]));
    copy_range(c, 0, a->axis, 0, a->start, c->in_info[0].shape[a->axis]);
    return AVCL_OK;
}

/* Output axis i is input axis perm[i]. */
static avcl_status transpose(const ref_call *c)
{
    const avcl_perm_attrs *a = c->attrs;
    const avcl_tinfo *x = &c->in_info[0];
    const avcl_tinfo *y = &c->out_info[0];
    size_t size = element(x);
    int64_t n = avcl__count(y);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i;
        int64_t from = 0;
        for (int32_t d = y->ndim - 1; d >= 0; d--) {
            int32_t axis = (int32_t)a->perm.v[d];
            from += rest % y->shape[d] * avcl__extent(x, axis + 1, x->ndim);
            rest /= y->shape[d];
        }
        move(c->out[0], i, c->in[0], from, size);
    }
    return AVCL_OK;
}

static avcl_status gather(const ref_call *c)
{
    const avcl_tinfo *x = &c->in_info[0];
    const int32_t *index = c->in[1];
    int64_t n = avcl__count(&c->in_info[1]);
    int64_t row = avcl__extent(x, 1, x->ndim);
    size_t size = element(x);
    avcl_status status = avcl__check_rows(index, n, x->shape[0], c->err);
    if (status) return status;
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < row; i++)
            move(c->out[0], r * row + i, c->in[0], index[r] * row + i, size);
    return AVCL_OK;
}

static avcl_status scatter_add(const ref_call *c)
{
    const double *g = c->in[0];
    const int32_t *index = c->in[1];
    double *y = c->out[0];
    const avcl_tinfo *to = &c->out_info[0];
    int64_t n = avcl__count(&c->in_info[1]);
    int64_t row = avcl__extent(to, 1, to->ndim);
    avcl_status status = avcl__check_rows(index, n, to->shape[0], c->err);
    if (status) return status;
    for (int64_t i = 0; i < to->shape[0] * row; i++)
        y[i] = 0;
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < row; i++)
            y[index[r] * row + i] += g[r * row + i];
    return AVCL_OK;
}

const ref_op avcl__ref_shape[] = {
    {.name = "reorder", .run = copy},
    {.name = "identity", .run = copy},
    {.name = "stop_gradient", .run = copy},
    {.name = "all_gather", .run = copy},
    {.name = "all_reduce", .run = copy},
    {.name = "reshape", .run = copy},
    {.name = "broadcast_to", .run = broadcast_to},
    {.name = "concat", sizeof(avcl_axis_attrs), .run = concat},
    {.name = "slice", sizeof(avcl_range_attrs), .run = slice},
    {.name = "pad_zero", sizeof(avcl_range_attrs), .run = pad_zero},
    {.name = "transpose", sizeof(avcl_perm_attrs), .run = transpose},
    {.name = "gather", .run = gather},
    {.name = "scatter_add", .run = scatter_add},
    {.name = NULL},
};
