/* test_ops_registry.c - the op list is complete and well-formed, agrees with ops.md, and
 * refuses what does not fit in words that name the values. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/graph.h"
#include "base/call.h"
#include "graph/ops.h"
#include "host_fixture.h"
#include "plugin/params.h"

enum { MAX_DOC = 65536, LEAST_CASES = 2 };

/* ---- descriptors ------------------------------------------------------------- */
static void test_op__is_described_and_has_cases(void **state)
{
    (void)state;
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    for (uint32_t i = 0; i < n; i++) {
        const avcl_op *op = ops[i];
        assert_int_equal(op->struct_size, sizeof *op);
        assert_true(op->doc && strlen(op->doc) > 1);
        assert_true(op->numerics >= 1);
        assert_true(op->n_cases >= LEAST_CASES);
        assert_true(op->min_in <= op->max_in && op->n_out >= 1);
        assert_non_null(op->infer);
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(op->name, ops[k]->name);
    }
}

static void test_op__has_a_gradient_or_says_why_not(void **state)
{
    (void)state;
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    for (uint32_t i = 0; i < n; i++) {
        int stops =
            (ops[i]->flags & (AVCL_OP_NOGRAD | AVCL_OP_BACKWARD | AVCL_OP_FUSED)) != 0;
        if (stops == (ops[i]->grad != NULL)) fail_msg("%s", ops[i]->name);
    }
}

static void test_op__attributes_are_a_sound_schema(void **state)
{
    (void)state;
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    for (uint32_t i = 0; i < n; i++) {
        avcl_error err = {0};
        if (avcl__params_check(ops[i]->attrs, sizeof(avcl_param), ops[i]->n_attrs,
                               ops[i]->attrs_size, &err))
            fail_msg("%s: %s", ops[i]->name, err.message);
    }
}

/* ---- ops.md ------------------------------------------------------------------ */
static char *read_doc(void)
{
    char path[1024];
    const char *root = getenv("AVCL_SOURCE_DIR");
    if (!root) skip();
    snprintf(path, sizeof path, "%s/core/doc/ops.md", root);
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, MAX_DOC);
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, MAX_DOC - 1, f) > 0);
    fclose(f);
    return text;
}

/* How many `name`s stand in the first column of the tables; every one must be an op. */
static uint32_t documented(char *text, const avcl_op *const *ops, uint32_t n_ops)
{
    uint32_t n = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "| `", 3) != 0) continue;
        char *end = strchr(line + 1, '|');
        for (char *at = strchr(line, '`'); at && at < end; at = strchr(at + 1, '`')) {
            char *close = strchr(at + 1, '`');
            *close = '\0';
            uint32_t k = 0;
            while (k < n_ops && strcmp(ops[k]->name, at + 1) != 0)
                k++;
            if (k == n_ops) fail_msg("ops.md names '%s', which is no op", at + 1);
            n++;
            at = close;
            *close = ' ';
        }
    }
    return n;
}

static void test_op__list_is_that_of_the_document(void **state)
{
    (void)state;
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    char *text = read_doc();
    assert_int_equal(documented(text, ops, n), n);
    free(text);
}

/* ---- cases ------------------------------------------------------------------- */
static avcl_node declare(avcl_graph *g, const avcl_op *op, const avcl_op_case *row)
{
    avcl_node in[32];
    char name[32];
    for (uint32_t i = 0; i < row->n_in; i++) {
        const avcl_case_input *x = &row->inputs[i];
        snprintf(name, sizeof name, "x%u", i);
        in[i] = avcl_graph_input(g, name, x->dtype, x->shape, x->ndim);
    }
    return avcl_graph_op(g, op->name, in, row->n_in, row->attrs, row->n_attrs);
}

static void check_flags(const avcl_op *op, const avcl_tinfo *x, const avcl_tinfo *y)
{
    int64_t nx = 1, ny = 1;
    for (int32_t i = 0; i < x->ndim; i++)
        nx *= x->shape[i];
    for (int32_t i = 0; i < y->ndim; i++)
        ny *= y->shape[i];
    if ((op->flags & AVCL_OP_ALIAS) && (nx != ny || x->dtype != y->dtype))
        fail_msg("%s: an alias of another size", op->name);
}

