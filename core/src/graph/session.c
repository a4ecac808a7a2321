/* session.c - life of a session: open the device, compile, allocate, let go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "graph/optimiser.h"
#include "graph/session_impl.h"

static avcl_status open_device(avcl_session *s, const avcl_session_options *o,
                               avcl_error *err)
{
    const avcl_module *m =
        avcl_host_find(s->g->host, AVCL_KIND_DEVICE, o->device ? o->device : "cpu", err);
    if (!m) return AVCL_E_NOT_FOUND;
    s->api = m->iface;
    if (s->real == AVCL_F64 && !s->api->has_f64)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "device '%s' has no f64; precision f64 runs on 'reference'",
                              m->name);
    avcl_device_options options = {.conv = o->conv, .kernel_plan = o->kernel_plan};
    return s->api->open(avcl_host_get_api(s->g->host), &options, &s->device, err);
}

static avcl_status check_conv(const char *conv, avcl_error *err)
{
    static const char *const names[] = {"auto", "direct", "winograd"};
    for (int i = 0; i < 3; i++)
        if (!conv || !strcmp(conv, names[i])) return AVCL_OK;
    int32_t meant = avcl__nearest(conv, names, 3);
    return avcl_error_set(err, AVCL_E_INVALID,
                          "conv '%s' is none of auto, direct, winograd%s%s%s", conv,
                          meant < 0 ? "" : "; did you mean '",
                          meant < 0 ? "" : names[meant], meant < 0 ? "" : "'?");
}

static avcl_status check_options(const avcl_session_options *o, avcl_error *err)
{
    avcl_status rc = check_conv(o->conv, err);
    if (rc) return rc;
    if (o->precision == 0 || o->precision == AVCL_F32 || o->precision == AVCL_F64 ||
        o->precision == AVCL_BF16)
        return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "precision %d is none of f32, bf16, f64",
                          o->precision);
}

static avcl_session *session_open(avcl_graph *g, const avcl_session_options *options,
                                  avcl_error *err)
{
    static const avcl_session_options none;
    const avcl_session_options *o = options ? options : &none;
    if (avcl_graph_status(g, err) || check_options(o, err)) return NULL;
    avcl_session *s = calloc(1, sizeof *s);
    if (!s) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a session");
        return NULL;
    }
    s->g = g;
    s->is_mixed = o->precision == AVCL_BF16;
    s->real = o->precision == AVCL_F64 ? AVCL_F64 : AVCL_F32;
    s->flags = o->flags;
    s->seed = o->seed;
    s->ran = -1;
    if (open_device(s, o, err)) {
        avcl_session_free(s);
        return NULL;
    }
    return s;
}

static int has_updates(const avcl_graph *g)
{
    for (uint32_t i = 0; i < g->variables.n; i++)
        if (avcl__graph_variable(g, i)->update) return 1;
    return 0;
}

static avcl_status compile_all(avcl_session *s, avcl_error *err)
{
    uint64_t peak = 0;
    avcl_status rc = avcl__session_compile(s, AVCL_TRAIN, err);
    if (!rc) rc = avcl__session_compile(s, AVCL_EVAL, err);
    if (!rc && has_updates(s->g)) rc = avcl__session_compile(s, AVCL_PROGRAM_UPDATE, err);
    for (int i = 0; i < AVCL_N_PROGRAMS; i++)
        if (s->programs[i].plan.arena_bytes > peak)
            peak = s->programs[i].plan.arena_bytes;
    if (rc || peak == 0) return rc;
    s->arena.bytes = peak;
    s->arena.data = s->api->alloc(s->device, peak);
    if (!s->arena.data)
        return avcl_error_set(
            err, AVCL_E_NOMEM,
            "no memory for %.1f MiB of activations; a smaller batch needs less",
            (double)peak / 0x1p20);
    if (!avcl__table_add(&s->owned, sizeof s->arena, &s->arena)) {
        s->api->free(s->device, s->arena.data, peak);
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a session");
    }
    return AVCL_OK;
}

static avcl_status add_commit(avcl_session *s, int32_t program, uint32_t variable,
                              avcl_error *err)
{
    const avcl_storage *from = &s->pending[variable];
    const avcl_storage *to = &s->variables[variable];
    uint32_t tag = AVCL_TAG_PLAIN;
    avcl_kernel_spec spec = {"reorder", NULL, 1, 1, &from->info, &to->info, &tag, &tag};
    avcl_commit commit = {NULL, from->data, to->data, NULL, program};
    uint64_t scratch = 0;
    avcl_status rc = s->api->prepare(s->device, &spec, &commit.kernel, &scratch, err);
    if (rc) return rc;
    rc = avcl__session_scratch(s, scratch, &commit.scratch, err);
    if (!rc && avcl__table_add(&s->commits, sizeof commit, &commit)) return AVCL_OK;
    s->api->release(s->device, commit.kernel);
    return rc ? rc : avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a session");
}

static avcl_status make_commits(avcl_session *s, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    for (int32_t p = 0; p < AVCL_N_PROGRAMS; p++) {
        const avcl_draft *d = &s->programs[p].draft;
        for (uint32_t i = 0; !rc && i < d->roots.n; i++)
            if (avcl__draft_roots(d)[i].kind == AVCL_ROOT_STATE)
                rc = add_commit(s, p, avcl__draft_roots(d)[i].index, err);
    }
    return rc;
}

avcl_session *avcl_session_new(avcl_graph *g, const avcl_session_options *options,
                               avcl_error *err)
{
    avcl_session *s = session_open(g, options, err);
    if (!s) return NULL;
    avcl_status rc = avcl__session_make_storage(s, err);
    if (!rc) rc = avcl__session_init_variables(s, err);
    if (!rc) rc = compile_all(s, err);
    if (!rc) rc = make_commits(s, err);
    if (rc) {
        avcl_session_free(s);
        return NULL;
    }
    for (int i = 0; i < AVCL_N_PROGRAMS; i++)
        avcl__session_resolve(s, &s->programs[i]);
    snprintf(s->device_text, sizeof s->device_text, "%s, %s", s->api->describe(s->device),
             avcl__dtype_name(avcl_session_precision(s)));
    return s;
}

static void release_kernels(avcl_session *s)
{
    for (int i = 0; i < AVCL_N_PROGRAMS; i++)
        avcl__compiled_release(s, &s->programs[i]);
    const avcl_commit *commits = s->commits.data;
    for (uint32_t i = 0; i < s->commits.n; i++)
        s->api->release(s->device, commits[i].kernel);
    avcl__optimiser_free(s);
}

void avcl_session_free(avcl_session *s)
{
    if (!s) return;
    if (s->device) {
        release_kernels(s);
        const avcl_storage *owned = s->owned.data;
        for (uint32_t i = 0; i < s->owned.n; i++)
            s->api->free(s->device, owned[i].data, owned[i].bytes);
        s->api->close(s->device);
    }
    void *tables[] = {s->variables,  s->inputs,       s->input_grads, s->scalars,
                      s->logs,       s->keeps,        s->pending,     s->rows,
                      s->flat_first, s->commits.data, s->owned.data};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]);
    free(s);
}

avcl_graph *avcl_session_graph(const avcl_session *s)
{
    return s->g;
}

const char *avcl_session_device_text(const avcl_session *s)
{
    return s->device_text;
}

avcl_dtype avcl_session_precision(const avcl_session *s)
{
    return s->is_mixed && s->n_low ? AVCL_BF16 : s->real;
}

/* What the first optimiser step will still allocate. */
static uint64_t momentum_to_come(const avcl_session *s)
{
    int never = s->flags & AVCL_SESSION_NO_GRADIENT || s->flat[AVCL_FLAT_MOMENTUM];
    return never ? 0 : s->n_flat * avcl__dtype_bytes(s->real);
}

void avcl_session_get_stats(const avcl_session *s, avcl_session_stats *out)
{
    memset(out, 0, sizeof *out);
    out->weight_bytes = s->weight_bytes + momentum_to_come(s);
    out->arena_bytes = s->arena.bytes;
    out->io_bytes = s->io_bytes;
    out->planned_bytes = out->weight_bytes + out->arena_bytes + out->io_bytes;
    for (int i = 0; i < 2; i++) {
        out->n_kernels[i] = s->programs[i].n_steps;
        out->n_reorders[i] = s->programs[i].n_reorders;
    }
}

char *avcl_graph_print_after(avcl_graph *g, const avcl_session_options *options,
                             avcl_program program, const char *pass, avcl_error *err)
{
    avcl_draft draft = {0};
    char *text = NULL;
    avcl_session *s = session_open(g, options, err);
    if (!s) return NULL;
    if (!avcl__session_passes(s, program, pass, &draft, err))
        text = avcl__draft_print(&draft, err);
    avcl__draft_release(&draft);
    avcl_session_free(s);
    return text;
}
