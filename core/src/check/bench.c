/*
 * bench.c - a module in a graph with inputs of its own.
 *
 * Axis letters have fixed sizes, so ports that share a letter fit each other. The loss is
 * the module's own, else the mean of its outputs under masks that are inputs: then the
 * gradient of every output element is another number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "graph/custom.h"

/* Clips by increasing size: most networks refuse those they would shrink to nothing. */
static const int64_t clips[][4] = {
    {3, 2, 16, 16}, {3, 4, 32, 32}, {3, 8, 64, 64}, {3, 16, 112, 112}};
enum { N_CLIPS = sizeof clips / sizeof *clips, CHANNELS = 12, OTHER = 6 };

/* ---- parameters ----------------------------------------------------------------------
 */
static avcl_value integer(int64_t i)
{
    return (avcl_value){.type = AVCL_INT, .count = 1, .i = i};
}

/* Two values off the default, of the row's type; fewer where there are not so many. */
int bench_param(const avcl_param *row, uint32_t which, avcl_value *out)
{
    double lo = row->flags & AVCL_P_MIN ? row->min : row->def_float / 4 - 1;
    double hi = row->flags & AVCL_P_MAX ? row->max : 4 * row->def_float + 3;
    *out = (avcl_value){.type = row->type, .count = 1};
    uint32_t n_choices = 0;
    while (row->choices && row->choices[n_choices])
        n_choices++;
    switch (row->type) {
    case AVCL_INT:
        *out = integer(
            which == 0 ? (row->flags & AVCL_P_MIN ? (int64_t)row->min : row->def_int - 1)
                       : row->def_int + which);
        return which < 3 && (!(row->flags & AVCL_P_MAX) || out->i <= (int64_t)row->max);
    case AVCL_FLOAT:
        out->f = which == 0 ? lo : which == 1 ? hi : 0.5 * (lo + hi);
        return which < 3;
    case AVCL_BOOL:
        out->i = which;
        return which < 2;
    case AVCL_ENUM:
        out->type = AVCL_STR;
        out->s = which < n_choices ? row->choices[which] : NULL;
        return which < n_choices;
    case AVCL_STR:
        out->s = which ? "x" : "";
        return which < 2;
    default:
        return 0; /* lists: their length is the module's business */
    }
}

uint32_t bench_small_params(const avcl_module *m, avcl_attr *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_params && i < MAX_PARAMS; i++) {
        const avcl_param *row = &m->params[i];
        int is_size = row->type == AVCL_INT && (row->flags & AVCL_P_STRUCTURAL) &&
                      (row->flags & AVCL_P_MIN) && row->def_int >= 16;
        if (!is_size && !(row->flags & AVCL_P_REQUIRED)) continue;
        if (!bench_param(row, 0, &out[n].value)) continue;
        if (is_size) out[n].value = integer(row->min < 4 ? 4 : (int64_t)row->min);
        out[n++].name = row->name;
    }
    return n;
}

/* ---- inputs -------------------------------------------------------------------------
 */
static int64_t size_of(char axis, const char *layout, const bench_options *o,
                       uint32_t clip)
{
    const char *at = strchr("CTHW", axis);
    if (axis == 'N') return o->batch ? o->batch : 4;
    if (strlen(layout) == 5 && at) return clips[clip][at - "CTHW"];
    return axis == 'C' ? CHANNELS : OTHER;
}

static avcl_node port_input(bench *b, const avcl_port *p, const bench_options *o,
                            uint32_t clip)
{
    int64_t shape[8];
    char name[80];
    const char *layout = p->layout ? p->layout : "NC";
    int32_t ndim = (int32_t)strlen(layout);
    for (int32_t i = 0; i < ndim; i++)
        shape[i] = size_of(layout[i], layout, o, clip);
    snprintf(name, sizeof name, "in_%s", p->name);
    return avcl_graph_input(b->g, name, p->dtype ? p->dtype : AVCL_F32, shape, ndim);
}

static avcl_node mask_of(bench *b, uint32_t index, const avcl_tinfo *info)
{
    char name[32];
    snprintf(name, sizeof name, "mask_%u", index);
    return avcl_graph_input(b->g, name, AVCL_F32, info->shape, info->ndim);
}

