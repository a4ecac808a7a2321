/* lower.c - the part of a graph that one program needs, with eval forms for EVAL.
 *
 * TRAIN: loss, logs, keeps, FORWARD versions, assigned rows. EVAL: loss, logs and
 * keeps, states as they are. UPDATE: what the UPDATE assignments evaluate. */
#include <stdlib.h>
#include <string.h>

#include "avcl/session.h"
#include "graph/compile.h"

/* ---- roots in terms of the graph -------------------------------------------------- */

static int add_root(avcl_draft *d, avcl_root_kind kind, uint32_t index, avcl_node value)
{
    avcl_draft_root root = {kind, index, value};
    return avcl__table_add(&d->roots, sizeof root, &root) != NULL;
}

static int add_states(const avcl_graph *g, avcl_draft *d, int update)
{
    int ok = 1;
    for (uint32_t i = 0; ok && i < g->variables.n; i++) {
        const avcl_graph_variable *v = avcl__graph_variable(g, i);
        if (v->source != AVCL_SOURCE_STATE) continue;
        avcl_node value = update ? v->update : v->current == v->node ? 0 : v->current;
        if (value) ok = add_root(d, AVCL_ROOT_STATE, i, value);
    }
    return ok;
}

static int add_named(const avcl_graph *g, avcl_draft *d)
{
    int ok = 1;
    for (uint32_t i = 0; ok && i < g->logs.n; i++)
        ok = add_root(d, AVCL_ROOT_LOG, i, avcl__graph_roots(&g->logs)[i].value);
    for (uint32_t i = 0; ok && i < g->keeps.n; i++)
        ok = add_root(d, AVCL_ROOT_KEEP, i, avcl__graph_roots(&g->keeps)[i].value);
    return ok;
}

static int add_rows(const avcl_graph *g, avcl_draft *d)
{
    const avcl_graph_rows *rows = g->rows.data;
    int ok = 1;
    for (uint32_t i = 0; ok && i < g->rows.n; i++)
        ok = add_root(d, AVCL_ROOT_ROWS_INDEX, i, rows[i].index) &&
             add_root(d, AVCL_ROOT_ROWS_VALUE, i, rows[i].rows);
    return ok;
}

static int add_roots(const avcl_graph *g, int32_t program, avcl_draft *d)
{
    if (program == AVCL_PROGRAM_UPDATE) return add_states(g, d, 1);
    if (!add_named(g, d)) return 0;
    if (program == AVCL_TRAIN) return add_states(g, d, 0) && add_rows(g, d);
    return 1;
}

/* ---- copying what the roots and the terms reach ---------------------------------------
 */

static void mark(const avcl_ir *ir, avcl_node value, unsigned char *live)
{
    if (value) live[ir->values[value].node] = 1;
}

static unsigned char *reach(const avcl_graph *g, const avcl_draft *d, int with_terms)
{
    unsigned char *live = calloc(g->ir.n_nodes + 1, 1);
    if (!live) return NULL;
    for (uint32_t i = 0; i < d->roots.n; i++)
        mark(&g->ir, avcl__draft_roots(d)[i].value, live);
    for (uint32_t i = 0; with_terms && i < g->terms.n; i++)
        mark(&g->ir, avcl__graph_roots(&g->terms)[i].value, live);
    for (uint32_t n = g->ir.n_nodes; n-- > 0;)
        for (uint32_t i = 0; live[n] && i < g->ir.nodes[n].n_in; i++)
            mark(&g->ir, g->ir.nodes[n].inputs[i], live);
    return live;
}

typedef struct lowering {
    const avcl_graph *g;
    avcl_ir *to;
    avcl_node *map;
    avcl_call call;
    avcl_build build;
    int is_eval;
} lowering;

static avcl_status lower_eval(lowering *l, const avcl_ir_node *node, const avcl_node *in)
{
    avcl_spec_frame frame;
    avcl_node out[AVCL_KERNEL_MAX_OUT] = {0};
    avcl__spec_fill(&frame, &l->g->ir, node);
    avcl_op_view view = {.attrs = node->attrs,
                         .n_in = node->n_in,
                         .n_out = node->n_out,
                         .in_info = frame.in_info,
                         .out_info = frame.out_info,
                         .in_node = in};
    l->call.path = node->path;
    l->call.where = node->where;
    avcl_status rc = node->op->eval(&l->build, &view, out);
    for (uint32_t i = 0; i < node->n_out; i++)
        l->map[node->first + i] = out[i];
    return l->call.err->code ? l->call.err->code : rc;
}

