/* graph.c - life of a graph, its scopes, its error, and the ops declared in it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_impl.h"

void *avcl__table_add(avcl_table *table, size_t size, const void *row)
{
    if (table->n == table->cap) {
        uint32_t cap = table->cap ? table->cap * 2 : 16;
        void *data = realloc(table->data, cap * size);
        if (!data) return NULL;
        table->data = data;
        table->cap = cap;
    }
    void *slot = (char *)table->data + table->n * size;
    memcpy(slot, row, size);
    table->n++;
    return slot;
}

avcl_graph *avcl_graph_new(avcl_host *host, avcl_error *err)
{
    avcl_graph *g = calloc(1, sizeof *g);
    if (!g) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a graph");
        return NULL;
    }
    g->host = host;
    g->where = "";
    g->call = (avcl_call){.err = &g->err, .graph = g, .target = &g->ir, .host = host};
    g->build = (avcl_build){&g->call, &avcl__graph_api, avcl_host_get_api(host)};
    return g;
}

void avcl_graph_free(avcl_graph *g)
{
    if (!g) return;
    avcl_table *tables[] = {&g->variables, &g->inputs, &g->scalars, &g->instances,
                            &g->terms,     &g->logs,   &g->keeps,   &g->rows};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]->data);
    avcl__ir_release(&g->ir);
    free(g);
}

/* ---- errors ------------------------------------------------------------------- */

void avcl__graph_place_error(avcl_graph *g, avcl_status had, const char *what)
{
    if (had != AVCL_OK || g->err.code == AVCL_OK) return;
    if (what && *what) avcl_error_prefix(&g->err, "'%s'", what);
    if (*g->where) avcl_error_prefix(&g->err, "%s", g->where);
}

avcl_status avcl__graph_report(avcl_graph *g, avcl_status code, const char *fmt, ...)
{
    if (g->err.code != AVCL_OK) return code;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    avcl_error_set(&g->err, code, "%s", text);
    avcl__graph_place_error(g, AVCL_OK, g->scope);
    return code;
}

avcl_status avcl_graph_status(const avcl_graph *g, avcl_error *err)
{
    if (g->err.code == AVCL_OK) return AVCL_OK;
    return avcl_error_set(err, g->err.code, "%s", g->err.message);
}

void avcl_graph_at(avcl_graph *g, const char *where)
{
    if (strcmp(g->where, where) == 0) return;
    const char *copy = avcl__arena_copy(&g->ir.arena, where);
    g->where = copy ? copy : "";
}

/* ---- scopes ------------------------------------------------------------------- */

const char *avcl__graph_path(avcl_graph *g, const char *name)
{
    const char *path = *g->scope
                           ? avcl__arena_format(&g->ir.arena, "%s/%s", g->scope, name)
                           : avcl__arena_copy(&g->ir.arena, name);
    if (!path) avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for '%s'", name);
    return path;
}

void avcl_graph_push(avcl_graph *g, const char *scope)
{
    size_t used = strlen(g->scope);
    size_t need = strlen(scope) + 1;
    if (!*scope || strchr(scope, '/')) { /* pop takes off one name */
        avcl__graph_report(g, AVCL_E_INVALID,
                           "scope '%s' is not one name (empty, or with a '/')", scope);
        return;
    }
    if (used + need + 1 > sizeof g->scope) {
        avcl__graph_report(g, AVCL_E_INVALID,
                           "scope '%s' makes a path over %zu characters", scope,
                           sizeof g->scope - 1);
        return;
    }
    snprintf(g->scope + used, sizeof g->scope - used, "%s%s", used ? "/" : "", scope);
    g->scope_depth++;
}

void avcl_graph_pop(avcl_graph *g)
{
    if (g->scope_depth == 0) {
        avcl__graph_report(g, AVCL_E_INVALID, "pop without a push");
        return;
    }
    char *slash = strrchr(g->scope, '/');
    *(slash ? slash : g->scope) = '\0';
    g->scope_depth--;
}

/* ---- ops ------------------------------------------------------------------------ */

/* A state used as an input means its latest version. */
static int resolve(const avcl_graph *g, const avcl_node *inputs, uint32_t n,
                   avcl_node *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (inputs[i] == 0 || inputs[i] >= g->ir.n_values) return 0;
        const avcl_graph_variable *v = avcl__graph_variable_of(g, inputs[i]);
        out[i] = v && v->source == AVCL_SOURCE_STATE ? v->current : inputs[i];
    }
    return 1;
}

avcl_node avcl_graph_op(avcl_graph *g, const char *op, const avcl_node *inputs,
                        uint32_t n_in, const avcl_attr *attrs, uint32_t n_attrs)
{
    avcl_node in[AVCL_KERNEL_MAX_IN];
    avcl_status had = g->err.code;
    if (had != AVCL_OK) return 0;
    if (n_in > AVCL_KERNEL_MAX_IN) {
        avcl__graph_report(g, AVCL_E_INVALID, "op '%s' got %u inputs, at most %d", op,
                           n_in, AVCL_KERNEL_MAX_IN);
        return 0;
    }
    if (!resolve(g, inputs, n_in, in)) {
        avcl__graph_report(g, AVCL_E_INVALID, "op '%s' got a missing input", op);
        return 0;
    }
    avcl_node out =
        avcl__ir_op(&g->ir, &g->build, op, in, n_in, attrs, n_attrs, g->scope, g->where);
    avcl__graph_place_error(g, had, g->scope);
    if (out) g->ir.nodes[g->ir.values[out].node].frozen = g->frozen;
    return out;
}

void avcl_graph_freeze(avcl_graph *g, int32_t on)
{
    g->frozen = on != 0;
}

avcl_node avcl_graph_result(avcl_graph *g, avcl_node first, uint32_t index)
{
    if (g->err.code != AVCL_OK || first == 0 || first >= g->ir.n_values) return 0;
    const avcl_ir_node *node = avcl__ir_producer(&g->ir, first);
    if (index < node->n_out) return node->first + index;
    avcl__graph_report(g, AVCL_E_INVALID, "%s has %u outputs, asked for number %u",
                       avcl__ir_node_name(node), node->n_out, index);
    return 0;
}

avcl_node avcl_graph_constant(avcl_graph *g, double value)
{
    avcl_attr at = {"value", {.type = AVCL_FLOAT, .count = 1, .f = value}};
    return avcl_graph_op(g, "constant", NULL, 0, &at, 1);
}

int64_t avcl_graph_next_salt(avcl_graph *g)
{
    return g->salt++;
}
