/* build.c - tests of what a module declares: parameters, poor hosts, shapes, twice. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/samples.h"

enum { N_SETS = 50, N_BUILDERS = 8 };

static void set_option(bench_options *o, const avcl_attr *params, uint32_t n)
{
    o->params = params;
    o->n_params = n;
}

static int hash_of(check *c, const bench_options *o, char hex[65], avcl_error *err)
{
    bench b;
    int built = bench_new(c, o, &b) && avcl_graph_hash(b.g, hex, &b.err) == AVCL_OK;
    if (!built && err) *err = b.err;
    bench_free(&b);
    return built;
}

/* A refusal needs a sentence; what went wrong inside avcl is not one. */
static void judge_refusal(check *c, const avcl_error *err, const char *what)
{
    if (!*err->message || strstr(err->message, "gave no reason"))
        check_say(c, AVCL_CHECK_FAIL, "%s: it refuses to build and gives no reason",
                  what);
    if (err->code == AVCL_E_BUG || err->code == AVCL_E_ABI)
        check_say(c, AVCL_CHECK_FAIL, "%s: %s", what, err->message);
}

/* ---- schema --------------------------------------------------------------------------
 */
/* The small parameters with one of them replaced or added. */
static uint32_t with(const check *c, const char *name, const avcl_value *v,
                     avcl_attr *out)
{
    uint32_t n = bench_small_params(c->module, out);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(out[i].name, name) == 0) {
            out[i].value = *v;
            return n;
        }
    out[n] = (avcl_attr){name, *v};
    return n + 1;
}

/* What parameters decide: a builder's graph, an op's numbers, samples. */
static int effect_of(check *c, const bench_options *o, char hex[65])
{
    unsigned kinds = check_kinds(c->kind);
    if (kinds & FOR_DATASET) return samples_effect(c, o->params, o->n_params, hex, NULL);
    if (kinds & FOR_TRANSFORM)
        return transform_effect(c, o->params, o->n_params, hex, NULL);
    return kinds & FOR_OP ? bench_sum(c, o, hex) : hash_of(c, o, hex, NULL);
}

static int has_effect(check *c, const avcl_param *row)
{
    char plain[65];
    char other[65];
    avcl_attr set[MAX_PARAMS + 1];
    avcl_value v;
    bench_options o = {0};
    set_option(&o, set, bench_small_params(c->module, set));
    if (!effect_of(c, &o, plain)) return 1; /* build/… says so */
    int tried = 0;
    for (uint32_t i = 0; bench_param(row, i, &v); i++) {
        set_option(&o, set, with(c, row->name, &v, set));
        tried = 1;
        if (!effect_of(c, &o, other) || strcmp(plain, other) != 0) return 1;
    }
    return !tried;
}

void check_dead_parameters(check *c)
{
    for (uint32_t i = 0; i < c->module->n_params; i++)
        if (!has_effect(c, &c->module->params[i]))
            check_say(c, AVCL_CHECK_WARN,
                      "parameter '%s' changes nothing: is it read at all?",
                      c->module->params[i].name);
}

static void try_set(check *c, const avcl_attr *set, uint32_t n, const char *what)
{
    bench_options o = {0};
    bench b = {.g = NULL};
    char effect[65];
    unsigned kinds = check_kinds(c->kind);
    int works = 0;
    set_option(&o, set, n);
    if (kinds & FOR_DATASET)
        works = samples_effect(c, set, n, effect, &b.err);
    else if (kinds & FOR_TRANSFORM)
        works = transform_effect(c, set, n, effect, &b.err);
    else
        works = bench_new(c, &o, &b);
    if (!works) judge_refusal(c, &b.err, what);
    bench_free(&b);
}

void check_corners(check *c)
{
    avcl_attr set[MAX_PARAMS + 1];
    avcl_value v;
    char what[160];
    const avcl_module *m = c->module;
    for (uint32_t i = 0; i < m->n_params; i++)
        for (uint32_t k = 0; bench_param(&m->params[i], k, &v); k++) {
            snprintf(what, sizeof what, "with another %s", m->params[i].name);
            try_set(c, set, with(c, m->params[i].name, &v, set), what);
        }
    for (int k = 0; k < N_SETS && m->n_params > 1; k++) {
        uint32_t n = bench_small_params(m, set);
        uint32_t fixed = n;
        for (uint32_t i = 0; i < m->n_params && n < MAX_PARAMS; i++) {
            int is_fixed = 0;
            for (uint32_t j = 0; j < fixed; j++)
                is_fixed |= strcmp(set[j].name, m->params[i].name) == 0;
            if (!is_fixed && check_unit(c) < 0.5 &&
                bench_param(&m->params[i], (uint32_t)(3 * check_unit(c)), &set[n].value))
                set[n++].name = m->params[i].name;
        }
        try_set(c, set, n, "with drawn parameters");
    }
}

/* ---- poor hosts
 * ------------------------------------------------------------------------ */