static void test_op_case__declares(void **state)
{
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < ops[i]->n_cases; k++) {
            avcl_error err = {0};
            avcl_tinfo x, y;
            avcl_graph *g = avcl_graph_new(*state, &err);
            assert_non_null(g);
            avcl_node first = declare(g, ops[i], &ops[i]->cases[k]);
            if (avcl_graph_status(g, &err))
                fail_msg("%s, case '%s': %s", ops[i]->name, ops[i]->cases[k].label,
                         err.message);
            assert_int_equal(avcl_graph_info(g, first, &y), AVCL_OK);
            if (ops[i]->cases[k].n_in) {
                assert_int_equal(avcl_graph_info(g, 1, &x), AVCL_OK);
                check_flags(ops[i], &x, &y);
            }
            avcl_graph_free(g);
        }
}

/* Canonical attributes are a fixed point: the graph hash relies on it. */
static void test_op_canonical__twice_is_once(void **state)
{
    uint32_t n;
    const avcl_op *const *ops = avcl__core_ops(&n);
    avcl_build b = {NULL, NULL, avcl_host_get_api(*state)};
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; ops[i]->canonical && k < ops[i]->n_cases; k++) {
            const avcl_op_case *row = &ops[i]->cases[k];
            avcl_arena arena = {0};
            avcl_error err = {0};
            avcl_tinfo in[32];
            char once[512] = {0}, twice[512];
            assert_true(ops[i]->attrs_size <= sizeof once);
            memset(in, 0, sizeof in);
            for (uint32_t j = 0; j < row->n_in; j++) {
                in[j].dtype = row->inputs[j].dtype;
                in[j].ndim = row->inputs[j].ndim;
                memcpy(in[j].shape, row->inputs[j].shape, sizeof in[j].shape);
            }
            assert_int_equal(avcl__params_fill(ops[i]->attrs, sizeof(avcl_param),
                                               ops[i]->n_attrs, row->attrs, row->n_attrs,
                                               "op", &arena, once, &err),
                             AVCL_OK);
            assert_int_equal(ops[i]->canonical(&b, once, in, row->n_in), AVCL_OK);
            memcpy(twice, once, sizeof twice);
            assert_int_equal(ops[i]->canonical(&b, twice, in, row->n_in), AVCL_OK);
            assert_memory_equal(once, twice, sizeof once);
            avcl__arena_release(&arena);
        }
}

/* ---- misfits ----------------------------------------------------------------- */
#define SHAPE(t, ...)                                                                    \
    {                                                                                    \
        (t), sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t),                         \
        {                                                                                \
            __VA_ARGS__                                                                  \
        }                                                                                \
    }
#define REAL(...) SHAPE(AVCL_F32, __VA_ARGS__)
#define INT(name, v)                                                                     \
    {                                                                                    \
        (name),                                                                          \
        {                                                                                \
            AVCL_INT, 1, (v), 0, NULL, NULL                                              \
        }                                                                                \
    }
#define INTS(name, ...)                                                                  \
    {                                                                                    \
        (name),                                                                          \
        {                                                                                \
            AVCL_INTS, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), 0, 0, NULL,   \
                (const int64_t[])                                                        \
            {                                                                            \
                __VA_ARGS__                                                              \
            }                                                                            \
        }                                                                                \
    }

