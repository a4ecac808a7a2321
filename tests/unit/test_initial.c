/* test_initial.c - first values of weights: a function of seed, name and index alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "avcl/philox.h"
#include "avcl/session.h"

enum { ROWS = 37, COLUMNS = 1111 }; /* no multiple of a block or of a piece */

/* FNV-1a of the name, as the table of streams says. */
static uint32_t hash_of(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static float *draw(const char *init, double arg, uint64_t seed, uint32_t n_threads)
{
    avcl_error err = {0};
    avcl_host_options host_options = {.n_threads = n_threads};
    avcl_host *host = avcl_host_new(&host_options, &err);
    avcl_graph *g = avcl_graph_new(host, &err);
    int64_t shape[2] = {ROWS, COLUMNS};
    avcl_node w = avcl_graph_weight(g, "scope/w", shape, 2, init, arg);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "mean", &w, 1, NULL, 0));
    avcl_session_options options = {.device = "reference", .seed = seed};
    avcl_session *s = avcl_session_new(g, &options, &err);
    float *values = malloc(ROWS * COLUMNS * sizeof *values);
    assert_int_equal(
        avcl_session_read(s, "scope/w", values, ROWS * COLUMNS * sizeof *values, &err),
        0);
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
    return values;
}

static void test_initial__uniform_weights_are_philox_draws(void **state)
{
    (void)state;
    const uint64_t seed = 0x123456789abcdefull;
    float *w = draw("uniform", 0.3, seed, 2);
    for (uint64_t i = 0; i < ROWS * COLUMNS; i++) {
        avcl_philox r = avcl_philox_at(seed, i, hash_of("scope/w"), AVCL_STREAM_INIT, 0);
        float want = (float)(0.3 * (2 * (double)avcl_philox_unit(r.x[0]) - 1));
        if (w[i] != want) fail_msg("element %d: %g, expected %g", (int)i, w[i], want);
    }
    free(w);
}

static void test_initial__threads_change_nothing(void **state)
{
    (void)state;
    float *one = draw("normal", 2, 5, 1);
    float *three = draw("normal", 2, 5, 3);
    assert_memory_equal(one, three, ROWS * COLUMNS * sizeof *one);
    free(one);
    free(three);
}

static void test_initial__normal_weights_have_that_deviation(void **state)
{
    (void)state;
    float *w = draw("normal", 2, 5, 2);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
    }
    /* Five standard errors of 41,107 draws: mean 2/203, deviation 2/287. */
    double n = ROWS * COLUMNS;
    assert_true(fabs(sum / n) < 0.05);
    assert_true(fabs(sqrt(squares / n) - 2) < 0.035);
    free(w);
}

static void test_initial__fill_is_everywhere(void **state)
{
    (void)state;
    float *w = draw("fill", 0.25, 1, 2);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        assert_true(w[i] == 0.25f);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial__uniform_weights_are_philox_draws),
        cmocka_unit_test(test_initial__threads_change_nothing),
        cmocka_unit_test(test_initial__normal_weights_have_that_deviation),
        cmocka_unit_test(test_initial__fill_is_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
