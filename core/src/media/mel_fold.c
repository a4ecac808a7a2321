/* mel_fold.c - the waveform itself as a picture: linearly resampled to bands x columns
 * samples, the first on the first and the last on the last, folded row by row. */
#include "media/mel_impl.h"

static float sample_at(const float *samples, int64_t n, double at)
{
    int64_t k = (int64_t)at;
    if (k >= n - 1) return samples[n - 1];
    float t = (float)(at - (double)k);
    return samples[k] + t * (samples[k + 1] - samples[k]);
}

avcl_status avcl_mel_fold(const avcl_mel *mel, const float *samples, int64_t n,
                          float *out, avcl_error *err)
{
    const avcl_mel_options *o = &mel->options;
    if (o->columns < 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "a folded waveform has a fixed number of columns");
    int64_t size = (int64_t)o->bands * o->columns;
    avcl_status st = avcl__mel_check_finite(samples, n, err);
    if (st) return st;
    double step = size > 1 ? (double)(n - 1) / (double)(size - 1) : 0.0;
    for (int64_t i = 0; i < size; i++)
        out[i] = n > 0 ? sample_at(samples, n, (double)i * step) : 0.0f;
    if (o->normalise == AVCL_MEL_MINMAX) avcl__mel_normalise(out, size);
    return AVCL_OK;
}