/* The table at the very end of a page: a look past it is a crash. */
void check_poor_host(check *c)
{
    long page = sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, (size_t)page, PROT_NONE)) return;
    avcl_graph_api *api =
        (avcl_graph_api *)(void *)(pages + page - sizeof(avcl_graph_api));
    *api = avcl__graph_api;
    bench_options o = {.api = api};
    bench b;
    if (!bench_new(c, &o, &b)) check_say(c, AVCL_CHECK_FAIL, "%s", b.err.message);
    bench_free(&b);
}

/* The k-th op is refused as if memory had run out. */
static _Thread_local int64_t calls_left;

static avcl_node refusing_op(avcl_call *call, const char *name, const avcl_node *inputs,
                             uint32_t n_in, const avcl_attr *attrs, uint32_t n_attrs)
{
    if (calls_left-- > 0)
        return avcl__graph_api.op(call, name, inputs, n_in, attrs, n_attrs);
    avcl_error_set(call->err, AVCL_E_NOMEM, "out of memory (a test)");
    return 0;
}

void check_refused_calls(check *c)
{
    avcl_graph_api api = avcl__graph_api;
    api.op = refusing_op;
    bench_options o = {.api = &api, .clip = 2};
    for (int64_t k = 0; k < 400; k++) {
        bench b;
        calls_left = k;
        int built = bench_new(c, &o, &b);
        int refused = calls_left < 0;
        avcl_status code = b.err.code;
        bench_free(&b);
        if (!refused) return; /* all its calls went through */
        if (built || (code != AVCL_E_NOMEM && code != AVCL_E_SHAPE))
            check_say(c, AVCL_CHECK_FAIL,
                      "op %lld runs out of memory, and it builds or says something else",
                      (long long)k);
    }
}

/* ---- the same again
 * -------------------------------------------------------------------- */
void check_same_graph(check *c)
{
    char first[65];
    char again[65];
    avcl_error err = {0};
    if (!hash_of(c, NULL, first, &err)) {
        check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
        return;
    }
    for (int i = 0; i < 100; i++)
        if (!hash_of(c, NULL, again, &err) || strcmp(first, again) != 0) {
            check_say(c, AVCL_CHECK_FAIL,
                      "the same parameters give another graph the %d. time", i + 2);
            return;
        }
}

typedef struct building {
    check check;
    avcl_check_result result;
    char hex[65];
    pthread_t thread;
    int started;
} building;

static void *build_once(void *arg)
{
    building *b = arg;
    if (!hash_of(&b->check, NULL, b->hex, NULL)) b->hex[0] = '\0';
    return NULL;
}

void check_concurrent_builds(check *c)
{
    building all[N_BUILDERS];
    char alone[65] = "";
    hash_of(c, NULL, alone, NULL);
    for (int i = 0; i < N_BUILDERS; i++) {
        all[i].check = *c;
        all[i].check.result = &all[i].result;
        all[i].started = !pthread_create(&all[i].thread, NULL, build_once, &all[i]);
    }
    for (int i = 0; i < N_BUILDERS; i++) {
        if (!all[i].started) continue;
        pthread_join(all[i].thread, NULL);
        if (strcmp(all[i].hex, alone) != 0)
            check_say(c, AVCL_CHECK_FAIL,
                      "built by several threads at once it is another graph: no mutable "
                      "globals");
    }
}

/* ---- shapes
 * ---------------------------------------------------------------------------- */
void check_odd_shapes(check *c)
{
    for (uint32_t clip = 1; clip <= 4; clip++)
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            bench_options o = {.clip = clip, .batch = batch};
            bench b;
            char what[64];
            snprintf(what, sizeof what, "at clip size %u, batch %d", clip, (int)batch);
            if (!bench_new(c, &o, &b)) judge_refusal(c, &b.err, what);
            bench_free(&b);
        }
}

static void check_port(check *c, const avcl_port *p, const avcl_tinfo *info)
{
    if (p->layout && info->ndim != (int32_t)strlen(p->layout))
        check_say(c, AVCL_CHECK_FAIL, "output '%s' has %d axes, its layout '%s' has %d",
                  p->name, info->ndim, p->layout, (int)strlen(p->layout));
    if (info->dtype != (p->dtype ? p->dtype : AVCL_F32))
        check_say(c, AVCL_CHECK_FAIL, "output '%s' is %s", p->name,
                  avcl__dtype_name(info->dtype));
    if (p->layout && *p->layout == 'N' && info->ndim > 0 && info->shape[0] != 4)
        check_say(c, AVCL_CHECK_FAIL, "output '%s' has %lld rows for a batch of 4",
                  p->name, (long long)info->shape[0]);
}

void check_shapes(check *c)
{
    bench b;
    if (!bench_new(c, NULL, &b)) {
        check_say(c, AVCL_CHECK_FAIL, "%s", b.err.message);
    } else if (check_kinds(c->kind) & FOR_BUILDER) {
        const avcl_builder *builder = c->module->iface;
        for (uint32_t i = 0; i < b.n_out; i++) {
            avcl_tinfo info;
            if (b.outputs[i] && !avcl_graph_info(b.g, b.outputs[i], &info))
                check_port(c, &builder->outputs[i], &info);
        }
    }
    bench_free(&b);
}