static const struct misfit {
    const char *op;
    avcl_status code;
    const char *says[2];
    uint32_t n_in;
    avcl_tinfo in[5];
    avcl_attr attrs[2];
} misfits[] = {
    {"relu", AVCL_E_DTYPE, {"real", "i32 2-d [3,4]"}, 1, .in = {SHAPE(AVCL_I32, 3, 4)}},
    {"relu_backward",
     AVCL_E_SHAPE,
     {"[3,4]", "[4,3]"},
     2,
     .in = {REAL(3, 4), REAL(4, 3)}},
    {"add", AVCL_E_SHAPE, {"[3,4]", "[3]"}, 2, .in = {REAL(3, 4), REAL(3)}},
    {"add", AVCL_E_DTYPE, {"real", "u8"}, 2, .in = {REAL(3), SHAPE(AVCL_U8, 3)}},
    {"sum",
     AVCL_E_INVALID,
     {"axis 2", "[3,4]"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INTS("axes", 2)}},
    {"sum",
     AVCL_E_INVALID,
     {"axis 1", "twice"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INTS("axes", 1, -1)}},
    {"argmax",
     AVCL_E_INVALID,
     {"axis -3", "[3,4]"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INT("axis", -3)}},
    {"broadcast_to",
     AVCL_E_SHAPE,
     {"[3]", "[3,4]"},
     1,
     .in = {REAL(3)},
     .attrs = {INTS("shape", 3, 4)}},
    {"sum_to",
     AVCL_E_SHAPE,
     {"[5]", "[3,4]"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INTS("shape", 5)}},
    {"one_hot",
     AVCL_E_DTYPE,
     {"i32", "real 1-d [4]"},
     1,
     .in = {REAL(4)},
     .attrs = {INT("n", 3)}},
    {"cast", AVCL_E_DTYPE, {"i64 1-d [4]", "u8"}, 1, .in = {SHAPE(AVCL_I64, 4)}},
    {"cast",
     AVCL_E_DTYPE,
     {"dtype 6", "real"},
     1,
     .in = {REAL(4)},
     .attrs = {INT("dtype", 6)}},
    {"matmul", AVCL_E_SHAPE, {"[3,4]", "[5,6]"}, 2, .in = {REAL(3, 4), REAL(5, 6)}},
    {"matmul",
     AVCL_E_SHAPE,
     {"[2,3,4]", "[3,4,5]"},
     2,
     .in = {REAL(2, 3, 4), REAL(3, 4, 5)}},
    {"matmul", AVCL_E_SHAPE, {"2-d b", "3-d"}, 2, .in = {REAL(3, 4), REAL(1, 4, 5)}},
    {"linear",
     AVCL_E_SHAPE,
     {"4 features", "takes 5"},
     2,
     .in = {REAL(3, 4), REAL(6, 5)}},
    {"linear", AVCL_E_SHAPE, {"bias", "[7]"}, 3, .in = {REAL(3, 4), REAL(6, 4), REAL(7)}},
    {"conv3d",
     AVCL_E_SHAPE,
     {"5-d x", "4-d [8,512,7,7]"},
     2,
     .in = {REAL(8, 512, 7, 7), REAL(8, 512, 1, 1, 1)}},
    {"conv3d",
     AVCL_E_SHAPE,
     {"3 channels", "takes 1"},
     2,
     .in = {REAL(2, 3, 4, 4, 4), REAL(5, 1, 1, 1, 1)}},
    {"conv3d",
     AVCL_E_SHAPE,
     {"[3,7,7]", "[1,4,4]"},
     2,
     .in = {REAL(2, 3, 1, 4, 4), REAL(5, 3, 3, 7, 7)}},
    {"conv3d",
     AVCL_E_INVALID,
     {"stride", "2: [1,2]"},
     2,
     .in = {REAL(2, 3, 4, 4, 4), REAL(5, 3, 1, 1, 1)},
     .attrs = {INTS("stride", 1, 2)}},
    {"conv3d_backward_data",
     AVCL_E_SHAPE,
     {"[2,5,4,4,4]", "[2,5,3,3,3]"},
     2,
     .in = {REAL(2, 5, 3, 3, 3), REAL(5, 3, 1, 1, 1)},
     .attrs = {INTS("shape", 2, 3, 4, 4, 4)}},
    {"batch_norm",
     AVCL_E_SHAPE,
     {"gamma", "[4]"},
     5,
     .in = {REAL(2, 3), REAL(4), REAL(3), REAL(3), REAL(3)}},
    {"batch_norm",
     AVCL_E_SHAPE,
     {"2 values", "[1,3,1,1,1]"},
     5,
     .in = {REAL(1, 3, 1, 1, 1), REAL(3), REAL(3), REAL(3), REAL(3)}},
    {"max_pool3d",
     AVCL_E_SHAPE,
     {"[2,2,2]", "[1,4,4]"},
     1,
     .in = {REAL(2, 3, 1, 4, 4)},
     .attrs = {INTS("kernel", 2)}},
    {"avg_pool3d",
     AVCL_E_INVALID,
     {"[2,2,2]", "[3,3,3]"},
     1,
     .in = {REAL(2, 3, 4, 4, 4)},
     .attrs = {INTS("kernel", 3), INTS("pad", 2)}},
    {"global_avg_pool", AVCL_E_SHAPE, {"5-d", "[2,3]"}, 1, .in = {REAL(2, 3)}},
    {"concat",
     AVCL_E_SHAPE,
     {"[2,3]", "[3,3]"},
     2,
     .in = {REAL(2, 3), REAL(3, 3)},
     .attrs = {INT("axis", 1)}},
    {"slice",
     AVCL_E_INVALID,
     {"[0, 9)", "[4,5]"},
     1,
     .in = {REAL(4, 5)},
     .attrs = {INT("axis", 1), INT("stop", 9)}},
    {"reshape",
     AVCL_E_SHAPE,
     {"12 values", "[5,-1]"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INTS("shape", 5, -1)}},
    {"transpose",
     AVCL_E_INVALID,
     {"[0,0]", "[3,4]"},
     1,
     .in = {REAL(3, 4)},
     .attrs = {INTS("perm", 0, 0)}},
    {"gather",
     AVCL_E_DTYPE,
     {"i32 index", "real 1-d [2]"},
     2,
     .in = {REAL(3, 4), REAL(2)}},
    {"scatter_add",
     AVCL_E_SHAPE,
     {"3 rows", "has 2"},
     2,
     .in = {REAL(3, 4), SHAPE(AVCL_I32, 2)},
     .attrs = {INT("n", 5)}},
    {"dropout", AVCL_E_SHAPE, {"rng", "[2]"}, 2, .in = {REAL(3, 4), SHAPE(AVCL_I64, 2)}},
    {"l2_normalise", AVCL_E_INVALID, {"axis 1", "[4]"}, 1, .in = {REAL(4)}},
    {"cross_entropy",
     AVCL_E_DTYPE,
     {"i32 label", "i64"},
     3,
     .in = {REAL(4, 5), SHAPE(AVCL_I64, 4), REAL(4)}},
    {"cross_entropy",
     AVCL_E_SHAPE,
     {"label", "[3]"},
     3,
     .in = {REAL(4, 5), SHAPE(AVCL_I32, 3), REAL(4)}},
    {"cross_entropy",
     AVCL_E_SHAPE,
     {"weight", "[4,1]"},
     3,
     .in = {REAL(4, 5), SHAPE(AVCL_I32, 4), REAL(4, 1)}},
    {"sgd", AVCL_E_SHAPE, {"v", "[4]"}, 4, .in = {REAL(3), REAL(3), REAL(4), REAL(3)}},
    {"adamw",
     AVCL_E_SHAPE,
     {"rate", "[3]"},
     5,
     .in = {REAL(3), REAL(3), REAL(3), REAL(3), REAL(3)}},
    {"sum", AVCL_E_INVALID, {"1 to 1 inputs", "got 2"}, 2, .in = {REAL(3), REAL(3)}},
    {"reul", AVCL_E_NOT_FOUND, {"reul", "did you mean 'relu'"}, 1, .in = {REAL(3)}},
};

