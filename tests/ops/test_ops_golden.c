/* test_ops_golden.c - op values that are known beforehand: by hand, in closed form, or by
 * the rules of PyTorch's layers. In f64 on the reference device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/philox.h"
#include "avcl/session.h"

/* f64 rounding of sums of a few terms near 1. */
static const double EXACT = 1e-12;

enum { MAX_VALUES = 64 };

typedef struct rig {
    avcl_host *host;
    avcl_graph *graph;
    avcl_session *session;
} rig;

static int open_rig(void **state)
{
    static const rig none;
    rig *r = test_malloc(sizeof *r);
    avcl_error err = {0};
    *r = none;
    *state = r;
    r->host = avcl_host_new(NULL, &err);
    if (r->host) r->graph = avcl_graph_new(r->host, &err);
    if (!r->graph) print_error("%s\n", err.message);
    return r->graph ? 0 : -1;
}

static int close_rig(void **state)
{
    rig *r = *state;
    avcl_session_free(r->session);
    avcl_graph_free(r->graph);
    avcl_host_free(r->host);
    test_free(r);
    return 0;
}

static void compile(rig *r)
{
    avcl_error err = {0};
    avcl_session_options o = {
        .device = "reference", .precision = AVCL_F64, .flags = AVCL_SESSION_INPUT_GRADS};
    r->session = avcl_session_new(r->graph, &o, &err);
    if (!r->session) fail_msg("%s", err.message);
}

static void put(rig *r, const char *name, const void *data, size_t bytes)
{
    avcl_error err = {0};
    if (avcl_session_write(r->session, name, data, bytes, &err))
        fail_msg("%s", err.message);
}

static void run(rig *r, avcl_program program)
{
    avcl_error err = {0};
    if (avcl_session_run(r->session, program, &err)) fail_msg("%s", err.message);
}

static void expect(rig *r, const char *name, const double *want, size_t n)
{
    avcl_error err = {0};
    double got[MAX_VALUES];
    assert_true(n <= MAX_VALUES);
    if (avcl_session_read(r->session, name, got, n * sizeof *got, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= EXACT * (1 + fabs(want[i]))))
            fail_msg("%s[%zu] is %.17g, %.17g expected", name, i, got[i], want[i]);
}

static avcl_node input(rig *r, const char *name, avcl_dtype dtype, const int64_t *shape,
                       int32_t ndim)
{
    return avcl_graph_input(r->graph, name, dtype, shape, ndim);
}

static avcl_node op1(rig *r, const char *op, avcl_node x, const avcl_attr *attrs,
                     uint32_t n)
{
    return avcl_graph_op(r->graph, op, &x, 1, attrs, n);
}

/* ---- batch normalisation ----------------------------------------------------- */
static void declare_batch_norm(rig *r)
{
    const int64_t one = 1;
    avcl_graph *g = r->graph;
    avcl_node mean = avcl_graph_state(g, "mean", &one, 1, "fill", 0);
    avcl_node var = avcl_graph_state(g, "var", &one, 1, "fill", 1);
    avcl_node in[5] = {input(r, "x", AVCL_F32, (int64_t[]){4, 1}, 2),
                       avcl_graph_weight(g, "gamma", &one, 1, "fill", 1),
                       avcl_graph_weight(g, "beta", &one, 1, "fill", 0), mean, var};
    avcl_node y = avcl_graph_op(g, "batch_norm", in, 5, NULL, 0);
    avcl_graph_keep(g, "y", y);
    avcl_graph_assign(g, mean, avcl_graph_result(g, y, 3), AVCL_FORWARD);
    avcl_graph_assign(g, var, avcl_graph_result(g, y, 4), AVCL_FORWARD);
}

/* The batch {1,2,3,4}: mean 2.5, biased variance 1.25, unbiased 5/3. */
static void test_batch_norm__updates_running_statistics_as_pytorch(void **state)
{
    rig *r = *state;
    avcl_error err = {0};
    const double x[4] = {1, 2, 3, 4};
    double y[4], y_eval[4];
    declare_batch_norm(r);
    compile(r);
    put(r, "x", x, sizeof x);
    run(r, AVCL_TRAIN);
    for (int i = 0; i < 4; i++)
        y[i] = (x[i] - 2.5) / sqrt(1.25 + 1e-5);
    expect(r, "y", y, 4);
    expect(r, "mean", (double[]){0}, 1);
    assert_int_equal(avcl_session_commit(r->session, &err), AVCL_OK);
    expect(r, "mean", (double[]){0.25}, 1);
    expect(r, "var", (double[]){0.9 + 0.1 * 5 / 3}, 1); /* 1.0666667 */
    run(r, AVCL_EVAL);
    for (int i = 0; i < 4; i++)
        y_eval[i] = (x[i] - 0.25) / sqrt(0.9 + 0.5 / 3 + 1e-5);
    expect(r, "y", y_eval, 4);
}

