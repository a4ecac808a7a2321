/*
 * graph_hash.c - the canonical text of a declared graph, whose hash is its part in a
 * run's identity.
 *
 * A text of what the roots reach, in declaration order with dense numbers: ops,
 * numerics, attributes in table order, shapes, edges, variable names and their
 * initial values. Script lines, scopes of ops and unreachable nodes are left out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/store.h"
#include "graph/custom.h"
#include "graph/graph_impl.h"
#include "plugin/params.h"

typedef struct hashing {
    const avcl_graph *g;
    FILE *f;
    unsigned char *live; /* per node */
    uint32_t *number;    /* per node: its place among the live ones */
} hashing;

static void mark(hashing *h, avcl_node value)
{
    if (value) h->live[h->g->ir.values[value].node] = 1;
}

static void mark_roots(hashing *h)
{
    const avcl_graph *g = h->g;
    const avcl_table *tables[] = {&g->terms, &g->logs, &g->keeps};
    const avcl_graph_rows *rows = g->rows.data;
    for (int t = 0; t < 3; t++)
        for (uint32_t i = 0; i < tables[t]->n; i++)
            mark(h, avcl__graph_roots(tables[t])[i].value);
    for (uint32_t i = 0; i < g->variables.n; i++) {
        mark(h, avcl__graph_variable(g, i)->current);
        mark(h, avcl__graph_variable(g, i)->update);
    }
    for (uint32_t i = 0; i < g->rows.n; i++) {
        mark(h, rows[i].index);
        mark(h, rows[i].rows);
    }
    for (uint32_t n = g->ir.n_nodes; n-- > 0;)
        for (uint32_t i = 0; h->live[n] && i < g->ir.nodes[n].n_in; i++)
            mark(h, g->ir.nodes[n].inputs[i]);
}

static void put_value(hashing *h, avcl_node value)
{
    if (!value) {
        fprintf(h->f, " -");
        return;
    }
    const avcl_ir_value *v = &h->g->ir.values[value];
    fprintf(h->f, " %%%" PRIu32 ".%" PRIu32, h->number[v->node], v->index);
}

static void put_variable(hashing *h, const avcl_ir_node *node)
{
    const avcl_graph *g = h->g;
    fprintf(h->f, " '%s'", node->path);
    if (node->source == AVCL_SOURCE_WEIGHT || node->source == AVCL_SOURCE_STATE) {
        const avcl_graph_variable *v = avcl__graph_variable(g, node->variable);
        fprintf(h->f, " init=%d,%a,%" PRIu32, v->init, v->arg, v->copy_of);
    }
    if (node->source == AVCL_SOURCE_SCALAR)
        fprintf(h->f, " initial=%a",
                ((const avcl_graph_variable *)g->scalars.data)[node->variable].arg);
}

static void put_node(hashing *h, uint32_t n)
{
    const avcl_ir_node *node = &h->g->ir.nodes[n];
    fprintf(h->f, "%%%" PRIu32 " %s", h->number[n], avcl__ir_node_name(node));
    if (node->source) put_variable(h, node);
    if (node->frozen) fputs(" frozen", h->f);
    if (node->op) {
        fprintf(h->f, "/%" PRIu32, node->op->numerics);
        if (node->op->custom)
            fprintf(h->f, ".%" PRIu32,
                    avcl__custom_kernel_numerics(h->g->host, node->op));
        for (uint32_t i = 0; i < node->op->n_attrs; i++)
            avcl__param_print(h->f, &node->op->attrs[i], node->attrs);
    }
    for (uint32_t i = 0; i < node->n_in; i++)
        put_value(h, node->inputs[i]);
    for (uint32_t i = 0; i < node->n_out; i++) {
        char shape[96];
        const avcl_tinfo *info = &h->g->ir.values[node->first + i].info;
        avcl__tinfo_text(info, shape);
        fprintf(h->f, " -> %s%s", avcl__dtype_name(info->dtype), shape);
    }
    fputc('\n', h->f);
}

