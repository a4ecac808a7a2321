/* scalars.c - tables of what methods' schedules say. */
#include "train/scalars.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/crumb.h"
#include "graph/graph_impl.h"
#include "plugin/host_impl.h"

/* The method behind a member with scalars, else NULL. */
static const avcl_method *method_of(const avcl_graph_member *member)
{
    if (strcmp(member->module->kind, AVCL_KIND_METHOD) != 0 || !member->n_applied)
        return NULL;
    const avcl_method *method = member->module->iface;
    return method->n_scalars ? method : NULL;
}

static uint32_t count(const avcl_table *members)
{
    const avcl_graph_member *member = members->data;
    uint32_t n = 0;
    for (uint32_t i = 0; i < members->n; i++)
        if (method_of(&member[i])) n += method_of(&member[i])->n_scalars;
    return n;
}

/* Fills columns [first, first + n) of the table from one method. */
static avcl_status tabulate(avcl_scalars *t, const avcl_graph *g,
                            const avcl_graph_member *member, uint32_t first,
                            avcl_error *err)
{
    const avcl_method *method = method_of(member);
    const avcl_host_module *m = avcl__host_module_of(g->host, member->module);
    avcl_crumb crumb = {.who = member->module->name, .doing = "schedule"};
    if (m) crumb = avcl__host_crumb(m, "schedule");
    const avcl_crumb *before = avcl__crumb_set(&crumb);
    for (int64_t step = 0; step < t->n_steps; step++)
        method->schedule(member->params, step, t->n_steps,
                         t->values + step * t->n_scalars + first);
    avcl__crumb_set(before);
    for (uint32_t i = 0; i < method->n_scalars; i++) {
        t->names[first + i] = method->scalars[i];
        for (int64_t step = 0; step < t->n_steps; step++) {
            double value = t->values[step * t->n_scalars + first + i];
            if (isfinite(value)) continue;
            return avcl_error_set(
                err, AVCL_E_NUMERIC,
                "method '%s': scalar '%s' is %g at step %" PRId64 " of %" PRId64,
                member->module->name, method->scalars[i], value, step, t->n_steps);
        }
    }
    return AVCL_OK;
}

avcl_status avcl__scalars_make(avcl_scalars *out, avcl_session *s, int64_t n_steps,
                               avcl_error *err)
{
    const avcl_graph *g = avcl_session_graph(s);
    const avcl_graph_member *member = g->instances.data;
    avcl_scalars t = {.n_scalars = count(&g->instances), .n_steps = n_steps};
    avcl_status rc = AVCL_OK;
    uint32_t first = 0;
    *out = (avcl_scalars){0};
    if (t.n_scalars == 0 || n_steps < 1) return AVCL_OK;
    t.names = calloc(t.n_scalars, sizeof *t.names);
    t.values = calloc((size_t)n_steps * t.n_scalars, sizeof *t.values);
    if (!t.names || !t.values)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for schedules");
    for (uint32_t i = 0; !rc && i < g->instances.n; i++) {
        if (!method_of(&member[i])) continue;
        rc = tabulate(&t, g, &member[i], first, err);
        first += method_of(&member[i])->n_scalars;
    }
    if (rc)
        avcl__scalars_release(&t);
    else
        *out = t;
    return rc;
}

void avcl__scalars_release(avcl_scalars *scalars)
{
    free(scalars->names);
    free(scalars->values);
    *scalars = (avcl_scalars){0};
}

avcl_status avcl__scalars_set(const avcl_scalars *scalars, avcl_session *s, uint64_t step,
                              avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    int64_t row =
        step < (uint64_t)scalars->n_steps ? (int64_t)step : scalars->n_steps - 1;
    for (uint32_t i = 0; !rc && i < scalars->n_scalars; i++) {
        avcl_tinfo info;
        double wide = scalars->values[row * scalars->n_scalars + i];
        float narrow = (float)wide;
        if (avcl_session_describe(s, scalars->names[i], &info, NULL)) continue;
        int is_wide = info.dtype == AVCL_F64;
        rc = avcl_session_write(s, scalars->names[i],
                                is_wide ? (void *)&wide : (void *)&narrow,
                                is_wide ? sizeof wide : sizeof narrow, err);
    }
    return rc;
}
