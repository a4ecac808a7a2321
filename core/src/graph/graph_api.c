/* graph_api.c - the table of graph functions that plugins and op callbacks are handed.
 *
 * A call targets either a graph being declared or, inside the compiler, the IR of a
 * program: ops work in both, declarations only in the first. */
#include <stdio.h>
#include <string.h>

#include "graph/graph_impl.h"

static avcl_graph *graph_of(avcl_call *call, const char *what)
{
    if (call->graph && call->target == &call->graph->ir) return call->graph;
    avcl_error_set(call->err, AVCL_E_ABI, "%s is not possible inside an op's gradient",
                   what);
    return NULL;
}

static avcl_node op(avcl_call *call, const char *name, const avcl_node *inputs,
                    uint32_t n_in, const avcl_attr *attrs, uint32_t n_attrs)
{
    if (call->err->code != AVCL_OK) return 0;
    for (uint32_t i = 0; i < n_in; i++)
        if (!inputs[i]) return 0;
    if (call->graph && call->target == &call->graph->ir)
        return avcl_graph_op(call->graph, name, inputs, n_in, attrs, n_attrs);
    avcl_build b = {call, &avcl__graph_api, avcl_host_get_api(call->host)};
    return avcl__ir_op(call->target, &b, name, inputs, n_in, attrs, n_attrs, call->path,
                       call->where);
}

static avcl_node result(avcl_call *call, avcl_node first, uint32_t index)
{
    const avcl_ir *ir = call->target;
    if (call->err->code != AVCL_OK || first == 0 || first >= ir->n_values) return 0;
    const avcl_ir_node *node = avcl__ir_producer(ir, first);
    if (index < node->n_out) return node->first + index;
    avcl_error_set(call->err, AVCL_E_INVALID, "%s has %u outputs, asked for number %u",
                   avcl__ir_node_name(node), node->n_out, index);
    return 0;
}

static avcl_node weight(avcl_call *call, const char *name, const int64_t *shape,
                        int32_t ndim, const char *init, double arg)
{
    avcl_graph *g = graph_of(call, "a weight");
    return g ? avcl_graph_weight(g, name, shape, ndim, init, arg) : 0;
}

static avcl_node state(avcl_call *call, const char *name, const int64_t *shape,
                       int32_t ndim, const char *init, double arg)
{
    avcl_graph *g = graph_of(call, "a state");
    return g ? avcl_graph_state(g, name, shape, ndim, init, arg) : 0;
}

static void assign(avcl_call *call, avcl_node to, avcl_node value, int32_t when)
{
    avcl_graph *g = graph_of(call, "assign");
    if (g) avcl_graph_assign(g, to, value, when);
}

static void assign_rows(avcl_call *call, avcl_node to, avcl_node index, avcl_node rows)
{
    avcl_graph *g = graph_of(call, "assign_rows");
    if (g) avcl_graph_assign_rows(g, to, index, rows);
}

static avcl_node constant(avcl_call *call, double value)
{
    avcl_attr at = {"value", {.type = AVCL_FLOAT, .count = 1, .f = value}};
    return op(call, "constant", NULL, 0, &at, 1);
}

static avcl_node scalar(avcl_call *call, const char *name, double initial)
{
    avcl_graph *g = graph_of(call, "a scalar");
    return g ? avcl_graph_scalar(g, name, initial) : 0;
}

static avcl_instance instance(avcl_call *call, const char *kind, const char *name,
                              const avcl_attr *params, uint32_t n_params,
                              const char *scope)
{
    avcl_graph *g = graph_of(call, "an instance");
    return g ? avcl_graph_instance(g, kind, name, params, n_params, scope) : 0;
}

static avcl_status apply(avcl_call *call, avcl_instance handle, const avcl_node *inputs,
                         uint32_t n_in, avcl_node *outputs, uint32_t n_out)
{
    avcl_graph *g = graph_of(call, "apply");
    return g ? avcl_graph_apply(g, handle, inputs, n_in, outputs, n_out) : AVCL_E_ABI;
}

static avcl_instance ema_of(avcl_call *call, avcl_instance handle, avcl_node momentum)
{
    avcl_graph *g = graph_of(call, "ema_of");
    return g ? avcl_graph_ema_of(g, handle, momentum) : 0;
}

static int32_t shape(avcl_call *call, avcl_node node, int64_t *dims, int32_t cap)
{
    const avcl_ir *ir = call->target;
    if (node == 0 || node >= ir->n_values) return -1;
    const avcl_tinfo *info = &ir->values[node].info;
    for (int32_t i = 0; i < info->ndim && i < cap; i++)
        dims[i] = info->shape[i];
    return info->ndim;
}

static void push(avcl_call *call, const char *scope)
{
    avcl_graph *g = graph_of(call, "push");
    if (g) avcl_graph_push(g, scope);
}

static void pop(avcl_call *call)
{
    avcl_graph *g = graph_of(call, "pop");
    if (g) avcl_graph_pop(g);
}

static void log_value(avcl_call *call, const char *name, avcl_node value)
{
    avcl_graph *g = graph_of(call, "log");
    if (g) avcl_graph_log(g, name, value);
}

static avcl_status status(avcl_call *call)
{
    return call->err->code;
}

static avcl_node rng(avcl_call *call)
{
    avcl_graph *g = graph_of(call, "rng");
    return g ? avcl_graph_rng(g) : 0;
}

static int64_t next_salt(avcl_call *call)
{
    avcl_graph *g = graph_of(call, "next_salt");
    return g ? avcl_graph_next_salt(g) : 0;
}

static avcl_node follow(avcl_call *call, const char *name, avcl_node weight,
                        avcl_node momentum)
{
    avcl_graph *g = graph_of(call, "follow");
    return g ? avcl_graph_follow(g, name, weight, momentum) : 0;
}

const avcl_graph_api avcl__graph_api = {
    .struct_size = sizeof(avcl_graph_api),
    .op = op,
    .result = result,
    .weight = weight,
    .state = state,
    .assign = assign,
    .assign_rows = assign_rows,
    .constant = constant,
    .scalar = scalar,
    .instance = instance,
    .apply = apply,
    .ema_of = ema_of,
    .shape = shape,
    .push = push,
    .pop = pop,
    .log = log_value,
    .status = status,
    .rng = rng,
    .next_salt = next_salt,
    .follow = follow,
};