/* ---- pooling ----------------------------------------------------------------- */
static const double grid[9] = {1, 9, 3, 4, 5, -6, 7, -8, 2};
static const int64_t grid_shape[5] = {1, 1, 1, 3, 3};

static void keep_pool(rig *r, const char *op)
{
    const avcl_attr at[3] = {avcl_attr_ints("kernel", (int64_t[]){1, 3, 3}, 3),
                             avcl_attr_ints("stride", (int64_t[]){1, 2, 2}, 3),
                             avcl_attr_ints("pad", (int64_t[]){0, 1, 1}, 3)};
    avcl_node x = input(r, "x", AVCL_F32, grid_shape, 5);
    avcl_node y = op1(r, op, x, at, 3);
    avcl_graph_keep(r->graph, "y", y);
    avcl_graph_minimize(r->graph, 1, op1(r, "sum", y, NULL, 0));
    compile(r);
    put(r, "x", grid, sizeof grid);
    run(r, AVCL_TRAIN);
}

static void test_max_pool__takes_the_largest_and_ignores_padding(void **state)
{
    keep_pool(*state, "max_pool3d");
    expect(*state, "y", (double[]){9, 9, 7, 5}, 4);
    expect(*state, "grad/x", (double[]){0, 2, 0, 0, 1, 0, 1, 0, 0}, 9);
}

static void test_avg_pool__counts_padding_as_pytorch(void **state)
{
    keep_pool(*state, "avg_pool3d");
    expect(*state, "y", (double[]){19.0 / 9, 11.0 / 9, 8.0 / 9, -7.0 / 9}, 4);
    const double g = 1.0 / 9;
    expect(*state, "grad/x", (double[]){g, 2 * g, g, 2 * g, 4 * g, 2 * g, g, 2 * g, g},
           9);
}

static void test_max__shares_the_gradient_among_ties(void **state)
{
    rig *r = *state;
    avcl_node x = input(r, "x", AVCL_F32, (int64_t[]){4}, 1);
    avcl_graph_minimize(r->graph, 6, op1(r, "max", x, NULL, 0));
    compile(r);
    put(r, "x", (double[]){5, 1, 5, 5}, 4 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "loss", (double[]){30}, 1);
    expect(r, "grad/x", (double[]){2, 0, 2, 2}, 4);
}

static void test_maximum__gives_ties_to_the_first(void **state)
{
    rig *r = *state;
    avcl_node in[2] = {input(r, "a", AVCL_F32, (int64_t[]){3}, 1),
                       input(r, "b", AVCL_F32, (int64_t[]){3}, 1)};
    avcl_node y = avcl_graph_op(r->graph, "maximum", in, 2, NULL, 0);
    avcl_graph_minimize(r->graph, 1, op1(r, "sum", y, NULL, 0));
    compile(r);
    put(r, "a", (double[]){1, 2, 3}, 3 * sizeof(double));
    put(r, "b", (double[]){0, 2, 4}, 3 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "grad/a", (double[]){1, 1, 0}, 3);
    expect(r, "grad/b", (double[]){0, 0, 1}, 3);
}

/* ---- losses ------------------------------------------------------------------ */
static void declare_entropy(rig *r, int64_t n, int64_t k)
{
    avcl_node in[3] = {input(r, "z", AVCL_F32, (int64_t[]){n, k}, 2),
                       input(r, "label", AVCL_I32, &n, 1),
                       input(r, "weight", AVCL_F32, &n, 1)};
    avcl_graph_minimize(r->graph, 1,
                        avcl_graph_op(r->graph, "cross_entropy", in, 3, NULL, 0));
    compile(r);
}

