/* mel.c - log-mel pictures: ln(H |STFT|^2 + eps), centred frames, zero padded. Methods.md
 * B. The window sits in the middle of n_fft, so frame j sees samples around j * hop. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "media/mel_impl.h"

#define PI 3.14159265358979323846

/* FFTW's planner is one per process and not thread-safe, so its lock has to be one per
 * process too: the single mutable variable at file scope here. Plans run without it. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

/* ---- options ------------------------------------------------------------------- */
static int32_t or_default(int32_t value, int32_t fallback)
{
    return value == 0 ? fallback : value;
}

static avcl_mel_options resolve(const avcl_mel_options *given)
{
    avcl_mel_options o = given ? *given : (avcl_mel_options){0};
    o.rate = or_default(o.rate, 24000);
    o.window = or_default(o.window, 240);
    o.hop = or_default(o.hop, 240);
    o.n_fft = or_default(o.n_fft, 2048);
    o.bands = or_default(o.bands, 256);
    o.columns = or_default(o.columns, 256);
    if (o.fmax == 0.0) o.fmax = o.rate / 2.0;
    if (o.log_eps == 0.0) o.log_eps = 1e-6;
    o.reserved = 0;
    return o;
}

static avcl_status check_range(const char *name, int64_t value, int64_t low, int64_t high,
                               avcl_error *err)
{
    if (value >= low && value <= high) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "mel %s %lld lies outside %lld to %lld",
                          name, (long long)value, (long long)low, (long long)high);
}

static avcl_status check(const avcl_mel_options *o, avcl_error *err)
{
    avcl_status st = check_range("rate", o->rate, 1000, 384000, err);
    if (!st) st = check_range("n_fft", o->n_fft, 2, 65536, err);
    if (!st) st = check_range("window", o->window, 1, o->n_fft, err);
    if (!st) st = check_range("hop", o->hop, 1, 1 << 20, err);
    if (!st) st = check_range("bands", o->bands, 1, 4096, err);
    if (!st && o->columns != -1) st = check_range("columns", o->columns, 1, 65536, err);
    if (!st) st = check_range("scale", o->scale, AVCL_MEL_SLANEY, AVCL_MEL_LINEAR, err);
    if (!st && o->scale == AVCL_MEL_LINEAR && o->bands != o->n_fft / 2 + 1)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "mel bands %d: on a linear scale each of the %d bins of "
                              "n_fft %d is a band",
                              (int)o->bands, (int)(o->n_fft / 2 + 1), (int)o->n_fft);
    if (!st)
        st = check_range("normalise", o->normalise, AVCL_MEL_MINMAX, AVCL_MEL_RAW, err);
    if (st) return st;
    if (!(o->fmin >= 0.0 && o->fmin < o->fmax && o->fmax <= o->rate / 2.0))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "mel range %g to %g Hz must rise and lie within 0 to %g",
                              o->fmin, o->fmax, o->rate / 2.0);
    if (!(o->log_eps > 0.0 && isfinite(o->log_eps)))
        return avcl_error_set(err, AVCL_E_INVALID, "mel log_eps %g must be above 0",
                              o->log_eps);
    return AVCL_OK;
}

/* ---- the plan ------------------------------------------------------------------ */
struct buffers {
    float *frame; /* [n_fft] */
    fftwf_complex *bins;
};

/* From fftwf_malloc always: a shared plan needs the alignment it was made with. */
static avcl_status take_buffers(const avcl_mel *mel, struct buffers *b, avcl_error *err)
{
    b->frame = fftwf_alloc_real((size_t)mel->options.n_fft);
    b->bins = fftwf_alloc_complex((size_t)mel->n_bins);
    if (b->frame && b->bins) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a transform of %d samples",
                          (int)mel->options.n_fft);
}

static void drop_buffers(struct buffers *b)
{
    fftwf_free(b->frame);
    fftwf_free(b->bins);
}

