/*
 * test_transform.c - each transform against what it is by definition, and chains of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/params.h"
#include "transform_rig.h"

enum { SIDE = 24, FRAMES = 4, PLANE = FRAMES * SIDE * SIDE };

static void noise_fill(uint8_t *out, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        out[i] =
            (uint8_t)(avcl_philox_at(seed, i / 4, 0, AVCL_STREAM_FILL, 0).x[i % 4] >> 24);
}

/* ---- pictures
 * -------------------------------------------------------------------------- */
static void apply_clip(const avcl_transforms *t, uint64_t key, uint8_t *rgb)
{
    avcl_matter m = {.rgb = rgb, .frames = FRAMES, .side = SIDE};
    avcl_draw draw = transform_draw(key, 3);
    avcl__transforms_apply(t, AVCL_FIELD_CLIP, &draw, &m, NULL);
}

static void test_flip__mirrors_every_row(void **state)
{
    (void)state;
    uint8_t rgb[3 * PLANE];
    uint8_t was[3 * PLANE];
    noise_fill(rgb, sizeof rgb, 1);
    memcpy(was, rgb, sizeof rgb);
    avcl_transforms *t = transform_chain(NULL, "flip", "p", 1.0, NULL);
    apply_clip(t, 1, rgb);
    for (int i = 0; i < 3 * PLANE / SIDE; i++)
        for (int x = 0; x < SIDE; x++)
            assert_int_equal(rgb[i * SIDE + x], was[i * SIDE + SIDE - 1 - x]);
    apply_clip(t, 1, rgb);
    assert_memory_equal(rgb, was, sizeof rgb);
    avcl_transforms_free(t);
}

static void test_transform__is_applied_with_its_probability(void **state)
{
    (void)state;
    enum { CLIPS = 2000 };
    uint8_t rgb[3 * PLANE] = {0};
    int n = 0;
    avcl_transforms *t = transform_chain(NULL, "flip", "p", 0.3, NULL);
    for (uint64_t key = 0; key < CLIPS; key++) {
        rgb[0] = 1;
        rgb[SIDE - 1] = 0;
        apply_clip(t, key * 0x9E3779B97F4A7C15u, rgb);
        n += rgb[0] == 0;
    }
    /* Binomial(2000, 0.3): mean 600, s.d. 20.5; five of them. */
    assert_in_range(n, 497, 703);
    avcl_transforms_free(t);
}

static void test_colour__without_ranges_changes_nothing(void **state)
{
    (void)state;
    uint8_t rgb[3 * PLANE];
    uint8_t was[3 * PLANE];
    noise_fill(rgb, sizeof rgb, 2);
    memcpy(was, rgb, sizeof rgb);
    avcl_transforms *t =
        transform_chain(NULL, "colour_jitter", "p", 1.0, "brightness", 0.0, "contrast",
                        0.0, "saturation", 0.0, "hue", 0.0, NULL);
    apply_clip(t, 1, rgb);
    assert_memory_equal(rgb, was, sizeof rgb);
    avcl_transforms_free(t);
}

/* One factor for all pixels of all frames. */
static void test_brightness__is_a_factor(void **state)
{
    (void)state;
    uint8_t rgb[3 * PLANE];
    memset(rgb, 100, sizeof rgb);
    for (int k = 0; k < 3; k++)
        rgb[k * PLANE + 5] = 50;
    avcl_transforms *t =
        transform_chain(NULL, "colour_jitter", "p", 1.0, "brightness", 0.5, "contrast",
                        0.0, "saturation", 0.0, "hue", 0.0, NULL);
    apply_clip(t, 9, rgb);
    for (int i = 0; i < 3 * PLANE; i++)
        if (i % PLANE != 5) assert_int_equal(rgb[i], rgb[0]);
    assert_in_range(rgb[0], 50, 150);
    assert_int_not_equal(rgb[0], 100);
    assert_true(abs(rgb[0] - 2 * rgb[5]) <= 1);
    avcl_transforms_free(t);
}

/* Contrast keeps the mean and scales what lies about it. */
static void test_contrast__is_about_the_mean(void **state)
{
    (void)state;
    uint8_t rgb[3 * PLANE];
    for (int i = 0; i < 3 * PLANE; i++)
        rgb[i] = i % 2 ? 140 : 100; /* mean 120 */
    avcl_transforms *t =
        transform_chain(NULL, "colour_jitter", "p", 1.0, "brightness", 0.0, "contrast",
                        0.9, "saturation", 0.0, "hue", 0.0, NULL);
    apply_clip(t, 4, rgb);
    assert_true(abs(rgb[0] + rgb[1] - 240) <= 1);
    assert_in_range(rgb[1] - rgb[0], 3, 77); /* 40 x (0.1 … 1.9), rounded twice */
    assert_int_not_equal(rgb[1] - rgb[0], 40);
    avcl_transforms_free(t);
}

