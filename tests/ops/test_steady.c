/* test_steady.c - R3D once it runs: activations keep their layout from the first
 * convolution to the pool and back, and a step takes no memory and meets no new page. */
#define _GNU_SOURCE
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"
#include "host_fixture.h"

enum { N = 17 }; /* no weight has a side of 17, so that "[17," is an activation */

static avcl_graph *declare(avcl_host *host, int64_t width, int64_t frames, int64_t side)
{
    avcl_error err = {0};
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[5] = {N, 3, frames, side, side};
    avcl_node x = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    avcl_attr at = avcl_attr_int("width", width);
    avcl_node taps[6] = {0};
    avcl_graph_apply(g, avcl_graph_instance(g, AVCL_KIND_BACKBONE, "r3d", &at, 1, "v"),
                     &x, 1, taps, 6);
    avcl_node squared = avcl_graph_op(g, "square", &taps[5], 1, NULL, 0);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "mean", &squared, 1, NULL, 0));
    if (avcl_graph_status(g, &err)) fail_msg("%s", err.message);
    return g;
}

static void check_chain(avcl_host *host, int64_t frames, avcl_dtype precision)
{
    avcl_error err = {0};
    avcl_graph *g = declare(host, 64, frames, 112);
    avcl_session_options o = {.device = "cpu", .precision = precision};
    char *text = avcl_graph_print_after(g, &o, AVCL_TRAIN, "layout", &err);
    if (!text) fail_msg("%s", err.message);
    int n_reorders = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (!strstr(line, " = reorder(")) continue;
        n_reorders++;
        if (strstr(line, "[17,")) fail_msg("%d frames: %s", (int)frames, line);
    }
    assert_true(n_reorders > 0); /* weights are */
    avcl_text_free(text);
    avcl_graph_free(g);
}

/* With oneDNN; the path without it unfolds activations anyway. */
static void test_chain__no_activation_is_reordered(void **state)
{
    avcl_error err = {0};
    avcl_graph *g = declare(*state, 4, 2, 16);
    avcl_session_options o = {.device = "cpu"};
    avcl_session *s = avcl_session_new(g, &o, &err);
    int has_library = s && strstr(avcl_session_device_text(s), "oneDNN") != NULL;
    int has_avx512 = s && strstr(avcl_session_device_text(s), "avx512") != NULL;
    avcl_session_free(s);
    avcl_graph_free(g);
    if (!has_library || !has_avx512) skip();
    check_chain(*state, 16, AVCL_F32);
    check_chain(*state, 1, AVCL_F32);
    check_chain(*state, 16, AVCL_BF16);
    check_chain(*state, 1, AVCL_BF16);
}

static void step(avcl_session *s)
{
    avcl_error err = {0};
    avcl_optim sgd = {.lr = 1e-3, .momentum = 0.9, .weight_decay = 5e-4};
    avcl_optim_step step = {.lr = sgd.lr};
    if (avcl_session_run(s, AVCL_TRAIN, &err) || avcl_session_commit(s, &err) ||
        avcl_session_optimise(s, &sgd, &step, &err))
        fail_msg("%s", err.message);
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

/* Sanitizers keep books of their own. */
static int is_sanitized(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return 1;
#else
    return 0;
#endif
}

enum { WARM = 2, STEPS = 5 };
enum {
    SOME_FAULTS = 32
}; /* of the runtime's own; the arena alone has thousands of pages */

static void test_step__takes_no_memory_and_no_new_page(void **state)
{
    avcl_error err = {0};
    avcl_graph *g = declare(*state, 16, 4, 40);
    avcl_session_options o = {.device = "cpu"};
    avcl_session *s = avcl_session_new(g, &o, &err);
    if (!s) fail_msg("%s", err.message);
    for (int i = 0; i < WARM; i++)
        step(s);
    size_t in_use = mallinfo2().uordblks + mallinfo2().hblkhd;
    long before = faults();
    for (int i = 0; i < STEPS; i++)
        step(s);
    long met = faults() - before;
    size_t then = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(then, in_use);
    if (met > SOME_FAULTS && !is_sanitized())
        fail_msg("%ld page faults in %d steps", met, STEPS);
    avcl_session_free(s);
    avcl_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain__no_activation_is_reordered),
        cmocka_unit_test(test_step__takes_no_memory_and_no_new_page),
    };
    return cmocka_run_group_tests(tests, host_open, host_close);
}
