/* test_graph.c - declaring graphs: errors that help, names, state versions, identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"

typedef struct fixture {
    avcl_host *host;
    avcl_graph *g;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    avcl_error err = {0};
    f.host = avcl_host_new(NULL, &err);
    f.g = avcl_graph_new(f.host, &err);
    *state = &f;
    return f.g ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    avcl_graph_free(f->g);
    avcl_host_free(f->host);
    return 0;
}

static avcl_node op(avcl_graph *g, const char *name, avcl_node a, avcl_node b)
{
    avcl_node in[2] = {a, b};
    return avcl_graph_op(g, name, in, b ? 2 : 1, NULL, 0);
}

static avcl_node input(avcl_graph *g, const char *name, int64_t rows, int64_t columns)
{
    int64_t shape[2] = {rows, columns};
    return avcl_graph_input(g, name, AVCL_F32, shape, 2);
}

static void expect_error(const avcl_graph *g, avcl_status code, const char *part)
{
    avcl_error err = {0};
    assert_int_equal(avcl_graph_status(g, &err), code);
    if (!strstr(err.message, part)) fail_msg("'%s' is not in '%s'", part, err.message);
}

/* ---- errors -------------------------------------------------------------------------
 */

static void test_graph__names_place_scope_and_nearest_op(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_node x = input(g, "x", 2, 3);
    avcl_graph_at(g, "study.lua:7");
    avcl_graph_push(g, "video");
    assert_int_equal(op(g, "rellu", x, 0), 0);
    expect_error(g, AVCL_E_NOT_FOUND, "study.lua:7");
    expect_error(g, AVCL_E_NOT_FOUND, "video");
    expect_error(g, AVCL_E_NOT_FOUND, "did you mean 'relu'");
}

static void test_graph__shapes_are_in_the_message(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    op(g, "matmul", input(g, "a", 2, 3), input(g, "b", 4, 5));
    expect_error(g, AVCL_E_SHAPE, "[2,3]");
    expect_error(g, AVCL_E_SHAPE, "[4,5]");
}

static void test_graph__the_first_error_stays_and_poisons(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_node bad = op(g, "nothing_like_it", input(g, "a", 2, 3), 0);
    assert_int_equal(op(g, "relu", bad, 0), 0);
    assert_int_equal(input(g, "b", 2, 3), 0);
    expect_error(g, AVCL_E_NOT_FOUND, "nothing_like_it");
}

static void test_graph__refuses_a_name_twice(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    int64_t n = 3;
    avcl_graph_weight(g, "w", &n, 1, "fill", 0);
    avcl_graph_weight(g, "w", &n, 1, "fill", 0);
    expect_error(g, AVCL_E_INVALID, "'w' is declared twice");
}

static void test_graph__refuses_sizes_below_one(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    input(g, "x", 2, 0);
    expect_error(g, AVCL_E_SHAPE, "[2,0]");
}

static void test_graph__minimize_wants_one_number(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_graph_minimize(g, 1, input(g, "x", 2, 3));
    expect_error(g, AVCL_E_SHAPE, "[2,3]");
}

/* ---- states --------------------------------------------------------------------------
 */

static double read(avcl_session *s, const char *name)
{
    float value = 0;
    avcl_error err = {0};
    assert_int_equal(avcl_session_read(s, name, &value, sizeof value, &err), AVCL_OK);
    return value;
}

static avcl_session *start(avcl_graph *g)
{
    avcl_error err = {0};
    avcl_session_options o = {.device = "reference"};
    avcl_session *s = avcl_session_new(g, &o, &err);
    if (!s) fail_msg("%s", err.message);
    return s;
}

