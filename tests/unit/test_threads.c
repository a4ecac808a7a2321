/*
 * test_threads.c - one OpenMP runtime in the process, whatever compiled it, and threads
 * only where they were asked for.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"

/* Convolution and product: oneDNN, OpenBLAS and parallel_for all have work to share. */
static avcl_session *make_session(avcl_graph *g, avcl_error *err)
{
    int64_t x_shape[5] = {4, 16, 4, 16, 16};
    int64_t w_shape[5] = {32, 16, 3, 3, 3};
    int64_t m_shape[2] = {512, 32};
    avcl_node in[2] = {avcl_graph_input(g, "x", AVCL_F32, x_shape, 5),
                       avcl_graph_weight(g, "w", w_shape, 5, "uniform", 0.1)};
    int64_t pad[3] = {1, 1, 1};
    avcl_attr attr = avcl_attr_ints("pad", pad, 3);
    avcl_node y = avcl_graph_op(g, "conv3d", in, 2, &attr, 1);
    y = avcl_graph_op(g, "relu", &y, 1, NULL, 0);
    avcl_node pooled[2] = {avcl_graph_op(g, "global_avg_pool", &y, 1, NULL, 0),
                           avcl_graph_weight(g, "m", m_shape, 2, "uniform", 0.1)};
    avcl_node z = avcl_graph_op(g, "linear", pooled, 2, NULL, 0);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "mean", &z, 1, NULL, 0));
    avcl_session_options options = {.device = "cpu", .seed = 1};
    return avcl_session_new(g, &options, err);
}

/* Trains a little on `n_threads`, calls `look` while all is loaded. */
static void with_training(uint32_t n_threads, void (*look)(void))
{
    avcl_error err = {0};
    avcl_host_options options = {.n_threads = n_threads};
    avcl_host *host = avcl_host_new(&options, &err);
    avcl_graph *g = avcl_graph_new(host, &err);
    avcl_session *s = make_session(g, &err);
    if (!s) fail_msg("%s", err.message);
    avcl_optim sgd = {.lr = 0.1, .momentum = 0.9};
    avcl_optim_step step = {.lr = sgd.lr};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(avcl_session_run(s, AVCL_TRAIN, &err), 0);
        assert_int_equal(avcl_session_optimise(s, &sgd, &step, &err), 0);
    }
    look();
    avcl_session_free(s);
    avcl_graph_free(g);
    avcl_host_free(host);
}

static int is_openmp(const char *path)
{
    static const char *const names[] = {"/libgomp", "/libomp.", "/libomp-", "/libomp5",
                                        "/libiomp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(path, names[i])) return 1;
    return 0;
}

static void expect_one_runtime(void)
{
    char first[512] = "";
    char line[1024];
    int n = 0;
    FILE *f = fopen("/proc/self/maps", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *path = strchr(line, '/');
        if (!path || !is_openmp(path)) continue;
        path[strcspn(path, "\n")] = '\0';
        if (n && strcmp(path, first) != 0) fail_msg("both %s and %s", first, path);
        snprintf(first, sizeof first, "%s", path);
        n++;
    }
    fclose(f);
    if (!strstr(first, "/libgomp")) fail_msg("the OpenMP runtime is '%s'", first);
}

static int count_threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void expect_one_thread(void)
{
    assert_int_equal(count_threads(), 1);
}

static void expect_a_pool_of_three(void)
{
    /* Small work goes to fewer; a thread that was let go is listed until it has ended. */
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    int n = count_threads();
    for (int i = 0; n > 3 && i < 500; i++) {
        nanosleep(&pause, NULL);
        n = count_threads();
    }
    if (n < 2 || n > 3) fail_msg("%d threads, asked for 3", n);
}

/* First of all tests: no thread of another one is left over. */
static void test_threads__one_is_the_callers_own(void **state)
{
    (void)state;
    with_training(1, expect_one_thread);
}

/* oneDNN, OpenBLAS and we share one pool: three threads are not seven. */
static void test_threads__all_kernels_share_a_pool(void **state)
{
    (void)state;
    with_training(3, expect_a_pool_of_three);
}

static void test_threads__one_openmp_runtime(void **state)
{
    (void)state;
    with_training(2, expect_one_runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads__one_is_the_callers_own),
        cmocka_unit_test(test_threads__all_kernels_share_a_pool),
        cmocka_unit_test(test_threads__one_openmp_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
