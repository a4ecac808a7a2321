/*
 * test_evaluate.c - accuracies of a model whose scores are known per video.
 *
 * The largest of the logits is that of the class whose level is nearest to the mean
 * pixel, so a video's answer follows from its fake pixels, which the test reads itself.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/evaluate.h"
#include "data/dataset_impl.h"
#include "small_run.h"

/* Six classes, so that top-5 can fail too; nine videos, so that items take two bytes. */
static const char *const NAMES[] = {"a", "b", "c", "d", "bad", "f", "g", "h", "i"};
enum { N = 9, K = 6, FAILED = 4, CLIPS = 3 };
/* f32 sums in the graph against the double ones here. */
static const double ROUNDING = 1e-5;
/* Means of clips lie in 0.48 … 0.51; stretched, no two classes are near a tie. */
static const double FLOOR = 0.48;
static const double STRETCH = 20;

static int label_of(int video)
{
    return video % 3 == 2 ? 5 : video % K;
}

static void open_videos(small_run *r)
{
    char rows[1024] = "";
    char classes[AVCL_TEMP_PATH];
    char list[AVCL_TEMP_PATH];
    avcl_error err = {0};
    size_t used = 0;
    for (int i = 0; i < N; i++)
        used += (size_t)snprintf(rows + used, sizeof rows - used, "%s.mp4,c%d,test\n",
                                 NAMES[i], label_of(i));
    small_run_open(r, rows);
    avcl_dataset_free(r->d);
    temp_file_write(r->dir, "classes.txt", "c0\nc1\nc2\nc3\nc4\nc5\n", classes);
    temp_file_write(r->dir, "list.csv", rows, list);
    r->d = avcl_dataset_open(list, NULL, &err);
    if (!r->d) fail_msg("%s", err.message);
    avcl_source source = fake_source(&r->fake);
    avcl__dataset_set_source(r->d, &source);
}

static avcl_node op1(small_run *r, const char *op, avcl_node x)
{
    return avcl_graph_op(r->g, op, &x, 1, NULL, 0);
}

/* logits[i, c] = level_c * m_i - level_c^2 / 2, m the stretched mean of |pixels|: largest
 * for the level next to m. A state carries the levels. */
static void build_model(small_run *r, int64_t n_logits, const float *levels)
{
    static const int64_t one[1] = {1};
    int64_t shape[2] = {1, n_logits};
    avcl_attr rows = {"axes", {.type = AVCL_INTS, .count = 1, .iv = one}};
    avcl_attr keep = {"keep", {.type = AVCL_BOOL, .count = 1, .i = 1}};
    avcl_attr half = {"scale", {.type = AVCL_FLOAT, .count = 1, .f = 0.5}};
    avcl_attr stretch[2] = {
        {"scale", {.type = AVCL_FLOAT, .count = 1, .f = STRETCH}},
        {"shift", {.type = AVCL_FLOAT, .count = 1, .f = -STRETCH * FLOOR}}};
    avcl_attr at[2] = {rows, keep};
    small_run_begin(r);
    avcl_node x = op1(r, "abs", small_run_pixels(r));
    avcl_node m = avcl_graph_op(r->g, "mean", &x, 1, at, 2);
    m = avcl_graph_op(r->g, "affine", &m, 1, stretch, 2);
    avcl_node level = avcl_graph_state(r->g, "level", shape, 2, "fill", 0);
    avcl_node in[2] = {m, level};
    avcl_node product = avcl_graph_op(r->g, "mul", in, 2, NULL, 0);
    avcl_node square = op1(r, "square", level);
    avcl_node both[2] = {product, avcl_graph_op(r->g, "affine", &square, 1, &half, 1)};
    avcl_node logits = avcl_graph_op(r->g, "sub", both, 2, NULL, 0);
    avcl_graph_keep(r->g, "logits", logits);
    small_run_compile(r, 1);
    uint64_t bytes = (uint64_t)n_logits * sizeof *levels;
    assert_int_equal(avcl_session_write(r->s, "level", levels, bytes, NULL), AVCL_OK);
}

