/* graph_info.c - looking at a declared graph: variables, nodes, work. */
#include <string.h>

#include "graph/compile.h"

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
    out->multiply_adds = avcl__multiply_adds(&g->ir, node);
    return AVCL_OK;
}
