/* shape.c - values that only move, of any element type, in runs of whole rows. */
#include "kernels.h"

static size_t element(const avcl_tinfo *info)
{
    return (size_t)avcl__dtype_size(info->dtype);
}

typedef struct copy_job {
    const char *x;
    char *y;
} copy_job;

static void copy_some(void *arg, int64_t begin, int64_t end)
{
    const copy_job *j = arg;
    memcpy(j->y + begin, j->x + begin, (size_t)(end - begin));
}

/* identity and its like: nothing to do where the core gave both sides one place. */
static avcl_status alias(const cpu_call *c)
{
    const avcl_kernel *k = c->kernel;
    copy_job j = {c->in[0], c->out[0]};
    int64_t n = (int64_t)avcl__cpu_bytes(c->device, k->out_tag[0], &k->out_info[0]);
    if (j.x != j.y) avcl__cpu_for(c->device, n, 4 * AVCL_CPU_GRAIN, copy_some, &j);
    return AVCL_OK;
}

typedef struct broadcast_job {
    const float *x;
    float *y;
    const avcl_tinfo *from;
    const avcl_tinfo *to;
    int64_t width;
    int moves; /* the last axis of x is y's */
} broadcast_job;

static void broadcast_rows(void *arg, int64_t begin, int64_t end)
{
    const broadcast_job *j = arg;
    for (int64_t r = begin; r < end; r++) {
        const float *x = j->x + avcl__broadcast_index(j->from, j->to, r * j->width);
        float *y = j->y + r * j->width;
        if (j->moves)
            memcpy(y, x, (size_t)j->width * sizeof *y);
        else
            for (int64_t i = 0; i < j->width; i++)
                y[i] = *x;
    }
}

static avcl_status broadcast_to(const cpu_call *c)
{
    const avcl_tinfo *x = &c->kernel->in_info[0];
    const avcl_tinfo *y = &c->kernel->out_info[0];
    int64_t width = y->ndim ? y->shape[y->ndim - 1] : 1;
    int moves = x->ndim > 0 && x->shape[x->ndim - 1] == width;
    broadcast_job j = {c->in[0], c->out[0], x, y, width, moves};
    avcl__cpu_for(c->device, avcl__count(y) / width, grain_of(width), broadcast_rows, &j);
    return AVCL_OK;
}

/* Copies `count` steps along the axis from x at x_at to y at y_at. */
static void copy_range(const cpu_call *c, uint32_t input, int64_t axis, int64_t x_at,
                       int64_t y_at, int64_t count)
{
    const avcl_tinfo *x = &c->kernel->in_info[input];
    const avcl_tinfo *y = &c->kernel->out_info[0];
    int64_t step = avcl__extent(x, (int32_t)axis + 1, x->ndim) * (int64_t)element(x);
    int64_t outer = avcl__extent(x, 0, (int32_t)axis);
    const char *from = (const char *)c->in[input] + x_at * step;
    char *to = (char *)c->out[0] + y_at * step;
    for (int64_t o = 0; o < outer; o++)
        memcpy(to + o * y->shape[axis] * step, from + o * x->shape[axis] * step,
               (size_t)(count * step));
}

static avcl_status concat(const cpu_call *c)
{
    const avcl_axis_attrs *a = c->attrs;
    int64_t at = 0;
    for (uint32_t k = 0; k < c->kernel->n_in; k++) {
        int64_t count = c->kernel->in_info[k].shape[a->axis];
        copy_range(c, k, a->axis, 0, at, count);
        at += count;
    }
    return AVCL_OK;
}

static avcl_status slice(const cpu_call *c)
{
    const avcl_range_attrs *a = c->attrs;
    copy_range(c, 0, a->axis, a->start, 0, c->kernel->out_info[0].shape[a->axis]);
    return AVCL_OK;
}

static avcl_status pad_zero(const cpu_call *c)
{
    const avcl_range_attrs *a = c->attrs;
    const avcl_tinfo *y = &c->kernel->out_info[0];
    memset(c->out[0], 0, (size_t)avcl__count(y) * element(y));
    copy_range(c, 0, a->axis, 0, a->start, c->kernel->in_info[0].shape[a->axis]);
    return AVCL_OK;
}

