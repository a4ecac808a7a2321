/* custom.c - plugins' ops as the graph and the gradient see them. */
#include <stdio.h>
#include <string.h>

#include "graph/custom.h"

/* ---- declared ------------------------------------------------------------------------
 */
static void fill_op(avcl_custom *c, const char *backward_name)
{
    const avcl_module *m = c->module->module;
    const avcl_custom_op *t = c->table;
    c->op = (avcl_op){.struct_size = sizeof c->op,
                      .flags = t->flags & AVCL_CUSTOM_NOGRAD ? AVCL_OP_NOGRAD : 0,
                      .name = c->module->full_name,
                      .doc = m->summary,
                      .min_in = t->min_in,
                      .max_in = t->max_in,
                      .n_out = t->n_out,
                      .numerics = m->numerics,
                      .attrs = m->params,
                      .n_attrs = m->n_params,
                      .attrs_size = m->params_size,
                      .cases = t->cases,
                      .n_cases = t->n_cases,
                      .custom = c};
    c->twin->op = c->op;
    c->backward =
        (avcl_op){.struct_size = sizeof c->backward,
                  .flags = AVCL_OP_BACKWARD,
                  .name = backward_name,
                  .doc = "Gradient of a plugin's op, by its kernel.",
                  .numerics = m->numerics,
                  .attrs_size = (uint32_t)sizeof(avcl_backward_attrs) + m->params_size,
                  .custom = c->twin};
}

static const avcl_op *make(avcl_host *host, const avcl_host_module *m)
{
    avcl_custom *both = avcl__arena_alloc(&host->arena, 2 * sizeof *both);
    char *name = avcl__arena_format(&host->arena, "%s.backward", m->full_name);
    if (!both || !name) return NULL;
    both[0].module = both[1].module = m;
    both[0].table = both[1].table = m->module->iface;
    both[0].twin = &both[1];
    both[1].twin = &both[0];
    both[1].is_backward = 1;
    fill_op(&both[0], name);
    both[0].next = host->customs;
    host->customs = &both[0];
    return &both[0].op;
}

const avcl_op *avcl__custom_find(avcl_host *host, const char *name)
{
    for (const avcl_custom *c = host->customs; c; c = c->next)
        if (strcmp(c->op.name, name) == 0) return &c->op;
    const avcl_module *module = avcl_host_find(host, AVCL_KIND_OP, name, NULL);
    const avcl_host_module *m = module ? avcl__host_module_of(host, module) : NULL;
    if (!m) return NULL;
    for (const avcl_custom *c = host->customs; c; c = c->next)
        if (c->module == m) return &c->op;
    return make(host, m);
}

avcl_status avcl__op_infer(const avcl_op *op, const avcl_build *b,
                           const avcl_op_view *view, avcl_tinfo *out_info)
{
    if (!op->custom) return op->infer(b, view, out_info);
    avcl_crumb crumb = avcl__host_crumb(op->custom->module, "infer");
    const avcl_crumb *before = avcl__crumb_set(&crumb);
    avcl_status rc =
        op->custom->table->infer(b, view->attrs, view->in_info, view->n_in, out_info);
    avcl__crumb_set(before);
    if (rc) avcl_error_set(b->call->err, rc, "refuses these inputs and gives no reason");
    for (uint32_t i = 0; !rc && i < op->n_out; i++) {
        int sane = out_info[i].ndim >= 0 && out_info[i].ndim <= AVCL_MAX_DIMS &&
                   out_info[i].dtype >= AVCL_F32 && out_info[i].dtype <= AVCL_I64;
        for (int32_t d = 0; sane && d < out_info[i].ndim; d++)
            sane = out_info[i].shape[d] > 0;
        if (!sane)
            rc = avcl_error_set(b->call->err, AVCL_E_ABI,
                                "infers an impossible shape for output %u", i);
    }
    return b->call->err->code ? b->call->err->code : rc;
}

