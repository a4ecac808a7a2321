/* test_custom_op.c - a plugin's op in the graph: its numbers, gradient, hash, refusals.
 */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/session.h"
#include "plugin_fixture.h"

enum { N = 4 * 3 }; /* channels x frames of one clip of 1 x 1 */

/* Under a new name each time: a library of a known name is not opened again. */
static void compile_shift(const plugin_fixture *f, const char *flags)
{
    static int n;
    char command[4 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    int length = snprintf(
        command, sizeof command,
        "cd '%s' && rm -f *.avcl.so && sed %s '%s/plugins/shift/shift.c' >s.c && "
        "cc -shared -fPIC -fvisibility=hidden -I'%s/core/include' s.c -o "
        "shift%d.avcl.so",
        f->dir, flags, root, root, n++);
    assert_true(length > 0 && (size_t)length < sizeof command);
    if (system(command)) fail_msg("%s", command);
}

/* Loss = sum(m * shift(x)), so that the gradient is the transposed map of m. */
static avcl_graph *shift_graph(plugin_fixture *f)
{
    avcl_error err = {0};
    setenv("AVCL_PLUGIN_PATH_ONLY", "0", 1);
    setenv("AVCL_PLUGIN_PATH", getenv("AVCL_MODULES"), 1);
    avcl_host_options o = {.plugin_path = f->dir};
    f->host = avcl_host_new(&o, &err);
    if (!f->host) fail_msg("%s", err.message);
    avcl_graph *g = avcl_graph_new(f->host, &err);
    assert_non_null(g);
    const int64_t shape[5] = {1, 4, 3, 1, 1};
    avcl_attr fraction = {"fraction", {.type = AVCL_FLOAT, .count = 1, .f = 0.25}};
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_node m = avcl_graph_input(g, "m", AVCL_F32, shape, 5);
    avcl_node y = avcl_graph_op(g, "org.example.shift/shift", &x, 1, &fraction, 1);
    avcl_node both[2] = {y, m};
    avcl_graph_keep(g, "y", y);
    avcl_node product = avcl_graph_op(g, "mul", both, 2, NULL, 0);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "sum", &product, 1, NULL, 0));
    if (avcl_graph_status(g, &err)) fail_msg("%s", err.message);
    return g;
}

static void check_numbers(avcl_graph *g, const char *device)
{
    avcl_error err = {0};
    float x[N], m[N], y[N], grad[N];
    avcl_session_options o = {.device = device, .flags = AVCL_SESSION_INPUT_GRADS};
    avcl_session *s = avcl_session_new(g, &o, &err);
    if (!s) fail_msg("%s", err.message);
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i + 1);
        m[i] = (float)(100 + i);
    }
    assert_int_equal(avcl_session_write(s, "x", x, sizeof x, &err), AVCL_OK);
    assert_int_equal(avcl_session_write(s, "m", m, sizeof m, &err), AVCL_OK);
    if (avcl_session_run(s, AVCL_TRAIN, &err)) fail_msg("%s", err.message);
    assert_int_equal(avcl_session_read(s, "y", y, sizeof y, &err), AVCL_OK);
    assert_int_equal(avcl_session_read(s, "grad/x", grad, sizeof grad, &err), AVCL_OK);
    /* By hand: channel 0 sees the next frame, channel 1 the one before. */
    const float want_y[N] = {2, 3, 0, 0, 4, 5, 7, 8, 9, 10, 11, 12};
    const float want_grad[N] = {0, 100, 101, 104, 105, 0, 106, 107, 108, 109, 110, 111};
    assert_memory_equal(y, want_y, sizeof y);
    assert_memory_equal(grad, want_grad, sizeof grad);
    avcl_session_free(s);
}

static void test_custom__runs_on_every_device_of_host_memory(void **state)
{
    plugin_fixture *f = *state;
    compile_shift(f, "''");
    avcl_graph *g = shift_graph(f);
    check_numbers(g, "reference");
    check_numbers(g, "cpu");
    avcl_graph_free(g);
}

static void expect_no_session(plugin_fixture *f, const char *flags, avcl_dtype real,
                              const char *text)
{
    avcl_error err = {0};
    compile_shift(f, flags);
    avcl_graph *g = shift_graph(f);
    avcl_session_options o = {
        .device = "reference", .precision = real, .flags = AVCL_SESSION_INPUT_GRADS};
    assert_null(avcl_session_new(g, &o, &err));
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
    avcl_graph_free(g);
    avcl_host_free(f->host);
    f->host = NULL;
}

static void test_custom__what_is_missing_is_named(void **state)
{
    plugin_fixture *f = *state;
    expect_no_session(f, "'s/.device = \"cpu\"/.device = \"gpu\"/'", AVCL_F32,
                      "op 'org.example.shift/shift' has no kernel for device 'cpu'");
    expect_no_session(f,
                      "'s/.backward = backward,//; s/^static avcl_status backward/"
                      "avcl_status backward/'",
                      AVCL_F32, "neither grad nor a backward");
    expect_no_session(f, "'s/AVCL_DTYPE_BIT(AVCL_F32) | //'", AVCL_F32,
                      "does not do f32");
}

static void hash_of(plugin_fixture *f, const char *flags, char hex[65])
{
    avcl_error err = {0};
    compile_shift(f, flags);
    avcl_graph *g = shift_graph(f);
    if (avcl_graph_hash(g, hex, &err)) fail_msg("%s", err.message);
    avcl_graph_free(g);
    avcl_host_free(f->host);
    f->host = NULL;
}

/* Identity of a run: the author's numerics count, of the op and of its kernel. */
static void test_custom__numerics_are_in_the_graphs_hash(void **state)
{
    plugin_fixture *f = *state;
    char plain[65], again[65], op[65], kernel[65];
    hash_of(f, "''", plain);
    hash_of(f, "'s/Temporal shift/temporal shift/'", again);
    hash_of(f, "'0,/.numerics = 1/s//.numerics = 2/'", op);
    hash_of(f,
            "'/^static const avcl_module kernel_module/,/^};/s/numerics = 1/numerics = "
            "2/'",
            kernel);
    assert_string_equal(plain, again);
    assert_string_not_equal(plain, op);
    assert_string_not_equal(plain, kernel);
    assert_string_not_equal(op, kernel);
}

int main(void)
{
    setenv("AVCL_MODULES", getenv("AVCL_PLUGIN_PATH"), 1);
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_custom__runs_on_every_device_of_host_memory),
        PLUGIN_TEST(test_custom__what_is_missing_is_named),
        PLUGIN_TEST(test_custom__numerics_are_in_the_graphs_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
