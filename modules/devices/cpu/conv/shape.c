/* shape.c - what a convolution is, read off its op, attributes and values. */
#include <string.h>

#include "blocking.h"

static int direction_of(const char *op)
{
    if (!strcmp(op, "conv3d")) return CONV_FORWARD;
    return strcmp(op, "conv3d_backward_data") ? CONV_BACKWARD_WEIGHT : CONV_BACKWARD_DATA;
}

conv_shape avcl__conv_shape(const char *op, const void *attrs, const avcl_tinfo *in,
                            const avcl_tinfo *out)
{
    const avcl_conv3d_attrs *a = attrs;
    conv_shape s = {.direction = direction_of(op)};
    const avcl_tinfo *x = s.direction == CONV_FORWARD         ? &in[0]
                          : s.direction == CONV_BACKWARD_DATA ? &out[0]
                                                              : &in[1];
    const avcl_tinfo *w = s.direction == CONV_BACKWARD_WEIGHT ? &out[0] : &in[1];
    const avcl_tinfo *y = s.direction == CONV_FORWARD ? &out[0] : &in[0];
    s.is_f32 =
        in[0].dtype == AVCL_F32 && in[1].dtype == AVCL_F32 && out->dtype == AVCL_F32;
    s.is_bf16 = x->dtype == AVCL_BF16 && y->dtype == AVCL_BF16;
    s.batch = x->shape[0];
    s.in = x->shape[1];
    s.out = y->shape[1];
    for (int d = 0; d < 3; d++) {
        s.x[d] = x->shape[2 + d];
        s.y[d] = y->shape[2 + d];
        s.kernel[d] = w->shape[2 + d];
        s.stride[d] = a->stride.v[d];
        s.pad[d] = a->pad.v[d];
    }
    return s;
}

int avcl__conv_is_centre(const conv_shape *s)
{
    return s->kernel[0] == 3 && s->pad[0] == 1 && s->x[0] == 1;
}

int avcl__conv_has_winograd(const conv_shape *s)
{
    for (int d = 0; d < 3; d++)
        if (s->stride[d] != 1 || s->pad[d] >= s->kernel[d]) return 0;
    return s->is_f32 && s->kernel[1] == 3 && s->kernel[2] == 3 &&
           s->kernel[0] <= MAX_TAPS;
}

int avcl__conv_has_native(const conv_shape *s)
{
    return s->direction == CONV_BACKWARD_WEIGHT && (s->is_f32 || s->is_bf16);
}
