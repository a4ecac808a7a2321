/* test_mixed.c - bf16 mixed precision on a whole backbone: what becomes bf16, what stays
 * f32, and gradients that point where those of f32 do. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"
#include "host_fixture.h"

/* Cosine between the gradients of both precisions. Each rounding turns a direction by
 * about 2^-9; nine convolutions deep, backward too, with batch statistics of few values:
 * measured 0.97 and more. A sign or a factor wrong in one layer gives less than 0.9. */
static const double LEAST_COSINE = 0.95;
/* Of the loss, by the same reckoning. */
static const double LOSS = 0.02;

enum { N = 4, FRAMES = 4, SIDE = 32, WIDTH = 16 };

static avcl_graph *declare(avcl_host *host)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[5] = {N, 3, FRAMES, SIDE, SIDE};
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_attr width = avcl_attr_int("width", WIDTH);
    avcl_node taps[6] = {0};
    avcl_graph_apply(g, avcl_graph_instance(g, AVCL_KIND_BACKBONE, "r3d", &width, 1, "v"),
                     &x, 1, taps, 6);
    avcl_graph_keep(g, "conv3", taps[2]);
    avcl_graph_keep(g, "pool", taps[5]);
    avcl_node squared = avcl_graph_op(g, "square", &taps[5], 1, NULL, 0);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "mean", &squared, 1, NULL, 0));
    if (avcl_graph_status(g, &err)) fail_msg("%s", err.message);
    return g;
}

static avcl_session *run(avcl_graph *g, const char *device, avcl_dtype precision)
{
    avcl_error err = {0};
    avcl_session_options o = {.device = device, .precision = precision, .seed = 3};
    avcl_session *s = avcl_session_new(g, &o, &err);
    if (!s) fail_msg("%s", err.message);
    enum { COUNT = N * 3 * FRAMES * SIDE * SIDE };
    float *x = malloc(COUNT * sizeof *x);
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(sin(0.37 * i) + cos(1.9 * (i % 977)));
    avcl_status rc = avcl_session_write(s, "x", x, COUNT * sizeof *x, &err);
    free(x);
    if (rc || avcl_session_run(s, AVCL_TRAIN, &err)) fail_msg("%s", err.message);
    return s;
}

static int has_bf16(avcl_session *s)
{
    return avcl_session_precision(s) == AVCL_BF16;
}

static float *read_f32(avcl_session *s, const char *name, int64_t *n)
{
    avcl_error err = {0};
    avcl_tinfo info;
    if (avcl_session_describe(s, name, &info, &err)) fail_msg("%s", err.message);
    assert_int_equal(info.dtype, AVCL_F32);
    *n = 1;
    for (int32_t d = 0; d < info.ndim; d++)
        *n *= info.shape[d];
    float *x = malloc((size_t)*n * sizeof *x);
    if (avcl_session_read(s, name, x, (uint64_t)*n * sizeof *x, &err))
        fail_msg("%s: %s", name, err.message);
    return x;
}

static double cosine(avcl_session *a, avcl_session *b, const char *name)
{
    int64_t n, m;
    float *x = read_f32(a, name, &n);
    float *y = read_f32(b, name, &m);
    double xy = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < n; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    free(x);
    free(y);
    return xy / sqrt(xx * yy);
}

static void test_mixed__gradients_point_the_same_way(void **state)
{
    avcl_graph *g = declare(*state);
    avcl_session *low = run(g, "cpu", AVCL_BF16);
    avcl_session *full = run(g, "cpu", AVCL_F32);
    int64_t n;
    if (has_bf16(low)) {
        avcl_variable v;
        float *a = read_f32(low, "loss", &n);
        float *b = read_f32(full, "loss", &n);
        if (!(fabs(*a - *b) <= LOSS * *b)) fail_msg("loss %g and %g", *a, *b);
        free(a);
        free(b);
        for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
            char name[96];
            snprintf(name, sizeof name, "grad/%s", v.name);
            if (v.is_state) continue;
            double c = cosine(low, full, name);
            if (!(c >= LEAST_COSINE)) fail_msg("%s: cosine %g", name, c);
        }
    }
    avcl_session_free(low);
    avcl_session_free(full);
    avcl_graph_free(g);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

enum { CONVOLUTIONS = 12 };

/* Between the first convolution and the pool nothing is cast but weights, a kept tap and
 * the gradient that comes down from the pool. */
static void test_mixed__the_chain_stays_in_bf16(void **state)
{
    avcl_error err = {0};
    avcl_graph *g = declare(*state);
    avcl_session *s = run(g, "cpu", AVCL_BF16);
    int is_low = has_bf16(s);
    avcl_session_free(s);
    avcl_session_options o = {.device = "cpu", .precision = AVCL_BF16};
    char *text = avcl_graph_print_after(g, &o, AVCL_TRAIN, "fuse", &err);
    assert_non_null(text);
    enum { INPUT = 1, TAP = 1, FROM_POOL = 1 };
    assert_int_equal(count(text, " = cast("),
                     is_low ? CONVOLUTIONS + INPUT + TAP + FROM_POOL : 0);
    assert_int_equal(count(text, " = batch_norm"), 24);
    avcl_text_free(text);
    avcl_graph_free(g);
}

/* What has a name is f32: weights, states, kept values, gradients; and all is finite. */
static void test_mixed__names_are_f32(void **state)
{
    avcl_error err = {0};
    avcl_graph *g = declare(*state);
    avcl_session *s = run(g, "cpu", AVCL_BF16);
    static const char *const names[] = {"x",    "conv3",          "pool",
                                        "loss", "v/conv1/weight", "grad/v/conv1/weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t n;
        float *x = read_f32(s, names[i], &n);
        for (int64_t k = 0; k < n; k++)
            assert_true(isfinite(x[k]));
        free(x);
    }
    assert_int_equal(avcl_session_run_checked(s, AVCL_TRAIN, &err), AVCL_OK);
    avcl_session_free(s);
    avcl_graph_free(g);
}

static void test_mixed__says_what_it_really_computes_in(void **state)
{
    avcl_graph *g = declare(*state);
    avcl_session *s = run(g, "reference", AVCL_BF16);
    assert_int_equal(avcl_session_precision(s), AVCL_F32);
    assert_non_null(strstr(avcl_session_device_text(s), ", f32"));
    avcl_session_free(s);
    avcl_graph_free(g);
}

static void test_mixed__needs_half_the_memory(void **state)
{
    avcl_graph *g = declare(*state);
    avcl_session *low = run(g, "cpu", AVCL_BF16);
    avcl_session *full = run(g, "cpu", AVCL_F32);
    avcl_session_stats a, b;
    avcl_session_get_stats(low, &a);
    avcl_session_get_stats(full, &b);
    if (has_bf16(low)) assert_true((double)a.arena_bytes < 0.7 * (double)b.arena_bytes);
    avcl_session_free(low);
    avcl_session_free(full);
    avcl_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed__gradients_point_the_same_way),
        cmocka_unit_test(test_mixed__the_chain_stays_in_bf16),
        cmocka_unit_test(test_mixed__names_are_f32),
        cmocka_unit_test(test_mixed__says_what_it_really_computes_in),
        cmocka_unit_test(test_mixed__needs_half_the_memory),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
