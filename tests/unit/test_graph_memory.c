/*
 * test_graph_memory.c - the graph engine when memory runs out, at every place it can.
 *
 * The linker hands the core's allocations to the counters here (tests/CMakeLists.txt):
 * the n-th one fails, for n = 1, 2, … until all of a graph's life succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/session.h"

/* ---- the allocator ---------------------------------------------------------------- */

typedef struct allocator {
    int is_counting;
    long n;          /* allocations so far */
    long fails_at;   /* this one fails … */
    int is_for_good; /* … and all after it */
    long n_live;     /* not freed yet */
} allocator;

/* The wrapped functions have no other way to their state. */
static allocator memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);
FILE *__real_open_memstream(char **text, size_t *n);
FILE *__wrap_open_memstream(char **text, size_t *n);

static int fails(void)
{
    if (!memory.is_counting) return 0;
    memory.n++;
    return memory.n == memory.fails_at ||
           (memory.is_for_good && memory.n > memory.fails_at);
}

static void *count(void *p)
{
    memory.n_live += memory.is_counting && p;
    return p;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (fails()) return NULL;
    return p ? __real_realloc(p, size) : count(__real_realloc(p, size));
}

void __wrap_free(void *p)
{
    memory.n_live -= memory.is_counting && p;
    __real_free(p);
}

/* Its text is the caller's to free. */
FILE *__wrap_open_memstream(char **text, size_t *n)
{
    if (fails()) return NULL;
    memory.n_live += memory.is_counting;
    return __real_open_memstream(text, n);
}

/* ---- a graph's life --------------------------------------------------------------- */

enum { N = 2, C = 3, K = 4, MAX_ALLOCATIONS = 5000 };

static avcl_attr number(const char *name, double value)
{
    return (avcl_attr){name, {.type = AVCL_FLOAT, .count = 1, .f = value}};
}

static avcl_node batch_norm(avcl_graph *g, avcl_node x)
{
    static const int64_t shape[1] = {C};
    avcl_node in[5] = {x, avcl_graph_weight(g, "gamma", shape, 1, "fill", 1),
                       avcl_graph_weight(g, "beta", shape, 1, "fill", 0),
                       avcl_graph_state(g, "mean", shape, 1, "fill", 0),
                       avcl_graph_state(g, "var", shape, 1, "fill", 1)};
    avcl_node y = avcl_graph_op(g, "batch_norm", in, 5, NULL, 0);
    avcl_graph_assign(g, in[3], avcl_graph_result(g, y, 3), AVCL_FORWARD);
    avcl_graph_assign(g, in[4], avcl_graph_result(g, y, 4), AVCL_FORWARD);
    return y;
}

/* AMFM and one that follows it, so that modules, weights and UPDATE states are there. */
static avcl_node fuse(avcl_graph *g, avcl_node x)
{
    avcl_node both[2] = {x, x};
    avcl_node out[4] = {0};
    avcl_node again[4] = {0};
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_FUSION, "amfm", NULL, 0, "fusion");
    avcl_graph_apply(g, m, both, 2, out, 2);
    avcl_instance slow = avcl_graph_ema_of(g, m, avcl_graph_scalar(g, "momentum", 0.9));
    avcl_graph_apply(g, slow, both, 2, again, 2);
    avcl_graph_keep(g, "fused", again[0]);
    return out[0];
}