/* Saturation 0 is luma; the factor is at most 1 + x and at least 1 - x = 0 with x = 1. */
static void test_saturation__keeps_luma(void **state)
{
    (void)state;
    avcl_transforms *t =
        transform_chain(NULL, "colour_jitter", "p", 1.0, "brightness", 0.0, "contrast",
                        0.0, "saturation", 0.6, "hue", 0.0, NULL);
    for (uint64_t key = 0; key < 50; key++) {
        uint8_t rgb[3 * PLANE];
        memset(rgb, 120, PLANE);
        memset(rgb + PLANE, 100, PLANE);
        memset(rgb + 2 * PLANE, 90, PLANE);
        apply_clip(t, key, rgb);
        double luma = 0.299 * rgb[0] + 0.587 * rgb[PLANE] + 0.114 * rgb[2 * PLANE];
        assert_true(fabs(luma - (0.299 * 120 + 0.587 * 100 + 0.114 * 90)) < 0.51);
        assert_true(rgb[0] >= rgb[PLANE] && rgb[PLANE] >= rgb[2 * PLANE]);
    }
    avcl_transforms_free(t);
}

/* The hue's turn leaves the largest and the smallest channel's value, and greys alone. */
static void test_hue__turns_and_nothing_else(void **state)
{
    (void)state;
    avcl_transforms *t =
        transform_chain(NULL, "colour_jitter", "p", 1.0, "brightness", 0.0, "contrast",
                        0.0, "saturation", 0.0, "hue", 0.5, NULL);
    int changed = 0;
    for (uint64_t key = 0; key < 50; key++) {
        uint8_t rgb[3 * PLANE];
        memset(rgb, 200, PLANE);
        memset(rgb + PLANE, 40, 2 * PLANE);
        rgb[7] = rgb[PLANE + 7] = rgb[2 * PLANE + 7] = 77;
        apply_clip(t, key, rgb);
        int high = 0;
        int low = 255;
        for (int k = 0; k < 3; k++) {
            high = rgb[k * PLANE] > high ? rgb[k * PLANE] : high;
            low = rgb[k * PLANE] < low ? rgb[k * PLANE] : low;
            assert_int_equal(rgb[k * PLANE + 7], 77);
        }
        assert_int_equal(high, 200);
        assert_int_equal(low, 40);
        changed += rgb[0] != 200;
    }
    assert_true(changed > 10); /* red stays the largest in a third of all turns */
    avcl_transforms_free(t);
}

/* ---- when
 * ------------------------------------------------------------------------------ */
static void apply_time(const avcl_transforms *t, uint64_t key, int32_t index[16])
{
    avcl_matter m = {.index = index, .frames = 16};
    avcl_draw draw = transform_draw(key, 0);
    for (int i = 0; i < 16; i++)
        index[i] = i;
    avcl__transforms_apply(t, AVCL_FIELD_TIME, &draw, &m, NULL);
}

static void test_speed__is_a_stride(void **state)
{
    (void)state;
    int32_t index[16];
    avcl_transforms *two =
        transform_chain(NULL, "speed", "p", 1.0, "min", 2.0, "max", 2.0, NULL);
    avcl_transforms *half =
        transform_chain(NULL, "speed", "p", 1.0, "min", 0.5, "max", 0.5, NULL);
    avcl_transforms *any =
        transform_chain(NULL, "speed", "p", 1.0, "min", 0.5, "max", 2.0, NULL);
    apply_time(two, 1, index);
    for (int i = 0; i < 16; i++)
        assert_int_equal(index[i], 2 * i);
    apply_time(half, 1, index);
    for (int i = 0; i < 16; i++)
        assert_int_equal(index[i], i / 2);
    int slower = 0;
    for (uint64_t key = 0; key < 1000; key++) {
        apply_time(any, key, index);
        assert_int_equal(index[0], 0);
        for (int i = 1; i < 16; i++)
            assert_in_range(index[i] - index[i - 1], 0, 2);
        slower += index[15] < 15;
    }
    /* Log-uniform: as often slower as faster. Binomial(1000, 1/2): s.d. 15.8; five. */
    assert_in_range(slower, 421, 579);
    avcl_transforms_free(two);
    avcl_transforms_free(half);
    avcl_transforms_free(any);
}

