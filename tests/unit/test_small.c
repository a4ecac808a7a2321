/* test_small.c - small pictures: colour there and back by the formula, JPEG, and edges.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/small.h"

enum { MAX = 64 };

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static double limit(double x)
{
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

/* JFIF in doubles; what integers round may differ by one. */
static void check_area(const uint8_t *yuv, int32_t w, int32_t h, const avcl_area *a)
{
    const double rounding = 1.01;
    static uint8_t got[3 * MAX * MAX];
    size_t plane = (size_t)a->rows * (size_t)a->columns;
    int32_t half = (w + 1) / 2;
    const uint8_t *cb = yuv + w * h;
    const uint8_t *cr = cb + half * ((h + 1) / 2);
    avcl__i420_cut(yuv, w, h, a, got, plane);
    for (int32_t i = 0; i < (int32_t)plane; i++) {
        int32_t y = a->y + i / a->columns;
        int32_t x = a->x + i % a->columns;
        double l = yuv[y * w + x];
        double u = cb[y / 2 * half + x / 2] - 128.0;
        double v = cr[y / 2 * half + x / 2] - 128.0;
        double want[3] = {limit(l + 1.402 * v), limit(l - 0.344136 * u - 0.714136 * v),
                          limit(l + 1.772 * u)};
        for (int c = 0; c < 3; c++)
            if (fabs(got[(size_t)c * plane + (size_t)i] - want[c]) > rounding)
                fail_msg("%dx%d at %d,%d: %d, not %g", w, h, x, y,
                         got[(size_t)c * plane + (size_t)i], want[c]);
    }
}

static void test_small__areas_are_jfif(void **state)
{
    (void)state;
    static uint8_t yuv[3 * MAX * MAX];
    uint32_t seed = 1;
    for (int i = 0; i < 300; i++) {
        int32_t w = 2 + (int32_t)(next(&seed) % (MAX - 1));
        int32_t h = 2 + (int32_t)(next(&seed) % (MAX - 1));
        for (size_t k = 0; k < avcl__i420_bytes(w, h); k++)
            yuv[k] = (uint8_t)next(&seed);
        avcl_area a = {.rows = 1 + (int32_t)(next(&seed) % (uint32_t)h),
                       .columns = 1 + (int32_t)(next(&seed) % (uint32_t)w)};
        a.y = (int32_t)(next(&seed) % (uint32_t)(h - a.rows + 1));
        a.x = (int32_t)(next(&seed) % (uint32_t)(w - a.columns + 1));
        check_area(yuv, w, h, &a);
    }
}

/* Colours that are constant over chroma samples come back, to rounding. */
static void test_small__flat_colours_come_back(void **state)
{
    (void)state;
    enum { W = 9, H = 7 };
    uint8_t rgb[W * H * 3];
    uint8_t yuv[W * H * 3];
    uint8_t got[W * H * 3];
    avcl_area all = {0, 0, H, W};
    for (int32_t colour = 0; colour < 4096; colour++) {
        uint8_t want[3] = {(uint8_t)(colour % 16 * 17), (uint8_t)(colour / 16 % 16 * 17),
                           (uint8_t)(colour / 256 * 17)};
        for (int i = 0; i < W * H; i++)
            memcpy(rgb + 3 * i, want, 3);
        avcl__i420_from_rgb(rgb, W, H, yuv);
        avcl__i420_cut(yuv, W, H, &all, got, W * H);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < W * H; i++)
                assert_in_range(got[c * W * H + i], want[c] < 2 ? 0 : want[c] - 2,
                                want[c] + 2);
    }
}

/* Wider than one strip of the fast path. */
static void test_small__wide_pictures_are_no_different(void **state)
{
    (void)state;
    enum { W = 2501, H = 3 };
    uint8_t *yuv = malloc(avcl__i420_bytes(W, H));
    uint8_t *whole = malloc(3 * W * H);
    uint8_t one[3];
    uint32_t seed = 7;
    for (size_t k = 0; k < avcl__i420_bytes(W, H); k++)
        yuv[k] = (uint8_t)next(&seed);
    avcl_area all = {0, 1, H, W - 1};
    avcl__i420_cut(yuv, W, H, &all, whole, H * (W - 1));
    for (int32_t y = 0; y < H; y++)
        for (int32_t x = 1; x < W; x++) {
            avcl_area a = {y, x, 1, 1};
            avcl__i420_cut(yuv, W, H, &a, one, 1);
            for (int32_t c = 0; c < 3; c++)
                assert_int_equal(one[c], whole[c * H * (W - 1) + y * (W - 1) + x - 1]);
        }
    free(whole);
    free(yuv);
}

static void test_small__jpeg_is_near_and_refuses_noise(void **state)
{
    (void)state;
    enum { W = 37, H = 22 };
    const double mean_error = 2.0; /* of smooth pictures at quality 2 */
    uint8_t yuv[W * H * 3];
    uint8_t got[W * H * 3];
    const void *data;
    size_t n;
    avcl_error err = {0};
    size_t bytes = avcl__i420_bytes(W, H);
    for (size_t i = 0; i < bytes; i++)
        yuv[i] = (uint8_t)(128 + 60 * sin((double)i / 40));
    avcl_jpeg *j = avcl__jpeg_new(W, H, 2);
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(avcl__jpeg_encode(j, yuv, &data, &n, &err), AVCL_OK);
        uint8_t *copy = malloc(n);
        memcpy(copy, data, n);
        assert_int_equal(avcl__jpeg_decode(j, copy, n, got, &err), AVCL_OK);
        double sum = 0;
        for (size_t i = 0; i < bytes; i++)
            sum += abs(got[i] - yuv[i]);
        assert_true(sum / (double)bytes < mean_error);
        assert_int_equal(avcl__jpeg_decode(j, "no picture", 10, got, &err),
                         AVCL_E_CORRUPT);
        assert_non_null(strstr(err.message, "a JPEG of 10 bytes"));
        err = (avcl_error){0};
        free(copy);
    }
    avcl_jpeg *other = avcl__jpeg_new(W + 2, H, 2);
    assert_int_equal(avcl__jpeg_encode(j, yuv, &data, &n, &err), AVCL_OK);
    assert_int_equal(avcl__jpeg_decode(other, data, n, got, &err), AVCL_E_CORRUPT);
    avcl__jpeg_free(other);
    avcl__jpeg_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small__areas_are_jfif),
        cmocka_unit_test(test_small__flat_colours_come_back),
        cmocka_unit_test(test_small__wide_pictures_are_no_different),
        cmocka_unit_test(test_small__jpeg_is_near_and_refuses_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
