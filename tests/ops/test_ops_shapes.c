/* test_ops_shapes.c - shapes that are known beforehand: the layers of the paper's
 * backbones (R3D, R(2+1)D, C3D at 3x16x112x112) and attributes in their short forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"
#include "host_fixture.h"

#define DIMS(...)                                                                        \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / 8),                                     \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }
#define INTS(name, ...)                                                                  \
    {                                                                                    \
        (name),                                                                          \
        {                                                                                \
            AVCL_INTS, sizeof((int64_t[]){__VA_ARGS__}) / 8, 0, 0, NULL,                 \
                (const int64_t[])                                                        \
            {                                                                            \
                __VA_ARGS__                                                              \
            }                                                                            \
        }                                                                                \
    }
#define INT(name, v)                                                                     \
    {                                                                                    \
        (name),                                                                          \
        {                                                                                \
            AVCL_INT, 1, (v), 0, NULL, NULL                                              \
        }                                                                                \
    }

typedef struct dims {
    int32_t n;
    int64_t v[8];
} dims;

static const struct fact {
    const char *op;
    dims x;
    dims w; /* n = 0: one input */
    dims y;
    avcl_attr attrs[3];
} facts[] = {
    /* R3D: conv1, the same on depth-1 audio, a stage's first convolution, its shortcut */
    {.op = "conv3d",
     {DIMS(2, 3, 16, 112, 112)},
     {DIMS(64, 3, 3, 7, 7)},
     {DIMS(2, 64, 16, 56, 56)},
     .attrs = {INTS("stride", 1, 2, 2), INTS("pad", 1, 3, 3)}},
    {.op = "conv3d",
     {DIMS(2, 3, 1, 112, 112)},
     {DIMS(64, 3, 3, 7, 7)},
     {DIMS(2, 64, 1, 56, 56)},
     .attrs = {INTS("stride", 1, 2, 2), INTS("pad", 1, 3, 3)}},
    {.op = "conv3d",
     {DIMS(2, 64, 16, 56, 56)},
     {DIMS(128, 64, 3, 3, 3)},
     {DIMS(2, 128, 8, 28, 28)},
     .attrs = {INTS("stride", 2), INTS("pad", 1)}},
    {.op = "conv3d",
     {DIMS(2, 64, 1, 56, 56)},
     {DIMS(128, 64, 1, 1, 1)},
     {DIMS(2, 128, 1, 28, 28)},
     .attrs = {INTS("stride", 2)}},
    /* R(2+1)D: spatial, then temporal */
    {.op = "conv3d",
     {DIMS(1, 64, 16, 56, 56)},
     {DIMS(230, 64, 1, 3, 3)},
     {DIMS(1, 230, 16, 28, 28)},
     .attrs = {INTS("stride", 1, 2, 2), INTS("pad", 0, 1, 1)}},
    {.op = "conv3d",
     {DIMS(1, 230, 16, 28, 28)},
     {DIMS(128, 230, 3, 1, 1)},
     {DIMS(1, 128, 8, 28, 28)},
     .attrs = {INTS("stride", 2, 1, 1), INTS("pad", 1, 0, 0)}},
    /* C3D: pool1 to pool4 */
    {.op = "max_pool3d",
     {DIMS(1, 64, 16, 112, 112)},
     {0},
     {DIMS(1, 64, 16, 56, 56)},
     .attrs = {INTS("kernel", 1, 2, 2)}},
    {.op = "max_pool3d",
     {DIMS(1, 512, 4, 14, 14)},
     {0},
     {DIMS(1, 512, 2, 7, 7)},
     .attrs = {INTS("kernel", 2)}},
    {.op = "global_avg_pool", {DIMS(2, 512, 2, 7, 7)}, {0}, {DIMS(2, 512)}},
    /* short forms */
    {.op = "avg_pool3d",
     {DIMS(1, 1, 5, 5, 5)},
     {0},
     {DIMS(1, 1, 3, 3, 3)},
     .attrs = {INTS("kernel", 3), INTS("stride", 2), INTS("pad", 1)}},
    {.op = "mean", {DIMS(2, 3, 4)}, {0}, {0}},
    {.op = "sum", {DIMS(2, 3, 4)}, {0}, {DIMS(3)}, .attrs = {INTS("axes", -1, 0)}},
    {.op = "max",
     {DIMS(2, 3, 4)},
     {0},
     {DIMS(2, 1, 4)},
     .attrs = {INTS("axes", 1), {"keep", {AVCL_BOOL, 1, 1, 0, NULL, NULL}}}},
    {.op = "argmax", {DIMS(5, 7)}, {0}, {DIMS(5)}},
    {.op = "add", {DIMS(5, 1)}, {DIMS(2, 1, 7)}, {DIMS(2, 5, 7)}},
    {.op = "matmul",
     {DIMS(8, 16)},
     {DIMS(8, 16)},
     {DIMS(16, 16)},
     .attrs = {{"transpose_a", {AVCL_BOOL, 1, 1, 0, NULL, NULL}}}},
    {.op = "linear", {DIMS(8, 1024)}, {DIMS(512, 1024)}, {DIMS(8, 512)}},
    {.op = "concat",
     {DIMS(8, 512)},
     {DIMS(8, 500)},
     {DIMS(8, 1012)},
     .attrs = {INT("axis", -1)}},
    {.op = "slice",
     {DIMS(8, 9)},
     {0},
     {DIMS(8, 3)},
     .attrs = {INT("axis", 1), INT("start", -3)}},
    {.op = "pad_zero",
     {DIMS(8, 9)},
     {0},
     {DIMS(8, 14)},
     .attrs = {INT("axis", -1), INT("start", 2), INT("stop", 3)}},
    {.op = "reshape",
     {DIMS(2, 3, 4)},
     {0},
     {DIMS(6, 4)},
     .attrs = {INTS("shape", -1, 4)}},
    {.op = "transpose",
     {DIMS(2, 3, 4)},
     {0},
     {DIMS(4, 2, 3)},
     .attrs = {INTS("perm", 2, 0, 1)}},
};

