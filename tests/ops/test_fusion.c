/* test_fusion.c - programs with fused ops and recomputed values against the same programs
 * with every op as declared. */
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

/* The same sums in another order, in f64: a few thousand terms of 2e-16 each. */
static const double SAME_F64 = 1e-11;
/* In f32: 6e-8 a rounding, random signs, a few thousand terms. */
static const double SAME_F32 = 2e-5;

enum { N = 2, CHANNELS = 16, T = 2, SIDE = 64 }; /* a value of 1 MiB: worth recomputing */

static avcl_node conv(avcl_graph *g, avcl_node x, const char *name)
{
    int64_t shape[5] = {CHANNELS, CHANNELS, 1, 1, 1};
    avcl_node in[2] = {x, avcl_graph_weight(g, name, shape, 5, "uniform", 0.4)};
    return avcl_graph_op(g, "conv3d", in, 2, NULL, 0);
}

/* Batch norm with its running statistics; `states` carries them to a second call. */
static avcl_node norm(avcl_graph *g, avcl_node x, const char *name)
{
    int64_t c = CHANNELS;
    char text[5][32];
    static const char *const parts[] = {"gamma", "beta", "mean", "var"};
    avcl_node in[5] = {x};
    for (int i = 0; i < 4; i++) {
        snprintf(text[i], sizeof text[i], "%s/%s", name, parts[i]);
        in[1 + i] = i < 2 ? avcl_graph_weight(g, text[i], &c, 1, "normal", 1)
                          : avcl_graph_state(g, text[i], &c, 1, "fill", i == 3);
    }
    avcl_node y = avcl_graph_op(g, "batch_norm", in, 5, NULL, 0);
    avcl_graph_assign(g, in[3], avcl_graph_result(g, y, 3), AVCL_FORWARD);
    avcl_graph_assign(g, in[4], avcl_graph_result(g, y, 4), AVCL_FORWARD);
    return y;
}

static avcl_node op1(avcl_graph *g, const char *op, avcl_node x)
{
    return avcl_graph_op(g, op, &x, 1, NULL, 0);
}

static avcl_node add(avcl_graph *g, avcl_node a, avcl_node b)
{
    avcl_node in[2] = {a, b};
    return avcl_graph_op(g, "add", in, 2, NULL, 0);
}

/* What each scenario does between its first convolution and the loss. */
static avcl_node plain_block(avcl_graph *g, avcl_node x)
{
    return conv(g, op1(g, "relu", norm(g, x, "bn1")), "w2");
}

static avcl_node residual(avcl_graph *g, avcl_node x)
{
    avcl_node s = op1(g, "relu", norm(g, x, "bn1"));
    avcl_node y = op1(g, "relu", norm(g, conv(g, s, "w2"), "bn2"));
    y = op1(g, "relu", add(g, s, norm(g, conv(g, y, "w3"), "bn3")));
    return conv(g, y, "w4");
}

static avcl_node two_norms(avcl_graph *g, avcl_node x)
{
    avcl_node s = norm(g, conv(g, x, "w2"), "bn1");
    return conv(g, op1(g, "relu", add(g, s, norm(g, conv(g, x, "w3"), "bn2"))), "w4");
}

/* The batch norm's output has a second reader: nothing may be fused. */
static avcl_node read_between(avcl_graph *g, avcl_node x)
{
    avcl_node y = norm(g, x, "bn1");
    return add(g, conv(g, op1(g, "relu", y), "w2"), y);
}

static avcl_node same_twice(avcl_graph *g, avcl_node x)
{
    avcl_node y = norm(g, x, "bn1");
    return conv(g, op1(g, "relu", add(g, y, y)), "w2");
}

/* The relu's output goes two ways, so its gradient is a sum. */
static avcl_node forked(avcl_graph *g, avcl_node x)
{
    avcl_node y = op1(g, "relu", norm(g, x, "bn1"));
    return add(g, conv(g, y, "w2"), op1(g, "square", y));
}

static const struct scenario {
    const char *name;
    avcl_node (*body)(avcl_graph *, avcl_node);
    const char *expect[3]; /* fused ops of TRAIN, after recompute */
    int n_again;
} scenarios[] = {
    {"plain", plain_block, {"batch_norm_relu(", "batch_norm_relu_backward("}, 1},
    {"residual",
     residual,
     {"batch_norm_relu(", "batch_norm_relu_backward(", "batch_norm_add_relu_backward("},
     4},
    {"two norms", two_norms, {"batch_norm_relu(", "batch_norm_add_relu_backward("}, 0},
    {"read between", read_between, {NULL}, 0},
    {"same twice", same_twice, {NULL}, 0},
    {"forked", forked, {"batch_norm_relu(", "batch_norm_relu_backward("}, 1},
};
enum { N_SCENARIOS = sizeof scenarios / sizeof *scenarios };

static avcl_graph *declare(avcl_host *host, const struct scenario *s)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[5] = {N, CHANNELS, T, SIDE, SIDE};
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_node y = s->body(g, conv(g, x, "w1"));
    avcl_graph_keep(g, "y", op1(g, "global_avg_pool", y));
    avcl_graph_minimize(g, 1, op1(g, "mean", op1(g, "square", y)));
    if (avcl_graph_status(g, &err)) fail_msg("%s: %s", s->name, err.message);
    return g;
}

