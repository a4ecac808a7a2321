/* test_measures.c - kNN, probes, retrieval and geometry, against numpy's numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/evaluate.h"
#include "eval/eigen.h"

/* The tables of tests/support/measures_golden.py, which also prints what is expected. */
enum { N_TRAIN = 40, N_TEST = 25, D = 6, K = 4 };

typedef struct tables {
    float train_x[N_TRAIN * D];
    float test_x[N_TEST * D];
    float other_x[N_TEST * D]; /* of the same videos, by another modality */
    int32_t train_label[N_TRAIN];
    int32_t test_label[N_TEST];
    avcl_vectors train;
    avcl_vectors test;
    avcl_vectors other;
} tables;

/* Both operands are such that C's remainder is Python's. */
static void fill(float *x, int32_t *label, int n, int salt)
{
    for (int i = 0; i < n; i++) {
        label[i] = i % K;
        for (int k = 0; k < D; k++)
            x[i * D + k] =
                (float)((i * 37 + k * 101 + i * i * k * 13 + salt * 29) % 41 - 20) / 8 +
                (k == label[i] ? 1.5f : 0);
    }
}

static void make(tables *t)
{
    fill(t->train_x, t->train_label, N_TRAIN, 0);
    fill(t->test_x, t->test_label, N_TEST, 5);
    for (int i = 0; i < N_TEST; i++)
        for (int k = 0; k < D; k++)
            t->other_x[i * D + k] =
                t->test_x[i * D + k] + (float)((i * 7 + k * 3) % 11 - 5) / 4;
    t->train = (avcl_vectors){t->train_x, N_TRAIN, D, t->train_label};
    t->test = (avcl_vectors){t->test_x, N_TEST, D, t->test_label};
    t->other = (avcl_vectors){t->other_x, N_TEST, D, t->test_label};
}

static void expect(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s is %.17g, numpy has %.17g", what, got, want);
}

static const double EXACT = 1e-9;  /* percentages of counts */
static const double FLOATS = 2e-6; /* cosines are f32 */

static void test_knn__votes_as_numpy(void **state)
{
    (void)state;
    tables t;
    avcl_accuracy got;
    make(&t);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        assert_int_equal(avcl_knn(&t.train, &t.test, K, 5, 0.5, threads, &got, NULL), 0);
        assert_int_equal(got.n, N_TEST);
        expect("top1", got.top1, 40, EXACT);
        /* more neighbours than there are vectors */
        assert_int_equal(avcl_knn(&t.train, &t.test, K, 200, 0.1, threads, &got, NULL),
                         0);
        expect("top1 of all", got.top1, 28, EXACT);
    }
}

/* A class that no label names is one that can be wrong all the same: five of five classes
 * with a vote do not count as top-5 of nine. */
static void test_knn__ties_and_unlabelled(void **state)
{
    (void)state;
    static const float x[] = {1, 0, 1, 0, 0, 1};
    static const int32_t train_label[] = {-1, 2, 1};
    static const int32_t test_label[] = {2, 0, -1};
    avcl_vectors train = {x, 3, 2, train_label};
    avcl_vectors test = {x, 3, 2, test_label};
    avcl_accuracy got;
    avcl_error err = {0};
    assert_int_equal(avcl_knn(&train, &test, 9, 1, 0.07, 1, &got, NULL), AVCL_OK);
    assert_int_equal(got.n, 2); /* the third has no label */
    expect("top1", got.top1, 50, EXACT);
    expect("top5", got.top5, 50, EXACT);
    assert_int_equal(avcl_knn(&train, &test, 2, 1, 0.07, 1, &got, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "label 2"));
    err = (avcl_error){0};
    train.n = 1;
    assert_int_equal(avcl_knn(&train, &test, 9, 1, 0.07, 1, &got, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "none of 1 vectors has a label"));
}

static void test_probe__finds_the_minimum_that_newton_finds(void **state)
{
    (void)state;
    tables t;
    avcl_probe_result first = {0};
    make(&t);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        avcl_probe_result got;
        avcl_probe_options o = {.l2 = 0.01, .max_iterations = 300, .n_threads = threads};
        assert_int_equal(avcl_probe(&t.train, &t.test, K, &o, &got, NULL), AVCL_OK);
        expect("objective", got.objective, 0.8814023419891119, FLOATS);
        assert_true(got.slope <= 1e-6);
        expect("train top1", got.train_top1, 67.5, EXACT);
        expect("test top1", got.test.top1, 56, EXACT);
        assert_int_equal(got.test.n, N_TEST);
        if (threads == 1) first = got;
        assert_memory_equal(&got, &first, sizeof got);
    }
}

/* A feature that never moves, and a class without vectors, are no trouble. */
static void test_probe__dead_features_and_absent_classes(void **state)
{
    (void)state;
    static const float x[] = {-1, 7, -2, 7, 1, 7, 2, 7};
    static const int32_t label[] = {0, 0, 2, 2};
    avcl_vectors v = {x, 4, 2, label};
    avcl_probe_options o = {.l2 = 1e-3, .max_iterations = 100, .n_threads = 1};
    avcl_probe_result got;
    assert_int_equal(avcl_probe(&v, &v, 5, &o, &got, NULL), AVCL_OK);
    expect("top1", got.test.top1, 100, EXACT);
}

static void expect_retrieval(const avcl_retrieval *got, const double want[6])
{
    static const char *const names[] = {"R@1", "R@5", "R@10", "R@20", "R@50"};
    for (int i = 0; i < 5; i++)
        expect(names[i], got->recall[i], want[i], EXACT);
    expect("median rank", got->median_rank, want[5], EXACT);
}

