/*
 * transform_sound.c - changes of the waveform before the spectrogram, and masks of the
 * spectrogram (SpecAugment, Park et al. 2019; masked parts get the picture's mean).
 *
 * A picture that is scaled to [0, 1] by its own extremes shows little of a gain: only
 * where the floor of the logarithm is.
 */
#include <math.h>
#include <stddef.h>

#include "avcl/philox.h"

#include "data/half.h"
#include "data/transform_impl.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const double TURN = 6.28318530717958647692;

/* ---- gain
 * ------------------------------------------------------------------------------ */
#define params gain_params
struct gain_params {
    double p;
    double min_db;
    double max_db;
};
static const avcl_param gain_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(min_db, "Lowest gain.", "dB", -60, 60, -6),
    AVCL_TRANSFORM_FLOAT(max_db, "Highest gain.", "dB", -60, 60, 6),
};
#undef params

static void gain(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct gain_params *p = given;
    double db = avcl__draw_between(draw, p->min_db, fmax(p->min_db, p->max_db));
    float factor = (float)pow(10.0, db / 20.0);
    for (int64_t i = 0; i < m->n_wave; i++)
        m->wave[i] *= factor;
}

const avcl_transform avcl__gain = {
    .name = "gain",
    .summary = "Louder or softer.",
    .field = AVCL_FIELD_WAVE,
    .stream = AVCL_STREAM_GAIN,
    .params = gain_rows,
    .n_params = COUNT(gain_rows),
    .params_size = sizeof(struct gain_params),
    .apply = gain,
};

/* ---- noise
 * ----------------------------------------------------------------------------- */
#define params noise_params
struct noise_params {
    double p;
    double min_snr;
    double max_snr;
};
static const avcl_param noise_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(min_snr, "Signal over noise at least.", "dB", -20, 100, 10),
    AVCL_TRANSFORM_FLOAT(max_snr, "Signal over noise at most.", "dB", -20, 100, 30),
};
#undef params

/* Two normal numbers of two words (Box and Muller). */
static void normal_pair(avcl_draw *draw, float out[2])
{
    double radius = sqrt(-2.0 * log(1.0 - avcl__draw_unit(draw)));
    double angle = TURN * avcl__draw_unit(draw);
    out[0] = (float)(radius * cos(angle));
    out[1] = (float)(radius * sin(angle));
}

/* Seen twice: once for its power, once to add it. Exact to rounding, and no memory. */
static double noise_power(avcl_draw draw, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += 2) {
        float x[2];
        normal_pair(&draw, x);
        for (int64_t k = 0; k < 2 && i + k < n; k++)
            sum += (double)x[k] * (double)x[k];
    }
    return sum;
}

static void noise(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct noise_params *p = given;
    double snr = avcl__draw_between(draw, p->min_snr, fmax(p->min_snr, p->max_snr));
    double signal = 0;
    for (int64_t i = 0; i < m->n_wave; i++)
        signal += (double)m->wave[i] * (double)m->wave[i];
    double power = noise_power(*draw, m->n_wave);
    if (!(signal > 0) || !(power > 0)) return; /* no level to be relative to */
    float level = (float)(sqrt(signal / power) * pow(10.0, -snr / 20.0));
    for (int64_t i = 0; i < m->n_wave; i += 2) {
        float x[2];
        normal_pair(draw, x);
        for (int64_t k = 0; k < 2 && i + k < m->n_wave; k++)
            m->wave[i + k] += level * x[k];
    }
}

const avcl_transform avcl__noise = {
    .name = "noise",
    .summary = "White noise at a ratio to the sound's own power.",
    .field = AVCL_FIELD_WAVE,
    .stream = AVCL_STREAM_NOISE,
    .params = noise_rows,
    .n_params = COUNT(noise_rows),
    .params_size = sizeof(struct noise_params),
    .apply = noise,
};

/* ---- time shift
 * ------------------------------------------------------------------------ */
#define params shift_params
struct shift_params {
    double p;
    double max_s;
};
static const avcl_param shift_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(max_s, "At most so much early or late.", "s", 0, 10, 0.1),
};
#undef params

static void reverse(float *x, int64_t n)
{
    for (int64_t i = 0; i < n / 2; i++) {
        float t = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = t;
    }
}

/* Round the ends: what leaves at one comes in at the other. Three reversals rotate. */
static void time_shift(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct shift_params *p = given;
    double seconds = avcl__draw_between(draw, -p->max_s, p->max_s);
    int64_t by = (int64_t)llround(seconds * m->rate);
    if (m->n_wave < 1) return;
    by = (by % m->n_wave + m->n_wave) % m->n_wave;
    reverse(m->wave, m->n_wave);
    reverse(m->wave, by);
    reverse(m->wave + by, m->n_wave - by);
}

const avcl_transform avcl__time_shift = {
    .name = "time_shift",
    .summary = "Sound early or late against the pictures, round the ends.",
    .field = AVCL_FIELD_WAVE,
    .stream = AVCL_STREAM_SHIFT,
    .params = shift_rows,
    .n_params = COUNT(shift_rows),
    .params_size = sizeof(struct shift_params),
    .apply = time_shift,
};

/* ---- SpecAugment
 * ----------------------------------------------------------------------- */
#define params mask_params
struct mask_params {
    double p;
    int64_t bands;
    int64_t columns;
    double max_bands;
    double max_columns;
};
static const avcl_param mask_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_INT(bands, "How many masks across frequency.", 0, 8, 2),
    AVCL_TRANSFORM_INT(columns, "How many masks across time.", 0, 8, 2),
    AVCL_TRANSFORM_FLOAT(max_bands, "Widest one, of all bands.", NULL, 0, 1, 0.15),
    AVCL_TRANSFORM_FLOAT(max_columns, "Widest one, of all columns.", NULL, 0, 1, 0.2),
};
#undef params

static uint16_t mean_of(const uint16_t *mel, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)avcl__half_to_float(mel[i]);
    return avcl__half_from_float((float)(sum / (double)n));
}

/* Width uniform in 0 … most, then its place. */
static void draw_mask(avcl_draw *draw, int32_t side, double most, int32_t out[2])
{
    uint32_t widest = (uint32_t)(most * side + 0.5);
    int32_t width = (int32_t)avcl__draw_below(draw, widest + 1);
    out[0] = (int32_t)avcl__draw_below(draw, (uint32_t)(side - width) + 1);
    out[1] = out[0] + width;
}

static void spec_augment(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct mask_params *p = given;
    int32_t side = m->side;
    uint16_t fill = mean_of(m->mel, (int64_t)side * side);
    int32_t mask[2];
    for (int64_t k = 0; k < p->bands; k++) {
        draw_mask(draw, side, p->max_bands, mask);
        for (int32_t i = mask[0] * side; i < mask[1] * side; i++)
            m->mel[i] = fill;
    }
    for (int64_t k = 0; k < p->columns; k++) {
        draw_mask(draw, side, p->max_columns, mask);
        for (int32_t y = 0; y < side; y++)
            for (int32_t x = mask[0]; x < mask[1]; x++)
                m->mel[y * side + x] = fill;
    }
}

const avcl_transform avcl__spec_augment = {
    .name = "spec_augment",
    .summary = "Bands and columns of the spectrogram masked by its mean.",
    .field = AVCL_FIELD_MEL,
    .stream = AVCL_STREAM_MASK,
    .params = mask_rows,
    .n_params = COUNT(mask_rows),
    .params_size = sizeof(struct mask_params),
    .apply = spec_augment,
};
