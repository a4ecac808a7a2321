/*
 * packed.h - pictures and sound that are in memory already, made to measure.
 *
 * The same scaler and the same resampler as for decoded ones.
 */
#ifndef AVCL_PACKED_H
#define AVCL_PACKED_H

#include "avcl/media.h"

/* n pictures rgb [n, from_h, from_w, 3] to out [n, h, w, 3]. */
typedef struct avcl_packed {
    const uint8_t *rgb;
    int64_t n;
    int32_t width;
    int32_t height;
} avcl_packed;
avcl_status avcl__packed_scale(const avcl_packed *from, int32_t width, int32_t height,
                               uint8_t *out, avcl_error *err);

/* samples [n] at `from` Hz become [n_out] at `rate`: cut, or zeros behind. [owned] */
typedef struct avcl_packed_sound {
    const float *samples;
    int64_t n;
    int32_t from;
    int32_t rate;
    int64_t n_out;
} avcl_packed_sound;
avcl_status avcl__packed_resample(const avcl_packed_sound *s, avcl_wave *out,
                                  avcl_error *err);

#endif
