/* numbers.c - tests of what a module computes: finite, row by row, the same again. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avcl/store.h"
#include "check/check.h"

enum { N_RUNNERS = 4, N_ROUNDS = 100, FALL_STEPS = 20 };

/* f32 against f64 through a whole network: 24 bits, and sums of thousands of terms. */
static const double precision_tolerance = 2e-3;
/* A row alone is the same sum in another order of blocks. */
static const double row_tolerance = 1e-9;
static const int64_t leak_bytes = 2 << 20;

static uint32_t n_cases(const check *c)
{
    if (!(check_kinds(c->kind) & FOR_OP)) return 1;
    return ((const avcl_custom_op *)c->module->iface)->n_cases;
}

/* Runs a program; what fails is said. 1 = it ran. */
static int run(check *c, avcl_session *s, avcl_program program)
{
    avcl_error err = {0};
    if (!s || !avcl_session_run(s, program, &err)) return s != NULL;
    check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    return 0;
}

/* ---- all it computes, as one text ----------------------------------------------------
 */
static void add_value(avcl_session *s, const char *name, char *sum)
{
    uint64_t n = 0;
    double *values = bench_read(s, name, &n);
    char both[130];
    char hex[65];
    if (!values) return;
    avcl_sha256_hex(values, n * sizeof *values, hex);
    snprintf(both, sizeof both, "%s%s", sum, hex);
    avcl_sha256_hex(both, strlen(both), sum);
    free(values);
}

/* Hash of outputs, loss and every gradient after one training step. */
static int sum_of(check *c, bench *b, const bench_run *how, char sum[65])
{
    avcl_session *s = bench_session(c, b, how);
    char name[600];
    int ran = run(c, s, AVCL_TRAIN);
    sum[0] = '\0';
    for (uint32_t i = 0; ran && i < b->n_out; i++) {
        snprintf(name, sizeof name, "out_%u", i);
        add_value(s, name, sum);
    }
    if (ran) add_value(s, "loss", sum);
    for (uint32_t i = 0; ran && i < b->g->inputs.n; i++) {
        snprintf(name, sizeof name, "grad/%s",
                 ((const avcl_graph_variable *)b->g->inputs.data)[i].name);
        add_value(s, name, sum);
    }
    for (uint32_t i = 0; ran && i < b->g->variables.n; i++) {
        snprintf(name, sizeof name, "grad/%s", avcl__graph_variable(b->g, i)->name);
        if (!avcl__graph_variable(b->g, i)->owner ||
            avcl__graph_variable(b->g, i)->source == AVCL_SOURCE_WEIGHT)
            add_value(s, name, sum);
    }
    avcl_session_free(s);
    return ran;
}

int bench_sum(check *c, const bench_options *o, char sum[65])
{
    bench b;
    bench_run how = {.scale = 1};
    int ran = bench_new(c, o, &b) && sum_of(c, &b, &how, sum);
    bench_free(&b);
    return ran;
}

/* ---- finite ---------------------------------------------------------------------------
 */
void check_finite(check *c)
{
    static const struct {
        double scale;
        const char *what;
    } tries[] = {{0, "inputs that are all zero"},
                 {1e4, "inputs of 1e4"},
                 {1e-310, "denormal inputs"}};
    for (uint32_t i = 0; i < n_cases(c); i++)
        for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
            bench b;
            avcl_error err = {0};
            bench_options o = {.op_case = i};
            bench_run how = {.op_case = i, .scale = tries[k].scale};
            /* An op's domain is its case's: zero may be outside. */
            if (check_kinds(c->kind) & FOR_OP) how.scale = k == 0 ? 1 : how.scale;
            avcl_session *s = bench_new(c, &o, &b) ? bench_session(c, &b, &how) : NULL;
            if (s && avcl_session_run_checked(s, AVCL_TRAIN, &err))
                check_say(c,
                          k && (check_kinds(c->kind) & FOR_OP) ? AVCL_CHECK_WARN
                                                               : AVCL_CHECK_FAIL,
                          "with %s: %s", tries[k].what, err.message);
            avcl_session_free(s);
            bench_free(&b);
        }
}