static void check_fact(avcl_host *host, const struct fact *f)
{
    avcl_error err = {0};
    avcl_tinfo y;
    uint32_t n_attrs = 0;
    avcl_graph *g = avcl_graph_new(host, &err);
    assert_non_null(g);
    avcl_node in[2] = {avcl_graph_input(g, "x", AVCL_F32, f->x.v, f->x.n), 0};
    if (f->w.n) in[1] = avcl_graph_input(g, "w", AVCL_F32, f->w.v, f->w.n);
    while (n_attrs < 3 && f->attrs[n_attrs].name)
        n_attrs++;
    avcl_node out = avcl_graph_op(g, f->op, in, f->w.n ? 2 : 1, f->attrs, n_attrs);
    if (avcl_graph_status(g, &err)) fail_msg("%s: %s", f->op, err.message);
    assert_int_equal(avcl_graph_info(g, out, &y), AVCL_OK);
    assert_int_equal(y.ndim, f->y.n);
    for (int32_t i = 0; i < y.ndim; i++)
        if (y.shape[i] != f->y.v[i])
            fail_msg("%s: axis %d is %lld, %lld expected", f->op, i,
                     (long long)y.shape[i], (long long)f->y.v[i]);
    avcl_graph_free(g);
}

static void test_op_infer__gives_the_known_shapes(void **state)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        check_fact(*state, &facts[i]);
}

/* The norm that l2_normalise also gives has no gradient: silence would be a wrong one. */
static void test_op_gradient__refuses_what_only_gradients_use(void **state)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(*state, &err);
    assert_non_null(g);
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, (int64_t[]){3, 4}, 2);
    avcl_node y = avcl_graph_op(g, "l2_normalise", &x, 1, NULL, 0);
    avcl_node norm = avcl_graph_result(g, y, 1);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "sum", &norm, 1, NULL, 0));
    avcl_session_options o = {.device = "reference", .flags = AVCL_SESSION_INPUT_GRADS};
    assert_null(avcl_session_new(g, &o, &err));
    assert_int_equal(err.code, AVCL_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "output 1"));
    assert_non_null(strstr(err.message, "stop_gradient"));
    avcl_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_infer__gives_the_known_shapes),
        cmocka_unit_test(test_op_gradient__refuses_what_only_gradients_use),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