static void minimize_outputs(bench *b)
{
    for (uint32_t i = 0; i < b->n_out; i++) {
        avcl_tinfo info;
        if (!b->outputs[i] || avcl_graph_info(b->g, b->outputs[i], &info)) continue;
        if (info.dtype != AVCL_F32) continue;
        char name[32];
        snprintf(name, sizeof name, "out_%u", i);
        avcl_graph_keep(b->g, name, b->outputs[i]);
        avcl_node both[2] = {b->outputs[i], mask_of(b, i, &info)};
        avcl_node product = avcl_graph_op(b->g, "mul", both, 2, NULL, 0);
        avcl_graph_minimize(b->g, 1, avcl_graph_op(b->g, "mean", &product, 1, NULL, 0));
    }
}

/* ---- the module ----------------------------------------------------------------------
 */
static void declare_builder(check *c, const bench_options *o, uint32_t clip, bench *b)
{
    const avcl_builder *builder = c->module->iface;
    avcl_attr small[MAX_PARAMS];
    avcl_node inputs[AVCL_KERNEL_MAX_IN] = {0};
    const avcl_attr *params = o->params;
    uint32_t n_params = o->n_params;
    if (!params) {
        n_params = bench_small_params(c->module, small);
        params = small;
    }
    for (uint32_t i = 0; i < builder->n_in; i++)
        inputs[i] = port_input(b, &builder->inputs[i], o, clip);
    avcl_instance m =
        avcl_graph_instance(b->g, c->kind, c->module->name, params, n_params, "m");
    b->n_out = builder->n_out;
    avcl_graph_apply(b->g, m, inputs, builder->n_in, b->outputs, b->n_out);
    if (check_kinds(c->kind) & FOR_LOSS) {
        for (uint32_t i = 0; i < b->n_out; i++)
            if (strcmp(builder->outputs[i].name, "loss") == 0)
                avcl_graph_minimize(b->g, 1, b->outputs[i]);
    } else {
        minimize_outputs(b);
    }
}

static void declare_op(check *c, const bench_options *o, bench *b)
{
    const avcl_custom_op *op = c->module->iface;
    const avcl_op_case *k = &op->cases[o->op_case];
    avcl_node inputs[AVCL_KERNEL_MAX_IN];
    char name[160];
    for (uint32_t i = 0; i < k->n_in && i < AVCL_KERNEL_MAX_IN; i++) {
        snprintf(name, sizeof name, "in_%u", i);
        inputs[i] = avcl_graph_input(b->g, name, k->inputs[i].dtype, k->inputs[i].shape,
                                     k->inputs[i].ndim);
    }
    snprintf(name, sizeof name, "%s/%s", c->file->id, c->module->name);
    const avcl_attr *attrs = o->params ? o->params : k->attrs;
    b->outputs[0] = avcl_graph_op(b->g, name, inputs, k->n_in, attrs,
                                  o->params ? o->n_params : k->n_attrs);
    b->n_out = op->n_out;
    for (uint32_t i = 1; i < op->n_out && b->outputs[0]; i++)
        b->outputs[i] = avcl_graph_result(b->g, b->outputs[0], i);
    minimize_outputs(b);
}

static int declare(check *c, const bench_options *o, uint32_t clip, bench *b)
{
    memset(b, 0, sizeof *b);
    b->g = avcl_graph_new(c->host, &b->err);
    if (!b->g) return 0;
    if (o->api) b->g->build.graph = o->api;
    if (check_kinds(c->kind) & FOR_OP)
        declare_op(c, o, b);
    else
        declare_builder(c, o, clip, b);
    return avcl_graph_status(b->g, &b->err) == AVCL_OK;
}

int bench_new(check *c, const bench_options *o, bench *b)
{
    static const bench_options usual;
    if (!o) o = &usual;
    for (uint32_t clip = o->clip ? o->clip - 1 : 0; clip < N_CLIPS; clip++) {
        if (declare(c, o, clip, b)) return 1;
        if (o->clip || clip + 1 == N_CLIPS) return 0;
        bench_free(b);
    }
    return 0;
}

void bench_free(bench *b)
{
    avcl_graph_free(b->g);
    b->g = NULL;
}

/* ---- numbers ------------------------------------------------------------------------
 */
typedef struct filling {
    double lo;
    double hi;
    double gap;
    double scale;
} filling;