/* ---- rows -----------------------------------------------------------------------------
 */
/* Input "in_PORT" of the small session gets row `row` of the large one. */
static void copy_row(avcl_session *from, avcl_session *to, const char *name, int64_t row)
{
    uint64_t n = 0;
    uint64_t n_row = 0;
    double *all = bench_read(from, name, &n);
    double *one = bench_read(to, name, &n_row);
    if (all && one) bench_write(to, name, all + (uint64_t)row * n_row, n_row);
    free(all);
    free(one);
}

static void compare_row(check *c, avcl_session *large, avcl_session *small,
                        const avcl_port *port, const char *name, int64_t row)
{
    uint64_t n = 0;
    uint64_t n_row = 0;
    double *all = bench_read(large, name, &n);
    double *one = bench_read(small, name, &n_row);
    for (uint64_t i = 0; all && one && i < n_row; i++) {
        double a = all[(uint64_t)row * n_row + i];
        if (fabs(a - one[i]) <= row_tolerance * (1 + fabs(a))) continue;
        check_say(
            c, AVCL_CHECK_FAIL,
            "output '%s': row %d alone gives %.9g, among others %.9g: rows must not "
            "see each other when it is evaluated",
            port->name, (int)row, one[i], a);
        break;
    }
    free(all);
    free(one);
}

static void compare_rows(check *c, bench *many, bench *one)
{
    const avcl_builder *builder = c->module->iface;
    bench_run how = {.scale = 1};
    avcl_session *large = bench_session(c, many, &how);
    avcl_session *small = bench_session(c, one, &how);
    for (int64_t row = 0; large && small && row < 2; row++) {
        for (uint32_t i = 0; i < builder->n_in; i++) {
            char name[80];
            snprintf(name, sizeof name, "in_%s", builder->inputs[i].name);
            copy_row(large, small, name, row);
        }
        if (!run(c, large, AVCL_EVAL) || !run(c, small, AVCL_EVAL)) break;
        for (uint32_t i = 0; i < many->n_out; i++) {
            char name[32];
            snprintf(name, sizeof name, "out_%u", i);
            compare_row(c, large, small, &builder->outputs[i], name, row);
        }
    }
    avcl_session_free(large);
    avcl_session_free(small);
}

void check_rows(check *c)
{
    for (uint32_t clip = 1; clip <= 4; clip++) {
        bench_options batch = {.clip = clip};
        bench_options single = {.clip = clip, .batch = 1};
        bench many;
        bench one = {.g = NULL};
        int built = bench_new(c, &batch, &many) && bench_new(c, &single, &one);
        if (built) compare_rows(c, &many, &one);
        bench_free(&many);
        bench_free(&one);
        if (built) return;
    }
    check_say(c, AVCL_CHECK_SKIP, "it does not build for a single row");
}

/* ---- precision ------------------------------------------------------------------------
 */
static void compare_values(check *c, avcl_session *a, avcl_session *b, const char *name)
{
    uint64_t n = 0;
    double *x = bench_read(a, name, &n);
    double *y = bench_read(b, name, &n);
    double scale = 0;
    for (uint64_t i = 0; x && y && i < n; i++)
        scale = fmax(scale, fabs(x[i]));
    for (uint64_t i = 0; x && y && i < n; i++)
        if (!(fabs(x[i] - y[i]) <= precision_tolerance * (scale + 1e-6))) {
            check_say(c, AVCL_CHECK_FAIL,
                      "%s: element %llu is %.7g in f32 on the cpu device, %.7g in f64 on "
                      "the reference",
                      name, (unsigned long long)i, y[i], x[i]);
            break;
        }
    free(x);
    free(y);
}

