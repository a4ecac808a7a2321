/* ir.c - growing arrays of nodes and values over one arena. */
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"

static int grow(void **array, uint32_t *cap, uint32_t need, size_t size)
{
    if (need <= *cap) return 1;
    uint32_t next = *cap ? *cap * 2 : 64;
    if (next < need) next = need;
    void *p = realloc(*array, next * size);
    if (!p) return 0;
    memset((char *)p + *cap * size, 0, (next - *cap) * size);
    *array = p;
    *cap = next;
    return 1;
}

const char *avcl__ir_node_name(const avcl_ir_node *node)
{
    static const char *const sources[] = {"reorder", "input",  "weight",
                                          "state",   "scalar", "rng"};
    return node->op ? node->op->name : sources[node->source];
}

static int reserve(avcl_ir *ir, uint32_t n_out)
{
    if (ir->n_values == 0) ir->n_values = 1;
    return grow((void **)&ir->nodes, &ir->cap_nodes, ir->n_nodes + 1,
                sizeof *ir->nodes) &&
           grow((void **)&ir->values, &ir->cap_values, ir->n_values + n_out,
                sizeof *ir->values);
}

avcl_node avcl__ir_add(avcl_ir *ir, const avcl_ir_node *node, const avcl_node *inputs,
                       const avcl_tinfo *out_info)
{
    if (!reserve(ir, node->n_out)) return 0;
    avcl_node *in = avcl__arena_dup(&ir->arena, inputs, node->n_in * sizeof *in);
    char *path = avcl__arena_copy(&ir->arena, node->path ? node->path : "");
    char *where = avcl__arena_copy(&ir->arena, node->where ? node->where : "");
    if (!in || !path || !where) return 0;
    avcl_ir_node *n = &ir->nodes[ir->n_nodes];
    *n = *node;
    n->inputs = in;
    n->path = path;
    n->where = where;
    n->first = ir->n_values;
    for (uint32_t i = 0; i < node->n_out; i++)
        ir->values[ir->n_values++] =
            (avcl_ir_value){.info = out_info[i], .node = ir->n_nodes, .index = i};
    ir->n_nodes++;
    return n->first;
}

avcl_node avcl__ir_source(avcl_ir *ir, avcl_node_source source, uint32_t variable,
                          const char *path, const char *where, const avcl_tinfo *info)
{
    avcl_ir_node node = {
        .source = source, .variable = variable, .path = path, .where = where, .n_out = 1};
    return avcl__ir_add(ir, &node, NULL, info);
}

avcl_node avcl__ir_copy_node(avcl_ir *to, const avcl_ir *from, uint32_t node,
                             const avcl_node *inputs)
{
    const avcl_ir_node *old = &from->nodes[node];
    avcl_ir_node copy = *old;
    avcl_tinfo info[AVCL_KERNEL_MAX_OUT];
    for (uint32_t i = 0; i < old->n_out; i++)
        info[i] = from->values[old->first + i].info;
    if (old->op && old->op->attrs_size) {
        copy.attrs = avcl__arena_dup(&to->arena, old->attrs, old->op->attrs_size);
        if (!copy.attrs) return 0;
    }
    avcl_node first = avcl__ir_add(to, &copy, inputs, info);
    for (uint32_t i = 0; first && i < old->n_out; i++)
        to->values[first + i].tag = from->values[old->first + i].tag;
    return first;
}

void avcl__ir_release(avcl_ir *ir)
{
    free(ir->nodes);
    free(ir->values);
    avcl__arena_release(&ir->arena);
    memset(ir, 0, sizeof *ir);
}
