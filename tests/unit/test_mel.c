/* test_mel.c - log-mel pictures against closed forms and published values (methods.md B,
 * K.9; data.md 4.2, 4.3). */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/mel_impl.h"

#define PI 3.14159265358979323846
/* Facts are quoted to so many digits. */
#define SIX_DIGITS 5e-7
/* Single-precision transforms of 2048 points: about 1e-6 of the largest value. */
#define FFT_EPS 2e-6
/* ... and its logarithm, at levels of order one. */
#define LOG_EPS 2e-5

static const float silence[240000];

static avcl_mel *make(avcl_mel_options options)
{
    avcl_error err = {0};
    avcl_mel *mel = avcl_mel_new(&options, &err);
    if (!mel) fail_msg("%s", err.message);
    return mel;
}

static float *tone(int64_t n, double hz, double rate, double amplitude)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(amplitude * sin(2.0 * PI * hz * (double)i / rate));
    return x;
}

static int64_t argmax(const float *x, int64_t n, int64_t step)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i * step] > x[best * step]) best = i;
    return best;
}

/* ---- scales and filters -------------------------------------------------------- */
static void test_mel_scale__published_values(void **state)
{
    (void)state;
    const double slaney[][2] = {{60, 0.9},        {110, 1.65},        {220, 3.3},
                                {440, 6.6},       {1000, 15},         {4000, 35.16376},
                                {8000, 45.24564}, {11025, 49.910594}, {12000, 51.143162}};
    const double htk[][2] = {
        {440, 549.638675}, {1000, 999.985537}, {4000, 2146.064528}, {12000, 3266.341242}};
    for (size_t i = 0; i < sizeof slaney / sizeof *slaney; i++)
        assert_float_equal(avcl__mel_from_hz(AVCL_MEL_SLANEY, slaney[i][0]), slaney[i][1],
                           5e-6);
    for (size_t i = 0; i < sizeof htk / sizeof *htk; i++)
        assert_float_equal(avcl__mel_from_hz(AVCL_MEL_HTK, htk[i][0]), htk[i][1],
                           SIX_DIGITS);
    for (int scale = AVCL_MEL_SLANEY; scale <= AVCL_MEL_HTK; scale++)
        for (double hz = 0; hz <= 12000; hz += 97)
            assert_float_equal(avcl__mel_to_hz(scale, avcl__mel_from_hz(scale, hz)), hz,
                               1e-8);
    assert_float_equal(avcl__mel_to_hz(AVCL_MEL_SLANEY, 5), 1000.0 / 3.0, 1e-9);
}

static void test_mel_scale__forty_published_frequencies(void **state)
{
    (void)state;
    const double hz[40] = {
        0,        85.317,   170.635,  255.952,  341.269,  426.586,  511.904,   597.221,
        682.538,  767.855,  853.173,  938.49,   1024.856, 1119.114, 1222.042,  1334.436,
        1457.167, 1591.187, 1737.532, 1897.337, 2071.84,  2262.393, 2470.47,   2697.686,
        2945.799, 3216.731, 3512.582, 3835.643, 4188.417, 4573.636, 4994.285,  5453.621,
        5955.205, 6502.92,  7101.009, 7754.107, 8467.272, 9246.028, 10096.408, 11025};
    double top = avcl__mel_from_hz(AVCL_MEL_SLANEY, 11025);
    for (int i = 0; i < 40; i++)
        assert_float_equal(avcl__mel_to_hz(AVCL_MEL_SLANEY, top * i / 39), hz[i], 6e-4);
}

static void test_mel_filters__default_matrix(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){0});
    const float *h = avcl_mel_filters(mel);
    double sum = 0;
    for (int64_t i = 0; i < 256 * 1025; i++)
        sum += (double)h[i];
    assert_float_equal(sum, 21.841513, 1e-6 * 21.84);
    assert_int_equal(argmax(h + 255 * 1025, 1025, 1), 1010);
    assert_float_equal(h[255 * 1025 + 1010], 0.0061362, 5e-8);
    assert_int_equal(avcl_mel_n_empty(mel), 0);
    /* Area norm: a band sums to n_fft / rate. With a bin at its tip, one of half width w
     * bins sums to (3 - 2/w) / w of that, at most 9/8 (w = 4/3; the narrowest have 1.13).
     */
    const double area = 2048.0 / 24000;
    for (int b = 0; b < 256; b++) {
        double row = 0;
        for (int k = 0; k < 1025; k++)
            row += (double)h[b * 1025 + k];
        assert_float_equal(row, area, area / 8);
    }
    avcl_mel_free(mel);
}