static const float LEVELS[K] = {0.20f, 0.38f, 0.40f, 0.43f, 0.47f, 0.53f};

static void to_softmax(double z[K])
{
    double sum = 0;
    for (int c = 0; c < K; c++)
        sum += exp(z[c]);
    for (int c = 0; c < K; c++)
        z[c] = exp(z[c]) / sum;
}

/* The mean logits of a video over its clips, or the logarithm of the mean of their
 * softmax, from the loader's own pixels. */
static void score(small_run *r, int video, avcl_average average, double out[K])
{
    avcl_view view = small_run_view();
    uint8_t rgb[SMALL_INPUTS];
    view.n_clips = CLIPS;
    for (int c = 0; c < K; c++)
        out[c] = 0;
    for (int clip = 0; clip < CLIPS; clip++) {
        avcl_sample sample = {.rgb = rgb};
        double m = 0;
        assert_int_equal(avcl_sample_read(r->d, video, 0, 0, &view, clip, &sample, NULL),
                         AVCL_OK);
        for (int i = 0; i < SMALL_INPUTS; i++)
            m += fabs(rgb[i] / 127.5 - 1) / SMALL_INPUTS;
        m = STRETCH * (m - FLOOR);
        double z[K];
        for (int c = 0; c < K; c++)
            z[c] = LEVELS[c] * m - LEVELS[c] * (double)LEVELS[c] / 2;
        if (average == AVCL_AVERAGE_SOFTMAX) to_softmax(z);
        for (int c = 0; c < K; c++)
            out[c] += z[c] / CLIPS;
    }
    for (int c = 0; c < K && average == AVCL_AVERAGE_SOFTMAX; c++)
        out[c] = log(out[c]);
}

typedef struct expected {
    avcl_eval_result result;
    uint8_t items[2];
    int64_t confusion[K * K];
} expected;

static void judge(const double z[K], int label, int video, expected *e, int *is_right)
{
    double sum = 0;
    int best = 0;
    int above = 0;
    for (int c = 0; c < K; c++) {
        sum += exp(z[c]);
        if (z[c] > z[best]) best = c;
        above += z[c] > z[label];
    }
    e->result.loss += (log(sum) - z[label]) / (N - 1);
    e->result.top1 += above < 1 ? 100.0 / N : 0;
    e->result.top5 += above < 5 ? 100.0 / N : 0;
    e->confusion[label * K + best]++;
    if (above < 1) e->items[video / 8] |= (uint8_t)(1 << video % 8);
    *is_right = above < 1;
}

static expected expect(small_run *r, avcl_average average)
{
    expected e = {.result = {.n = N, .n_failed = 1}};
    int right[K] = {0};
    int seen[K] = {0};
    int n_classes = 0;
    for (int i = 0; i < N; i++) {
        double z[K];
        int is_right = 0;
        if (i != FAILED) {
            score(r, i, average, z);
            judge(z, label_of(i), i, &e, &is_right);
        }
        seen[label_of(i)]++;
        right[label_of(i)] += is_right;
    }
    for (int c = 0; c < K; c++)
        n_classes += seen[c] > 0;
    for (int c = 0; c < K; c++)
        if (seen[c]) e.result.per_class += 100.0 * right[c] / seen[c] / n_classes;
    return e;
}

static avcl_eval_options make_options(void)
{
    avcl_eval_options o = {.split = "test", .batch = SMALL_BATCH, .workers = 2};
    o.view = small_run_view();
    o.view.n_clips = CLIPS;
    return o;
}