static void check_misfit(avcl_host *host, const struct misfit *m)
{
    avcl_error err = {0};
    avcl_node in[5] = {0};
    uint32_t n_attrs = 0;
    avcl_graph *g = avcl_graph_new(host, &err);
    assert_non_null(g);
    for (uint32_t i = 0; i < m->n_in; i++) {
        char name[] = {'x', (char)('0' + i), 0};
        in[i] = avcl_graph_input(g, name, m->in[i].dtype, m->in[i].shape, m->in[i].ndim);
    }
    assert_int_equal(avcl_graph_status(g, &err), AVCL_OK);
    while (n_attrs < 2 && m->attrs[n_attrs].name)
        n_attrs++;
    assert_int_equal(avcl_graph_op(g, m->op, in, m->n_in, m->attrs, n_attrs), 0);
    avcl_graph_status(g, &err);
    for (int i = 0; i < 2; i++)
        if (err.code != m->code || !strstr(err.message, m->says[i]))
            fail_msg("%s: expected %s with '%s', got %s: %s", m->op,
                     avcl_status_name(m->code), m->says[i], avcl_status_name(err.code),
                     err.message);
    avcl_graph_free(g);
}

static void test_op_infer__names_what_does_not_fit(void **state)
{
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++)
        check_misfit(*state, &misfits[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op__is_described_and_has_cases),
        cmocka_unit_test(test_op__has_a_gradient_or_says_why_not),
        cmocka_unit_test(test_op__attributes_are_a_sound_schema),
        cmocka_unit_test(test_op__list_is_that_of_the_document),
        cmocka_unit_test(test_op_case__declares),
        cmocka_unit_test(test_op_canonical__twice_is_once),
        cmocka_unit_test(test_op_infer__names_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
