/* test_sampler.c - orders, starts and crops: pure, uniform, and as the paper's loaders
 * had it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/dataset_impl.h"
#include "data/draw.h"
#include "data/half.h"
#include "data/sampler.h"

enum { N = 20 };

/* Chi-square of a uniform count lies within 5 standard deviations, sqrt(2 df), of df. */
#define CHI_SDS 5.0

static void expect_uniform(const int *count, int n, int total)
{
    double chi = 0;
    double wanted = (double)total / n;
    for (int i = 0; i < n; i++)
        chi += (count[i] - wanted) * (count[i] - wanted) / wanted;
    assert_true(fabs(chi - (n - 1)) < CHI_SDS * sqrt(2.0 * (n - 1)));
}

static void fill(uint64_t seed, uint32_t epoch, int64_t n, int64_t *order)
{
    uint64_t keys[N];
    avcl_order_item scratch[N];
    char name[32];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "clip_%d.mp4", i);
        keys[i] = avcl__sample_key(name);
    }
    avcl__order_fill(scratch, keys, n, seed, epoch, order);
}

static void
test_sampler__order_is_a_permutation_of_its_own_per_epoch_and_seed(void **state)
{
    (void)state;
    int64_t a[N], b[N];
    int seen[N] = {0};
    fill(7, 3, N, a);
    for (int i = 0; i < N; i++)
        seen[a[i]]++;
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    fill(7, 3, N, b);
    assert_memory_equal(a, b, sizeof a);
    fill(7, 4, N, b);
    assert_memory_not_equal(a, b, sizeof a);
    fill(8, 3, N, b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_sampler__order_of_old_files_outlives_new_ones(void **state)
{
    (void)state;
    int64_t few[N], all[N];
    int at = 0;
    fill(1, 1, N - 5, few);
    fill(1, 1, N, all);
    for (int i = 0; i < N; i++)
        if (all[i] < N - 5) assert_int_equal(all[i], few[at++]);
}

static void test_sampler__positions_are_uniform(void **state)
{
    (void)state;
    enum { EPOCHS = 4000 };
    int count[N][N] = {{0}};
    int64_t order[N];
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        fill(99, epoch, N, order);
        for (int i = 0; i < N; i++)
            count[order[i]][i]++;
    }
    for (int i = 0; i < N; i++)
        expect_uniform(count[i], N, EPOCHS);
}

/* methods.md C and K.10: int(x - 8), x in linspace(8, L - 8, 10). */
static void test_sampler__evaluation_starts(void **state)
{
    (void)state;
    static const int64_t starts_300[10] = {0, 31, 63, 94, 126, 157, 189, 220, 252, 284};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(avcl__clip_start(250, 16, 10, i), 26 * i);
        assert_int_equal(avcl__clip_start(300, 16, 10, i), starts_300[i]);
        assert_int_equal(avcl__clip_start(16, 16, 10, i), 0);
        assert_int_equal(avcl__clip_start(3, 16, 10, i), 0);
    }
    assert_int_equal(avcl__clip_start(250, 16, 1, 0), 117); /* one clip: the middle */
}

static avcl_view make_view(int32_t random)
{
    return (avcl_view){.frames = 16,
                       .resize_w = 11,
                       .resize_h = 9,
                       .crop = 6,
                       .mel_crop = 5,
                       .random = random};
}

static void test_sampler__random_cuts_are_uniform_and_reach_both_ends(void **state)
{
    (void)state;
    enum { DRAWS = 6000 };
    avcl_view view = make_view(1);
    int y[4] = {0}, x[6] = {0}, start[10] = {0}, band[8] = {0}, column[3] = {0},
        both[24] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        avcl_draw_key key = {5, 0x123456789u + i % 100, (uint32_t)(i / 100), 0};
        avcl_cut clip = avcl__cut_clip(&view, &key, 25);
        avcl_cut mel = avcl__cut_mel(&view, &key, 12, 7);
        y[clip.y]++, x[clip.x]++, start[clip.start]++, band[mel.y]++, column[mel.x]++;
        both[clip.y * 6 + clip.x]++;
    }
    expect_uniform(y, 4, DRAWS);
    expect_uniform(x, 6, DRAWS);
    expect_uniform(start, 10, DRAWS);
    expect_uniform(band, 8, DRAWS);
    expect_uniform(column, 3, DRAWS);
    expect_uniform(both, 24, DRAWS); /* y tells nothing of x */
}