void check_precision(check *c)
{
    if (!avcl_host_find(c->host, AVCL_KIND_DEVICE, "cpu", NULL)) {
        check_say(c, AVCL_CHECK_SKIP, "there is no device 'cpu'");
        return;
    }
    for (uint32_t i = 0; i < n_cases(c); i++) {
        bench_options o = {.op_case = i};
        bench_run exact = {.op_case = i, .scale = 1};
        bench_run fast = {.device = "cpu", .real = AVCL_F32, .op_case = i, .scale = 1};
        bench b;
        int built = bench_new(c, &o, &b);
        avcl_session *s = built ? bench_session(c, &b, &exact) : NULL;
        avcl_session *t = built ? bench_session(c, &b, &fast) : NULL;
        if (s && t && run(c, s, AVCL_TRAIN) && run(c, t, AVCL_TRAIN)) {
            compare_values(c, s, t, "loss");
            for (uint32_t k = 0; k < b.n_out; k++) {
                char name[32];
                snprintf(name, sizeof name, "out_%u", k);
                compare_values(c, s, t, name);
            }
        }
        avcl_session_free(s);
        avcl_session_free(t);
        bench_free(&b);
    }
}

/* ---- the same again -------------------------------------------------------------------
 */
void check_determinism(check *c)
{
    for (uint32_t i = 0; i < n_cases(c); i++) {
        bench_options o = {.op_case = i};
        bench_run how = {.op_case = i, .scale = 1};
        char first[65];
        char again[65];
        bench b;
        if (bench_new(c, &o, &b) && sum_of(c, &b, &how, first) &&
            sum_of(c, &b, &how, again) && strcmp(first, again) != 0)
            check_say(c, AVCL_CHECK_FAIL,
                      "the same inputs give other bits the second time");
        bench_free(&b);
    }
}

/* Pieces of parallel_for depend on the number of threads: results must not. */
void check_thread_count(check *c)
{
    char sums[2][65];
    static const uint32_t threads[2] = {1, 4};
    for (uint32_t i = 0; i < n_cases(c); i++) {
        bench_options o = {.op_case = i};
        bench_run how = {.op_case = i, .scale = 1};
        bench b;
        int ran = bench_new(c, &o, &b);
        for (int k = 0; k < 2 && ran; k++) {
            c->host->api.n_threads = threads[k];
            ran = sum_of(c, &b, &how, sums[k]);
        }
        if (ran && strcmp(sums[0], sums[1]) != 0)
            check_say(c, AVCL_CHECK_FAIL, "1 and 4 threads give other bits");
        bench_free(&b);
    }
}

typedef struct runner {
    check check;
    avcl_check_result result;
    char sum[65];
    pthread_t thread;
    int started;
} runner;

static void *run_once(void *arg)
{
    runner *r = arg;
    if (!bench_sum(&r->check, NULL, r->sum)) r->sum[0] = '\0';
    return NULL;
}

void check_concurrent_runs(check *c)
{
    runner all[N_RUNNERS];
    char alone[65] = "";
    bench_sum(c, NULL, alone);
    memset(all, 0, sizeof all);
    for (int i = 0; i < N_RUNNERS; i++) {
        all[i].check = *c;
        all[i].check.result = &all[i].result;
        all[i].started = !pthread_create(&all[i].thread, NULL, run_once, &all[i]);
    }
    for (int i = 0; i < N_RUNNERS; i++) {
        if (!all[i].started) continue;
        pthread_join(all[i].thread, NULL);
        if (strcmp(all[i].sum, alone) != 0)
            check_say(c, AVCL_CHECK_FAIL,
                      "run by several threads at once it computes something else");
    }
}

/* ---- leaks ----------------------------------------------------------------------------
 */
static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f) fclose(f);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

