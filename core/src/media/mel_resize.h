/*
 * mel_resize.h - antialiased triangle resize of one axis of a picture of sound.
 */
#ifndef AVCL_MEL_RESIZE_H
#define AVCL_MEL_RESIZE_H

#include "avcl/error.h"

/* The middle axis of [outer, from, inner] becomes `to` long. */
typedef struct avcl_resize {
    int64_t outer;
    int64_t from;
    int64_t inner;
    int64_t to;
} avcl_resize;

/* in [outer, from, inner] -> out [outer, to, inner]. */
avcl_status avcl__mel_resize(const float *in, const avcl_resize *axis, float *out,
                             avcl_error *err);

#endif
