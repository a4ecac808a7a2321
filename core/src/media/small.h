/*
 * small.h - small pictures as a prepared cache keeps them: 4:2:0, full range, BT.601, as
 * planes or as JPEG.
 *
 * One picture is w x h bytes of luma, then two planes of (w+1)/2 x (h+1)/2 bytes of Cb
 * and Cr, nothing between: "i420" below.
 */
#ifndef AVCL_SMALL_H
#define AVCL_SMALL_H

#include <stddef.h>

#include "avcl/error.h"

/* A rectangle of a picture. */
typedef struct avcl_area {
    int32_t y;
    int32_t x;
    int32_t rows;
    int32_t columns;
} avcl_area;

size_t avcl__i420_bytes(int32_t width, int32_t height);
/* Chroma is the mean of the four pixels that share it. */
void avcl__i420_from_rgb(const uint8_t *rgb, int32_t width, int32_t height, uint8_t *yuv);
/* `area` of a picture as three planes of rows x columns: red, green and blue at
 * rgb + k * plane. */
void avcl__i420_cut(const uint8_t *yuv, int32_t width, int32_t height,
                    const avcl_area *area, uint8_t *rgb, size_t plane);

/* Encoder and decoder of one thread; what it needs is made at first use. */
typedef struct avcl_jpeg avcl_jpeg;
avcl_jpeg *avcl__jpeg_new(int32_t width, int32_t height, int32_t quality); /* [owned] */
void avcl__jpeg_free(avcl_jpeg *j);
/* Whether it was made for pictures of this size. */
int avcl__jpeg_fits(const avcl_jpeg *j, int32_t width, int32_t height);
/* Quality 1 (best) to 31. *data is good until the next call. */
avcl_status avcl__jpeg_encode(avcl_jpeg *j, const uint8_t *yuv, const void **data,
                              size_t *n, avcl_error *err);
avcl_status avcl__jpeg_decode(avcl_jpeg *j, const void *data, size_t n, uint8_t *yuv,
                              avcl_error *err);

#endif
