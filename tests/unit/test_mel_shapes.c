/* test_mel_shapes.c - pictures of sound scaled, and waveforms folded into one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/mel_impl.h"

/* Golden values are printed with six decimals. */
static const double SIX_DIGITS = 5e-7;

static avcl_mel *make(avcl_mel_options options)
{
    avcl_mel *mel = avcl_mel_new(&options, NULL);
    assert_non_null(mel);
    return mel;
}

/* ---- resize -------------------------------------------------------------------- */
static void test_mel_resize__weights_of_eight_to_two(void **state)
{
    (void)state;
    const double want[6] = {.178571, .25, .25, .178571, .107143, .035714};
    for (int i = 0; i < 8; i++) {
        float in[8] = {0};
        float out[2];
        in[i] = 1.0f;
        assert_int_equal(avcl__mel_resize(in, &(avcl_resize){1, 8, 1, 2}, out, NULL),
                         AVCL_OK);
        assert_float_equal(out[0], i < 6 ? want[i] : 0, SIX_DIGITS);
        assert_float_equal(out[1], i >= 2 ? want[7 - i] : 0, SIX_DIGITS);
    }
}

/* Growing 2 to 4: centres at .25 .75 1.25 1.75 lie between the inputs' .5 and 1.5. */
static void test_mel_resize__interpolates_when_growing(void **state)
{
    (void)state;
    const float in[4] = {0, 4, 8, 0};
    const float want[8] = {0, 1, 3, 4, 8, 6, 2, 0};
    float out[8];
    assert_int_equal(avcl__mel_resize(in, &(avcl_resize){2, 2, 1, 4}, out, NULL),
                     AVCL_OK);
    for (int i = 0; i < 8; i++)
        assert_float_equal(out[i], want[i], 1e-6);
    float one = 3.5f;
    assert_int_equal(avcl__mel_resize(&one, &(avcl_resize){1, 1, 1, 8}, out, NULL),
                     AVCL_OK);
    for (int i = 0; i < 8; i++)
        assert_true(out[i] == 3.5f);
    float same[5] = {1, -2, 3, -4, 5};
    assert_int_equal(avcl__mel_resize(same, &(avcl_resize){1, 5, 1, 5}, out, NULL),
                     AVCL_OK);
    assert_memory_equal(out, same, sizeof same);
}

/* Along the other axis the same, transposed. */
static void test_mel_resize__either_axis(void **state)
{
    (void)state;
    float in[6 * 5], turned[5 * 6], out[6 * 3], other[3 * 6];
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 5; x++)
            in[y * 5 + x] = turned[x * 6 + y] = (float)(y * y - 3 * x);
    assert_int_equal(avcl__mel_resize(in, &(avcl_resize){6, 5, 1, 3}, out, NULL),
                     AVCL_OK);
    assert_int_equal(avcl__mel_resize(turned, &(avcl_resize){1, 5, 6, 3}, other, NULL),
                     AVCL_OK);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 3; x++)
            assert_true(out[y * 3 + x] == other[x * 6 + y]);
}

/* ---- folding ------------------------------------------------------------------ */
/* A ramp stays one, ends on ends; a constant and silence normalise to 0. */
static void test_mel_fold__resamples_linearly_and_folds_by_rows(void **state)
{
    (void)state;
    enum { N = 1000, SIDE = 256, SIZE = SIDE * SIDE };
    avcl_mel *raw = make((avcl_mel_options){.normalise = AVCL_MEL_RAW});
    avcl_mel *mel = make((avcl_mel_options){0});
    float x[N];
    float *out = malloc(SIZE * sizeof *out);
    for (int i = 0; i < N; i++)
        x[i] = (float)(2.0 * i / (N - 1) - 1);
    assert_int_equal(avcl_mel_fold(raw, x, N, out, NULL), AVCL_OK);
    for (int i = 0; i < SIZE; i++)
        assert_float_equal(out[i], 2.0 * i / (SIZE - 1) - 1, 1e-6);
    assert_true(out[0] == -1.0f && out[SIZE - 1] == 1.0f);
    assert_int_equal(avcl_mel_fold(mel, x, N, out, NULL), AVCL_OK);
    assert_float_equal(out[SIDE], (double)SIDE / (SIZE - 1), 1e-6); /* row 1, column 0 */
    assert_int_equal(avcl_mel_fold(raw, x, 1, out, NULL), AVCL_OK);
    assert_true(out[0] == x[0] && out[SIZE - 1] == x[0]);
    assert_int_equal(avcl_mel_fold(mel, x, 0, out, NULL), AVCL_OK);
    for (int i = 0; i < SIZE; i++)
        assert_true(out[i] == 0.0f);
    x[7] = NAN;
    assert_int_equal(avcl_mel_fold(mel, x, N, out, NULL), AVCL_E_NUMERIC);
    free(out);
    avcl_mel_free(mel);
    avcl_mel_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mel_resize__weights_of_eight_to_two),
        cmocka_unit_test(test_mel_resize__interpolates_when_growing),
        cmocka_unit_test(test_mel_resize__either_axis),
        cmocka_unit_test(test_mel_fold__resamples_linearly_and_folds_by_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
