/* variables.c - what a graph holds by name: inputs, scalars, weights, states, the rng. */
#include <string.h>

#include "graph/graph_impl.h"

static avcl_graph_variable *find(const avcl_table *table, const char *name)
{
    avcl_graph_variable *row = table->data;
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(row[i].name, name) == 0) return &row[i];
    return NULL;
}

avcl_graph_variable *avcl__graph_find_variable(const avcl_graph *g, const char *path)
{
    return find(&g->variables, path);
}

avcl_graph_variable *avcl__graph_variable_of(const avcl_graph *g, avcl_node node)
{
    if (node == 0 || node >= g->ir.n_values) return NULL;
    const avcl_ir_node *n = avcl__ir_producer(&g->ir, node);
    if (n->source != AVCL_SOURCE_WEIGHT && n->source != AVCL_SOURCE_STATE) return NULL;
    return avcl__graph_variable(g, n->variable);
}

static int make_info(avcl_graph *g, const char *name, avcl_dtype dtype,
                     const int64_t *shape, int32_t ndim, avcl_tinfo *out)
{
    memset(out, 0, sizeof *out);
    if (ndim < 0 || ndim > AVCL_MAX_DIMS) {
        avcl__graph_report(g, AVCL_E_SHAPE, "'%s' has %d dimensions, at most %d", name,
                           ndim, AVCL_MAX_DIMS);
        return 0;
    }
    if (avcl__dtype_bytes(dtype) == 0) {
        avcl__graph_report(g, AVCL_E_DTYPE, "'%s' has no known element type (%d)", name,
                           dtype);
        return 0;
    }
    out->dtype = dtype;
    out->ndim = ndim;
    double count = 1;
    for (int32_t i = 0; i < ndim; i++) {
        out->shape[i] = shape[i];
        count *= (double)shape[i];
        if (shape[i] >= 1 && count < AVCL_MAX_ELEMENTS) continue;
        char text[96];
        for (int32_t k = i; k < ndim; k++)
            out->shape[k] = shape[k];
        avcl__tinfo_text(out, text);
        avcl__graph_report(
            g, AVCL_E_SHAPE, "'%s' has shape %s: every size must be at least 1%s", name,
            text, count < AVCL_MAX_ELEMENTS ? "" : ", and fewer than 1e11 elements");
        return 0;
    }
    return 1;
}

/* Adds a source node and its row in `table`. */
static avcl_node add(avcl_graph *g, avcl_table *table, const avcl_graph_variable *row)
{
    avcl_graph_variable v = *row;
    v.node = avcl__ir_source(&g->ir, v.source, table->n, v.name, g->where, &v.info);
    v.current = v.node;
    v.owner = g->applying;
    if (!v.node || !avcl__table_add(table, sizeof v, &v)) {
        avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for '%s'", v.name);
        return 0;
    }
    return v.node;
}

static const char *copy_name(avcl_graph *g, const char *name)
{
    const char *copy = avcl__arena_copy(&g->ir.arena, name);
    if (!copy) avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for '%s'", name);
    return copy;
}

avcl_node avcl_graph_input(avcl_graph *g, const char *name, avcl_dtype dtype,
                           const int64_t *shape, int32_t ndim)
{
    avcl_graph_variable v = {.source = AVCL_SOURCE_INPUT};
    if (g->err.code != AVCL_OK || !make_info(g, name, dtype, shape, ndim, &v.info))
        return 0;
    if (find(&g->inputs, name)) {
        avcl__graph_report(g, AVCL_E_INVALID, "input '%s' is declared twice", name);
        return 0;
    }
    v.name = copy_name(g, name);
    return v.name ? add(g, &g->inputs, &v) : 0;
}

avcl_node avcl_graph_scalar(avcl_graph *g, const char *name, double initial)
{
    if (g->err.code != AVCL_OK) return 0;
    avcl_graph_variable *old = find(&g->scalars, name);
    if (old) return old->node;
    avcl_graph_variable v = {.source = AVCL_SOURCE_SCALAR, .arg = initial};
    v.info.dtype = AVCL_F32;
    v.name = copy_name(g, name);
    return v.name ? add(g, &g->scalars, &v) : 0;
}

avcl_node avcl_graph_rng(avcl_graph *g)
{
    avcl_tinfo info = {.dtype = AVCL_I64, .ndim = 1, .shape = {3}};
    if (g->rng || g->err.code != AVCL_OK) return g->rng;
    g->rng = avcl__ir_source(&g->ir, AVCL_SOURCE_RNG, 0, "rng", "", &info);
    if (!g->rng) avcl__graph_report(g, AVCL_E_NOMEM, "out of memory for the rng");
    return g->rng;
}

static int init_rule(avcl_graph *g, const char *name, const char *init,
                     avcl_init_rule *out)
{
    static const char *const rules[] = {"fill", "uniform", "normal"};
    if (!init) init = "";
    for (int32_t i = 0; i < 3; i++) {
        if (strcmp(init, rules[i]) != 0) continue;
        *out = i;
        return 1;
    }
    avcl__graph_report(g, AVCL_E_INVALID,
                       "'%s': no initialisation '%s' (there are fill, uniform, normal)",
                       name, init);
    return 0;
}

static avcl_graph_member *current_instance(const avcl_graph *g)
{
    if (!g->applying) return NULL;
    return (avcl_graph_member *)g->instances.data + (g->applying - 1);
}