/* A value of every kind, and a few ops of those with gradients. */
static void declare(avcl_graph *g)
{
    static const int64_t clip[5] = {N, 1, 2, 4, 4};
    static const int64_t kernel[5] = {C, 1, 1, 3, 3};
    static const int64_t head[2] = {K, C};
    static const int64_t rows[1] = {N};
    static const int64_t queue[2] = {5, C};
    avcl_graph_at(g, "model.lua:1");
    avcl_node label = avcl_graph_input(g, "label", AVCL_I32, rows, 1);
    avcl_node conv[2] = {avcl_graph_input(g, "x", AVCL_F32, clip, 5),
                         avcl_graph_weight(g, "conv", kernel, 5, "uniform", 0.5)};
    avcl_graph_push(g, "bn");
    avcl_node x = batch_norm(g, avcl_graph_op(g, "conv3d", conv, 2, NULL, 0));
    avcl_graph_pop(g);
    x = avcl_graph_op(g, "relu", &x, 1, NULL, 0);
    x = avcl_graph_op(g, "global_avg_pool", &x, 1, NULL, 0);
    avcl_graph_assign_rows(g, avcl_graph_state(g, "queue", queue, 2, "normal", 1), label,
                           x);
    x = fuse(g, x);
    avcl_attr at[2] = {
        number("p", 0.5),
        {"salt", {.type = AVCL_INT, .count = 1, .i = avcl_graph_next_salt(g)}}};
    avcl_node drop[2] = {x, avcl_graph_rng(g)};
    x = avcl_graph_op(g, "dropout", drop, 2, at, 2);
    avcl_node linear[2] = {x, avcl_graph_weight(g, "head", head, 2, "normal", 0.1)};
    x = avcl_graph_op(g, "linear", linear, 2, NULL, 0);
    avcl_graph_keep(g, "logits", x);
    avcl_node ce[3] = {x, label, avcl_graph_input(g, "weight", AVCL_F32, rows, 1)};
    avcl_node loss = avcl_graph_op(g, "cross_entropy", ce, 3, NULL, 0);
    avcl_graph_log(g, "ce", loss);
    avcl_graph_minimize(g, 0.5, loss);
}

static avcl_status train_once(avcl_session *s, avcl_error *err)
{
    float momentum[512];
    uint64_t n = avcl_session_n_weights(s);
    avcl_optim sgd = {.lr = 0.1, .momentum = 0.9};
    avcl_optim_step step = {.lr = sgd.lr};
    assert_true(n <= 512);
    avcl_status rc = avcl_session_run_checked(s, AVCL_TRAIN, err);
    if (!rc) rc = avcl_session_commit(s, err);
    if (!rc) rc = avcl_session_optimise(s, &sgd, &step, err);
    if (!rc) rc = avcl_session_update(s, err);
    if (!rc) rc = avcl_session_run(s, AVCL_EVAL, err);
    if (!rc)
        rc = avcl_session_read_flat(s, AVCL_FLAT_MOMENTUM, momentum, n * sizeof(float),
                                    err);
    /* What failed once must not leave half a thing behind for the second try. */
    if (rc) {
        memory.fails_at = 0;
        memory.is_for_good = 0;
        avcl_session_run(s, AVCL_TRAIN, NULL);
        avcl_session_optimise(s, &sgd, &step, NULL);
    }
    return rc;
}

static avcl_status live(avcl_host *host, avcl_error *err)
{
    char hex[65];
    avcl_session_options options = {.device = "reference", .seed = 1};
    avcl_graph *g = avcl_graph_new(host, err);
    if (!g) return err->code;
    declare(g);
    avcl_status rc = avcl_graph_status(g, err);
    if (!rc) rc = avcl_graph_hash(g, hex, err);
    avcl_session *s = rc ? NULL : avcl_session_new(g, &options, err);
    if (!rc && !s) rc = err->code ? err->code : AVCL_E_BUG;
    if (s) rc = train_once(s, err);
    avcl_session_free(s);
    avcl_graph_free(g);
    return rc;
}

/* Returns how many allocations a whole life takes. */
static long fail_everywhere(avcl_host *host, int is_for_good)
{
    for (long at = 1; at < MAX_ALLOCATIONS; at++) {
        avcl_error err = {0};
        memory = (allocator){1, 0, at, is_for_good, 0};
        avcl_status rc = live(host, &err);
        memory.is_counting = 0;
        if (memory.n_live != 0)
            fail_msg("allocation %ld: %ld leaked (%s)", at, memory.n_live, err.message);
        if (rc == AVCL_OK && memory.n < at) return at - 1;
        if (rc == AVCL_OK && !is_for_good) continue; /* it could do without */
        if (rc != AVCL_E_NOMEM || err.code != AVCL_E_NOMEM || !*err.message)
            fail_msg("allocation %ld: status %d, error %d: '%s'", at, rc, err.code,
                     err.message);
    }
    return 0;
}

static void test_graph_memory__every_failure_is_reported_and_freed(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_host *host = avcl_host_new(NULL, &err);
    if (!host) fail_msg("%s", err.message);
    /* Modules are loaded by their first use, and stay. */
    if (live(host, &err)) fail_msg("%s", err.message);
    long once = fail_everywhere(host, 0);
    long for_good = fail_everywhere(host, 1);
    assert_true(once > 50); /* else the linker did not wrap, and nothing was tested */
    assert_int_equal(once, for_good);
    avcl_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph_memory__every_failure_is_reported_and_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