static filling filling_of(check *c, const char *name, avcl_dtype dtype, uint32_t op_case)
{
    const avcl_custom_op *op = c->module->iface;
    filling f = {dtype == AVCL_F32 ? -1 : 0, dtype == AVCL_U8 ? 255 : 1, 0, 1};
    if (strncmp(name, "in_", 3) != 0) return f;
    if (check_kinds(c->kind) & FOR_OP) {
        const avcl_case_input *in = &op->cases[op_case].inputs[atoi(name + 3)];
        return (filling){in->lo, in->hi, in->gap, 1};
    }
    const avcl_builder *b = c->module->iface;
    for (uint32_t i = 0; i < b->n_in; i++) {
        if (strcmp(b->inputs[i].name, name + 3) != 0) continue;
        if (b->inputs[i].domain == AVCL_DOMAIN_PROBABILITY) f.lo = 0.01;
        if (b->inputs[i].domain == AVCL_DOMAIN_CLASS) f.hi = CHANNELS - 1;
    }
    return f;
}

static double draw(check *c, const filling *f, int is_integer)
{
    if (is_integer) return f->lo + (double)(int64_t)(check_unit(c) * (f->hi - f->lo + 1));
    double x;
    do
        x = f->lo + check_unit(c) * (f->hi - f->lo);
    while (x < f->gap && x > -f->gap);
    return x * f->scale;
}

static void put(void *data, avcl_dtype dtype, uint64_t i, double x)
{
    if (dtype == AVCL_F64) ((double *)data)[i] = x;
    if (dtype == AVCL_F32) ((float *)data)[i] = (float)x;
    if (dtype == AVCL_U8) ((uint8_t *)data)[i] = (uint8_t)x;
    if (dtype == AVCL_I32) ((int32_t *)data)[i] = (int32_t)x;
    if (dtype == AVCL_I64) ((int64_t *)data)[i] = (int64_t)x;
}

/* The same numbers whatever the session's precision is. */
static void fill(check *c, avcl_session *s, const avcl_graph_variable *in,
                 uint32_t op_case, double scale)
{
    avcl_tinfo info;
    avcl_error err = {0};
    if (avcl_session_describe(s, in->name, &info, &err)) return;
    filling f = filling_of(c, in->name, in->info.dtype, op_case);
    f.scale = strncmp(in->name, "in_", 3) == 0 ? scale : 1;
    uint64_t n = avcl__tinfo_count(&info);
    void *data = malloc(avcl__tinfo_bytes(&info));
    for (uint64_t i = 0; data && i < n; i++)
        put(data, info.dtype, i, draw(c, &f, !avcl__dtype_is_real(info.dtype)));
    if (!data || avcl_session_write(s, in->name, data, avcl__tinfo_bytes(&info), &err))
        check_say(c, AVCL_CHECK_FAIL, "%s", data ? err.message : "out of memory");
    free(data);
}

avcl_session *bench_session(check *c, bench *b, const bench_run *how)
{
    avcl_error err = {0};
    avcl_session_options o = {.device = how->device ? how->device : "reference",
                              .precision = how->real ? how->real : AVCL_F64,
                              .flags = AVCL_SESSION_INPUT_GRADS,
                              .seed = 1};
    avcl_session *s = avcl_session_new(b->g, &o, &err);
    if (!s) {
        check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
        return NULL;
    }
    uint64_t random = c->random;
    avcl_session_set_rng(s, 1, 0, 0);
    for (uint32_t i = 0; i < b->g->inputs.n; i++)
        fill(c, s, (const avcl_graph_variable *)b->g->inputs.data + i, how->op_case,
             how->scale);
    c->random = random;
    return s;
}

double *bench_read(avcl_session *s, const char *name, uint64_t *n)
{
    avcl_tinfo info;
    if (avcl_session_describe(s, name, &info, NULL)) return NULL;
    if (!avcl__dtype_is_real(info.dtype)) return NULL;
    *n = avcl__tinfo_count(&info);
    uint64_t bytes = avcl__tinfo_bytes(&info);
    char *raw = malloc(bytes);
    double *out = malloc(*n * sizeof *out);
    if (!raw || !out || avcl_session_read(s, name, raw, bytes, NULL)) {
        free(raw);
        free(out);
        return NULL;
    }
    for (uint64_t i = 0; i < *n; i++)
        out[i] = info.dtype == AVCL_F64 ? ((double *)(void *)raw)[i]
                                        : (double)((float *)(void *)raw)[i];
    free(raw);
    return out;
}

int bench_write(avcl_session *s, const char *name, const double *values, uint64_t n)
{
    avcl_tinfo info;
    if (avcl_session_describe(s, name, &info, NULL)) return 0;
    void *raw = malloc(avcl__tinfo_bytes(&info));
    for (uint64_t i = 0; raw && i < n; i++)
        put(raw, info.dtype, i, values[i]);
    int done = raw && !avcl_session_write(s, name, raw, avcl__tinfo_bytes(&info), NULL);
    free(raw);
    return done;
}
