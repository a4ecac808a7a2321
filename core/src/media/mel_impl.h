/*
 * mel_impl.h - the parts of a log-mel picture, each testable alone.
 *
 * Power spectrum -> filters -> log -> resize along time -> normalise.
 */
#ifndef AVCL_MEL_IMPL_H
#define AVCL_MEL_IMPL_H

#include <fftw3.h>

#include "avcl/media.h"

#include "media/mel_resize.h"

struct avcl_mel {
    avcl_mel_options options; /* resolved */
    int64_t n_bins;           /* n_fft / 2 + 1 */
    int64_t n_empty;
    float *window;   /* [window] */
    float *filters;  /* [bands, n_bins] */
    int32_t *first;  /* [bands] first bin that a filter sees … */
    int32_t *end;    /* … and the one after its last */
    fftwf_plan plan; /* executed on new arrays only, so threads may share it */
};

/* ---- mel_filter.c -------------------------------------------------------------- */
double avcl__mel_from_hz(avcl_mel_scale scale, double hz);
double avcl__mel_to_hz(avcl_mel_scale scale, double mel);
/* Fills filters, first, end and n_empty. */
avcl_status avcl__mel_build_filters(avcl_mel *mel, avcl_error *err);

/* ---- mel.c --------------------------------------------------------------------- */
/* |X|^2 of the frames [first, first + count) of the signal: out[count, n_bins]. */
avcl_status avcl__mel_power(const avcl_mel *mel, const float *samples, int64_t n,
                            int64_t first, int64_t count, float *out, avcl_error *err);

/* To [0, 1]; a picture that is all the same, silence above all, is 0. */
void avcl__mel_normalise(float *x, int64_t n);
avcl_status avcl__mel_check_finite(const float *samples, int64_t n, avcl_error *err);

#endif
