/* mel_filter.c - triangles between equally spaced mels.
 * Slaney: linear to 1 kHz (15 mel), then 27 steps per factor 6.4; HTK: 2595
 * log10(1+f/700). Or no mel at all: each bin is a band. */
#include <math.h>
#include <stdlib.h>

#include "media/mel_impl.h"

#define SLANEY_BREAK_HZ   1000.0
#define SLANEY_BREAK_MEL  15.0
#define SLANEY_HZ_PER_MEL (200.0 / 3.0)

static double slaney_log_step(void)
{
    return log(6.4) / 27.0;
}

double avcl__mel_from_hz(avcl_mel_scale scale, double hz)
{
    if (scale == AVCL_MEL_HTK) return 2595.0 * log10(1.0 + hz / 700.0);
    if (hz < SLANEY_BREAK_HZ) return hz / SLANEY_HZ_PER_MEL;
    return SLANEY_BREAK_MEL + log(hz / SLANEY_BREAK_HZ) / slaney_log_step();
}

double avcl__mel_to_hz(avcl_mel_scale scale, double mel)
{
    if (scale == AVCL_MEL_HTK) return 700.0 * (pow(10.0, mel / 2595.0) - 1.0);
    if (mel < SLANEY_BREAK_MEL) return mel * SLANEY_HZ_PER_MEL;
    return SLANEY_BREAK_HZ * exp((mel - SLANEY_BREAK_MEL) * slaney_log_step());
}

/* One triangle from edge[0] over edge[1] to edge[2]; area 1 per Hz with Slaney's norm. */
static void build_band(avcl_mel *mel, int32_t band, const double *edge)
{
    const avcl_mel_options *o = &mel->options;
    float *row = mel->filters + band * mel->n_bins;
    double norm = o->no_norm ? 1.0 : 2.0 / (edge[2] - edge[0]);
    mel->first[band] = mel->end[band] = 0;
    for (int64_t k = 0; k < mel->n_bins; k++) {
        double hz = (double)k * o->rate / o->n_fft;
        double up = (hz - edge[0]) / (edge[1] - edge[0]);
        double down = (edge[2] - hz) / (edge[2] - edge[1]);
        double w = up < down ? up : down;
        row[k] = w > 0.0 ? (float)(w * norm) : 0.0f;
        if (row[k] <= 0.0f) continue;
        if (mel->end[band] == 0) mel->first[band] = (int32_t)k;
        mel->end[band] = (int32_t)k + 1;
    }
    mel->n_empty += mel->end[band] == 0;
}

/* Band m is bin m. */
static void build_bin(avcl_mel *mel, int32_t band)
{
    mel->filters[band * mel->n_bins + band] = 1.0f;
    mel->first[band] = band;
    mel->end[band] = band + 1;
}

avcl_status avcl__mel_build_filters(avcl_mel *mel, avcl_error *err)
{
    const avcl_mel_options *o = &mel->options;
    size_t bands = (size_t)o->bands;
    mel->filters = calloc(bands * (size_t)mel->n_bins, sizeof *mel->filters);
    mel->first = calloc(bands, sizeof *mel->first);
    mel->end = calloc(bands, sizeof *mel->end);
    if (!mel->filters || !mel->first || !mel->end)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for %d mel filters",
                              (int)o->bands);
    if (o->scale == AVCL_MEL_LINEAR) {
        for (int32_t b = 0; b < o->bands; b++)
            build_bin(mel, b);
        return AVCL_OK;
    }
    double low = avcl__mel_from_hz(o->scale, o->fmin);
    double step = (avcl__mel_from_hz(o->scale, o->fmax) - low) / (o->bands + 1);
    for (int32_t b = 0; b < o->bands; b++) {
        double edge[3];
        for (int i = 0; i < 3; i++)
            edge[i] = avcl__mel_to_hz(o->scale, low + step * (b + i));
        build_band(mel, b, edge);
    }
    return AVCL_OK;
}