static avcl_status lower_node(lowering *l, uint32_t index)
{
    const avcl_ir_node *node = &l->g->ir.nodes[index];
    avcl_node in[AVCL_KERNEL_MAX_IN];
    for (uint32_t i = 0; i < node->n_in; i++) {
        in[i] = l->map[node->inputs[i]];
        if (in[i]) continue;
        char text[256];
        avcl__node_text(node, text);
        return avcl_error_set(l->call.err, AVCL_E_UNSUPPORTED,
                              "%s reads a value that does not exist in evaluation", text);
    }
    int as_eval = l->is_eval || node->frozen;
    if (as_eval && node->op && node->op->eval) return lower_eval(l, node, in);
    avcl_node first = avcl__ir_copy_node(l->to, &l->g->ir, index, in);
    if (!first)
        return avcl_error_set(l->call.err, AVCL_E_NOMEM, "out of memory in compile");
    for (uint32_t i = 0; i < node->n_out; i++)
        l->map[node->first + i] = first + i;
    return AVCL_OK;
}

/* loss = sum of weight * term; a weight of exactly 0 leaves its term out. */
static avcl_node add_loss(lowering *l)
{
    const avcl_graph_api *api = l->build.graph;
    avcl_node loss = 0;
    l->call.path = "loss";
    l->call.where = "";
    for (uint32_t i = 0; i < l->g->terms.n; i++) {
        const avcl_graph_root *term = &avcl__graph_roots(&l->g->terms)[i];
        if (term->weight == 0) continue;
        avcl_node x = l->map[term->value];
        avcl_attr to_scalar = {"shape", {.type = AVCL_INTS, .count = 0}};
        avcl_attr scale = {"scale", {.type = AVCL_FLOAT, .count = 1, .f = term->weight}};
        if (l->to->values[x].info.ndim)
            x = api->op(&l->call, "reshape", &x, 1, &to_scalar, 1);
        if (term->weight != 1) x = api->op(&l->call, "affine", &x, 1, &scale, 1);
        avcl_node both[2] = {loss, x};
        loss = loss ? api->op(&l->call, "add", both, 2, NULL, 0) : x;
    }
    return loss;
}

static avcl_status lower_all(lowering *l, const unsigned char *live)
{
    avcl_status rc = AVCL_OK;
    for (uint32_t n = 0; rc == AVCL_OK && n < l->g->ir.n_nodes; n++)
        if (live[n]) rc = lower_node(l, n);
    return rc;
}

/* Roots in terms of the program. Some values of training have no eval form. */
static avcl_status move_roots(const lowering *l, avcl_draft *out)
{
    for (uint32_t i = 0; i < out->roots.n; i++) {
        avcl_draft_root *root = &avcl__draft_roots(out)[i];
        const avcl_ir_node *node = avcl__ir_producer(&l->g->ir, root->value);
        root->value = l->map[root->value];
        if (root->value) continue;
        char text[256];
        avcl__node_text(node, text);
        return avcl_error_set(l->call.err, AVCL_E_UNSUPPORTED,
                              "%s: a logged or kept output does not exist in evaluation",
                              text);
    }
    return AVCL_OK;
}

avcl_status avcl__lower(const avcl_graph *g, int32_t program, avcl_draft *out,
                        avcl_error *err)
{
    avcl_error local = {0};
    int with_terms = program != AVCL_PROGRAM_UPDATE;
    lowering l = {.g = g, .to = &out->ir, .is_eval = program == AVCL_EVAL};
    l.call = (avcl_call){.err = &local, .target = &out->ir, .host = g->host};
    l.build = (avcl_build){&l.call, &avcl__graph_api, avcl_host_get_api(g->host)};
    avcl_status rc = AVCL_E_NOMEM;
    unsigned char *live = NULL;
    l.map = avcl__draft_map_new(&g->ir, &local);
    if (!l.map || !add_roots(g, program, out)) goto done;
    live = reach(g, out, with_terms);
    if (!live) goto done;
    rc = lower_all(&l, live);
    if (rc) goto done;
    rc = move_roots(&l, out);
    if (rc) goto done;
    if (with_terms && g->terms.n) {
        avcl_node loss = add_loss(&l);
        if (loss && !add_root(out, AVCL_ROOT_LOSS, 0, loss)) rc = AVCL_E_NOMEM;
    }
    if (local.code) rc = local.code;
done:
    free(live);
    free(l.map);
    if (rc) avcl_error_set(err, rc, "%s", local.code ? local.message : "out of memory");
    return rc;
}