typedef struct transpose_job {
    const char *x;
    char *y;
    const avcl_tinfo *to;
    int64_t stride[AVCL_MAX_DIMS]; /* in x, of each axis of y */
    size_t size;
} transpose_job;

static void transpose_rows(void *arg, int64_t begin, int64_t end)
{
    const transpose_job *j = arg;
    int32_t last = j->to->ndim - 1;
    int64_t width = j->to->shape[last];
    for (int64_t r = begin; r < end; r++) {
        int64_t from = 0;
        int64_t rest = r;
        for (int32_t d = last - 1; d >= 0; d--) {
            from += rest % j->to->shape[d] * j->stride[d];
            rest /= j->to->shape[d];
        }
        char *y = j->y + (size_t)(r * width) * j->size;
        for (int64_t i = 0; i < width; i++)
            memcpy(y + (size_t)i * j->size,
                   j->x + (size_t)(from + i * j->stride[last]) * j->size, j->size);
    }
}

/* Output axis i is input axis perm[i]. */
static avcl_status transpose(const cpu_call *c)
{
    const avcl_perm_attrs *a = c->attrs;
    const avcl_tinfo *x = &c->kernel->in_info[0];
    const avcl_tinfo *y = &c->kernel->out_info[0];
    transpose_job j = {.x = c->in[0], .y = c->out[0], .to = y, .size = element(x)};
    if (!y->ndim) {
        memcpy(j.y, j.x, j.size);
        return AVCL_OK;
    }
    for (int32_t d = 0; d < y->ndim; d++)
        j.stride[d] = avcl__extent(x, (int32_t)a->perm.v[d] + 1, x->ndim);
    int64_t width = y->shape[y->ndim - 1];
    avcl__cpu_for(c->device, avcl__count(y) / width, grain_of(width), transpose_rows, &j);
    return AVCL_OK;
}

static avcl_status gather(const cpu_call *c)
{
    const avcl_tinfo *x = &c->kernel->in_info[0];
    const int32_t *index = c->in[1];
    int64_t n = avcl__count(&c->kernel->in_info[1]);
    size_t row = (size_t)avcl__extent(x, 1, x->ndim) * element(x);
    avcl_status status = avcl__check_rows(index, n, x->shape[0], c->err);
    if (status) return status;
    for (int64_t r = 0; r < n; r++)
        memcpy((char *)c->out[0] + (size_t)r * row,
               (const char *)c->in[0] + (size_t)index[r] * row, row);
    return AVCL_OK;
}

static avcl_status scatter_add(const cpu_call *c)
{
    const avcl_tinfo *to = &c->kernel->out_info[0];
    const float *g = c->in[0];
    const int32_t *index = c->in[1];
    float *y = c->out[0];
    int64_t n = avcl__count(&c->kernel->in_info[1]);
    int64_t row = avcl__extent(to, 1, to->ndim);
    avcl_status status = avcl__check_rows(index, n, to->shape[0], c->err);
    if (status) return status;
    memset(y, 0, (size_t)(to->shape[0] * row) * sizeof *y);
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < row; i++)
            y[index[r] * row + i] += g[r * row + i];
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_shape)[] = {
    {.name = "identity", .run = alias, .layouts = avcl__cpu_layout_keep},
    {.name = "stop_gradient", .run = alias, .layouts = avcl__cpu_layout_keep},
    {.name = "all_gather", .run = alias, .layouts = avcl__cpu_layout_keep},
    {.name = "all_reduce", .run = alias, .layouts = avcl__cpu_layout_keep},
    {.name = "reshape", .run = alias},
    {.name = "broadcast_to", .run = broadcast_to},
    {.name = "concat", sizeof(avcl_axis_attrs), .run = concat},
    {.name = "slice", sizeof(avcl_range_attrs), .run = slice},
    {.name = "pad_zero", sizeof(avcl_range_attrs), .run = pad_zero},
    {.name = "transpose", sizeof(avcl_perm_attrs), .run = transpose},
    {.name = "gather", .run = gather},
    {.name = "scatter_add", .run = scatter_add},
    {.name = NULL},
};
