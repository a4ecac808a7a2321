/* test_transform_sound.c - transforms of waves and spectrograms, by definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/half.h"
#include "transform_rig.h"

enum { SIDE = 24, RATE = 8000, N = 4001 };

static double power(const float *x, const float *minus, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double v = (double)x[i] - (minus ? (double)minus[i] : 0.0);
        sum += v * v;
    }
    return sum / n;
}

static void apply_wave(const avcl_transforms *t, uint64_t key, float *wave, int n)
{
    avcl_matter m = {.wave = wave, .n_wave = n, .rate = RATE};
    avcl_draw draw = transform_draw(key, 0);
    avcl__transforms_apply(t, AVCL_FIELD_WAVE, &draw, &m, NULL);
}

static void sine(float x[N])
{
    for (int i = 0; i < N; i++)
        x[i] = 0.25f * sinf(0.05f * (float)i);
}

static void test_gain__is_in_decibels(void **state)
{
    (void)state;
    float x[N];
    float was[N];
    avcl_transforms *t =
        transform_chain(NULL, "gain", "p", 1.0, "min_db", -6.0, "max_db", -6.0, NULL);
    sine(x);
    memcpy(was, x, sizeof x);
    apply_wave(t, 1, x, N);
    assert_true(fabs(10 * log10(power(x, NULL, N) / power(was, NULL, N)) + 6.0) < 1e-5);
    avcl_transforms_free(t);
}

static void test_noise__is_at_its_ratio(void **state)
{
    (void)state;
    float x[N];
    float was[N];
    avcl_transforms *t =
        transform_chain(NULL, "noise", "p", 1.0, "min_snr", 20.0, "max_snr", 20.0, NULL);
    sine(was);
    memcpy(x, was, sizeof x);
    apply_wave(t, 1, x, N);
    double snr = 10 * log10(power(was, NULL, N) / power(x, was, N));
    assert_true(fabs(snr - 20.0) < 1e-3); /* f32 sums */
    /* White: neighbours do not go together. Correlation of 4000: s.d. 0.016; five. */
    double both = 0;
    for (int i = 1; i < N; i++)
        both += (double)(x[i] - was[i]) * (double)(x[i - 1] - was[i - 1]);
    assert_true(fabs(both / N / power(x, was, N)) < 0.08);
    memset(x, 0, sizeof x);
    apply_wave(t, 1, x, N); /* of silence there is no level to be relative to */
    assert_true(power(x, NULL, N) == 0);
    avcl_transforms_free(t);
}

static void test_time_shift__rotates(void **state)
{
    (void)state;
    int seen[2] = {0};
    avcl_transforms *t =
        transform_chain(NULL, "time_shift", "p", 1.0, "max_s", 0.01, NULL);
    for (uint64_t key = 0; key < 40; key++) {
        float x[N];
        for (int i = 0; i < N; i++)
            x[i] = (float)i;
        apply_wave(t, key, x, N);
        int by = (N - (int)x[0]) % N;
        for (int i = 0; i < N; i++)
            assert_true((int)x[(i + by) % N] == i);
        if (by > N / 2) by -= N;
        assert_in_range(by + 80, 0, 160); /* 0.01 s of 8000 Hz */
        seen[by > 0]++;
    }
    assert_true(seen[0] > 5 && seen[1] > 5);
    float one = 3;
    apply_wave(t, 1, &one, 1);
    assert_true(one == 3);
    apply_wave(t, 1, NULL, 0);
    avcl_transforms_free(t);
}

static void test_spec_augment__masks_bands_and_columns(void **state)
{
    (void)state;
    avcl_transforms *t =
        transform_chain(NULL, "spec_augment", "p", 1.0, "bands", 1.0, "columns", 1.0,
                        "max_bands", 0.25, "max_columns", 0.5, NULL);
    int widest = 0;
    for (uint64_t key = 0; key < 100; key++) {
        uint16_t mel[SIDE * SIDE];
        uint16_t was[SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++)
            was[i] = avcl__half_from_float((float)(i % 7) / 8); /* exact in f16 */
        memcpy(mel, was, sizeof mel);
        avcl_matter m = {.mel = mel, .side = SIDE};
        avcl_draw draw = transform_draw(key, 0);
        avcl__transforms_apply(t, AVCL_FIELD_MEL, &draw, &m, NULL);
        int rows = 0;
        int columns = 0;
        float mean = 0;
        for (int i = 0; i < SIDE * SIDE; i++)
            mean += (float)(i % 7) / 8 / (SIDE * SIDE);
        uint16_t fill = avcl__half_from_float(mean);
        for (int k = 0; k < SIDE; k++) {
            int row = 1;
            int column = 1;
            for (int i = 0; i < SIDE; i++) {
                row = row && mel[k * SIDE + i] == fill;
                column = column && mel[i * SIDE + k] == fill;
            }
            rows += row;
            columns += column;
        }
        assert_in_range(rows, 0, SIDE / 4);
        assert_in_range(columns, 0, SIDE / 2);
        widest = columns > widest ? columns : widest;
        int n_masked = rows * SIDE + columns * SIDE - rows * columns;
        int n_changed = 0;
        for (int i = 0; i < SIDE * SIDE; i++)
            n_changed += mel[i] != was[i];
        assert_int_equal(n_changed, n_masked); /* the rest is as it was */
    }
    assert_true(widest > SIDE / 4);
    avcl_transforms_free(t);
}

static void test_half__reads_what_it_wrote(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000u; h++) {
        float x = avcl__half_to_float((uint16_t)h);
        if (isnan(x)) continue;
        assert_int_equal(avcl__half_from_float(x), h);
    }
    assert_true(avcl__half_to_float(0x3C00) == 1.0f);
    assert_true(avcl__half_to_float(0x0001) == 0x1p-24f);
    assert_true(isnan(avcl__half_to_float(0x7E00)) && isinf(avcl__half_to_float(0xFC00)));
}

/* A sound's gain is the same whether pictures are flipped or not, and in any order. */
static void test_chain__draws_do_not_touch(void **state)
{
    (void)state;
    float alone[N];
    float beside[N];
    avcl_transforms *one = transform_chain(NULL, "gain", "p", 1.0, NULL);
    avcl_transforms *two = transform_chain(NULL, "time_shift", "p", 0.0, NULL);
    two = transform_chain(two, "flip", "p", 1.0, NULL);
    two = transform_chain(two, "gain", "p", 1.0, NULL);
    sine(alone);
    sine(beside);
    apply_wave(one, 5, alone, N);
    apply_wave(two, 5, beside, N);
    assert_memory_equal(alone, beside, sizeof alone);
    sine(beside);
    apply_wave(one, 6, beside, N);
    assert_true(memcmp(alone, beside, sizeof alone) != 0);
    assert_true(avcl__transforms_touch(two, AVCL_FIELD_CLIP));
    assert_false(avcl__transforms_touch(two, AVCL_FIELD_AREA));
    assert_false(avcl__transforms_touch(NULL, AVCL_FIELD_CLIP));
    avcl_transforms_free(one);
    avcl_transforms_free(two);
    avcl_transforms_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gain__is_in_decibels),
        cmocka_unit_test(test_noise__is_at_its_ratio),
        cmocka_unit_test(test_time_shift__rotates),
        cmocka_unit_test(test_spec_augment__masks_bands_and_columns),
        cmocka_unit_test(test_half__reads_what_it_wrote),
        cmocka_unit_test(test_chain__draws_do_not_touch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