/* Equal logits cost ln K; z = (0, ln 3) gives probabilities 1/4 and 3/4. */
static void test_cross_entropy__has_its_closed_form(void **state)
{
    rig *r = *state;
    declare_entropy(r, 3, 2);
    put(r, "z", (double[]){1000, 1000, 0, log(3), 5, -5}, 6 * sizeof(double));
    put(r, "label", (int32_t[]){1, 0, -1}, 3 * sizeof(int32_t));
    put(r, "weight", (double[]){1, 3, 7}, 3 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "loss", (double[]){(log(2) + 3 * log(4)) / 4}, 1);
    expect(r, "grad/z", (double[]){0.5 / 4, -0.5 / 4, -0.75 * 3 / 4, 0.75 * 3 / 4, 0, 0},
           6);
}

static void test_cross_entropy__without_weight_is_zero(void **state)
{
    rig *r = *state;
    declare_entropy(r, 2, 3);
    put(r, "z", (double[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(double));
    put(r, "label", (int32_t[]){-1, 2}, 2 * sizeof(int32_t));
    put(r, "weight", (double[]){1, 0}, 2 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "loss", (double[]){0}, 1);
    expect(r, "grad/z", (double[6]){0}, 6);
}

/* (3,4) has norm 5; a zero row stays zero and its gradient is g / eps. */
static void test_l2_normalise__floors_the_norm(void **state)
{
    rig *r = *state;
    const avcl_attr eps = avcl_attr_float("eps", 0.5);
    avcl_node x = input(r, "x", AVCL_F32, (int64_t[]){2, 2}, 2);
    avcl_node y = op1(r, "l2_normalise", x, &eps, 1);
    avcl_graph_keep(r->graph, "y", y);
    avcl_graph_minimize(r->graph, 1, op1(r, "sum", y, NULL, 0));
    compile(r);
    put(r, "x", (double[]){3, 4, 0, 0}, 4 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "y", (double[]){0.6, 0.8, 0, 0}, 4);
    expect(r, "grad/x", (double[]){(1 - 0.6 * 1.4) / 5, (1 - 0.8 * 1.4) / 5, 2, 2}, 4);
}

static void test_logsumexp__stays_finite(void **state)
{
    rig *r = *state;
    avcl_node x = input(r, "x", AVCL_F32, (int64_t[]){2, 2}, 2);
    avcl_graph_keep(r->graph, "y", op1(r, "logsumexp", x, NULL, 0));
    compile(r);
    put(r, "x", (double[]){5000, 5000, -5000, -5000}, 4 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "y", (double[]){5000 + log(2), -5000 + log(2)}, 2);
}

/* ---- dropout ----------------------------------------------------------------- */
enum { ROWS = 3, COLUMNS = 7, SALT = 2 };

static void test_dropout__mask_is_a_pure_function_of_global_rows(void **state)
{
    rig *r = *state;
    const uint64_t seed = 0x123456789abcdef, step = 11, first = 1000;
    const avcl_attr at[2] = {avcl_attr_float("p", 0.4), avcl_attr_int("salt", SALT)};
    avcl_node in[2] = {input(r, "x", AVCL_F32, (int64_t[]){ROWS, COLUMNS}, 2),
                       avcl_graph_rng(r->graph)};
    double x[ROWS * COLUMNS], want[ROWS * COLUMNS];
    avcl_graph_keep(r->graph, "y", avcl_graph_op(r->graph, "dropout", in, 2, at, 2));
    compile(r);
    for (uint64_t i = 0; i < ROWS * COLUMNS; i++) {
        uint64_t row = first + i / COLUMNS, e = i % COLUMNS;
        avcl_philox w = avcl_philox_at(seed, row << 32 | e / 4,
                                       (uint32_t)(step + SALT * UINT64_C(0x9E3779B9)),
                                       AVCL_STREAM_DROPOUT, 0);
        x[i] = 1 + (double)i;
        want[i] = avcl_philox_unit(w.x[e % 4]) < 0.4 ? 0 : x[i] / 0.6;
    }
    put(r, "x", x, sizeof x);
    avcl_session_set_rng(r->session, seed, step, first);
    run(r, AVCL_TRAIN);
    expect(r, "y", want, ROWS * COLUMNS);
    run(r, AVCL_EVAL);
    expect(r, "y", x, ROWS * COLUMNS);
}

static void test_random_index__is_a_pure_function_of_global_rows(void **state)
{
    rig *r = *state;
    const uint64_t seed = 0x123456789abcdef, step = 11, first = 1000;
    const avcl_attr at[4] = {avcl_attr_int("rows", ROWS),
                             avcl_attr_int("columns", COLUMNS), avcl_attr_int("n", 5),
                             avcl_attr_int("salt", SALT)};
    avcl_node rng = avcl_graph_rng(r->graph);
    avcl_graph_keep(r->graph, "y",
                    avcl_graph_op(r->graph, "random_index", &rng, 1, at, 4));
    compile(r);
    int32_t y[ROWS * COLUMNS];
    uint32_t seen = 0;
    for (int program = 0; program < 2; program++) {
        avcl_session_set_rng(r->session, seed, step, first);
        run(r, program ? AVCL_EVAL : AVCL_TRAIN);
        assert_int_equal(avcl_session_read(r->session, "y", y, sizeof y, NULL), AVCL_OK);
        for (uint64_t i = 0; i < ROWS * COLUMNS; i++) {
            uint64_t index = (first + i / COLUMNS) << 32 | i % COLUMNS;
            assert_int_equal(
                y[i], avcl_philox_below(seed, index,
                                        (uint32_t)(step + SALT * UINT64_C(0x9E3779B9)),
                                        AVCL_STREAM_NEGATIVE, 5));
            seen |= 1u << y[i];
        }
    }
    assert_int_equal(seen, 31); /* 21 draws of 5 values leave none out, with this seed */
}

/* ---- convolution ------------------------------------------------------------- */
/* Ones over ones count the kernel positions inside the picture. */
static void test_conv3d__counts_what_the_padding_leaves(void **state)
{
    rig *r = *state;
    const avcl_attr pad = avcl_attr_ints("pad", (int64_t[]){0, 1, 1}, 3);
    const double ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    avcl_node in[2] = {input(r, "x", AVCL_F32, grid_shape, 5),
                       input(r, "w", AVCL_F32, grid_shape, 5)};
    avcl_graph_keep(r->graph, "y", avcl_graph_op(r->graph, "conv3d", in, 2, &pad, 1));
    compile(r);
    put(r, "x", ones, sizeof ones);
    put(r, "w", ones, sizeof ones);
    run(r, AVCL_TRAIN);
    expect(r, "y", (double[]){4, 6, 4, 6, 9, 6, 4, 6, 4}, 9);
}

/* Cross-correlation, not convolution: a kernel with one 1 shifts without a flip. */
static void test_conv3d__does_not_flip_the_kernel(void **state)
{
    rig *r = *state;
    const avcl_attr pad = avcl_attr_ints("pad", (int64_t[]){0, 1, 1}, 3);
    avcl_node in[2] = {input(r, "x", AVCL_F32, grid_shape, 5),
                       input(r, "w", AVCL_F32, grid_shape, 5)};
    avcl_graph_keep(r->graph, "y", avcl_graph_op(r->graph, "conv3d", in, 2, &pad, 1));
    compile(r);
    put(r, "x", grid, sizeof grid);
    put(r, "w", (double[]){0, 0, 0, 0, 0, 1, 0, 0, 0}, 9 * sizeof(double));
    run(r, AVCL_TRAIN);
    expect(r, "y", (double[]){9, 3, 0, 5, -6, 0, -8, 2, 0}, 9);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)
int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RIG(test_batch_norm__updates_running_statistics_as_pytorch),
        IN_RIG(test_max_pool__takes_the_largest_and_ignores_padding),
        IN_RIG(test_avg_pool__counts_padding_as_pytorch),
        IN_RIG(test_max__shares_the_gradient_among_ties),
        IN_RIG(test_maximum__gives_ties_to_the_first),
        IN_RIG(test_cross_entropy__has_its_closed_form),
        IN_RIG(test_cross_entropy__without_weight_is_zero),
        IN_RIG(test_l2_normalise__floors_the_norm),
        IN_RIG(test_logsumexp__stays_finite),
        IN_RIG(test_dropout__mask_is_a_pure_function_of_global_rows),
        IN_RIG(test_random_index__is_a_pure_function_of_global_rows),
        IN_RIG(test_conv3d__counts_what_the_padding_leaves),
        IN_RIG(test_conv3d__does_not_flip_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
