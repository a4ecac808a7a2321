/* session_io.c - tensors of a session by name. */
#include <stdlib.h>
#include <string.h>

#include "graph/session_impl.h"

static avcl_storage *in_table(const avcl_table *table, avcl_storage *storage,
                              const char *name)
{
    const avcl_graph_variable *row = table->data;
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(row[i].name, name) == 0) return &storage[i];
    return NULL;
}

static avcl_storage *in_roots(const avcl_table *table, avcl_storage *storage,
                              const char *name)
{
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(avcl__graph_roots(table)[i].name, name) == 0) return &storage[i];
    return NULL;
}

static avcl_storage *gradient(avcl_session *s, const char *name, avcl_storage *scratch)
{
    for (uint32_t i = 0; i < s->g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(s->g, i);
        if (v->source != AVCL_SOURCE_WEIGHT || strcmp(v->name, name) != 0) continue;
        if (!s->flat[AVCL_FLAT_GRADIENTS]) return NULL;
        *scratch = s->variables[i];
        scratch->data = (char *)s->flat[AVCL_FLAT_GRADIENTS] +
                        s->flat_first[i] * avcl__dtype_bytes(s->real);
        return scratch;
    }
    avcl_storage *in = in_table(&s->g->inputs, s->input_grads, name);
    return in && in->data ? in : NULL;
}

static void report_unknown(const avcl_session *s, const char *name, avcl_error *err)
{
    const avcl_graph *g = s->g;
    uint32_t cap =
        g->variables.n + g->inputs.n + g->scalars.n + g->logs.n + g->keeps.n + 1;
    const char **names = calloc(cap, sizeof *names);
    const char *near = NULL;
    uint32_t n = 0;
    if (names) {
        const avcl_table *rows[] = {&g->variables, &g->inputs, &g->scalars};
        const avcl_table *roots[] = {&g->logs, &g->keeps};
        for (int t = 0; t < 3; t++)
            for (uint32_t i = 0; i < rows[t]->n; i++)
                names[n++] = ((const avcl_graph_variable *)rows[t]->data)[i].name;
        for (int t = 0; t < 2; t++)
            for (uint32_t i = 0; i < roots[t]->n; i++)
                names[n++] = avcl__graph_roots(roots[t])[i].name;
        names[n++] = "loss";
        int32_t best = avcl_nearest(name, names, n);
        if (best >= 0) near = names[best];
    }
    avcl_error_set(err, AVCL_E_NOT_FOUND, "no tensor '%s'%s%s%s", name,
                   near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    free(names);
}

avcl_storage *avcl__session_find(avcl_session *s, const char *name, avcl_storage *scratch,
                                 avcl_error *err)
{
    const avcl_graph *g = s->g;
    avcl_storage *found = in_table(&g->inputs, s->inputs, name);
    if (!found) found = in_table(&g->variables, s->variables, name);
    if (!found) found = in_table(&g->scalars, s->scalars, name);
    if (!found) found = in_roots(&g->logs, s->logs, name);
    if (!found) found = in_roots(&g->keeps, s->keeps, name);
    if (!found && strcmp(name, "loss") == 0 && s->loss.data) found = &s->loss;
    if (!found && strncmp(name, "grad/", 5) == 0) found = gradient(s, name + 5, scratch);
    if (!found) report_unknown(s, name, err);
    return found;
}

avcl_status avcl_session_describe(avcl_session *s, const char *name, avcl_tinfo *out,
                                  avcl_error *err)
{
    avcl_storage scratch;
    const avcl_storage *found = avcl__session_find(s, name, &scratch, err);
    if (!found) return AVCL_E_NOT_FOUND;
    *out = found->info;
    return AVCL_OK;
}

static avcl_storage *find_sized(avcl_session *s, const char *name, uint64_t nbytes,
                                avcl_storage *scratch, avcl_error *err)
{
    avcl_storage *found = avcl__session_find(s, name, scratch, err);
    if (!found || found->bytes == nbytes) return found;
    char shape[96];
    avcl__tinfo_text(&found->info, shape);
    avcl_error_set(err, AVCL_E_SHAPE, "'%s' is %s %s, %llu bytes; got %llu", name,
                   avcl__dtype_name(found->info.dtype), shape,
                   (unsigned long long)found->bytes, (unsigned long long)nbytes);
    return NULL;
}

avcl_status avcl_session_write(avcl_session *s, const char *name, const void *data,
                               uint64_t nbytes, avcl_error *err)
{
    avcl_error local = {0};
    avcl_storage scratch;
    avcl_storage *to = find_sized(s, name, nbytes, &scratch, &local);
    if (!to) return avcl_error_set(err, local.code, "%s", local.message);
    s->api->upload(s->device, to->data, data, nbytes);
    return AVCL_OK;
}

avcl_status avcl_session_read(avcl_session *s, const char *name, void *data,
                              uint64_t nbytes, avcl_error *err)
{
    avcl_error local = {0};
    avcl_storage scratch;
    const avcl_storage *from = find_sized(s, name, nbytes, &scratch, &local);
    if (!from) return avcl_error_set(err, local.code, "%s", local.message);
    s->api->download(s->device, data, from->data, nbytes);
    return AVCL_OK;
}