static void test_mel_filters__empty_bands_by_size(void **state)
{
    (void)state;
    const struct {
        int32_t n_fft;
        int64_t empty[2]; /* Slaney, HTK */
    } facts[] = {{240, {98, 90}}, {512, {42, 38}}, {1024, {0, 7}}, {2048, {0, 0}}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        for (int scale = 0; scale < 2; scale++) {
            avcl_mel *mel =
                make((avcl_mel_options){.n_fft = facts[i].n_fft, .scale = scale});
            assert_int_equal(avcl_mel_n_empty(mel), facts[i].empty[scale]);
            avcl_mel_free(mel);
        }
    }
}

/* Unnormalised HTK triangles peak at one and sum to half their width in bins. */
static void test_mel_filters__without_norm(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){.scale = AVCL_MEL_HTK, .no_norm = 1});
    const float *h = avcl_mel_filters(mel);
    double step = avcl__mel_from_hz(AVCL_MEL_HTK, 12000) / 257;
    for (int b = 100; b < 256; b++) {
        double row = 0;
        for (int k = 0; k < 1025; k++) {
            assert_true(h[b * 1025 + k] <= 1.0f);
            row += (double)h[b * 1025 + k];
        }
        double width = avcl__mel_to_hz(AVCL_MEL_HTK, step * (b + 2)) -
                       avcl__mel_to_hz(AVCL_MEL_HTK, step * b);
        assert_float_equal(row, width * 2048 / 24000 / 2,
                           0.2); /* a bin's worth of sampling */
    }
    avcl_mel_free(mel);
}

static void test_mel__tones_peak_in_their_band(void **state)
{
    (void)state;
    const struct {
        double hz;
        int64_t band[2];
    } facts[] = {{3000, {155, 147}}, {6000, {205, 199}}};
    for (size_t i = 0; i < 2; i++) {
        float *x = tone(24000, facts[i].hz, 24000, 0.5);
        for (int scale = 0; scale < 2; scale++) {
            avcl_mel *mel = make((avcl_mel_options){.window = 2048, .scale = scale});
            float out[256 * 101];
            assert_int_equal(avcl_mel_frames(mel, x, 24000, out, NULL), AVCL_OK);
            assert_int_equal(argmax(out + 50, 256, 101), facts[i].band[scale]);
            avcl_mel_free(mel);
        }
        free(x);
    }
}

/* ---- the paper's settings ------------------------------------------------------ */
static void test_mel__kilohertz_tone_of_ten_seconds(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){0});
    assert_int_equal(avcl_mel_n_frames(mel, 240000), 1001);
    float *x = tone(240000, 1000, 24000, 0.5);
    float *out = malloc(256 * 1001 * sizeof *out);
    assert_int_equal(avcl_mel_frames(mel, x, 240000, out, NULL), AVCL_OK);
    assert_int_equal(argmax(out + 500, 256, 1001), 75);
    assert_float_equal(out[75 * 1001 + 500], 4.38014, LOG_EPS);
    assert_float_equal(exp((double)out[75 * 1001 + 500]), 79.8495, 79.8495 * LOG_EPS);
    free(out);
    free(x);
    avcl_mel_free(mel);
}

static void test_mel__silence_is_the_floor(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){.normalise = AVCL_MEL_RAW});
    float *out = malloc(256 * 256 * sizeof *out);
    for (int64_t n = 0; n <= 240000; n += 240000) {
        assert_int_equal(avcl_mel_picture(mel, silence, n, out, NULL), AVCL_OK);
        for (int i = 0; i < 256 * 256; i++)
            assert_float_equal(out[i], -13.815511, 1e-6);
    }
    avcl_mel_free(mel);
    mel = make((avcl_mel_options){0});
    assert_int_equal(avcl_mel_picture(mel, silence, 240000, out, NULL), AVCL_OK);
    for (int i = 0; i < 256 * 256; i++)
        assert_true(out[i] == 0.0f);
    free(out);
    avcl_mel_free(mel);
}