/* Twice: counter += 1. The second read sees the first's version; commits happen once. */
static void test_graph__a_state_read_is_its_latest_version(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_error err = {0};
    avcl_node counter = avcl_graph_state(g, "counter", NULL, 0, "fill", 10);
    avcl_node one = avcl_graph_constant(g, 1);
    avcl_graph_assign(g, counter, op(g, "add", counter, one), AVCL_FORWARD);
    avcl_graph_assign(g, counter, op(g, "add", counter, one), AVCL_FORWARD);
    avcl_graph_keep(g, "seen", op(g, "add", counter, one));
    avcl_session *s = start(g);
    assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), AVCL_OK);
    assert_float_equal(read(s, "seen"), 13, 0);
    assert_float_equal(read(s, "counter"), 10, 0);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_OK);
    assert_float_equal(read(s, "counter"), 12, 0);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_E_INVALID);
    avcl_session_free(s);
}

static void test_graph__evaluation_commits_nothing(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_error err = {0};
    avcl_node counter = avcl_graph_state(g, "counter", NULL, 0, "fill", 1);
    avcl_graph_assign(g, counter, op(g, "add", counter, counter), AVCL_FORWARD);
    avcl_graph_keep(g, "seen", counter);
    avcl_session *s = start(g);
    assert_int_equal(avcl_session_run(s, AVCL_EVAL, &err), AVCL_OK);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_E_INVALID);
    assert_float_equal(read(s, "counter"), 1, 0);
    avcl_session_free(s);
}

static void test_graph__update_sees_the_new_weights(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_error err = {0};
    avcl_node w = avcl_graph_weight(g, "w", NULL, 0, "fill", 2);
    avcl_node copy = avcl_graph_state(g, "copy", NULL, 0, "fill", 0);
    avcl_graph_assign(g, copy, op(g, "add", w, avcl_graph_constant(g, 0)), AVCL_UPDATE);
    avcl_graph_minimize(g, 1, op(g, "square", w, 0));
    avcl_session *s = start(g);
    avcl_optim sgd = {.lr = 0.25};
    avcl_optim_step step = {.lr = sgd.lr};
    assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), AVCL_OK);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_OK);
    assert_int_equal(avcl_session_optimise(s, &sgd, &step, &err), AVCL_OK);
    assert_int_equal(avcl_session_update(s, &err), AVCL_OK);
    assert_float_equal(read(s, "w"), 1, 0); /* 2 - 0.25 * 2 * 2 */
    assert_float_equal(read(s, "copy"), 1, 0);
    avcl_session_free(s);
}

static void test_graph__assign_rows_is_a_queue(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_error err = {0};
    int64_t queue_shape[2] = {4, 2};
    int64_t n = 2;
    avcl_node queue = avcl_graph_state(g, "queue", queue_shape, 2, "fill", 0);
    avcl_node index = avcl_graph_input(g, "index", AVCL_I32, &n, 1);
    avcl_node rows = input(g, "rows", 2, 2);
    avcl_graph_assign_rows(g, queue, index, rows);
    avcl_graph_keep(g, "before", queue);
    avcl_session *s = start(g);
    int32_t at[2] = {3, 1};
    float values[4] = {1, 2, 3, 4};
    float got[8];
    const float want[8] = {0, 0, 3, 4, 0, 0, 1, 2};
    avcl_session_write(s, "index", at, sizeof at, &err);
    avcl_session_write(s, "rows", values, sizeof values, &err);
    assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), AVCL_OK);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_OK);
    assert_int_equal(avcl_session_read(s, "queue", got, sizeof got, &err), AVCL_OK);
    assert_memory_equal(got, want, sizeof want);
    at[0] = 4;
    avcl_session_write(s, "index", at, sizeof at, &err);
    assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), AVCL_OK);
    assert_int_equal(avcl_session_commit(s, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "row 4 of 4"));
    avcl_session_free(s);
}

/* ---- bad numbers
 * ------------------------------------------------------------------------ */

