/*
 * resample.h - a part of a picture scaled to a square: bilinear, antialiased when
 * shrinking.
 *
 * The triangle filter of Pillow: its half width is one input pixel, or one output pixel
 * where that is wider. Along x, then along y.
 */
#ifndef AVCL_RESAMPLE_H
#define AVCL_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "avcl/error.h"

typedef struct avcl_taps {
    int32_t first;
    int32_t n;
    float *weight; /* [n], of sum 1 */
} avcl_taps;

/* Weights of `side` outputs that cover [begin, begin + length) of n inputs. `weights`
 * holds side * avcl__taps_room(length, side) floats. */
int32_t avcl__taps_room(double length, int32_t side);
void avcl__taps_make(double begin, double length, int32_t n, int32_t side, avcl_taps *out,
                     float *weights);
/* plane[rows, columns] to out[side, side]; `scratch` holds rows * side floats. */
void avcl__resample(const uint8_t *plane, int32_t rows, int32_t columns,
                    const avcl_taps *along_y, const avcl_taps *along_x, int32_t side,
                    float *scratch, uint8_t *out);

#endif