/* TBN: n_fft 511, hop 120, window 240, 30,696 samples: 256 x 256 of ln(|S|^2 + 1e-6). */
static void test_mel_power__tbn_spectrogram(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){.n_fft = 511, .hop = 120});
    assert_int_equal(avcl_mel_n_frames(mel, 30696), 256);
    assert_int_equal(mel->n_bins, 256);
    float *x = tone(30696, 1000, 24000, 0.5);
    float power[256];
    assert_int_equal(avcl__mel_power(mel, x, 30696, 128, 1, power, NULL), AVCL_OK);
    assert_int_equal(argmax(power, 256, 1), 21);
    assert_float_equal(log((double)power[21] + 1e-6), 6.77813, LOG_EPS);
    free(x);
    avcl_mel_free(mel);
}

/* The same as a picture: on a linear scale each bin is a band, and no column is resized.
 */
static void test_mel__linear_scale_is_the_spectrogram(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){
        .n_fft = 511, .hop = 120, .scale = AVCL_MEL_LINEAR, .normalise = AVCL_MEL_RAW});
    assert_int_equal(avcl_mel_n_empty(mel), 0);
    float *x = tone(30696, 1000, 24000, 0.5);
    float *out = malloc(256 * 256 * sizeof *out);
    float power[256];
    assert_int_equal(avcl_mel_picture(mel, x, 30696, out, NULL), AVCL_OK);
    assert_int_equal(avcl__mel_power(mel, x, 30696, 128, 1, power, NULL), AVCL_OK);
    for (int k = 0; k < 256; k++)
        assert_float_equal(out[k * 256 + 128], log((double)power[k] + 1e-6), LOG_EPS);
    assert_float_equal(out[21 * 256 + 128], 6.77813, LOG_EPS);
    free(out);
    free(x);
    avcl_mel_free(mel);
    avcl_error err = {0};
    assert_null(
        avcl_mel_new(&(avcl_mel_options){.n_fft = 2048, .scale = AVCL_MEL_LINEAR}, &err));
    assert_non_null(strstr(err.message, "each of the 1025 bins of n_fft 2048 is a band"));
}

static void test_mel__picture_is_minmax_of_any_length(void **state)
{
    (void)state;
    const int64_t lengths[] = {1, 100, 2047, 24000, 65025, 720000};
    avcl_mel *mel = make((avcl_mel_options){0});
    float *x = tone(720000, 440, 24000, 0.3);
    float *out = malloc(256 * 256 * sizeof *out);
    x[0] = 0.5f; /* one sample of sin is silence */
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(avcl_mel_n_frames(mel, lengths[i]), 1 + lengths[i] / 240);
        assert_int_equal(avcl_mel_picture(mel, x, lengths[i], out, NULL), AVCL_OK);
        float low = 1;
        float high = 0;
        for (int k = 0; k < 256 * 256; k++) {
            assert_true(isfinite(out[k]));
            low = out[k] < low ? out[k] : low;
            high = out[k] > high ? out[k] : high;
        }
        /* A single sample under the window's zero at frame 0 still shows at its side. */
        if (lengths[i] > 1) {
            assert_true(low == 0.0f);
            assert_true(high == 1.0f);
        }
    }
    free(out);
    free(x);
    avcl_mel_free(mel);
}

/* ---- closed forms with window = n_fft ------------------------------------------ */
static avcl_mel *make_full(void)
{
    return make((avcl_mel_options){.window = 2048});
}

