/*
 * conv.c - 3-D convolution and its gradients by oneDNN.
 *
 * Activations are blocked if a generated kernel exists for that; weights get the
 * layout oneDNN likes best, without the taps that only meet padding.
 */
#include <string.h>

#include "../conv/conv.h"
#include "library.h"

enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHT };

/* A convolution and its three (or four) values, in whichever direction. */
typedef struct conv {
    int direction;
    const avcl_conv3d_attrs *attrs;
    const avcl_tinfo *x;
    const avcl_tinfo *w;
    const avcl_tinfo *y;
    int64_t bias; /* its size, 0 = none */
    cpu_taps taps;
    int is_cut;
    dnnl_memory_desc_t md_x;
    dnnl_memory_desc_t md_w;
    dnnl_memory_desc_t md_y;
} conv;

static int direction_of(const char *op)
{
    if (!strcmp(op, "conv3d")) return FORWARD;
    return strcmp(op, "conv3d_backward_data") ? BACKWARD_WEIGHT : BACKWARD_DATA;
}

static conv conv_of(const char *op, const void *attrs, uint32_t n_in,
                    const avcl_tinfo *in, const avcl_tinfo *out)
{
    conv v = {.direction = direction_of(op), .attrs = attrs};
    v.x = v.direction == FORWARD         ? &in[0]
          : v.direction == BACKWARD_DATA ? &out[0]
                                         : &in[1];
    v.w = v.direction == BACKWARD_WEIGHT ? &out[0] : &in[1];
    v.y = v.direction == FORWARD ? &out[0] : &in[0];
    if (v.direction == FORWARD && n_in > 2) v.bias = in[2].shape[0];
    for (int d = 0; d < 3; d++)
        v.taps.size[d] = v.w->shape[2 + d];
    return v;
}

/* Does tap k along axis d meet x at any output? */
static int meets(const conv *v, int d, int64_t k)
{
    int64_t first = k - v->attrs->pad.v[d];
    for (int64_t o = 0; o < v->y->shape[2 + d]; o++) {
        int64_t at = first + o * v->attrs->stride.v[d];
        if (at >= 0 && at < v->x->shape[2 + d]) return 1;
    }
    return 0;
}

/* Cuts the taps before the first and behind the last that meet x. */
static void cut_taps(conv *v)
{
    for (int d = 0; d < 3; d++) {
        int64_t n = v->w->shape[2 + d];
        int64_t begin = 0;
        int64_t end = n;
        while (begin < n && !meets(v, d, begin))
            begin++;
        while (end > begin && !meets(v, d, end - 1))
            end--;
        if (begin == end) continue; /* all padding: leave it be */
        v->taps.begin[d] = begin;
        v->taps.size[d] = end - begin;
        if (end - begin < n) v->is_cut = 1;
    }
}

static void weight_dims(const conv *v, dnnl_dims_t dims)
{
    dims[0] = v->w->shape[0];
    dims[1] = v->w->shape[1];
    for (int d = 0; d < 3; d++)
        dims[2 + d] = v->taps.size[d];
}

/* Strides, and the padding left once taps are cut; a negative end is unread input. */
static void geometry(const conv *v, dnnl_dims_t stride, dnnl_dims_t left,
                     dnnl_dims_t right)
{
    for (int d = 0; d < 3; d++) {
        int64_t reach =
            (v->y->shape[2 + d] - 1) * v->attrs->stride.v[d] + v->taps.size[d];
        stride[d] = v->attrs->stride.v[d];
        left[d] = v->attrs->pad.v[d] - v->taps.begin[d];
        right[d] = reach - v->x->shape[2 + d] - left[d];
        if (right[d] < 0) right[d] = 0;
    }
}

static dnnl_status_t forward_pd(avcl_device *device, const conv *v,
                                const dnnl_memory_desc_t *x, const dnnl_memory_desc_t *w,
                                const dnnl_memory_desc_t *y, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t desc;
    dnnl_dims_t stride;
    dnnl_dims_t left;
    dnnl_dims_t right;
    dnnl_memory_desc_t bias = avcl__library_md_any(&v->bias, 1, AVCL_F32);
    geometry(v, stride, left, right);
    dnnl_status_t s = dnnl_convolution_forward_desc_init(
        &desc, dnnl_forward_training, dnnl_convolution_direct, x, w,
        v->bias ? &bias : NULL, y, stride, left, right);
    if (s) return s;
    return dnnl_primitive_desc_create(out, &desc, device->library->attr,
                                      device->library->engine, NULL);
}

