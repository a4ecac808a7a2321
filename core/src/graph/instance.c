/* instance.c - module instances: made once, applied any number of times, followed by EMA.
 */
#include <stdio.h>
#include <string.h>

#include "base/crumb.h"
#include "graph/graph_impl.h"
#include "plugin/host_impl.h"
#include "plugin/params.h"

static avcl_graph_member *get(const avcl_graph *g, avcl_instance handle)
{
    if (handle == 0 || handle > g->instances.n) return NULL;
    return (avcl_graph_member *)g->instances.data + (handle - 1);
}

static avcl_instance add(avcl_graph *g, const avcl_graph_member *instance)
{
    const avcl_graph_member *all = g->instances.data;
    for (uint32_t i = 0; i < g->instances.n; i++)
        if (strcmp(all[i].scope, instance->scope) == 0) {
            avcl__graph_report(g, AVCL_E_INVALID, "two modules are named '%s'",
                               instance->scope);
            return 0;
        }
    if (avcl__table_add(&g->instances, sizeof *instance, instance)) return g->instances.n;
    avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for module '%s'", instance->scope);
    return 0;
}

/* "avcl.backbone/1" -> "backbone" for messages. */
static void kind_word(const char *kind, char out[32])
{
    const char *dot = strchr(kind, '.');
    snprintf(out, 32, "%s", dot ? dot + 1 : kind);
    char *slash = strchr(out, '/');
    if (slash) *slash = '\0';
}

static const void *fill_params(avcl_graph *g, const avcl_module *m,
                               const avcl_attr *params, uint32_t n_params)
{
    char kind[32];
    char who[128];
    kind_word(m->kind, kind);
    snprintf(who, sizeof who, "%s '%s'", kind, m->name);
    void *out = avcl__arena_alloc(&g->ir.arena, m->params_size ? m->params_size : 1);
    if (!out) {
        avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for the parameters of %s",
                           who);
        return NULL;
    }
    avcl_status rc = avcl__params_fill(m->params, m->param_size, m->n_params, params,
                                       n_params, who, &g->ir.arena, out, &g->err);
    return rc ? NULL : out;
}

avcl_instance avcl_graph_instance(avcl_graph *g, const char *kind, const char *name,
                                  const avcl_attr *params, uint32_t n_params,
                                  const char *scope)
{
    avcl_status had = g->err.code;
    if (had != AVCL_OK) return 0;
    struct avcl_graph_member instance = {0};
    instance.module = avcl_host_find(g->host, kind, name, &g->err);
    if (instance.module)
        instance.params = fill_params(g, instance.module, params, n_params);
    avcl__graph_place_error(g, had, NULL);
    if (!instance.params) return 0;
    instance.scope = avcl__graph_path(g, scope);
    return instance.scope ? add(g, &instance) : 0;
}

const avcl_module *avcl_graph_instance_module(const avcl_graph *g, avcl_instance handle)
{
    const avcl_graph_member *instance = get(g, handle);
    return instance ? instance->module : NULL;
}

avcl_instance avcl_graph_ema_of(avcl_graph *g, avcl_instance source, avcl_node momentum)
{
    const avcl_graph_member *from = get(g, source);
    if (g->err.code != AVCL_OK || !from || !momentum) return 0;
    if (from->n_applied == 0) {
        avcl__graph_report(g, AVCL_E_INVALID,
                           "ema_of '%s' before it is applied: it has no "
                           "weights yet",
                           from->scope);
        return 0;
    }
    struct avcl_graph_member follower = {.module = from->module,
                                         .params = from->params,
                                         .ema_source = source,
                                         .momentum = momentum};
    follower.scope = avcl__arena_format(&g->ir.arena, "ema/%s", from->scope);
    if (!follower.scope) {
        avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for the EMA of '%s'",
                           from->scope);
        return 0;
    }
    return add(g, &follower);
}

/* One input against its port: present, right element type, right rank. */
static avcl_status check_port(avcl_graph *g, const avcl_port *port, avcl_node value)
{
    if (!value && (port->flags & AVCL_PORT_OPTIONAL)) return AVCL_OK;
    if (!value)
        return avcl__graph_report(g, AVCL_E_INVALID, "input '%s' is missing", port->name);
    if (value >= g->ir.n_values)
        return avcl__graph_report(g, AVCL_E_INVALID,
                                  "input '%s' is a value of another graph", port->name);
    const avcl_tinfo *info = &g->ir.values[value].info;
    avcl_dtype want = port->dtype ? port->dtype : AVCL_F32;
    if (info->dtype != want)
        return avcl__graph_report(g, AVCL_E_DTYPE, "input '%s' must be %s, got %s",
                                  port->name, avcl__dtype_name(want),
                                  avcl__dtype_name(info->dtype));
    if (port->layout && info->ndim != (int32_t)strlen(port->layout)) {
        char text[96];
        avcl__tinfo_text(info, text);
        return avcl__graph_report(g, AVCL_E_SHAPE, "input '%s' must be %d-d (%s), got %s",
                                  port->name, (int)strlen(port->layout), port->layout,
                                  text);
    }
    return AVCL_OK;
}

