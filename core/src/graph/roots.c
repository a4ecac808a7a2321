/* roots.c - what a graph is for: terms to minimise, logs, kept tensors, assignments. */
#include <string.h>

#include "graph/graph_impl.h"

static avcl_graph_variable *state_of(avcl_graph *g, avcl_node state, const char *what)
{
    avcl_graph_variable *v = avcl__graph_variable_of(g, state);
    if (v && v->source == AVCL_SOURCE_STATE) return v;
    avcl__graph_report(g, AVCL_E_INVALID, "%s: its first argument is not a state", what);
    return NULL;
}

/* Is it a value of this graph? 0, an earlier fault, is reported by whoever minds. */
static int is_value(avcl_graph *g, avcl_node value, const char *what)
{
    if (value < g->ir.n_values) return value != 0;
    avcl__graph_report(g, AVCL_E_INVALID, "%s got value %u, which is of another graph",
                       what, value);
    return 0;
}

static avcl_node latest(const avcl_graph *g, avcl_node value)
{
    const avcl_graph_variable *v = avcl__graph_variable_of(g, value);
    return v && v->source == AVCL_SOURCE_STATE ? v->current : value;
}

void avcl_graph_assign(avcl_graph *g, avcl_node state, avcl_node value, int32_t when)
{
    if (g->err.code != AVCL_OK || !state || !is_value(g, value, "assign")) return;
    avcl_graph_variable *v = state_of(g, state, "assign");
    if (!v) return;
    const avcl_tinfo *info = &g->ir.values[value].info;
    if (memcmp(info, &v->info, sizeof *info) != 0) {
        char want[96];
        char got[96];
        avcl__tinfo_text(&v->info, want);
        avcl__tinfo_text(info, got);
        avcl__graph_report(g, AVCL_E_SHAPE, "assign to '%s' %s: got %s %s", v->name, want,
                           avcl__dtype_name(info->dtype), got);
        return;
    }
    if (when == AVCL_FORWARD)
        v->current = latest(g, value);
    else if (when == AVCL_UPDATE)
        v->update = latest(g, value);
    else
        avcl__graph_report(g, AVCL_E_INVALID,
                           "assign to '%s': when = %d is neither FORWARD "
                           "nor UPDATE",
                           v->name, when);
}

void avcl_graph_assign_rows(avcl_graph *g, avcl_node state, avcl_node index,
                            avcl_node rows)
{
    if (g->err.code != AVCL_OK || !state || !is_value(g, index, "assign_rows") ||
        !is_value(g, rows, "assign_rows"))
        return;
    avcl_graph_variable *v = state_of(g, state, "assign_rows");
    if (!v) return;
    const avcl_tinfo *si = &v->info;
    const avcl_tinfo *ii = &g->ir.values[index].info;
    const avcl_tinfo *ri = &g->ir.values[rows].info;
    int fits = ii->dtype == AVCL_I32 && ii->ndim == 1 && ri->ndim == si->ndim &&
               ri->ndim >= 1 && ri->dtype == si->dtype && ri->shape[0] == ii->shape[0];
    for (int32_t d = 1; fits && d < si->ndim; d++)
        fits = ri->shape[d] == si->shape[d];
    if (!fits) {
        char text[3][96];
        avcl__tinfo_text(si, text[0]);
        avcl__tinfo_text(ii, text[1]);
        avcl__tinfo_text(ri, text[2]);
        avcl__graph_report(
            g, AVCL_E_SHAPE, "assign_rows to '%s' %s: index %s %s and rows %s do not fit",
            v->name, text[0], avcl__dtype_name(ii->dtype), text[1], text[2]);
        return;
    }
    avcl_graph_rows row = {avcl__ir_producer(&g->ir, state)->variable, latest(g, index),
                           latest(g, rows)};
    if (!avcl__table_add(&g->rows, sizeof row, &row))
        avcl__graph_report(g, AVCL_E_NOMEM, "out of memory in assign_rows");
}

static int is_real_scalar(avcl_graph *g, avcl_node value, const char *what)
{
    if (!is_value(g, value, what)) return 0;
    const avcl_tinfo *info = &g->ir.values[value].info;
    if (avcl__dtype_is_real(info->dtype) && avcl__tinfo_count(info) == 1) return 1;
    char text[96];
    avcl__tinfo_text(info, text);
    avcl__graph_report(g, AVCL_E_SHAPE, "%s takes one real number, got %s %s", what,
                       avcl__dtype_name(info->dtype), text);
    return 0;
}

static void add_root(avcl_graph *g, avcl_table *table, const char *name, avcl_node value,
                     double weight)
{
    avcl_graph_root root = {NULL, latest(g, value), weight};
    if (name) root.name = avcl__arena_copy(&g->ir.arena, name);
    if ((name && !root.name) || !avcl__table_add(table, sizeof root, &root))
        avcl__graph_report(g, AVCL_E_NOMEM, "out of memory");
}

static int is_taken(avcl_graph *g, const char *name)
{
    const avcl_table *tables[] = {&g->logs, &g->keeps};
    for (int t = 0; t < 2; t++)
        for (uint32_t i = 0; i < tables[t]->n; i++)
            if (strcmp(avcl__graph_roots(tables[t])[i].name, name) == 0) {
                avcl__graph_report(g, AVCL_E_INVALID, "'%s' is logged or kept twice",
                                   name);
                return 1;
            }
    return 0;
}

void avcl_graph_minimize(avcl_graph *g, double weight, avcl_node term)
{
    if (g->err.code != AVCL_OK) return;
    if (!term) {
        avcl__graph_report(g, AVCL_E_INVALID, "minimize got a missing term");
        return;
    }
    if (weight - weight != 0) {
        avcl__graph_report(g, AVCL_E_INVALID, "minimize: a weight of %g is not a number",
                           weight);
        return;
    }
    if (is_real_scalar(g, term, "minimize")) add_root(g, &g->terms, NULL, term, weight);
}

void avcl_graph_log(avcl_graph *g, const char *name, avcl_node value)
{
    if (g->err.code != AVCL_OK || !value || is_taken(g, name)) return;
    if (is_real_scalar(g, value, "log")) add_root(g, &g->logs, name, value, 0);
}

void avcl_graph_keep(avcl_graph *g, const char *name, avcl_node value)
{
    if (g->err.code != AVCL_OK || !is_value(g, value, "keep") || is_taken(g, name))
        return;
    add_root(g, &g->keeps, name, value, 0);
}