/* A schedule is mathematics that no node shows: a method's name and parameters tell it.
 */
static void put_schedules(hashing *h)
{
    const avcl_graph_member *member = h->g->instances.data;
    for (uint32_t i = 0; i < h->g->instances.n; i++) {
        const avcl_module *m = member[i].module;
        if (strcmp(m->kind, AVCL_KIND_METHOD) != 0 || !member[i].n_applied) continue;
        if (((const avcl_method *)m->iface)->n_scalars == 0) continue;
        fprintf(h->f, "schedule %s/%" PRIu32, m->name, m->numerics);
        for (uint32_t k = 0; k < m->n_params; k++)
            avcl__param_print(
                h->f, (const avcl_param *)((const char *)m->params + k * m->param_size),
                member[i].params);
        fputc('\n', h->f);
    }
}

static void put_roots(hashing *h)
{
    const avcl_graph *g = h->g;
    const avcl_table *tables[] = {&g->terms, &g->logs, &g->keeps};
    static const char *const words[] = {"term", "log", "keep"};
    for (int t = 0; t < 3; t++)
        for (uint32_t i = 0; i < tables[t]->n; i++) {
            const avcl_graph_root *root = &avcl__graph_roots(tables[t])[i];
            fprintf(h->f, "%s %s %a", words[t], root->name ? root->name : "",
                    root->weight);
            put_value(h, root->value);
            fputc('\n', h->f);
        }
    for (uint32_t i = 0; i < g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(g, i);
        if (v->source != AVCL_SOURCE_STATE) continue;
        fprintf(h->f, "assign '%s'", v->name);
        put_value(h, v->current);
        put_value(h, v->update);
        fputc('\n', h->f);
    }
    const avcl_graph_rows *rows = g->rows.data;
    for (uint32_t i = 0; i < g->rows.n; i++) {
        fprintf(h->f, "rows '%s'", avcl__graph_variable(g, rows[i].variable)->name);
        put_value(h, rows[i].index);
        put_value(h, rows[i].rows);
        fputc('\n', h->f);
    }
}

char *avcl_graph_text(const avcl_graph *g, avcl_error *err)
{
    avcl_status rc = avcl_graph_status(g, err);
    if (rc) return NULL;
    char *text = NULL;
    size_t n_text = 0;
    uint32_t n_live = 0;
    hashing h = {.g = g};
    h.live = calloc(g->ir.n_nodes + 1, 1);
    h.number = calloc(g->ir.n_nodes + 1, sizeof *h.number);
    h.f = open_memstream(&text, &n_text);
    rc = h.live && h.number && h.f ? AVCL_OK : AVCL_E_NOMEM;
    if (!rc) {
        mark_roots(&h);
        for (uint32_t n = 0; n < g->ir.n_nodes; n++)
            if (h.live[n]) h.number[n] = n_live++;
        for (uint32_t n = 0; n < g->ir.n_nodes; n++)
            if (h.live[n]) put_node(&h, n);
        put_roots(&h);
        put_schedules(&h);
    }
    /* A text cut short would be the identity of another graph. */
    if (h.f && (ferror(h.f) | fclose(h.f)) != 0) rc = AVCL_E_NOMEM;
    free(h.live);
    free(h.number);
    if (!rc) return text;
    free(text);
    avcl_error_set(err, rc, "out of memory while writing a graph");
    return NULL;
}

avcl_status avcl_graph_hash(const avcl_graph *g, char hex[65], avcl_error *err)
{
    avcl_error why = {0};
    char *text = avcl_graph_text(g, &why);
    if (!text) return avcl_error_set(err, why.code, "%s", why.message);
    char digest[65] = "";
    avcl_sha256_hex(text, strlen(text), digest);
    avcl_text_free(text);
    if (!*digest)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory while hashing a graph");
    memcpy(hex, digest, sizeof digest);
    return AVCL_OK;
}
