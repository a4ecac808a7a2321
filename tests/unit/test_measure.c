/* test_measure.c - what features say about a model's health, against values by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/train_impl.h"

/* A handful of additions and one square root in double. */
static const double ROUNDING = 1e-14;

static void check(double got, double want)
{
    if (!(fabs(got - want) <= ROUNDING)) fail_msg("%.17g, not %.17g", got, want);
}

static void test_measure__match_counts_the_nearest_by_angle(void **state)
{
    (void)state;
    static const double a[3 * 2] = {1, 0, 0, 1, -1, 0};
    /* by angle a0 -> b0, a1 -> b1, a2 -> b2, although b1 is much the longest */
    static const double b[3 * 2] = {2, 0.1, 30, 90, -0.5, 0};
    check(avcl__match_accuracy(a, b, 3, 2, 0), 1);
    check(avcl__match_accuracy(a, b, 3, 2, 1), 0);
    /* b shifted by one row: pairs are at i + 1 */
    static const double shifted[3 * 2] = {-0.5, 0, 2, 0.1, 30, 90};
    check(avcl__match_accuracy(a, shifted, 3, 2, 1), 1);
    check(avcl__match_accuracy(a, shifted, 3, 2, 0), 0);
}

static void test_measure__equal_features_match_by_chance_only(void **state)
{
    (void)state;
    static const double same[4 * 2] = {1, 2, 1, 2, 1, 2, 1, 2};
    static const double zero[4 * 2] = {0};
    check(avcl__match_accuracy(same, same, 4, 2, 0), 0.25);
    check(avcl__match_accuracy(zero, zero, 4, 2, 0), 0.25);
}

static void test_measure__spread_is_one_on_the_whole_sphere(void **state)
{
    (void)state;
    /* +-e1, +-e2: each coordinate has mean 0 and variance 1/2, so sqrt(2) sqrt(1/2) */
    static const double cross[4 * 2] = {3, 0, -1, 0, 0, 5, 0, -0.5};
    static const double same[4 * 2] = {1, 2, 2, 4, 3, 6, 0.5, 1};
    /* two points at e1 and e2: mean 1/2 and variance 1/4 in each coordinate */
    static const double two[2 * 2] = {1, 0, 0, 1};
    check(avcl__feature_spread(cross, 4, 2), 1);
    /* the root of a variance that is 0 but for rounding: 1e-8 is its square root */
    assert_true(avcl__feature_spread(same, 4, 2) < 1e-7);
    check(avcl__feature_spread(two, 2, 2), sqrt(0.5));
}

static void test_measure__dead_channels_are_zero_in_every_row(void **state)
{
    (void)state;
    static const double x[2 * 4] = {0, 0, 1, 0, 0, 2, 0, -0.0};
    check(avcl__dead_channels(x, 2, 4), 0.5);
    check(avcl__dead_channels(x, 1, 4), 0.75);
}

static void test_measure__ties_and_nan_count_against_a_class(void **state)
{
    (void)state;
    static const double score[4] = {1, 3, 3, 2};
    const double nan_score[4] = {1, 3, NAN, 2};
    assert_int_equal(avcl__rank_of(score, 4, 1), 1);
    assert_int_equal(avcl__rank_of(score, 4, 3), 2);
    assert_int_equal(avcl__rank_of(score, 4, 0), 3);
    assert_int_equal(avcl__rank_of(nan_score, 4, 2), 3);
    assert_int_equal(avcl__rank_of(nan_score, 4, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure__match_counts_the_nearest_by_angle),
        cmocka_unit_test(test_measure__equal_features_match_by_chance_only),
        cmocka_unit_test(test_measure__spread_is_one_on_the_whole_sphere),
        cmocka_unit_test(test_measure__dead_channels_are_zero_in_every_row),
        cmocka_unit_test(test_measure__ties_and_nan_count_against_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