/* ---- differentiated ------------------------------------------------------------------
 */
int avcl__op_has_grad(const avcl_op *op)
{
    return op->custom ? !op->custom->is_backward : op->grad != NULL;
}

static void *backward_attrs(avcl_ir *ir, const avcl_op *op, const avcl_op_view *view,
                            const unsigned char *wanted, const avcl_node *out_grad)
{
    avcl_backward_attrs *at =
        avcl__arena_alloc(&ir->arena, op->custom->backward.attrs_size);
    if (!at) return NULL;
    *at = (avcl_backward_attrs){.n_in = view->n_in, .n_out = view->n_out};
    for (uint32_t i = 0; i < view->n_in; i++)
        at->wanted |= (uint64_t)(wanted[i] != 0) << i;
    memcpy(at->in_info, view->in_info, view->n_in * sizeof *at->in_info);
    for (uint32_t i = 0; i < view->n_out; i++)
        at->arrives |= (uint64_t)(out_grad[i] != 0) << i;
    if (op->attrs_size) memcpy(at + 1, view->attrs, op->attrs_size);
    return at;
}

/* What a backward node reads: saved inputs, saved outputs, gradients that arrive. */
static uint32_t gather(const avcl_custom_op *t, const avcl_op_view *view,
                       const avcl_node *out_grad, avcl_node *inputs)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->n_in; i++)
        if (t->save_in >> i & 1) inputs[n++] = view->in_node[i];
    for (uint32_t i = 0; i < view->n_out; i++)
        if (t->save_out >> i & 1) inputs[n++] = view->out_node[i];
    for (uint32_t i = 0; i < view->n_out; i++)
        if (out_grad[i]) inputs[n++] = out_grad[i];
    return n;
}

static avcl_status by_kernel(const avcl_op *op, const avcl_build *b,
                             const avcl_op_view *view, const unsigned char *wanted,
                             const avcl_node *out_grad, avcl_node *in_grad)
{
    avcl_ir *ir = b->call->target;
    avcl_node inputs[AVCL_CUSTOM_MAX_IN + 2 * AVCL_CUSTOM_MAX_OUT];
    avcl_tinfo info[AVCL_CUSTOM_MAX_IN];
    avcl_ir_node node = {
        .op = &op->custom->backward, .path = b->call->path, .where = b->call->where};
    node.n_in = gather(op->custom->table, view, out_grad, inputs);
    for (uint32_t i = 0; i < view->n_in; i++)
        if (wanted[i]) info[node.n_out++] = view->in_info[i];
    node.attrs = backward_attrs(ir, op, view, wanted, out_grad);
    avcl_node first = node.attrs ? avcl__ir_add(ir, &node, inputs, info) : 0;
    if (!first)
        return avcl_error_set(b->call->err, AVCL_E_NOMEM, "out of memory in '%s'",
                              op->name);
    uint32_t n = 0;
    for (uint32_t i = 0; i < view->n_in; i++)
        if (wanted[i]) in_grad[i] = first + n++;
    return AVCL_OK;
}

avcl_status avcl__op_grad(const avcl_op *op, const avcl_build *b,
                          const avcl_op_view *view, const unsigned char *wanted,
                          const avcl_node *out_grad, avcl_node *in_grad)
{
    if (!op->custom) return op->grad(b, view, out_grad, in_grad);
    if (!op->custom->table->grad)
        return by_kernel(op, b, view, wanted, out_grad, in_grad);
    avcl_grad_args args = {view->n_in, view->n_out, view->in_node, view->out_node,
                           out_grad};
    avcl_crumb crumb = avcl__host_crumb(op->custom->module, "grad");
    const avcl_crumb *before = avcl__crumb_set(&crumb);
    avcl_status rc = op->custom->table->grad(b, view->attrs, &args, in_grad);
    avcl__crumb_set(before);
    return rc;
}