static void check_counts(avcl_average average)
{
    small_run r;
    avcl_error err = {0};
    avcl_eval_result got = {0};
    uint8_t items[2] = {0xff, 0xff};
    int64_t confusion[K * K] = {[3] = 77};
    avcl_eval_options o = make_options();
    o.average = average;
    open_videos(&r);
    build_model(&r, K, LEVELS);
    if (avcl_evaluate(r.s, r.d, &o, &got, items, confusion, &err))
        fail_msg("%s", err.message);
    expected want = expect(&r, average);
    /* neither all right nor all wrong, or the test says little */
    assert_true(want.result.top1 > 0 && want.result.top1 < want.result.top5);
    assert_int_equal(got.n, N);
    assert_int_equal(got.n_failed, 1);
    assert_true(fabs(got.loss - want.result.loss) < ROUNDING);
    assert_true(fabs(got.top1 - want.result.top1) < ROUNDING);
    assert_true(fabs(got.top5 - want.result.top5) < ROUNDING);
    assert_true(fabs(got.per_class - want.result.per_class) < ROUNDING);
    assert_memory_equal(items, want.items, sizeof items);
    assert_memory_equal(confusion, want.confusion, sizeof confusion);
    small_run_close(&r);
}

static void test_evaluate__counts_what_a_hand_counts(void **state)
{
    (void)state;
    check_counts(AVCL_AVERAGE_LOGITS);
    check_counts(AVCL_AVERAGE_SOFTMAX);
}

/* A model that says the same of every class, or nothing at all, is never right. */
static void test_evaluate__ties_and_nan_are_wrong(void **state)
{
    (void)state;
    const float levels[2][K] = {{0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f},
                                {NAN, NAN, NAN, NAN, NAN, NAN}};
    avcl_eval_options o = make_options();
    for (int i = 0; i < 2; i++) {
        small_run r;
        avcl_eval_result got = {0};
        open_videos(&r);
        build_model(&r, K, levels[i]);
        assert_int_equal(avcl_evaluate(r.s, r.d, &o, &got, NULL, NULL, NULL), AVCL_OK);
        assert_true(got.top1 == 0);
        assert_true(got.top5 == 0);
        small_run_close(&r);
    }
}

static void test_evaluate__misfits_are_sentences(void **state)
{
    (void)state;
    const float levels[K + 1] = {0};
    small_run r;
    avcl_error err = {0};
    avcl_eval_result got = {.n = -1};
    avcl_eval_options o = make_options();
    open_videos(&r);
    build_model(&r, K + 1, levels);
    assert_int_equal(avcl_evaluate(r.s, r.d, &o, &got, NULL, NULL, &err), AVCL_E_SHAPE);
    assert_non_null(strstr(err.message, "7 columns; the data set has 6 classes"));
    small_run_drop_model(&r);
    /* rows that are no clips of the batch */
    small_run_begin(&r);
    avcl_node x = small_run_pixels(&r);
    avcl_graph_keep(r.g, "logits", avcl_graph_op(r.g, "mean", &x, 1, NULL, 0));
    small_run_compile(&r, 1);
    err = (avcl_error){0};
    assert_int_equal(avcl_evaluate(r.s, r.d, &o, &got, NULL, NULL, &err), AVCL_E_SHAPE);
    small_run_drop_model(&r);
    /* numbers that are not real */
    small_run_begin(&r);
    static const int64_t shape[2] = {SMALL_BATCH, K};
    avcl_graph_keep(r.g, "pixels", small_run_pixels(&r));
    avcl_graph_keep(r.g, "logits", avcl_graph_input(r.g, "bytes", AVCL_U8, shape, 2));
    small_run_compile(&r, 1);
    assert_int_equal(avcl_evaluate(r.s, r.d, &o, &got, NULL, NULL, NULL), AVCL_E_DTYPE);
    assert_int_equal(got.n, -1);
    small_run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluate__counts_what_a_hand_counts),
        cmocka_unit_test(test_evaluate__ties_and_nan_are_wrong),
        cmocka_unit_test(test_evaluate__misfits_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
