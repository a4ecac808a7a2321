/*
 * conv.c - 3-D convolution and its gradients: one walk over all the products
 * y[n,o,t'] += w[o,c,k] x[n,c,t' stride - pad + k], each reading two, adding to the
 * third.
 */
#include "reference.h"

typedef struct walk {
    const avcl_conv3d_attrs *attrs;
    const avcl_tinfo *x;
    const avcl_tinfo *w;
    const avcl_tinfo *y;
    int64_t at_x; /* of the product under way */
    int64_t at_w;
    int64_t at_y;
} walk;

/* Input position along axis d (0 T, 1 H, 2 W) of tap k at output o; -1 = padding. */
static int64_t source(const walk *v, int d, int64_t o, int64_t k)
{
    int64_t at = o * v->attrs->stride.v[d] - v->attrs->pad.v[d] + k;
    return at < v->x->shape[2 + d] ? at : -1;
}

/* All taps of one output position: calls `product` for those that see data. */
static void visit_taps(walk *v, int64_t x_plane, int64_t w_plane, const int64_t o[3],
                       void (*product)(const walk *, void *), void *arg)
{
    const int64_t *k = v->w->shape + 2;
    const int64_t *size = v->x->shape + 2;
    for (int64_t a = 0; a < k[0]; a++)
        for (int64_t b = 0; b < k[1]; b++)
            for (int64_t c = 0; c < k[2]; c++) {
                int64_t t = source(v, 0, o[0], a);
                int64_t h = source(v, 1, o[1], b);
                int64_t w = source(v, 2, o[2], c);
                if (t < 0 || h < 0 || w < 0) continue;
                v->at_x = ((x_plane * size[0] + t) * size[1] + h) * size[2] + w;
                v->at_w = ((w_plane * k[0] + a) * k[1] + b) * k[2] + c;
                product(v, arg);
            }
}

static void visit(walk *v, void (*product)(const walk *, void *), void *arg)
{
    const int64_t *out = v->y->shape;
    int64_t n_channels = v->x->shape[1];
    v->at_y = 0;
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t o = 0; o < out[1]; o++)
            for (int64_t i = 0; i < out[2] * out[3] * out[4]; i++, v->at_y++) {
                int64_t at[3] = {i / (out[3] * out[4]), i / out[4] % out[3], i % out[4]};
                for (int64_t c = 0; c < n_channels; c++)
                    visit_taps(v, n * n_channels + c, o * n_channels + c, at, product,
                               arg);
            }
}

typedef struct arrays {
    const double *x;
    const double *w;
    const double *y;
    double *out;
} arrays;

static void product_y(const walk *v, void *arg)
{
    arrays *a = arg;
    a->out[v->at_y] += a->x[v->at_x] * a->w[v->at_w];
}

static void product_x(const walk *v, void *arg)
{
    arrays *a = arg;
    a->out[v->at_x] += a->y[v->at_y] * a->w[v->at_w];
}

static void product_w(const walk *v, void *arg)
{
    arrays *a = arg;
    a->out[v->at_w] += a->y[v->at_y] * a->x[v->at_x];
}

static void zero(const ref_call *c)
{
    double *y = c->out[0];
    int64_t n = avcl__count(&c->out_info[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = 0;
}

static avcl_status forward(const ref_call *c)
{
    const avcl_tinfo *y = &c->out_info[0];
    walk v = {c->attrs, &c->in_info[0], &c->in_info[1], y, 0, 0, 0};
    arrays a = {.x = c->in[0], .w = c->in[1], .out = c->out[0]};
    const double *bias = c->n_in > 2 ? c->in[2] : NULL;
    int64_t plane = avcl__extent(y, 2, 5);
    int64_t n = avcl__count(y);
    for (int64_t i = 0; i < n; i++)
        a.out[i] = bias ? bias[i / plane % y->shape[1]] : 0;
    visit(&v, product_y, &a);
    return AVCL_OK;
}

static avcl_status backward_data(const ref_call *c)
{
    walk v = {c->attrs, &c->out_info[0], &c->in_info[1], &c->in_info[0], 0, 0, 0};
    arrays a = {.y = c->in[0], .w = c->in[1], .out = c->out[0]};
    zero(c);
    visit(&v, product_x, &a);
    return AVCL_OK;
}

static avcl_status backward_data_add(const ref_call *c)
{
    walk v = {c->attrs, &c->out_info[0], &c->in_info[1], &c->in_info[0], 0, 0, 0};
    arrays a = {.y = c->in[0], .w = c->in[1], .out = c->out[0]};
    const double *s = c->in[2];
    int64_t n = avcl__count(v.x);
    for (int64_t i = 0; i < n; i++)
        a.out[i] = s[i];
    visit(&v, product_x, &a);
    return AVCL_OK;
}

static avcl_status backward_weight(const ref_call *c)
{
    walk v = {c->attrs, &c->in_info[1], &c->out_info[0], &c->in_info[0], 0, 0, 0};
    arrays a = {.y = c->in[0], .x = c->in[1], .out = c->out[0]};
    zero(c);
    visit(&v, product_w, &a);
    return AVCL_OK;
}

const ref_op avcl__ref_conv[] = {
    {.name = "conv3d", sizeof(avcl_conv3d_attrs), .run = forward},
    {.name = "conv3d_backward_data", sizeof(avcl_conv3d_attrs), .run = backward_data},
    {.name = "conv3d_backward_data_add",
     sizeof(avcl_conv3d_attrs),
     .run = backward_data_add},
    {.name = "conv3d_backward_weight", sizeof(avcl_conv3d_attrs), .run = backward_weight},
    {.name = NULL},
};
