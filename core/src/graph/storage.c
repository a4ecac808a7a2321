/* storage.c - named tensors of a session, outside the arena. */
#include <stdlib.h>
#include <string.h>

#include "graph/session_impl.h"

static avcl_tinfo widen(const avcl_session *s, const avcl_tinfo *info)
{
    avcl_tinfo out = *info;
    if (avcl__dtype_is_real(out.dtype)) out.dtype = s->real;
    return out;
}

avcl_status avcl__session_alloc(avcl_session *s, const avcl_tinfo *info,
                                uint64_t *counter, avcl_storage *out, avcl_error *err)
{
    avcl_storage storage = {.info = widen(s, info)};
    storage.bytes = avcl__tinfo_bytes(&storage.info);
    storage.data = s->api->alloc(s->device, storage.bytes);
    if (!storage.data || !avcl__table_add(&s->owned, sizeof storage, &storage)) {
        if (storage.data) s->api->free(s->device, storage.data, storage.bytes);
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for a tensor of %.1f MiB",
                              (double)storage.bytes / 0x1p20);
    }
    *counter += storage.bytes;
    *out = storage;
    return AVCL_OK;
}

avcl_status avcl__session_scratch(avcl_session *s, uint64_t bytes, void **out,
                                  avcl_error *err)
{
    *out = bytes <= s->arena.bytes ? s->arena.data : NULL;
    if (bytes <= s->arena.bytes) return AVCL_OK;
    avcl_tinfo info = {.dtype = AVCL_U8, .ndim = 1, .shape = {(int64_t)bytes}};
    avcl_storage storage = {0};
    avcl_status rc = avcl__session_alloc(s, &info, &s->io_bytes, &storage, err);
    if (!rc) *out = storage.data;
    return rc;
}

/* One storage per row of a graph table; `info_of` tells the shape. */
static avcl_storage *make_table(uint32_t n)
{
    return calloc(n + 1, sizeof(avcl_storage));
}

static avcl_status make_tables(avcl_session *s, avcl_error *err)
{
    const avcl_graph *g = s->g;
    s->variables = make_table(g->variables.n);
    s->pending = make_table(g->variables.n);
    s->inputs = make_table(g->inputs.n);
    s->input_grads = make_table(g->inputs.n);
    s->scalars = make_table(g->scalars.n);
    s->logs = make_table(g->logs.n);
    s->keeps = make_table(g->keeps.n);
    s->rows = make_table(2 * g->rows.n);
    s->flat_first = calloc(g->variables.n + 1, sizeof *s->flat_first);
    if (s->variables && s->pending && s->inputs && s->input_grads && s->scalars &&
        s->logs && s->keeps && s->rows && s->flat_first)
        return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a session");
}

static avcl_status make_flat(avcl_session *s, avcl_error *err)
{
    uint64_t unit = AVCL_ARENA_ALIGN / avcl__dtype_bytes(s->real);
    for (uint32_t i = 0; i < s->g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
        if (v->source != AVCL_SOURCE_WEIGHT) continue;
        s->flat_first[i] = s->n_flat;
        s->n_flat += (avcl__tinfo_count(&v->info) + unit - 1) / unit * unit;
    }
    if (s->n_flat == 0) return AVCL_OK;
    avcl_tinfo info = {.dtype = s->real, .ndim = 1, .shape = {(int64_t)s->n_flat}};
    int n_buffers = s->flags & AVCL_SESSION_NO_GRADIENT ? 1 : 2;
    for (int i = 0; i < n_buffers; i++) {
        avcl_storage storage = {0};
        avcl_status rc = avcl__session_alloc(s, &info, &s->weight_bytes, &storage, err);
        if (rc) return rc;
        s->flat[i] = storage.data;
    }
    return AVCL_OK;
}

static avcl_status make_variables(avcl_session *s, avcl_error *err)
{
    avcl_status rc = make_flat(s, err);
    for (uint32_t i = 0; !rc && i < s->g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
        if (v->source == AVCL_SOURCE_WEIGHT) {
            s->variables[i].info = widen(s, &v->info);
            s->variables[i].bytes = avcl__tinfo_bytes(&s->variables[i].info);
            s->variables[i].data =
                (char *)s->flat[0] + s->flat_first[i] * avcl__dtype_bytes(s->real);
            continue;
        }
        rc = avcl__session_alloc(s, &v->info, &s->weight_bytes, &s->variables[i], err);
        if (!rc && (v->current != v->node || v->update))
            rc = avcl__session_alloc(s, &v->info, &s->weight_bytes, &s->pending[i], err);
    }
    return rc;
}

static avcl_status make_roots(avcl_session *s, avcl_error *err)
{
    const avcl_graph *g = s->g;
    const avcl_graph_rows *rows = g->rows.data;
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < g->logs.n; i++)
        rc = avcl__session_alloc(s,
                                 &g->ir.values[avcl__graph_roots(&g->logs)[i].value].info,
                                 &s->io_bytes, &s->logs[i], err);
    for (uint32_t i = 0; !rc && i < g->keeps.n; i++)
        rc = avcl__session_alloc(
            s, &g->ir.values[avcl__graph_roots(&g->keeps)[i].value].info, &s->io_bytes,
            &s->keeps[i], err);
    for (uint32_t i = 0; !rc && i < g->rows.n; i++) {
        rc = avcl__session_alloc(s, &g->ir.values[rows[i].index].info, &s->io_bytes,
                                 &s->rows[2 * i], err);
        if (!rc)
            rc = avcl__session_alloc(s, &g->ir.values[rows[i].rows].info, &s->io_bytes,
                                     &s->rows[2 * i + 1], err);
    }
    avcl_tinfo loss = {.dtype = AVCL_F32};
    if (!rc && g->terms.n)
        rc = avcl__session_alloc(s, &loss, &s->io_bytes, &s->loss, err);
    return rc;
}

static void set_scalar(avcl_session *s, const avcl_storage *to, double value)
{
    float narrow = (float)value;
    const void *from = s->real == AVCL_F64 ? (const void *)&value : (const void *)&narrow;
    s->api->upload(s->device, to->data, from, to->bytes);
}

static avcl_status make_feeds(avcl_session *s, avcl_error *err)
{
    const avcl_graph_variable *in = s->g->inputs.data;
    const avcl_graph_variable *sc = s->g->scalars.data;
    avcl_tinfo rng = {.dtype = AVCL_I64, .ndim = 1, .shape = {3}};
    avcl_status rc = avcl__session_alloc(s, &rng, &s->io_bytes, &s->rng, err);
    for (uint32_t i = 0; !rc && i < s->g->inputs.n; i++) {
        rc = avcl__session_alloc(s, &in[i].info, &s->io_bytes, &s->inputs[i], err);
        if (!rc && (s->flags & AVCL_SESSION_INPUT_GRADS) &&
            avcl__dtype_is_real(in[i].info.dtype))
            rc = avcl__session_alloc(s, &in[i].info, &s->io_bytes, &s->input_grads[i],
                                     err);
    }
    for (uint32_t i = 0; !rc && i < s->g->scalars.n; i++) {
        rc = avcl__session_alloc(s, &sc[i].info, &s->io_bytes, &s->scalars[i], err);
        if (!rc) set_scalar(s, &s->scalars[i], sc[i].arg);
    }
    return rc;
}

avcl_status avcl__session_make_storage(avcl_session *s, avcl_error *err)
{
    avcl_status rc = make_tables(s, err);
    if (!rc) rc = make_variables(s, err);
    if (!rc) rc = make_feeds(s, err);
    if (!rc) rc = make_roots(s, err);
    return rc;
}