/* ESTIMATE: measuring would choose other code, and other last bits, from run to run. */
static avcl_status make_plan(avcl_mel *mel, avcl_error *err)
{
    struct buffers b = {0};
    avcl_status st = take_buffers(mel, &b, err);
    if (!st) {
        pthread_mutex_lock(&planner);
        mel->plan =
            fftwf_plan_dft_r2c_1d(mel->options.n_fft, b.frame, b.bins, FFTW_ESTIMATE);
        pthread_mutex_unlock(&planner);
        if (!mel->plan)
            st = avcl_error_set(err, AVCL_E_NOMEM, "FFTW makes no plan for %d samples",
                                (int)mel->options.n_fft);
    }
    drop_buffers(&b);
    return st;
}

static avcl_status make_window(avcl_mel *mel, avcl_error *err)
{
    int32_t n = mel->options.window;
    mel->window = malloc((size_t)n * sizeof *mel->window);
    if (!mel->window)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a window of %d", (int)n);
    for (int32_t i = 0; i < n; i++) /* periodic: n, not n - 1 */
        mel->window[i] = (float)(0.5 - 0.5 * cos(2.0 * PI * i / n));
    return AVCL_OK;
}

avcl_mel *avcl_mel_new(const avcl_mel_options *options, avcl_error *err)
{
    avcl_mel_options o = resolve(options);
    if (check(&o, err)) return NULL;
    avcl_mel *mel = calloc(1, sizeof *mel);
    if (!mel) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory for a mel plan");
        return NULL;
    }
    mel->options = o;
    mel->n_bins = o.n_fft / 2 + 1;
    if (make_window(mel, err) || avcl__mel_build_filters(mel, err) ||
        make_plan(mel, err)) {
        avcl_mel_free(mel);
        return NULL;
    }
    return mel;
}

void avcl_mel_free(avcl_mel *mel)
{
    if (!mel) return;
    pthread_mutex_lock(&planner);
    if (mel->plan) fftwf_destroy_plan(mel->plan);
    pthread_mutex_unlock(&planner);
    free(mel->window);
    free(mel->filters);
    free(mel->first);
    free(mel->end);
    free(mel);
}

const avcl_mel_options *avcl_mel_get_options(const avcl_mel *mel)
{
    return &mel->options;
}

int64_t avcl_mel_n_empty(const avcl_mel *mel)
{
    return mel->n_empty;
}

const float *avcl_mel_filters(const avcl_mel *mel)
{
    return mel->filters;
}

int64_t avcl_mel_n_frames(const avcl_mel *mel, int64_t n_samples)
{
    const avcl_mel_options *o = &mel->options;
    if (n_samples <= 0) return 0;
    return 1 +
           (n_samples - o->n_fft % 2) / o->hop; /* odd n_fft: one sample less padding */
}

/* ---- spectra ------------------------------------------------------------------- */
/* Frame j, windowed, amid n_fft zeros; what lies outside the signal is zero. */
static void cut_frame(const avcl_mel *mel, const float *samples, int64_t n, int64_t j,
                      float *frame)
{
    const avcl_mel_options *o = &mel->options;
    int64_t lead = (o->n_fft - o->window) / 2;
    int64_t from = j * o->hop - o->n_fft / 2 + lead; /* sample under window[0] */
    int64_t begin = from < 0 ? -from : 0;
    int64_t end = n - from < o->window ? n - from : o->window;
    memset(frame, 0, (size_t)o->n_fft * sizeof *frame);
    for (int64_t i = begin; i < end; i++)
        frame[lead + i] = samples[from + i] * mel->window[i];
}

static void frame_power(const avcl_mel *mel, const float *samples, int64_t n, int64_t j,
                        const struct buffers *b, float *power)
{
    cut_frame(mel, samples, n, j, b->frame);
    fftwf_execute_dft_r2c(mel->plan, b->frame, b->bins);
    for (int64_t k = 0; k < mel->n_bins; k++)
        power[k] = b->bins[k][0] * b->bins[k][0] + b->bins[k][1] * b->bins[k][1];
}