static dnnl_status_t backward_pd(avcl_device *device, const conv *v,
                                 dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t desc;
    dnnl_dims_t stride;
    dnnl_dims_t left;
    dnnl_dims_t right;
    geometry(v, stride, left, right);
    dnnl_status_t s =
        v->direction == BACKWARD_DATA
            ? dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct,
                                                       &v->md_x, &v->md_w, &v->md_y,
                                                       stride, left, right)
            : dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct,
                                                          &v->md_x, &v->md_w, NULL,
                                                          &v->md_y, stride, left, right);
    if (s) return s;
    return dnnl_primitive_desc_create(out, &desc, device->library->attr,
                                      device->library->engine, hint);
}

/* A primitive descriptor with the descriptors of `v`. */
static dnnl_status_t make_pd(avcl_device *device, const conv *v,
                             dnnl_primitive_desc_t *out)
{
    if (v->direction == FORWARD)
        return forward_pd(device, v, &v->md_x, &v->md_w, &v->md_y, out);
    dnnl_dims_t dims;
    weight_dims(v, dims);
    dnnl_memory_desc_t x = avcl__library_md_any(v->x->shape, 5, v->x->dtype);
    dnnl_memory_desc_t w = avcl__library_md_any(dims, 5, v->x->dtype);
    dnnl_memory_desc_t y = avcl__library_md_any(v->y->shape, 5, v->y->dtype);
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t s = forward_pd(device, v, &x, &w, &y, &hint);
    if (!s) s = backward_pd(device, v, hint, out);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return s;
}

/* Whether an implementation is generated for the shape, neither gemm nor loops. */
static int is_fast(dnnl_primitive_desc_t pd)
{
    const char *name = "";
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name);
    return !strstr(name, "gemm") && !strncmp(name, "jit", 3);
}

/* Tries x and y in given layouts (-1 = oneDNN's choice); NULL if that is not fast. */
static dnnl_primitive_desc_t attempt(avcl_device *device, conv *v, int x_tag, int y_tag,
                                     int insist)
{
    dnnl_dims_t dims;
    dnnl_primitive_desc_t pd = NULL;
    weight_dims(v, dims);
    v->md_x = avcl__library_md_any(v->x->shape, 5, v->x->dtype);
    v->md_w = avcl__library_md_any(dims, 5, v->w->dtype);
    v->md_y = avcl__library_md_any(v->y->shape, 5, v->y->dtype);
    if (x_tag >= 0) avcl__library_md(device, (uint32_t)x_tag, v->x, &v->md_x);
    if (y_tag >= 0) avcl__library_md(device, (uint32_t)y_tag, v->y, &v->md_y);
    if (make_pd(device, v, &pd)) return NULL;
    if (insist && !is_fast(pd)) {
        dnnl_primitive_desc_destroy(pd);
        return NULL;
    }
    return pd;
}

static dnnl_primitive_desc_t choose(avcl_device *device, conv *v)
{
    dnnl_primitive_desc_t pd = NULL;
    if (v->x->shape[1] > AVCL_CPU_FEW_CHANNELS)
        pd = attempt(device, v, AVCL_CPU_BLOCKED, AVCL_CPU_BLOCKED, 1);
    else
        pd = attempt(device, v, AVCL_TAG_PLAIN, AVCL_CPU_BLOCKED, 1);
    return pd ? pd : attempt(device, v, -1, -1, 0);
}

static uint32_t tag_of(avcl_device *device, dnnl_primitive_desc_t pd, dnnl_query_t what,
                       const avcl_tinfo *info, const cpu_taps *cut)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, what, 0);
    return avcl__library_intern(device, info, md, cut);
}

static void layouts(avcl_device *device, const avcl_kernel_spec *spec, uint32_t *want,
                    uint32_t *out)
{
    conv v = conv_of(spec->op, spec->attrs, spec->n_in, spec->in_info, spec->out_info);
    avcl__cpu_layout_plain(device, spec, want, out);
    cut_taps(&v);
    int saved = avcl__cpu_threads_enter(device);
    dnnl_primitive_desc_t pd = choose(device, &v);
    avcl__cpu_threads_leave(saved);
    if (!pd) return;
    const cpu_taps *cut = v.is_cut ? &v.taps : NULL;
    if (v.direction == FORWARD) {
        want[0] = tag_of(device, pd, dnnl_query_src_md, v.x, NULL);
        want[1] = tag_of(device, pd, dnnl_query_weights_md, v.w, cut);
        out[0] = tag_of(device, pd, dnnl_query_dst_md, v.y, NULL);
    } else if (v.direction == BACKWARD_DATA) {
        want[0] = tag_of(device, pd, dnnl_query_diff_dst_md, v.y, NULL);
        want[1] = tag_of(device, pd, dnnl_query_weights_md, v.w, cut);
        out[0] = tag_of(device, pd, dnnl_query_diff_src_md, v.x, NULL);
    } else {
        want[0] = tag_of(device, pd, dnnl_query_diff_dst_md, v.y, NULL);
        want[1] = tag_of(device, pd, dnnl_query_src_md, v.x, NULL);
        out[0] = tag_of(device, pd, dnnl_query_diff_weights_md, v.w, cut);
    }
    dnnl_primitive_desc_destroy(pd);
}