static void test_sampler__centre_cuts(void **state)
{
    (void)state;
    avcl_view view = make_view(0);
    avcl_draw_key key = {5, 6, 7, 0};
    avcl_cut clip = avcl__cut_clip(&view, &key, 25);
    assert_int_equal(clip.y, 1);
    assert_int_equal(clip.x, 2);
    assert_int_equal(clip.start, 4);
    avcl_cut mel = avcl__cut_mel(&view, &key, 256, 256);
    assert_int_equal(mel.y, 125);
    assert_int_equal(mel.x, 125);
}

static void test_sampler__first_draw_is_philox_below(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 1000; n += 37) {
        avcl_draw draw = {11, 22, 33, AVCL_STREAM_TIME, 0};
        assert_int_equal(avcl__draw_below(&draw, n),
                         avcl_philox_below(11, 22, 33, AVCL_STREAM_TIME, n));
    }
}

static void test_sampler__pair_is_another_and_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 5000, PLACES = 6 };
    int count[PLACES] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        avcl_draw_key key = {1, 2, i, 0};
        count[avcl__other_place(&key, 2, PLACES)]++;
    }
    assert_int_equal(count[2], 0);
    count[2] = count[PLACES - 1];
    expect_uniform(count, PLACES - 1, DRAWS);
    avcl_draw_key key = {1, 2, 3, 0};
    assert_int_equal(avcl__other_place(&key, 0, 2), 1);
    assert_int_equal(avcl__other_place(&key, 1, 2), 0);
}

static void expect_view_refused(avcl_view view, const char *message)
{
    avcl_error err = {0};
    assert_int_equal(avcl__view_check(&view, &err), AVCL_E_INVALID);
    assert_string_equal(err.message, message);
}

static void test_sampler__views_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    avcl_view view = make_view(0);
    assert_int_equal(avcl__view_check(&view, NULL), AVCL_OK);
    view.crop = 10;
    expect_view_refused(view, "crop is 10, expected 1 to 9");
    view = make_view(0);
    view.mel_crop = 300;
    expect_view_refused(view, "mel_crop is 300, expected 0 to 256");
    view = make_view(0);
    view.frames = view.mel_crop = 0;
    expect_view_refused(view,
                        "the view has neither frames nor mel_crop: nothing to read");
}

/* IEEE 754 binary16: exact values, ties to even, subnormals, overflow. */
static void test_sampler__halves(void **state)
{
    (void)state;
    static const struct {
        float value;
        uint16_t half;
    } facts[] = {
        {0.0f, 0x0000},        {-0.0f, 0x8000},        {1.0f, 0x3C00},
        {-13.815511f, 0xCAE8}, {65504.0f, 0x7BFF},     {65519.996f, 0x7BFF},
        {65520.0f, 0x7C00},    {0x1p-14f, 0x0400},     {0x1p-24f, 0x0001},
        {0x1p-25f, 0x0000},    {0x1.8p-24f, 0x0002},   {0x1.002p0f, 0x3C00},
        {0x1.006p0f, 0x3C02},  {0x1.ff8p-15f, 0x03FF}, {0x1.ffcp-15f, 0x0400},
        {INFINITY, 0x7C00},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        assert_int_equal(avcl__half_from_float(facts[i].value), facts[i].half);
    assert_true((avcl__half_from_float(NAN) & 0x7FFF) > 0x7C00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_sampler__order_is_a_permutation_of_its_own_per_epoch_and_seed),
        cmocka_unit_test(test_sampler__order_of_old_files_outlives_new_ones),
        cmocka_unit_test(test_sampler__positions_are_uniform),
        cmocka_unit_test(test_sampler__evaluation_starts),
        cmocka_unit_test(test_sampler__random_cuts_are_uniform_and_reach_both_ends),
        cmocka_unit_test(test_sampler__centre_cuts),
        cmocka_unit_test(test_sampler__first_draw_is_philox_below),
        cmocka_unit_test(test_sampler__pair_is_another_and_uniform),
        cmocka_unit_test(test_sampler__views_that_do_not_fit_are_refused),
        cmocka_unit_test(test_sampler__halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
