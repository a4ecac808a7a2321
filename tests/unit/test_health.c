/* test_health.c - the signs of a collapse where their values are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "train/health.h"

/* A few dozen f64 operations. */
static const double ROUTES = 1e-12;

static void near(double got, double want)
{
    if (!(fabs(got - want) <= ROUTES)) fail_msg("got %.17g, want %.17g", got, want);
}

static void test_health__rank_counts_equal_directions(void **state)
{
    (void)state;
    static const double line[3 * 2] = {1, 2, 2, 4, 4, 8};
    static const double same[3 * 2] = {1, 2, 1, 2, 1, 2};
    static const double cross[4 * 3] = {1, 0, 5, -1, 0, 5, 0, 1, 5, 0, -1, 5};
    /* singular values 2 sqrt(2) and sqrt(2) about the mean */
    static const double flat[4 * 2] = {2, 0, -2, 0, 0, 1, 0, -1};
    double p = 2.0 / 3;
    near(avcl__effective_rank(line, 3, 2), 1);
    near(avcl__effective_rank(same, 3, 2), 0);
    near(avcl__effective_rank(cross, 4, 3), 2);
    near(avcl__effective_rank(flat, 4, 2), exp(-p * log(p) - (1 - p) * log(1 - p)));
}

static void test_health__rank_of_orthogonal_rows_is_one_less_than_they_are(void **state)
{
    (void)state;
    enum { N = 16, D = 40 };
    static double x[N * D];
    for (int i = 0; i < N; i++)
        x[i * D + 2 * i] = 3;
    near(avcl__effective_rank(x, N, D), N - 1); /* the mean takes one direction */
}

static void test_health__diagonal_is_a_correlation(void **state)
{
    (void)state;
    /* columns: equal up to scale and shift, opposite, uncorrelated, dead */
    static const double v[4 * 4] = {1, 1, 1, 7, 2, 2, -1, 7, 3, 3, 1, 7, 4, 4, -1, 7};
    static const double a[4 * 4] = {3, -1, 1, 0, 5, -2, 1, 1, 7, -3, -1, 0, 9, -4, -1, 3};
    near(avcl__mean_diagonal(v, a, 4, 4), (1.0 - 1 + 0 + 0) / 4);
    near(avcl__mean_diagonal(v, v, 4, 4), 3.0 / 4);
}

static void test_health__alignment_and_uniformity(void **state)
{
    (void)state;
    static const double v[2 * 2] = {3, 0, 0, 2};
    static const double a[2 * 2] = {1, 0, 5, 0};
    static const double cross[4 * 2] = {1, 0, -1, 0, 0, 1, 0, -1};
    near(avcl__alignment(v, v, 2, 2), 0);
    near(avcl__alignment(v, a, 2, 2), (0 + 2) / 2.0);
    near(avcl__uniformity(v, 2, 2), -4);
    /* two pairs opposite at square distance 4, four at right angles at 2 */
    near(avcl__uniformity(cross, 4, 2), log((2 * exp(-8) + 4 * exp(-4)) / 6));
    near(avcl__uniformity(a, 2, 2), 0);
}

static void test_health__gate_is_a_ratio_where_there_is_one(void **state)
{
    (void)state;
    static const double raw[4] = {2, 0, 4, 1};
    static const double fused[4] = {1, 0, 1, 0};
    static const double none[4] = {0};
    near(avcl__mean_gate(fused, raw, 2, 2), (0.5 + 0.25 + 0) / 3);
    near(avcl__mean_gate(none, none, 2, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health__rank_counts_equal_directions),
        cmocka_unit_test(test_health__rank_of_orthogonal_rows_is_one_less_than_they_are),
        cmocka_unit_test(test_health__diagonal_is_a_correlation),
        cmocka_unit_test(test_health__alignment_and_uniformity),
        cmocka_unit_test(test_health__gate_is_a_ratio_where_there_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