static avcl_status check_inputs(avcl_graph *g, const avcl_builder *builder,
                                const avcl_node *inputs, uint32_t n_in, avcl_node *all)
{
    if (n_in > builder->n_in)
        return avcl__graph_report(g, AVCL_E_INVALID, "takes %u inputs, got %u",
                                  builder->n_in, n_in);
    for (uint32_t i = 0; i < builder->n_in; i++) {
        const avcl_port *port =
            (const avcl_port *)((const char *)builder->inputs + i * builder->port_size);
        all[i] = i < n_in ? inputs[i] : 0;
        avcl_status rc = check_port(g, port, all[i]);
        if (rc) return rc;
    }
    return AVCL_OK;
}

static avcl_status check_outputs(avcl_graph *g, const avcl_builder *builder,
                                 const avcl_node *outputs)
{
    for (uint32_t i = 0; i < builder->n_out; i++) {
        const avcl_port *port =
            (const avcl_port *)((const char *)builder->outputs + i * builder->port_size);
        if (!outputs[i] && !(port->flags & AVCL_PORT_OPTIONAL))
            return avcl__graph_report(g, AVCL_E_ABI, "did not build its output '%s'",
                                      port->name);
    }
    return AVCL_OK;
}

/* With a crumb, so that a crash in there has a name. */
static avcl_status call_plugin(avcl_graph *g, const avcl_graph_member *instance,
                               const avcl_node *inputs, avcl_node *outputs)
{
    const avcl_builder *builder = instance->module->iface;
    const avcl_host_module *m = avcl__host_module_of(g->host, instance->module);
    avcl_crumb crumb = {.who = instance->module->name, .doing = "build"};
    if (m) crumb = avcl__host_crumb(m, "build");
    const avcl_crumb *before = avcl__crumb_set(&crumb);
    avcl_status rc = builder->build(&g->build, instance->params, inputs, outputs);
    avcl__crumb_set(before);
    return rc;
}

static avcl_status run_builder(avcl_graph *g, avcl_instance handle,
                               const avcl_node *inputs, uint32_t n_in, avcl_node *outputs)
{
    const avcl_graph_member *instance = get(g, handle);
    const avcl_builder *builder = instance->module->iface;
    avcl_node all[AVCL_KERNEL_MAX_IN] = {0};
    uint32_t depth = g->scope_depth;
    avcl_status rc = check_inputs(g, builder, inputs, n_in, all);
    if (rc) return rc;
    rc = call_plugin(g, instance, all, outputs);
    if (g->err.code != AVCL_OK) return g->err.code;
    if (rc != AVCL_OK)
        return avcl__graph_report(g, rc, "refused to build and gave no reason (%s)",
                                  avcl_status_name(rc));
    if (g->scope_depth != depth)
        return avcl__graph_report(g, AVCL_E_ABI, "left %d scopes open",
                                  (int)(g->scope_depth - depth));
    return check_outputs(g, builder, outputs);
}

/* A module's weights live under its own scope, wherever it is applied from. */
static void enter(avcl_graph *g, const char *scope, char saved[512], uint32_t *depth)
{
    memcpy(saved, g->scope, 512);
    *depth = g->scope_depth;
    snprintf(g->scope, sizeof g->scope, "%s", scope);
    g->scope_depth = 0; /* a module cannot leave its own scope */
}

avcl_status avcl_graph_apply(avcl_graph *g, avcl_instance handle, const avcl_node *inputs,
                             uint32_t n_in, avcl_node *outputs, uint32_t n_out)
{
    if (g->err.code != AVCL_OK) return g->err.code;
    const avcl_graph_member *instance = get(g, handle);
    if (!instance)
        return avcl__graph_report(g, AVCL_E_INVALID,
                                  "apply got a missing module instance");
    const avcl_builder *builder = instance->module->iface;
    avcl_node built[AVCL_KERNEL_MAX_IN] = {0};
    char saved[512];
    uint32_t depth;
    uint32_t outer = g->applying;
    enter(g, instance->scope, saved, &depth);
    g->applying = handle;
    avcl_status rc = run_builder(g, handle, inputs, n_in, built);
    g->applying = outer;
    memcpy(g->scope, saved, sizeof saved);
    g->scope_depth = depth;
    if (rc) return rc;
    get(g, handle)->n_applied++;
    for (uint32_t i = 0; i < n_out; i++)
        outputs[i] = i < builder->n_out ? built[i] : 0;
    return AVCL_OK;
}