static void test_mel_power__sine_at_a_bin(void **state)
{
    (void)state;
    avcl_mel *mel = make_full();
    float *x = tone(24000, 3000, 24000, 0.5);
    float power[1025];
    assert_int_equal(avcl__mel_power(mel, x, 24000, 50, 1, power, NULL), AVCL_OK);
    const double peak = 65536; /* A^2 N^2 / 16 */
    for (int k = 0; k < 1025; k++) {
        double want = k == 256 ? peak : k == 255 || k == 257 ? peak / 4 : 0;
        assert_float_equal(power[k], want, peak * FFT_EPS);
    }
    free(x);
    /* Half a bin off: -1.424 dB. */
    x = tone(24000, 256.5 * 24000 / 2048, 24000, 0.5);
    assert_int_equal(avcl__mel_power(mel, x, 24000, 50, 1, power, NULL), AVCL_OK);
    assert_float_equal(10 * log10((double)power[256] / peak), -1.424, 2e-3);
    free(x);
    avcl_mel_free(mel);
}

static void test_mel_power__impulse_is_flat(void **state)
{
    (void)state;
    avcl_mel *mel = make_full();
    float *x = calloc(24000, sizeof *x);
    float power[1025];
    x[50 * 240] = 1.0f;
    assert_int_equal(avcl__mel_power(mel, x, 24000, 50, 1, power, NULL), AVCL_OK);
    for (int k = 0; k < 1025; k++)
        assert_float_equal(power[k], 1.0, FFT_EPS);
    free(x);
    avcl_mel_free(mel);
}

/* |X_0|^2 + |X_N/2|^2 + 2 sum = N sum (w x)^2; sum w = 1024, sum w^2 = 768. */
static void test_mel_power__parseval(void **state)
{
    (void)state;
    avcl_mel *mel = make_full();
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 2048; i++) {
        sum += (double)mel->window[i];
        squares += (double)mel->window[i] * (double)mel->window[i];
    }
    assert_float_equal(sum, 1024, 1e-3);
    assert_float_equal(squares, 768, 1e-3);
    float *x = malloc(24000 * sizeof *x);
    uint32_t seed = 1;
    for (int i = 0; i < 24000; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((double)(seed >> 8) / 16777216.0 - 0.5);
    }
    float power[1025];
    assert_int_equal(avcl__mel_power(mel, x, 24000, 40, 1, power, NULL), AVCL_OK);
    double left = (double)power[0] + (double)power[1024];
    for (int k = 1; k < 1024; k++)
        left += 2 * (double)power[k];
    double right = 0;
    for (int i = 0; i < 2048; i++) {
        double wx = (double)mel->window[i] * (double)x[40 * 240 - 1024 + i];
        right += 2048 * wx * wx;
    }
    assert_float_equal(left / right, 1.0, FFT_EPS);
    free(x);
    avcl_mel_free(mel);
}

static void test_mel__doubling_and_shifting(void **state)
{
    (void)state;
    enum { N = 12000, FRAMES = 51 };
    avcl_mel *mel = make((avcl_mel_options){.bands = 64});
    float x[N];
    float y[N];
    float a[64 * FRAMES];
    float b[64 * FRAMES];
    uint32_t seed = 7;
    for (int i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((double)(seed >> 8) / 8388608.0 - 1.0);
    }
    assert_int_equal(avcl_mel_frames(mel, x, N, a, NULL), AVCL_OK);
    for (int i = 0; i < N; i++)
        y[i] = 2.0f * x[i];
    assert_int_equal(avcl_mel_frames(mel, y, N, b, NULL), AVCL_OK);
    for (int i = 0; i < 64 * FRAMES; i++)
        if (a[i] > -2) assert_float_equal(b[i] - a[i], log(4.0), LOG_EPS);
    memset(y, 0, 240 * sizeof *y);
    memcpy(y + 240, x, (N - 240) * sizeof *y);
    assert_int_equal(avcl_mel_frames(mel, y, N, b, NULL), AVCL_OK);
    for (int m = 0; m < 64; m++)
        assert_memory_equal(b + m * FRAMES + 2, a + m * FRAMES + 1,
                            (FRAMES - 4) * sizeof *a);
    avcl_mel_free(mel);
}