/* The same name again: right in a module that is applied again, an error otherwise. */
static avcl_node reuse(avcl_graph *g, const avcl_graph_variable *old,
                       const avcl_tinfo *info)
{
    const avcl_graph_member *instance = current_instance(g);
    if (!instance || !instance->n_applied || old->owner != g->applying) {
        avcl__graph_report(g, AVCL_E_INVALID, "'%s' is declared twice", old->name);
        return 0;
    }
    if (memcmp(&old->info, info, sizeof *info) == 0) return old->node;
    char had[96];
    char now[96];
    avcl__tinfo_text(&old->info, had);
    avcl__tinfo_text(info, now);
    avcl__graph_report(g, AVCL_E_SHAPE, "'%s' has shape %s, and %s when applied again",
                       old->name, had, now);
    return 0;
}

/* s = m s + (1 - m) w, on UPDATE. */
static void pull(avcl_graph *g, avcl_node state, avcl_node weight, avcl_node momentum)
{
    avcl_node both[2] = {weight, state};
    avcl_node gap = avcl_graph_op(g, "sub", both, 2, NULL, 0);
    avcl_attr at[2] = {{"scale", {.type = AVCL_FLOAT, .f = -1}},
                       {"shift", {.type = AVCL_FLOAT, .f = 1}}};
    avcl_node rest = avcl_graph_op(g, "affine", &momentum, 1, at, 2);
    avcl_node part[2] = {gap, rest};
    avcl_node step = avcl_graph_op(g, "mul", part, 2, NULL, 0);
    avcl_node sum[2] = {state, step};
    avcl_graph_assign(g, state, avcl_graph_op(g, "add", sum, 2, NULL, 0), AVCL_UPDATE);
}

/* A state of that name that starts as, and follows, a weight. */
static avcl_node add_follower(avcl_graph *g, const avcl_graph_variable *named,
                              avcl_node weight, avcl_node momentum)
{
    avcl_graph_variable v = *named;
    v.source = AVCL_SOURCE_STATE;
    v.init = AVCL_INIT_COPY;
    v.copy_of = avcl__ir_producer(&g->ir, weight)->variable;
    avcl_node state = add(g, &g->variables, &v);
    if (state) pull(g, state, weight, momentum);
    return state;
}

/* What a weight becomes in a module that follows another. */
static avcl_node declare_follower(avcl_graph *g, const avcl_graph_variable *v,
                                  const avcl_graph_member *instance)
{
    const avcl_graph_member *source =
        (avcl_graph_member *)g->instances.data + (instance->ema_source - 1);
    const char *tail = v->name + strlen(instance->scope);
    const char *path = avcl__arena_format(&g->ir.arena, "%s%s", source->scope, tail);
    const avcl_graph_variable *original =
        path ? avcl__graph_find_variable(g, path) : NULL;
    if (!original || original->source != AVCL_SOURCE_WEIGHT) {
        avcl__graph_report(g, AVCL_E_INVALID, "'%s' has no weight '%s' to follow",
                           v->name, path ? path : "?");
        return 0;
    }
    return add_follower(g, v, original->node, instance->momentum);
}

avcl_node avcl_graph_follow(avcl_graph *g, const char *name, avcl_node weight,
                            avcl_node momentum)
{
    if (g->err.code != AVCL_OK || !weight || !momentum) return 0;
    const avcl_graph_variable *original = avcl__graph_variable_of(g, weight);
    if (!original || original->source != AVCL_SOURCE_WEIGHT) {
        avcl__graph_report(g, AVCL_E_INVALID, "'%s' follows what is not a weight", name);
        return 0;
    }
    avcl_graph_variable v = {.info = original->info};
    v.name = avcl__graph_path(g, name);
    if (!v.name) return 0;
    const avcl_graph_variable *old = avcl__graph_find_variable(g, v.name);
    return old ? reuse(g, old, &v.info) : add_follower(g, &v, weight, momentum);
}

avcl_node avcl__graph_declare(avcl_graph *g, avcl_node_source source, const char *name,
                              const int64_t *shape, int32_t ndim, const char *init,
                              double arg)
{
    avcl_graph_variable v = {.source = source, .arg = arg};
    if (g->err.code != AVCL_OK) return 0;
    v.name = avcl__graph_path(g, name);
    if (!v.name || !make_info(g, v.name, AVCL_F32, shape, ndim, &v.info)) return 0;
    if (!init_rule(g, v.name, init, &v.init)) return 0;
    const avcl_graph_variable *old = avcl__graph_find_variable(g, v.name);
    if (old) return reuse(g, old, &v.info);
    const avcl_graph_member *instance = current_instance(g);
    if (source == AVCL_SOURCE_WEIGHT && instance && instance->ema_source)
        return declare_follower(g, &v, instance);
    return add(g, &g->variables, &v);
}

avcl_node avcl_graph_weight(avcl_graph *g, const char *name, const int64_t *shape,
                            int32_t ndim, const char *init, double arg)
{
    avcl_node_source source = g->frozen ? AVCL_SOURCE_STATE : AVCL_SOURCE_WEIGHT;
    return avcl__graph_declare(g, source, name, shape, ndim, init, arg);
}

avcl_node avcl_graph_state(avcl_graph *g, const char *name, const int64_t *shape,
                           int32_t ndim, const char *init, double arg)
{
    return avcl__graph_declare(g, AVCL_SOURCE_STATE, name, shape, ndim, init, arg);
}
