/* ir_op.c - adding an op: look it up, fill its attributes, infer its shapes. */
#include <stdio.h>
#include <string.h>

#include "base/call.h"
#include "graph/custom.h"
#include "graph/ir.h"
#include "plugin/params.h"

static avcl_status check_arity(const avcl_build *b, const avcl_op *op, uint32_t n_in)
{
    if (n_in >= op->min_in && n_in <= op->max_in) return AVCL_OK;
    return avcl_error_set(b->call->err, AVCL_E_INVALID,
                          "op '%s' takes %u to %u inputs, got %u", op->name, op->min_in,
                          op->max_in, n_in);
}

static void *fill_attrs(avcl_ir *ir, const avcl_build *b, const avcl_op *op,
                        const avcl_attr *attrs, uint32_t n_attrs)
{
    void *filled = avcl__arena_alloc(&ir->arena, op->attrs_size ? op->attrs_size : 1);
    char who[64];
    snprintf(who, sizeof who, "op '%s'", op->name);
    if (!filled) {
        avcl_error_set(b->call->err, AVCL_E_NOMEM, "out of memory while declaring %s",
                       who);
        return NULL;
    }
    avcl_status rc =
        avcl__params_fill(op->attrs, (uint32_t)sizeof *op->attrs, op->n_attrs, attrs,
                          n_attrs, who, &ir->arena, filled, b->call->err);
    return rc ? NULL : filled;
}

static const avcl_op *find_op(const avcl_build *b, const char *name)
{
    const avcl_op *op = avcl_host_find_op(b->call->host, name);
    if (op) return op;
    const char *names[256];
    uint32_t n = avcl_host_n_ops(b->call->host);
    if (n > 256) n = 256;
    for (uint32_t i = 0; i < n; i++)
        names[i] = avcl_host_get_op(b->call->host, i)->name;
    int32_t near = avcl_nearest(name, names, n);
    avcl_error_set(b->call->err, AVCL_E_NOT_FOUND, "no op '%s'%s%s%s", name,
                   near < 0 ? "" : " (did you mean '", near < 0 ? "" : names[near],
                   near < 0 ? "" : "'?)");
    return NULL;
}

/* Shapes come from scripts: sizes are multiplied later and must not wrap around. */
static avcl_status check_sizes(const avcl_build *b, const avcl_op *op,
                               const avcl_tinfo *out_info)
{
    for (uint32_t i = 0; i < op->n_out; i++) {
        double count = 1;
        for (int32_t d = 0; d < out_info[i].ndim; d++)
            count *= (double)out_info[i].shape[d];
        if (count < AVCL_MAX_ELEMENTS) continue;
        char text[96];
        avcl__tinfo_text(&out_info[i], text);
        return avcl_error_set(b->call->err, AVCL_E_SHAPE,
                              "output %u would be %s: not fewer than 1e11 elements", i,
                              text);
    }
    return AVCL_OK;
}

static avcl_status infer(const avcl_build *b, const avcl_op *op, void *attrs,
                         const avcl_tinfo *in_info, const avcl_node *inputs,
                         uint32_t n_in, avcl_tinfo *out_info)
{
    avcl_status rc = check_arity(b, op, n_in);
    if (rc) return rc;
    if (op->canonical) rc = op->canonical(b, attrs, in_info, n_in);
    if (rc) return rc;
    avcl_op_view view = {.attrs = attrs,
                         .n_in = n_in,
                         .n_out = op->n_out,
                         .in_info = in_info,
                         .in_node = inputs};
    rc = avcl__op_infer(op, b, &view, out_info);
    return rc ? rc : check_sizes(b, op, out_info);
}

avcl_node avcl__ir_op(avcl_ir *ir, const avcl_build *b, const char *name,
                      const avcl_node *inputs, uint32_t n_in, const avcl_attr *attrs,
                      uint32_t n_attrs, const char *path, const char *where)
{
    avcl_tinfo in_info[AVCL_KERNEL_MAX_IN];
    avcl_tinfo out_info[AVCL_KERNEL_MAX_OUT];
    memset(out_info, 0, sizeof out_info);
    if (b->call->err->code != AVCL_OK) return 0;
    const avcl_op *op = find_op(b, name);
    if (!op) return 0;
    if (n_in > AVCL_KERNEL_MAX_IN) {
        avcl_error_set(b->call->err, AVCL_E_INVALID, "op '%s': %u inputs, at most %d",
                       name, n_in, AVCL_KERNEL_MAX_IN);
        return 0;
    }
    for (uint32_t i = 0; i < n_in; i++) {
        if (inputs[i] == 0 || inputs[i] >= ir->n_values) return 0;
        in_info[i] = ir->values[inputs[i]].info;
    }
    void *filled = fill_attrs(ir, b, op, attrs, n_attrs);
    if (!filled) return 0;
    if (infer(b, op, filled, in_info, inputs, n_in, out_info)) {
        avcl_error_prefix(b->call->err, "%s", name);
        return 0;
    }
    avcl_ir_node node = {.op = op,
                         .attrs = filled,
                         .path = path,
                         .where = where,
                         .n_in = n_in,
                         .n_out = op->n_out};
    avcl_node first = avcl__ir_add(ir, &node, inputs, out_info);
    if (!first)
        avcl_error_set(b->call->err, AVCL_E_NOMEM, "out of memory in op '%s'", name);
    return first;
}