/* Descriptors as the kernel's tags say, the weights' taps with them. */
static avcl_status read_tags(avcl_device *device, const avcl_kernel *k, conv *v)
{
    uint32_t x_tag = v->direction == FORWARD         ? k->in_tag[0]
                     : v->direction == BACKWARD_DATA ? k->out_tag[0]
                                                     : k->in_tag[1];
    uint32_t w_tag = v->direction == BACKWARD_WEIGHT ? k->out_tag[0] : k->in_tag[1];
    uint32_t y_tag = v->direction == FORWARD ? k->out_tag[0] : k->in_tag[0];
    const cpu_packed *packed = avcl__library_packed(device, w_tag);
    avcl_status status = avcl__library_md(device, x_tag, v->x, &v->md_x);
    if (!status) status = avcl__library_md(device, w_tag, v->w, &v->md_w);
    if (!status) status = avcl__library_md(device, y_tag, v->y, &v->md_y);
    if (packed && packed->is_cut) {
        v->is_cut = 1;
        v->taps = packed->taps;
    }
    return status;
}

/* Argument ids and sides of the three values, by direction. */
static avcl_status bind(avcl_device *device, avcl_kernel *k, const conv *v,
                        avcl_error *err)
{
    static const struct {
        int x, w, y;
        int x_from, w_from, y_from;
        uint32_t x_index, w_index, y_index;
    } rows[] = {
        {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, AVCL_FROM_INPUT, AVCL_FROM_INPUT,
         AVCL_FROM_OUTPUT, 0, 1, 0},
        {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, AVCL_FROM_OUTPUT,
         AVCL_FROM_INPUT, AVCL_FROM_INPUT, 0, 1, 0},
        {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, AVCL_FROM_INPUT,
         AVCL_FROM_OUTPUT, AVCL_FROM_INPUT, 1, 0, 0},
    };
    int d = v->direction;
    avcl_status status = avcl__plan_bind(device, k, rows[d].x, &v->md_x, rows[d].x_from,
                                         rows[d].x_index, err);
    if (!status)
        status = avcl__plan_bind(device, k, rows[d].w, &v->md_w, rows[d].w_from,
                                 rows[d].w_index, err);
    if (!status)
        status = avcl__plan_bind(device, k, rows[d].y, &v->md_y, rows[d].y_from,
                                 rows[d].y_index, err);
    if (status || !v->bias) return status;
    dnnl_memory_desc_t bias;
    status = avcl__library_md(device, AVCL_TAG_PLAIN, &k->in_info[2], &bias);
    return status ? status
                  : avcl__plan_bind(device, k, DNNL_ARG_BIAS, &bias, AVCL_FROM_INPUT, 2,
                                    err);
}

static avcl_status prepare(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    conv v = conv_of(k->op->name, k->attrs, k->n_in, k->in_info, k->out_info);
    dnnl_primitive_desc_t pd = NULL;
    if (read_tags(device, k, &v))
        return avcl__fail(err, AVCL_E_UNSUPPORTED, "op '%s' does not take these layouts",
                          k->op->name);
    int saved = avcl__cpu_threads_enter(device);
    dnnl_status_t s = make_pd(device, &v, &pd);
    avcl_status status = s ? avcl__library_fail(err, s, "a convolution")
                           : avcl__plan_new(device, k, pd, err);
    avcl__cpu_threads_leave(saved);
    return status ? status : bind(device, k, &v, err);
}

const cpu_op avcl__cpu_direct[] = {
    {.name = "conv3d",
     sizeof(avcl_conv3d_attrs),
     .run = avcl__library_run,
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = avcl__library_takes_bf16},
    {.name = "conv3d_backward_data",
     sizeof(avcl_conv3d_attrs),
     .run = avcl__library_run,
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = avcl__library_takes_bf16},
    {.name = "conv3d_backward_weight",
     sizeof(avcl_conv3d_attrs),
     .run = avcl__library_run,
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = avcl__library_takes_bf16},
    {.name = NULL},
};
