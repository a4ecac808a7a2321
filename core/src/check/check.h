/*
 * check.h - what the tests of a plugin share: their verdict, and a module on a bench.
 *
 * A test runs in a child: it may crash, leak and take its time. It says what it finds;
 * the worst verdict stands, with the first sentence of that verdict.
 */
#ifndef AVCL_CHECK_IMPL_H
#define AVCL_CHECK_IMPL_H

#include "avcl/check.h"
#include "avcl/session.h"
#include "graph/graph_impl.h"
#include "plugin/host_impl.h"

typedef struct check {
    const avcl_check_options *options;
    avcl_check_result *result;
    const char *name; /* short name of the module; NULL = the file's own tests */
    const char *kind;
    const avcl_host_file *file; /* as the parent knows it */
    const avcl_host *scanned;   /* the parent's host: what the file offers */
    avcl_host *host;            /* NULL in the file's own tests */
    const avcl_module *module;
    const char *folder; /* for files of a test's own */
    uint64_t random;
    int result_fd; /* where a signal handler may send the result; -1 = nowhere */
} check;

void check_say(check *c, int32_t verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Uniform in [0, 1). */
double check_unit(check *c);

enum {
    FOR_FILE = 1,
    FOR_BUILDER = 2, /* backbone, fusion, alignment, loss, method */
    FOR_ROWS = 4,    /* those whose rows do not depend on each other */
    FOR_LOSS = 8,    /* alignment, loss, method */
    FOR_METHOD = 16,
    FOR_OP = 32,
    FOR_GRAPH = FOR_BUILDER | FOR_OP, /* whatever can stand in a graph */
    FOR_DATASET = 64,
    FOR_TRANSFORM = 128,
    FOR_PARAMS = FOR_GRAPH | FOR_DATASET | FOR_TRANSFORM,
};

typedef struct check_test {
    const char *name; /* "group/test" */
    unsigned kinds;
    void (*run)(check *c);
} check_test;

extern const check_test check_tests[];
extern const uint32_t n_check_tests;
/* Which tests a kind gets; 0 = none but the file's own. */
unsigned check_kinds(const char *kind);

/* ---- bench.c: a module in a graph with inputs of its own
 * -------------------------------- */
enum { MAX_PARAMS = 64 };

typedef struct bench_options {
    const avcl_attr *params; /* NULL = small ones; of an op: its case's */
    uint32_t n_params;
    uint32_t clip;    /* 1 … 4, larger and larger; 0 = the smallest that builds */
    int64_t batch;    /* 0 = 4 */
    uint32_t op_case; /* of an op's cases */
    const avcl_graph_api *api; /* NULL = the graph's own functions */
} bench_options;

typedef struct bench {
    avcl_graph *g;
    uint32_t n_out;
    avcl_node outputs[AVCL_KERNEL_MAX_IN];
    avcl_error err; /* why it does not build */
} bench;

/* Declares the module on its inputs "in_PORT" with a loss. 0 = it did not build:
 * bench.err tells. Free it in any case. `o` NULL = the usual. */
int bench_new(check *c, const bench_options *o, bench *b);
void bench_free(bench *b);

typedef struct bench_run {
    const char *device; /* NULL = reference */
    avcl_dtype real;    /* 0 = f64 */
    uint32_t op_case;
    double scale; /* of the drawn inputs */
} bench_run;
/* A session with every input filled; the same numbers each time. NULL = said why. */
avcl_session *bench_session(check *c, bench *b, const bench_run *how);
/* A real value as doubles, free() them; NULL = not there or not real. */
double *bench_read(avcl_session *s, const char *name, uint64_t *n);
/* Hash of all that a training step computes. 0 = it did not run. */
int bench_sum(check *c, const bench_options *o, char sum[65]);
int bench_write(avcl_session *s, const char *name, const double *values, uint64_t n);

/* Value number `which` that a schema test gives a parameter; 0 = there are no more. */
int bench_param(const avcl_param *row, uint32_t which, avcl_value *out);
/* Small values for structural parameters, values for required ones. */
uint32_t bench_small_params(const avcl_module *m, avcl_attr *out);

/* ---- the tests ----------------------------------------------------------------------
 */
/* Of a folder, . and .. too: what this process has open, say; 0 = no such folder. */
int check_count_entries(const char *folder);

void check_file(check *c);
void check_exports(check *c);
void check_constructors(check *c);
void check_libraries(check *c);
void check_process(check *c);
void check_descriptor(check *c);
void check_dead_parameters(check *c);
void check_corners(check *c);
void check_poor_host(check *c);
void check_refused_calls(check *c);
void check_same_graph(check *c);
void check_odd_shapes(check *c);
void check_shapes(check *c);
void check_finite(check *c);
void check_rows(check *c);
void check_precision(check *c);
void check_input_gradient(check *c);
void check_weight_gradient(check *c);
void check_hygiene(check *c);
void check_determinism(check *c);
void check_thread_count(check *c);
void check_concurrent_builds(check *c);
void check_concurrent_runs(check *c);
void check_leaks(check *c);
void check_loss_falls(check *c);
void check_schedule(check *c);
void check_opens(check *c);
void check_bounds(check *c);
void check_order(check *c);
void check_concurrent_reads(check *c);
void check_forks(check *c);
void check_workers(check *c);
void check_opens_leave_nothing(check *c);
void check_matter(check *c);
void check_extremes(check *c);
void check_draws(check *c);
void check_concurrent_applies(check *c);
void check_applies_leave_nothing(check *c);

#endif