/* ---- options, threads ---------------------------------------------------------- */
static void test_mel_new__names_the_value_it_refuses(void **state)
{
    (void)state;
    const struct {
        avcl_mel_options options;
        const char *text;
    } cases[] = {
        {{.window = 4096}, "window 4096"},
        {{.hop = -1}, "hop -1"},
        {{.rate = 7}, "rate 7"},
        {{.bands = 100000}, "bands 100000"},
        {{.columns = -2}, "columns -2"},
        {{.scale = 3}, "scale 3"},
        {{.fmax = 13000}, "0 to 13000 Hz"},
        {{.fmin = 500, .fmax = 400}, "500 to 400 Hz"},
        {{.log_eps = -1}, "log_eps -1"},
        {{.normalise = 5}, "normalise 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        avcl_error err = {0};
        assert_null(avcl_mel_new(&cases[i].options, &err));
        assert_int_equal(err.code, AVCL_E_INVALID);
        if (!strstr(err.message, cases[i].text)) fail_msg("%s", err.message);
    }
    avcl_mel *mel = make((avcl_mel_options){.rate = 16000});
    assert_float_equal(avcl_mel_get_options(mel)->fmax, 8000, 0);
    assert_int_equal(avcl_mel_get_options(mel)->n_fft, 2048);
    avcl_mel_free(mel);
}

static void test_mel_frames__refuses_samples_that_are_no_numbers(void **state)
{
    (void)state;
    avcl_mel *mel = make((avcl_mel_options){.columns = -1});
    float x[500] = {0};
    float out[256 * 3] = {42};
    avcl_error err = {0};
    x[123] = NAN;
    assert_int_equal(avcl_mel_frames(mel, x, 500, out, &err), AVCL_E_NUMERIC);
    assert_non_null(strstr(err.message, "sample 123"));
    assert_true(out[0] == 42.0f);
    avcl_mel_free(mel);
}

struct job {
    const float *x;
    const avcl_mel *mel;
    float out[64 * 64];
};

static void *work(void *arg)
{
    struct job *job = arg;
    for (int i = 0; i < 20; i++) {
        avcl_mel *own = avcl_mel_new(NULL, NULL); /* planning beside running plans */
        avcl_mel_picture(job->mel, job->x, 24000, job->out, NULL);
        avcl_mel_free(own);
    }
    return NULL;
}

static void test_mel__one_plan_serves_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    avcl_mel *mel = make((avcl_mel_options){.bands = 64, .columns = 64});
    float *x = tone(24000, 700, 24000, 0.4);
    static struct job jobs[THREADS + 1];
    pthread_t threads[THREADS];
    for (int i = 0; i <= THREADS; i++)
        jobs[i] = (struct job){.x = x, .mel = mel};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    work(&jobs[THREADS]);
    for (int i = 0; i < THREADS; i++)
        assert_memory_equal(jobs[i].out, jobs[THREADS].out, sizeof jobs[i].out);
    free(x);
    avcl_mel_free(mel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mel_scale__published_values),
        cmocka_unit_test(test_mel_scale__forty_published_frequencies),
        cmocka_unit_test(test_mel_filters__default_matrix),
        cmocka_unit_test(test_mel_filters__empty_bands_by_size),
        cmocka_unit_test(test_mel_filters__without_norm),
        cmocka_unit_test(test_mel__tones_peak_in_their_band),
        cmocka_unit_test(test_mel__kilohertz_tone_of_ten_seconds),
        cmocka_unit_test(test_mel__silence_is_the_floor),
        cmocka_unit_test(test_mel_power__tbn_spectrogram),
        cmocka_unit_test(test_mel__linear_scale_is_the_spectrogram),
        cmocka_unit_test(test_mel__picture_is_minmax_of_any_length),
        cmocka_unit_test(test_mel_power__sine_at_a_bin),
        cmocka_unit_test(test_mel_power__impulse_is_flat),
        cmocka_unit_test(test_mel_power__parseval),
        cmocka_unit_test(test_mel__doubling_and_shifting),
        cmocka_unit_test(test_mel_new__names_the_value_it_refuses),
        cmocka_unit_test(test_mel_frames__refuses_samples_that_are_no_numbers),
        cmocka_unit_test(test_mel__one_plan_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