avcl_status avcl__mel_power(const avcl_mel *mel, const float *samples, int64_t n,
                            int64_t first, int64_t count, float *out, avcl_error *err)
{
    struct buffers b = {0};
    avcl_status st = take_buffers(mel, &b, err);
    for (int64_t j = 0; !st && j < count; j++)
        frame_power(mel, samples, n, first + j, &b, out + j * mel->n_bins);
    drop_buffers(&b);
    return st;
}

avcl_status avcl__mel_check_finite(const float *samples, int64_t n, avcl_error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(samples[i]))
            return avcl_error_set(err, AVCL_E_NUMERIC, "sample %lld of %lld is %f",
                                  (long long)i, (long long)n, (double)samples[i]);
    return AVCL_OK;
}

/* Four partial sums: one would wait for each addition in turn. */
static float band_log(const avcl_mel *mel, int32_t band, const float *power)
{
    const float *filter = mel->filters + band * mel->n_bins;
    float sum[4] = {0};
    int32_t end = mel->end[band];
    int32_t k = mel->first[band];
    for (; k + 4 <= end; k += 4)
        for (int i = 0; i < 4; i++)
            sum[i] += filter[k + i] * power[k + i];
    for (; k < end; k++)
        sum[0] += filter[k] * power[k];
    float total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return logf(total + (float)mel->options.log_eps);
}

avcl_status avcl_mel_frames(const avcl_mel *mel, const float *samples, int64_t n,
                            float *out, avcl_error *err)
{
    int64_t n_frames = avcl_mel_n_frames(mel, n);
    struct buffers b = {0};
    float *power = NULL;
    avcl_status st = avcl__mel_check_finite(samples, n, err);
    if (st) return st;
    st = take_buffers(mel, &b, err);
    if (!st) power = malloc((size_t)mel->n_bins * sizeof *power);
    if (!st && !power) st = avcl_error_set(err, AVCL_E_NOMEM, "no memory for a spectrum");
    for (int64_t j = 0; !st && power && j < n_frames; j++) {
        frame_power(mel, samples, n, j, &b, power);
        for (int32_t m = 0; m < mel->options.bands; m++)
            out[m * n_frames + j] = band_log(mel, m, power);
    }
    free(power);
    drop_buffers(&b);
    return st;
}

/* ---- the picture --------------------------------------------------------------- */
void avcl__mel_normalise(float *x, int64_t n)
{
    float low = x[0];
    float high = x[0];
    for (int64_t i = 1; i < n; i++) {
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
    }
    float range = high - low;
    for (int64_t i = 0; i < n; i++)
        x[i] = range > 0.0f ? (x[i] - low) / range : 0.0f;
}

static avcl_status log_picture(const avcl_mel *mel, const float *samples, int64_t n,
                               float *out, int64_t columns, avcl_error *err)
{
    int64_t n_frames = avcl_mel_n_frames(mel, n);
    int64_t bands = mel->options.bands;
    if (n_frames == 0) {
        for (int64_t i = 0; i < bands * columns; i++)
            out[i] = logf((float)mel->options.log_eps);
        return AVCL_OK;
    }
    if (columns == n_frames) return avcl_mel_frames(mel, samples, n, out, err);
    float *frames = malloc((size_t)(bands * n_frames) * sizeof *frames);
    if (!frames)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for %lld mel frames",
                              (long long)n_frames);
    avcl_status st = avcl_mel_frames(mel, samples, n, frames, err);
    if (!st)
        st = avcl__mel_resize(frames, &(avcl_resize){bands, n_frames, 1, columns}, out,
                              err);
    free(frames);
    return st;
}

avcl_status avcl_mel_picture(const avcl_mel *mel, const float *samples, int64_t n,
                             float *out, avcl_error *err)
{
    const avcl_mel_options *o = &mel->options;
    int64_t columns = o->columns > 0 ? o->columns : avcl_mel_n_frames(mel, n);
    avcl_status st = log_picture(mel, samples, n, out, columns, err);
    if (!st && o->normalise == AVCL_MEL_MINMAX && columns > 0)
        avcl__mel_normalise(out, (int64_t)o->bands * columns);
    return st;
}