void check_leaks(check *c)
{
    char sum[65];
#if defined(__SANITIZE_ADDRESS__)
    check_say(c, AVCL_CHECK_SKIP, "this build keeps what is freed");
    return;
#endif
    for (int i = 0; i < N_ROUNDS / 4; i++) /* pools fill up at first */
        if (!bench_sum(c, NULL, sum)) return;
    int64_t grown = 0;
    for (int k = 0; k < 3; k++) { /* a leak grows every time, an allocator's pool once */
        int64_t before = resident_bytes();
        for (int i = 0; i < N_ROUNDS; i++)
            bench_sum(c, NULL, sum);
        grown = resident_bytes() - before;
        if (grown <= leak_bytes) break;
    }
    if (grown > leak_bytes)
        check_say(c, AVCL_CHECK_FAIL, "%d sessions leave %.1f MiB behind", N_ROUNDS,
                  (double)grown / (1 << 20));
}

/* ---- losses ---------------------------------------------------------------------------
 */
/* Moves the real inputs against their gradients: what a loss is for. */
static double descend(check *c, avcl_session *s, const bench *b, double rate)
{
    double loss = NAN;
    for (int step = 0; step <= FALL_STEPS; step++) {
        uint64_t n = 0;
        if (!run(c, s, AVCL_TRAIN)) return NAN;
        double *value = bench_read(s, "loss", &n);
        if (value) loss = *value;
        free(value);
        for (uint32_t i = 0; i < b->g->inputs.n; i++) {
            const char *name = ((const avcl_graph_variable *)b->g->inputs.data)[i].name;
            char grad[600];
            snprintf(grad, sizeof grad, "grad/%s", name);
            double *g = bench_read(s, grad, &n);
            double *x = g ? bench_read(s, name, &n) : NULL;
            for (uint64_t k = 0; x && k < n; k++)
                x[k] -= rate * g[k];
            if (x) bench_write(s, name, x, n);
            free(x);
            free(g);
        }
    }
    return loss;
}

void check_loss_falls(check *c)
{
    static const double rates[] = {1, 0.1, 0.01, 1e-3};
    bench b;
    bench_run how = {.scale = 1};
    double first = NAN;
    int built = bench_new(c, NULL, &b);
    for (size_t i = 0; built && i < sizeof rates / sizeof *rates; i++) {
        avcl_session *s = bench_session(c, &b, &how);
        uint64_t n = 0;
        if (!run(c, s, AVCL_TRAIN)) {
            avcl_session_free(s);
            break;
        }
        double *value = bench_read(s, "loss", &n);
        if (value && n != 1) check_say(c, AVCL_CHECK_FAIL, "its loss is not one number");
        if (value) first = *value;
        free(value);
        double last = descend(c, s, &b, rates[i]);
        avcl_session_free(s);
        if (last < first) {
            bench_free(&b);
            return;
        }
    }
    if (built)
        check_say(c, AVCL_CHECK_FAIL,
                  "%d steps against its gradient do not lower it from %.6g", FALL_STEPS,
                  first);
    bench_free(&b);
}

/* ---- schedules ------------------------------------------------------------------------
 */
void check_schedule(check *c)
{
    const avcl_method *m = c->module->iface;
    double a[MAX_PARAMS] = {0};
    double b[MAX_PARAMS] = {0};
    avcl_attr small[MAX_PARAMS];
    bench_options o = {.params = small};
    bench built;
    if (m->n_scalars == 0) return;
    o.n_params = bench_small_params(c->module, small);
    if (bench_new(c, &o, &built)) {
        const void *params =
            ((const avcl_graph_member *)built.g->instances.data)[0].params;
        for (int64_t step = 0; step < 1000; step += 37) {
            m->schedule(params, step, 1000, a);
            m->schedule(params, 999 - step, 1000, b); /* another step in between */
            m->schedule(params, step, 1000, b);
            if (memcmp(a, b, m->n_scalars * sizeof *a) != 0)
                check_say(c, AVCL_CHECK_FAIL,
                          "its schedule is not a function of the step");
            for (uint32_t i = 0; i < m->n_scalars; i++)
                if (!isfinite(a[i]))
                    check_say(c, AVCL_CHECK_FAIL,
                              "scalar '%s' is %g at step %lld of 1000", m->scalars[i],
                              a[i], (long long)step);
        }
    }
    bench_free(&built);
}