static void test_graph__a_bad_number_is_located(void **state)
{
    avcl_graph *g = ((fixture *)*state)->g;
    avcl_error err = {0};
    avcl_node x = input(g, "x", 1, 1);
    avcl_graph_at(g, "loss.lua:31");
    avcl_graph_push(g, "my_loss");
    avcl_node y = op(g, "log", x, 0);
    avcl_graph_pop(g);
    avcl_graph_at(g, "loss.lua:40");
    avcl_graph_minimize(g, 1, op(g, "square", y, 0));
    avcl_session *s = start(g);
    float zero = 0;
    avcl_session_write(s, "x", &zero, sizeof zero, &err);
    assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), AVCL_OK);
    assert_int_equal(avcl_session_run_checked(s, AVCL_TRAIN, &err), AVCL_E_NUMERIC);
    assert_non_null(strstr(err.message, "loss.lua:31"));
    assert_non_null(strstr(err.message, "my_loss"));
    assert_non_null(strstr(err.message, "log"));
    avcl_session_free(s);
}

/* ---- identity
 * ---------------------------------------------------------------------------- */

typedef struct recipe {
    const char *op;
    double weight;
    const char *where;
    const char *name;
    int with_dead_code;
} recipe;

static void hash_of(avcl_host *host, const recipe *r, char hex[65])
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_graph_at(g, r->where);
    avcl_node x = input(g, r->name, 2, 3);
    if (r->with_dead_code) op(g, "exp", x, 0);
    avcl_node y = op(g, r->op, x, 0);
    avcl_graph_minimize(g, r->weight, op(g, "mean", y, 0));
    assert_int_equal(avcl_graph_hash(g, hex, &err), AVCL_OK);
    avcl_graph_free(g);
}

static void test_graph__hash_sees_mathematics_only(void **state)
{
    avcl_host *host = ((fixture *)*state)->host;
    const recipe base = {"relu", 1, "a.lua:1", "x", 0};
    const recipe same[] = {{"relu", 1, "b.lua:99", "x", 0},
                           {"relu", 1, "a.lua:1", "x", 1}};
    const recipe other[] = {{"exp", 1, "a.lua:1", "x", 0},
                            {"relu", 1.0000001, "a.lua:1", "x", 0},
                            {"relu", 1, "a.lua:1", "y", 0}};
    char want[65];
    char got[65];
    hash_of(host, &base, want);
    assert_int_equal(strlen(want), 64);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        hash_of(host, &same[i], got);
        assert_string_equal(got, want);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        hash_of(host, &other[i], got);
        assert_string_not_equal(got, want);
    }
}

static void test_graph__initial_weights_depend_on_name_and_seed_alone(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    float a[2][8];
    for (int order = 0; order < 2; order++) {
        avcl_graph *g = avcl_graph_new(f->host, &err);
        int64_t n = 8;
        if (order) avcl_graph_weight(g, "first", &n, 1, "normal", 1);
        avcl_graph_weight(g, "w", &n, 1, "uniform", 0.5);
        avcl_session_options o = {.device = "reference", .seed = 7};
        avcl_session *s = avcl_session_new(g, &o, &err);
        assert_non_null(s);
        assert_int_equal(avcl_session_read(s, "w", a[order], sizeof a[order], &err),
                         AVCL_OK);
        avcl_session_free(s);
        avcl_graph_free(g);
    }
    assert_memory_equal(a[0], a[1], sizeof a[0]);
    for (int i = 0; i < 8; i++)
        assert_in_range((int)((a[0][i] + 0.5f) * 1000), 0, 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_graph__names_place_scope_and_nearest_op),
        TEST(test_graph__shapes_are_in_the_message),
        TEST(test_graph__the_first_error_stays_and_poisons),
        TEST(test_graph__refuses_a_name_twice),
        TEST(test_graph__refuses_sizes_below_one),
        TEST(test_graph__minimize_wants_one_number),
        TEST(test_graph__a_state_read_is_its_latest_version),
        TEST(test_graph__evaluation_commits_nothing),
        TEST(test_graph__update_sees_the_new_weights),
        TEST(test_graph__assign_rows_is_a_queue),
        TEST(test_graph__a_bad_number_is_located),
        TEST(test_graph__hash_sees_mathematics_only),
        TEST(test_graph__initial_weights_depend_on_name_and_seed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