static void test_jitter__keeps_the_order(void **state)
{
    (void)state;
    int32_t index[16];
    int moved = 0;
    avcl_transforms *t =
        transform_chain(NULL, "temporal_jitter", "p", 1.0, "frames", 2.0, NULL);
    for (uint64_t key = 0; key < 200; key++) {
        apply_time(t, key, index);
        assert_int_equal(index[0], 0);
        for (int i = 1; i < 16; i++) {
            assert_true(index[i] >= index[i - 1]);
            assert_in_range(index[i] - i + 4, 0, 8); /* both ends may have moved by 2 */
            moved += index[i] != i;
        }
    }
    assert_true(moved > 1000);
    avcl_transforms_free(t);
}

/* ---- where
 * ----------------------------------------------------------------------------- */
static void test_area__lies_within_and_has_its_size(void **state)
{
    (void)state;
    double least = 1;
    double most = 0;
    avcl_transforms *t =
        transform_chain(NULL, "random_resized_crop", "p", 1.0, "min_area", 0.25,
                        "max_area", 0.75, "max_ratio", 1.5, NULL);
    for (uint64_t key = 0; key < 500; key++) {
        avcl_matter m = {.room_h = 128, .room_w = 171};
        avcl_draw draw = transform_draw(key, 0);
        avcl__transforms_apply(t, AVCL_FIELD_AREA, &draw, &m, NULL);
        double area = m.rows * m.columns / (128.0 * 171.0);
        assert_true(m.y >= 0 && m.x >= 0);
        assert_true(m.y + m.rows <= 128 + 1e-9 && m.x + m.columns <= 171 + 1e-9);
        assert_true(area > 0.25 - 1e-6 && area < 0.75 + 1e-6);
        assert_true(m.columns / m.rows < 1.5 + 1e-6 && m.rows / m.columns < 1.5 + 1e-6);
        least = fmin(least, area);
        most = fmax(most, area);
    }
    assert_true(least < 0.3 && most > 0.7);
    avcl_transforms_free(t);
}

/* ---- chains
 * ---------------------------------------------------------------------------- */
static void expect_error(avcl_transforms *t, const char *name, const char *key, double x,
                         const char *text)
{
    avcl_error err = {0};
    avcl_attr given = {key, {.type = AVCL_FLOAT, .f = x}};
    assert_true(avcl_transforms_add(t, name, &given, 1, &err) < 0);
    if (!strstr(err.message, text)) fail_msg("'%s' says no '%s'", err.message, text);
}

static void test_chain__refuses_slips(void **state)
{
    (void)state;
    avcl_transforms *t = avcl_transforms_new();
    expect_error(t, "filp", "p", 1, "did you mean 'flip'");
    expect_error(t, "gain", "max_bd", 1, "max_db");
    expect_error(t, "flip", "p", 1.5, "1.5");
    expect_error(t, "noise", "min_snr", NAN, "min_snr");
    t = transform_chain(t, "flip", "p", 1.0, NULL);
    expect_error(t, "flip", "p", 1, "twice");
    avcl_transforms_free(t);
}

/* Every schema is as a plugin's has to be, begins with p and is off by default. */
static void test_table__has_sound_schemas(void **state)
{
    (void)state;
    avcl_transform_info info;
    avcl_error err = {0};
    for (uint32_t i = 0; i < avcl_n_transforms(); i++) {
        assert_int_equal(avcl_get_transform(i, &info), AVCL_OK);
        if (avcl__params_check(info.params, sizeof *info.params, info.n_params, 4096,
                               &err))
            fail_msg("%s: %s", info.name, err.message);
        assert_string_equal(info.params[0].name, "p");
        assert_true(info.params[0].def_float == 0 && info.params[0].offset == 0);
    }
    assert_int_equal(avcl_get_transform(avcl_n_transforms(), &info), AVCL_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flip__mirrors_every_row),
        cmocka_unit_test(test_transform__is_applied_with_its_probability),
        cmocka_unit_test(test_colour__without_ranges_changes_nothing),
        cmocka_unit_test(test_brightness__is_a_factor),
        cmocka_unit_test(test_contrast__is_about_the_mean),
        cmocka_unit_test(test_saturation__keeps_luma),
        cmocka_unit_test(test_hue__turns_and_nothing_else),
        cmocka_unit_test(test_speed__is_a_stride),
        cmocka_unit_test(test_jitter__keeps_the_order),
        cmocka_unit_test(test_area__lies_within_and_has_its_size),
        cmocka_unit_test(test_chain__refuses_slips),
        cmocka_unit_test(test_table__has_sound_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
