/* draft.c - what the passes share: rebuilding, specs, printing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"

void avcl__draft_release(avcl_draft *draft)
{
    avcl__ir_release(&draft->ir);
    free(draft->roots.data);
    memset(draft, 0, sizeof *draft);
}

avcl_node *avcl__draft_map_new(const avcl_ir *ir, avcl_error *err)
{
    avcl_node *map = calloc(ir->n_values + 1, sizeof *map);
    if (!map) avcl_error_set(err, AVCL_E_NOMEM, "out of memory while compiling");
    return map;
}

int avcl__draft_copy_node(avcl_ir *to, const avcl_ir *from, uint32_t n, avcl_node *map)
{
    const avcl_ir_node *node = &from->nodes[n];
    avcl_node in[AVCL_KERNEL_MAX_IN];
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = map[node->inputs[i]];
    avcl_node first = avcl__ir_copy_node(to, from, n, in);
    for (uint32_t i = 0; first && i < node->n_out; i++)
        map[node->first + i] = first + i;
    return first != 0;
}

uint32_t *avcl__draft_count_uses(const avcl_draft *draft)
{
    const avcl_ir *ir = &draft->ir;
    uint32_t *n_uses = calloc(ir->n_values + 1, sizeof *n_uses);
    if (!n_uses) return NULL;
    for (uint32_t n = 0; n < ir->n_nodes; n++)
        for (uint32_t i = 0; i < ir->nodes[n].n_in; i++)
            n_uses[ir->nodes[n].inputs[i]]++;
    for (uint32_t i = 0; i < draft->roots.n; i++)
        n_uses[avcl__draft_roots(draft)[i].value]++;
    return n_uses;
}

void avcl__draft_replace(avcl_draft *draft, avcl_ir *rebuilt, avcl_node *map)
{
    avcl_draft_root *roots = avcl__draft_roots(draft);
    for (uint32_t i = 0; i < draft->roots.n; i++)
        roots[i].value = map[roots[i].value];
    avcl__ir_release(&draft->ir);
    draft->ir = *rebuilt;
    free(map);
}

void avcl__spec_fill(avcl_spec_frame *frame, const avcl_ir *ir, const avcl_ir_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++) {
        frame->in_info[i] = ir->values[node->inputs[i]].info;
        frame->in_tag[i] = ir->values[node->inputs[i]].tag;
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        frame->out_info[i] = ir->values[node->first + i].info;
        frame->out_tag[i] = ir->values[node->first + i].tag;
    }
    frame->spec = (avcl_kernel_spec){.op = avcl__ir_node_name(node),
                                     .attrs = node->attrs,
                                     .n_in = node->n_in,
                                     .n_out = node->n_out,
                                     .in_info = frame->in_info,
                                     .out_info = frame->out_info,
                                     .in_tag = frame->in_tag,
                                     .out_tag = frame->out_tag};
}

int64_t avcl__multiply_adds(const avcl_ir *ir, const avcl_ir_node *node)
{
    if (!node->op || !node->op->multiply_adds) return 0;
    avcl_spec_frame frame;
    avcl__spec_fill(&frame, ir, node);
    avcl_op_view view = {.attrs = node->attrs,
                         .n_in = node->n_in,
                         .n_out = node->n_out,
                         .in_info = frame.in_info,
                         .out_info = frame.out_info};
    return node->op->multiply_adds(&view);
}

void avcl__node_text(const avcl_ir_node *node, char out[256])
{
    const char *name = avcl__ir_node_name(node);
    if (*node->where)
        snprintf(out, 256, "%s: %s '%s'", node->where, name, node->path);
    else
        snprintf(out, 256, "%s '%s'", name, node->path);
}

static void print_value(FILE *f, const avcl_ir *ir, avcl_node value)
{
    char shape[96];
    avcl__tinfo_text(&ir->values[value].info, shape);
    fprintf(f, "%%%u %s%s", value, avcl__dtype_name(ir->values[value].info.dtype), shape);
    if (ir->values[value].tag) fprintf(f, "@%u", ir->values[value].tag);
}

static void print_node(FILE *f, const avcl_ir *ir, const avcl_ir_node *node)
{
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (i) fprintf(f, ", ");
        print_value(f, ir, node->first + i);
    }
    fprintf(f, " = %s(", avcl__ir_node_name(node));
    for (uint32_t i = 0; i < node->n_in; i++)
        fprintf(f, "%s%%%u", i ? ", " : "", node->inputs[i]);
    fprintf(f, ")  %s", node->path);
    if (*node->where) fprintf(f, "  [%s]", node->where);
    fputc('\n', f);
}

char *avcl__draft_print(const avcl_draft *draft, avcl_error *err)
{
    static const char *const kinds[] = {"loss",       "log",   "keep",       "grad",
                                        "input grad", "state", "rows index", "rows"};
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory while printing a program");
        return NULL;
    }
    for (uint32_t i = 0; i < draft->ir.n_nodes; i++)
        print_node(f, &draft->ir, &draft->ir.nodes[i]);
    const avcl_draft_root *roots = avcl__draft_roots(draft);
    for (uint32_t i = 0; i < draft->roots.n; i++)
        fprintf(f, "root %s %u = %%%u\n", kinds[roots[i].kind], roots[i].index,
                roots[i].value);
    if ((ferror(f) | fclose(f)) == 0) return text;
    free(text);
    avcl_error_set(err, AVCL_E_NOMEM, "out of memory while printing a program");
    return NULL;
}