static void test_retrieve__ranks_as_numpy(void **state)
{
    (void)state;
    static const double pairs[] = {88, 100, 100, 100, 100, 1};
    static const double classes[] = {24, 92, 100, 100, 100, 3};
    static const double others[] = {36, 84, 100, 100, 100, 2};
    tables t;
    avcl_retrieval got;
    make(&t);
    assert_int_equal(avcl_retrieve(&t.test, &t.other, AVCL_SAME_ITEM, 2, &got, NULL), 0);
    expect_retrieval(&got, pairs);
    assert_int_equal(avcl_retrieve(&t.test, &t.train, AVCL_SAME_CLASS, 2, &got, NULL), 0);
    expect_retrieval(&got, classes);
    assert_int_equal(
        avcl_retrieve(&t.test, &t.test, AVCL_SAME_CLASS_OTHER, 2, &got, NULL), 0);
    expect_retrieval(&got, others);
}

/* Collapsed features retrieve nothing: as near as the own item is every other one. */
static void test_retrieve__a_collapse_is_no_success(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2};
    avcl_vectors v = {x, 8, 2, NULL};
    avcl_retrieval got;
    assert_int_equal(avcl_retrieve(&v, &v, AVCL_SAME_ITEM, 1, &got, NULL), AVCL_OK);
    expect("R@1", got.recall[0], 0, EXACT);
    expect("R@5", got.recall[1], 0, EXACT);
    expect("median rank", got.median_rank, 8, EXACT);
}

static void test_geometry__as_numpy(void **state)
{
    (void)state;
    tables t;
    avcl_geometry got;
    double alignment;
    make(&t);
    assert_int_equal(avcl_measure_geometry(&t.test, 2, &got, NULL), AVCL_OK);
    expect("uniformity", got.uniformity, -2.8846689118241655, FLOATS);
    expect("rank", got.rank, 5.796529821586335, FLOATS);
    expect("spread", got.spread, 0.9662209323836392, FLOATS);
    t.test.n = 4; /* fewer rows than columns */
    assert_int_equal(avcl_measure_geometry(&t.test, 2, &got, NULL), AVCL_OK);
    expect("rank", got.rank, 3.725688467811372, FLOATS);
    t.test.n = N_TEST;
    assert_int_equal(avcl_measure_alignment(&t.test, &t.other, &alignment, NULL), 0);
    expect("alignment", alignment, 0.21351363378041252, FLOATS);
}

/* Orthonormal rows are of full rank, equal ones of rank one. */
static void test_geometry__closed_forms(void **state)
{
    (void)state;
    static const float unit[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const float same[] = {1, 2, 3, 2, 4, 6, 3, 6, 9};
    avcl_vectors v = {unit, 3, 3, NULL};
    avcl_geometry got;
    assert_int_equal(avcl_measure_geometry(&v, 1, &got, NULL), AVCL_OK);
    expect("rank", got.rank, 3, FLOATS);
    expect("uniformity", got.uniformity, -4, FLOATS); /* |x - y|^2 = 2 for every pair */
    v.x = same;
    assert_int_equal(avcl_measure_geometry(&v, 1, &got, NULL), AVCL_OK);
    expect("rank", got.rank, 1, 1e-3); /* roots of rounded zeros */
    expect("uniformity", got.uniformity, 0, FLOATS);
    expect("spread", got.spread, 0, 1e-3);
}

/* Hilbert's matrix of order 5, of eigenvalues far apart (Mathematica's digits). */
static void test_eigenvalues__hilbert(void **state)
{
    (void)state;
    static const double want[5] = {1.567050691098231, 0.2085342186110134,
                                   0.01140749162341980, 3.058980401511917e-4,
                                   3.287928772171863e-6};
    double a[25];
    double got[5];
    for (int i = 0; i < 25; i++)
        a[i] = 1.0 / (i / 5 + i % 5 + 1);
    assert_int_equal(avcl__eigenvalues(a, 5, got, NULL), AVCL_OK);
    for (int i = 0; i < 5; i++) {
        double nearest = 1;
        for (int k = 0; k < 5; k++)
            nearest = fmin(nearest, fabs(got[k] - want[i]));
        assert_true(nearest < 1e-14);
    }
}

static void test_measures__what_is_not_finite_is_named(void **state)
{
    (void)state;
    tables t;
    avcl_accuracy knn;
    avcl_probe_result probe;
    avcl_probe_options o = {.l2 = 0.01, .max_iterations = 10, .n_threads = 1};
    avcl_error err = {0};
    make(&t);
    t.test_x[7 * D + 2] = NAN;
    assert_int_equal(avcl_knn(&t.train, &t.test, K, 5, 0.5, 1, &knn, &err),
                     AVCL_E_NUMERIC);
    assert_non_null(strstr(err.message, "feature 7 is not finite"));
    err = (avcl_error){0};
    assert_int_equal(avcl_probe(&t.train, &t.test, K, &o, &probe, &err), AVCL_E_NUMERIC);
    assert_non_null(strstr(err.message, "feature 7 is not finite"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knn__votes_as_numpy),
        cmocka_unit_test(test_knn__ties_and_unlabelled),
        cmocka_unit_test(test_probe__finds_the_minimum_that_newton_finds),
        cmocka_unit_test(test_probe__dead_features_and_absent_classes),
        cmocka_unit_test(test_retrieve__ranks_as_numpy),
        cmocka_unit_test(test_retrieve__a_collapse_is_no_success),
        cmocka_unit_test(test_geometry__as_numpy),
        cmocka_unit_test(test_geometry__closed_forms),
        cmocka_unit_test(test_eigenvalues__hilbert),
        cmocka_unit_test(test_measures__what_is_not_finite_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
