/* graph_info.c - looking at a declared graph: variables, nodes, work. */
#include <string.h>

#include "graph/graph_impl.h"

avcl_status avcl_graph_info(const avcl_graph *g, avcl_node node, avcl_tinfo *out)
{
    if (node == 0 || node >= g->ir.n_values) return AVCL_E_NOT_FOUND;
    *out = g->ir.values[node].info;
    return AVCL_OK;
}

uint32_t avcl_graph_n_variables(const avcl_graph *g)
{
    return g->variables.n;
}

avcl_status avcl_graph_get_variable(const avcl_graph *g, uint32_t index,
                                    avcl_variable *out)
{
    if (index >= g->variables.n) return AVCL_E_NOT_FOUND;
    const avcl_graph_variable *v = avcl__graph_variable(g, index);
    *out = (avcl_variable){.name = v->name,
                           .info = v->info,
                           .node = v->node,
                           .is_state = v->source == AVCL_SOURCE_STATE};
    return AVCL_OK;
}

uint32_t avcl_graph_n_nodes(const avcl_graph *g)
{
    return g->ir.n_nodes;
}

static int64_t count_from(const avcl_tinfo *info, int32_t axis)
{
    int64_t n = 1;
    for (int32_t i = axis; i < info->ndim; i++)
        n *= info->shape[i];
    return n;
}

/* Each output element of these ops is a dot product as long as one filter (or row). */
static int64_t multiply_adds(const avcl_ir *ir, const avcl_ir_node *node)
{
    if (!node->op || node->n_in < 2) return 0;
    const avcl_tinfo *a = &ir->values[node->inputs[0]].info;
    const avcl_tinfo *w = &ir->values[node->inputs[1]].info;
    int64_t n_out = count_from(&ir->values[node->first].info, 0);
    if (strcmp(node->op->name, "conv3d") == 0 || strcmp(node->op->name, "linear") == 0)
        return n_out * count_from(w, 1);
    if (strcmp(node->op->name, "matmul") != 0) return 0;
    int64_t batch_mn = n_out;
    int64_t a_count = count_from(a, 0);
    const avcl_tinfo *o = &ir->values[node->first].info;
    int64_t rows = count_from(o, 0) / o->shape[o->ndim - 1]; /* batch x M */
    return batch_mn * (a_count / rows);
}

avcl_status avcl_graph_get_node(const avcl_graph *g, uint32_t index, avcl_node_info *out)
{
    if (index >= g->ir.n_nodes) return AVCL_E_NOT_FOUND;
    const avcl_ir_node *node = &g->ir.nodes[index];
    memset(out, 0, sizeof *out);
    out->op = avcl__ir_node_name(node);
    out->path = node->path;
    out->where = node->where;
    out->info = g->ir.values[node->first].info;
    out->n_in = node->n_in;
    out->n_out = node->n_out;
    if (node->n_in) memcpy(out->inputs, node->inputs, node->n_in * sizeof *node->inputs);
    out->first = node->first;
    out->multiply_adds = multiply_adds(&g->ir, node);
    return AVCL_OK;
}
