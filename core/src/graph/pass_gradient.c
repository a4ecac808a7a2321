/* pass_gradient.c - reverse-mode differentiation of the loss, node by node.
 *
 * Gradients are ordinary ops appended to the draft, so later passes treat them
 * like any other node. A value used several times sums what arrives. */
#include <stdlib.h>
#include <string.h>

#include "graph/compile.h"
#include "graph/custom.h"

typedef struct reverse {
    avcl_draft *draft;
    avcl_call call;
    avcl_build build;
    avcl_node *grad;       /* per value of the forward part */
    unsigned char *wanted; /* per value: does the loss's gradient have to pass here? */
    int input_grads;
} reverse;

static int is_leaf(const reverse *r, const avcl_ir_node *node)
{
    if (node->source == AVCL_SOURCE_WEIGHT) return 1;
    return r->input_grads && node->source == AVCL_SOURCE_INPUT;
}

static void mark_wanted(reverse *r, uint32_t n_nodes)
{
    const avcl_ir *ir = &r->draft->ir;
    for (uint32_t n = 0; n < n_nodes; n++) {
        const avcl_ir_node *node = &ir->nodes[n];
        int want = is_leaf(r, node);
        for (uint32_t i = 0; i < node->n_in; i++)
            want |= r->wanted[node->inputs[i]];
        if (node->op && (node->op->flags & AVCL_OP_NOGRAD)) want = 0;
        for (uint32_t i = 0; i < node->n_out; i++)
            r->wanted[node->first + i] =
                (unsigned char)(want && avcl__dtype_is_real(
                                            ir->values[node->first + i].info.dtype));
    }
}

static avcl_status accumulate(reverse *r, const avcl_ir_node *node, avcl_node value,
                              avcl_node piece)
{
    const avcl_ir *ir = &r->draft->ir;
    if (!piece || !r->wanted[value]) return AVCL_OK;
    if (memcmp(&ir->values[piece].info, &ir->values[value].info, sizeof(avcl_tinfo)) !=
        0) {
        char text[256];
        char want[96];
        char got[96];
        avcl__node_text(node, text);
        avcl__tinfo_text(&ir->values[value].info, want);
        avcl__tinfo_text(&ir->values[piece].info, got);
        return avcl_error_set(r->call.err, AVCL_E_BUG,
                              "%s: gradient has shape %s, its input %s", text, got, want);
    }
    avcl_node both[2] = {r->grad[value], piece};
    r->grad[value] =
        both[0] ? r->build.graph->op(&r->call, "add", both, 2, NULL, 0) : piece;
    return r->call.err->code;
}

static avcl_status back_through(reverse *r, uint32_t index)
{
    /* A copy: the arrays may move while nodes are added. */
    const avcl_ir_node node = r->draft->ir.nodes[index];
    avcl_spec_frame frame;
    avcl_node out[AVCL_KERNEL_MAX_OUT];
    avcl_node out_grad[AVCL_KERNEL_MAX_OUT];
    avcl_node in_grad[AVCL_KERNEL_MAX_IN] = {0};
    int arrives = 0;
    int wanted = 0;
    for (uint32_t i = 0; i < node.n_out; i++) {
        out[i] = node.first + i;
        out_grad[i] = r->grad[node.first + i];
        arrives |= out_grad[i] != 0;
        wanted |= r->wanted[node.first + i];
    }
    if (!node.op || !arrives || !wanted) return AVCL_OK;
    if (!avcl__op_has_grad(node.op))
        return avcl_error_set(
            r->call.err, AVCL_E_UNSUPPORTED,
            "%s%s'%s': op '%s' has no gradient; stop_gradient leaves it out", node.where,
            *node.where ? ": " : "", node.path, node.op->name);
    avcl__spec_fill(&frame, &r->draft->ir, &node);
    avcl_op_view view = {.attrs = node.attrs,
                         .n_in = node.n_in,
                         .n_out = node.n_out,
                         .in_info = frame.in_info,
                         .out_info = frame.out_info,
                         .in_node = node.inputs,
                         .out_node = out};
    r->call.path = node.path;
    r->call.where = node.where;
    unsigned char in_wanted[AVCL_KERNEL_MAX_IN];
    for (uint32_t i = 0; i < node.n_in; i++)
        in_wanted[i] = r->wanted[node.inputs[i]];
    avcl_status rc =
        avcl__op_grad(node.op, &r->build, &view, in_wanted, out_grad, in_grad);
    if (r->call.err->code) rc = r->call.err->code;
    for (uint32_t i = 0; rc == AVCL_OK && i < node.n_in; i++)
        rc = accumulate(r, &node, node.inputs[i], in_grad[i]);
    return rc;
}

static avcl_status collect(reverse *r, uint32_t n_nodes)
{
    for (uint32_t n = 0; n < n_nodes; n++) {
        const avcl_ir_node *node = &r->draft->ir.nodes[n];
        if (!node->source || !r->grad[node->first] || !is_leaf(r, node)) continue;
        if (!avcl__dtype_is_real(r->draft->ir.values[node->first].info.dtype)) continue;
        avcl_draft_root root = {node->source == AVCL_SOURCE_WEIGHT ? AVCL_ROOT_GRAD
                                                                   : AVCL_ROOT_INPUT_GRAD,
                                node->variable, r->grad[node->first]};
        if (!avcl__table_add(&r->draft->roots, sizeof root, &root)) return AVCL_E_NOMEM;
    }
    return AVCL_OK;
}

static avcl_node find_loss(const avcl_draft *draft)
{
    for (uint32_t i = 0; i < draft->roots.n; i++)
        if (avcl__draft_roots(draft)[i].kind == AVCL_ROOT_LOSS)
            return avcl__draft_roots(draft)[i].value;
    return 0;
}

avcl_status avcl__pass_gradient(const avcl_graph *g, avcl_draft *draft, int input_grads,
                                avcl_error *err)
{
    avcl_error local = {0};
    avcl_node loss = find_loss(draft);
    uint32_t n_nodes = draft->ir.n_nodes;
    uint32_t n_values = draft->ir.n_values;
    reverse r = {.draft = draft, .input_grads = input_grads};
    if (!loss) return AVCL_OK;
    r.call = (avcl_call){.err = &local, .target = &draft->ir, .host = g->host};
    r.call.path = "loss";
    r.call.where = "";
    r.build = (avcl_build){&r.call, &avcl__graph_api, avcl_host_get_api(g->host)};
    r.grad = calloc(n_values, sizeof *r.grad);
    r.wanted = calloc(n_values, 1);
    avcl_status rc = r.grad && r.wanted ? AVCL_OK : AVCL_E_NOMEM;
    if (rc == AVCL_OK) {
        mark_wanted(&r, n_nodes);
        avcl_attr one = {"value", {.type = AVCL_FLOAT, .count = 1, .f = 1}};
        r.grad[loss] = r.build.graph->op(&r.call, "constant", NULL, 0, &one, 1);
    }
    for (uint32_t n = n_nodes; rc == AVCL_OK && n-- > 0;)
        rc = back_through(&r, n);
    if (rc == AVCL_OK) rc = collect(&r, n_nodes);
    free(r.grad);
    free(r.wanted);
    if (rc) avcl_error_set(err, rc, "%s", local.code ? local.message : "out of memory");
    return rc;
}