static avcl_session *open_session(avcl_graph *g, const char *device, avcl_dtype real,
                                  uint32_t flags)
{
    avcl_error err = {0};
    avcl_session_options o = {
        .device = device, .precision = real, .flags = flags, .seed = 7};
    avcl_session *s = avcl_session_new(g, &o, &err);
    if (!s) fail_msg("%s", err.message);
    uint64_t n = (uint64_t)N * CHANNELS * T * SIDE * SIDE;
    double *x = malloc(n * sizeof *x);
    for (uint64_t i = 0; i < n; i++) {
        double v = sin(0.37 * (double)i) + 0.3 * cos(1.9 * (double)(i % 977));
        if (real == AVCL_F64)
            x[i] = (float)v;
        else
            ((float *)x)[i] = (float)v;
    }
    if (avcl_session_write(s, "x", x, n * (real == AVCL_F64 ? 8 : 4), &err))
        fail_msg("%s", err.message);
    free(x);
    return s;
}

static void compare(avcl_session *a, avcl_session *b, const char *name, avcl_dtype real,
                    double allowed)
{
    avcl_error err = {0};
    avcl_tinfo info;
    if (avcl_session_describe(a, name, &info, &err)) fail_msg("%s", err.message);
    uint64_t n = 1;
    for (int32_t d = 0; d < info.ndim; d++)
        n *= (uint64_t)info.shape[d];
    uint64_t bytes = n * (real == AVCL_F64 ? 8 : 4);
    void *x = malloc(bytes);
    void *y = malloc(bytes);
    if (avcl_session_read(a, name, x, bytes, &err) ||
        avcl_session_read(b, name, y, bytes, &err))
        fail_msg("%s: %s", name, err.message);
    double wrong = 0;
    double size = 0;
    for (uint64_t i = 0; i < n; i++) {
        double p = real == AVCL_F64 ? ((double *)x)[i] : ((float *)x)[i];
        double q = real == AVCL_F64 ? ((double *)y)[i] : ((float *)y)[i];
        wrong = fmax(wrong, fabs(p - q));
        size = fmax(size, fabs(q));
    }
    if (!(wrong <= allowed * size)) fail_msg("%s: off by %g of %g", name, wrong, size);
    free(x);
    free(y);
}

static void compare_programs(avcl_host *host, const struct scenario *sc,
                             const char *device, avcl_dtype real, double allowed)
{
    avcl_error err = {0};
    avcl_graph *g = declare(host, sc);
    avcl_session *fused = open_session(g, device, real, 0);
    avcl_session *declared = open_session(g, device, real, AVCL_SESSION_NO_FUSION);
    for (int p = 0; p < 2; p++) {
        avcl_program program = p ? AVCL_EVAL : AVCL_TRAIN;
        if (avcl_session_run(fused, program, &err) ||
            avcl_session_run(declared, program, &err))
            fail_msg("%s: %s", sc->name, err.message);
        compare(fused, declared, "loss", real, allowed);
        compare(fused, declared, "y", real, allowed);
        if (program == AVCL_EVAL) continue;
        avcl_variable v;
        for (uint32_t i = 0; !avcl_graph_get_variable(g, i, &v); i++) {
            char name[64];
            snprintf(name, sizeof name, "grad/%s", v.name);
            if (!v.is_state) compare(fused, declared, name, real, allowed);
        }
        assert_int_equal(avcl_session_commit(fused, &err), AVCL_OK);
        assert_int_equal(avcl_session_commit(declared, &err), AVCL_OK);
    }
    avcl_session_free(fused);
    avcl_session_free(declared);
    avcl_graph_free(g);
}

static void test_fusion__computes_the_same_in_f64(void **state)
{
    for (int i = 0; i < N_SCENARIOS; i++)
        compare_programs(*state, &scenarios[i], "reference", AVCL_F64, SAME_F64);
}

static void test_fusion__computes_the_same_on_the_cpu(void **state)
{
    for (int i = 0; i < N_SCENARIOS; i++)
        compare_programs(*state, &scenarios[i], "cpu", AVCL_F32, SAME_F32);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

/* Fused where it should be, untouched where somebody else reads what lies between. */
static void test_fusion__is_seen_in_the_program(void **state)
{
    for (int i = 0; i < N_SCENARIOS; i++) {
        avcl_error err = {0};
        const struct scenario *sc = &scenarios[i];
        avcl_graph *g = declare(*state, sc);
        avcl_session_options o = {.device = "cpu"};
        char *text = avcl_graph_print_after(g, &o, AVCL_TRAIN, "recompute", &err);
        assert_non_null(text);
        if (!sc->expect[0]) assert_int_equal(count(text, "batch_norm_relu"), 0);
        for (int k = 0; k < 3 && sc->expect[k]; k++)
            if (!strstr(text, sc->expect[k]))
                fail_msg("%s: no %s in\n%s", sc->name, sc->expect[k], text);
        assert_int_equal(count(text, " normalise_relu("), sc->n_again);
        avcl_text_free(text);
        avcl_graph_free(g);
    }
}

static uint64_t arena(avcl_host *host, uint32_t flags)
{
    avcl_graph *g = declare(host, &scenarios[1]);
    avcl_session_stats stats;
    avcl_session *s = open_session(g, "cpu", AVCL_F32, flags);
    avcl_session_get_stats(s, &stats);
    avcl_session_free(s);
    avcl_graph_free(g);
    return stats.arena_bytes;
}

static void test_fusion__needs_less_memory(void **state)
{
    uint64_t value = (uint64_t)N * CHANNELS * T * SIDE * SIDE * sizeof(float);
    assert_true(arena(*state, 0) + value < arena(*state, AVCL_SESSION_NO_FUSION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fusion__computes_the_same_in_f64),
        cmocka_unit_test(test_fusion__computes_the_same_on_the_cpu),
        cmocka_unit_test(test_fusion__is_seen_in_the_program),
        cmocka_unit_test(test_fusion__needs_less_memory),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
