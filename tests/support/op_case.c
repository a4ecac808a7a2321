/* op_case.c - draws inputs by Philox, converts them, and wires a loss to output 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/philox.h"
#include "op_case.h"

int64_t op_case_numel(const avcl_tinfo *info)
{
    int64_t n = 1;
    for (int32_t i = 0; i < info->ndim; i++)
        n *= info->shape[i];
    return n;
}

uint64_t op_case_seed(const avcl_op *op, const avcl_op_case *row)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (const char *s = op->name; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    for (const char *s = row->label; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

/* ---- declaration ------------------------------------------------------------- */
static void declare_loss(op_case *t, avcl_node y)
{
    const uint32_t stops = AVCL_OP_NOGRAD | AVCL_OP_BACKWARD | AVCL_OP_FUSED;
    if (t->out[0].dtype != AVCL_F32 || (t->op->flags & stops)) return;
    t->in[t->n_in++] = t->out[0];
    avcl_node pair[2] = {
        y, avcl_graph_input(t->graph, "c", AVCL_F32, t->out[0].shape, t->out[0].ndim)};
    avcl_node product = avcl_graph_op(t->graph, "mul", pair, 2, NULL, 0);
    avcl_graph_minimize(t->graph, 1,
                        avcl_graph_op(t->graph, "sum", &product, 1, NULL, 0));
    t->has_loss = 1;
}

/* batch_norm's mean and 1/std are nothing to the eval program, so they cannot be kept;
 * the gradient shows whether they are right. */
static int can_keep(const avcl_op *op, uint32_t output)
{
    return strcmp(op->name, "batch_norm") != 0 || (output != 1 && output != 2);
}

static void declare(op_case *t)
{
    avcl_node in[OP_CASE_MAX_IN];
    char name[32];
    for (uint32_t i = 0; i < t->n_in; i++) {
        const avcl_case_input *x = &t->row->inputs[i];
        snprintf(name, sizeof name, "x%u", i);
        in[i] = avcl_graph_input(t->graph, name, x->dtype, x->shape, x->ndim);
        avcl_graph_info(t->graph, in[i], &t->in[i]);
    }
    avcl_node y =
        avcl_graph_op(t->graph, t->op->name, in, t->n_in, t->row->attrs, t->row->n_attrs);
    for (uint32_t i = 0; i < t->op->n_out; i++) {
        snprintf(name, sizeof name, "y%u", i);
        avcl_node out = i ? avcl_graph_result(t->graph, y, i) : y;
        avcl_graph_info(t->graph, out, &t->out[i]);
        if (can_keep(t->op, i)) avcl_graph_keep(t->graph, name, out);
    }
    if (y) declare_loss(t, y);
}

avcl_status op_case_open_with(op_case *t, avcl_host *host, const avcl_op *op,
                              const avcl_op_case *row, const avcl_session_options *with,
                              avcl_error *err)
{
    memset(t, 0, sizeof *t);
    t->op = op;
    t->row = row;
    t->n_in = row->n_in;
    t->graph = avcl_graph_new(host, err);
    if (!t->graph) return err->code;
    avcl_graph_at(t->graph, row->label);
    declare(t);
    if (avcl_graph_status(t->graph, err)) return err->code;
    avcl_session_options options = *with;
    options.flags = t->has_loss ? AVCL_SESSION_INPUT_GRADS : AVCL_SESSION_NO_GRADIENT;
    if (with->precision == AVCL_BF16) options.flags |= AVCL_SESSION_ALL_BF16;
    t->session = avcl_session_new(t->graph, &options, err);
    return t->session ? AVCL_OK : err->code;
}

avcl_status op_case_open(op_case *t, avcl_host *host, const avcl_op *op,
                         const avcl_op_case *row, const char *device, avcl_dtype real,
                         avcl_error *err)
{
    avcl_session_options o = {.device = device, .precision = real};
    return op_case_open_with(t, host, op, row, &o, err);
}

void op_case_close(op_case *t)
{
    for (uint32_t i = 0; i < t->n_in; i++)
        free(t->value[i]);
    avcl_session_free(t->session);
    avcl_graph_free(t->graph);
    memset(t, 0, sizeof *t);
}

/* ---- values ------------------------------------------------------------------ */
static double draw(const avcl_case_input *x, uint64_t seed, uint64_t index)
{
    for (uint32_t again = 0;; again++) {
        avcl_philox r = avcl_philox_at(seed, index, again, AVCL_STREAM_FILL, 0);
        double u = avcl_philox_unit(r.x[0]);
        if (x->dtype == AVCL_F16) /* few bits: exact in a half */
            return round((x->lo + u * (x->hi - x->lo)) * 64) / 64;
        if (x->dtype != AVCL_F32) return x->lo + floor(u * (x->hi - x->lo + 1));
        float v = (float)(x->lo + u * (x->hi - x->lo));
        if (fabsf(v) >= x->gap) return v;
    }
}

void op_case_draw(op_case *t, uint64_t seed)
{
    static const avcl_case_input weights = {.dtype = AVCL_F32, .lo = -1, .hi = 1};
    for (uint32_t i = 0; i < t->n_in; i++) {
        int64_t n = op_case_numel(&t->in[i]);
        const avcl_case_input *x = i < t->row->n_in ? &t->row->inputs[i] : &weights;
        if (!t->value[i]) t->value[i] = malloc((size_t)n * sizeof **t->value);
        for (int64_t k = 0; k < n && t->value[i]; k++)
            t->value[i][k] = draw(x, seed + i, (uint64_t)k);
    }
}

static uint16_t to_half(double v) /* normal numbers and 0, exact by construction */
{
    int e;
    double m = frexp(fabs(v), &e);
    if (v == 0) return 0;
    return (uint16_t)((v < 0 ? 0x8000 : 0) | ((e + 14) << 10) |
                      ((int)ldexp(m, 11) & 0x3FF));
}

static size_t store(const avcl_tinfo *info, void *to, int64_t k, double v)
{
    switch (info->dtype) {
    case AVCL_F64:
        ((double *)to)[k] = v;
        return 8;
    case AVCL_I64:
        ((int64_t *)to)[k] = (int64_t)v;
        return 8;
    case AVCL_I32:
        ((int32_t *)to)[k] = (int32_t)v;
        return 4;
    case AVCL_F16:
        ((uint16_t *)to)[k] = to_half(v);
        return 2;
    case AVCL_U8:
        ((uint8_t *)to)[k] = (uint8_t)v;
        return 1;
    default:
        ((float *)to)[k] = (float)v;
        return 4;
    }
}

avcl_status op_case_write(op_case *t, uint32_t i, avcl_error *err)
{
    avcl_tinfo info;
    char name[32];
    snprintf(name, sizeof name, "x%u", i);
    if (i == t->row->n_in) strcpy(name, "c");
    if (avcl_session_describe(t->session, name, &info, err)) return err->code;
    int64_t n = op_case_numel(&info);
    void *bytes = calloc((size_t)n, sizeof(double));
    if (!bytes) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    size_t each = 0;
    for (int64_t k = 0; k < n; k++)
        each = store(&info, bytes, k, t->value[i][k]);
    avcl_status st = avcl_session_write(t->session, name, bytes, (uint64_t)n * each, err);
    free(bytes);
    return st;
}

avcl_status op_case_run(op_case *t, uint64_t seed, avcl_error *err)
{
    avcl_status st = AVCL_OK;
    op_case_draw(t, seed);
    for (uint32_t i = 0; i < t->n_in && !st; i++)
        st = op_case_write(t, i, err);
    return st ? st : avcl_session_run(t->session, AVCL_TRAIN, err);
}

double *op_case_read(op_case *t, const char *name, int64_t *n, avcl_error *err)
{
    avcl_tinfo info;
    if (avcl_session_describe(t->session, name, &info, err)) return NULL;
    *n = op_case_numel(&info);
    size_t each = info.dtype == AVCL_F64 || info.dtype == AVCL_I64 ? 8 : 4;
    char *bytes = malloc((size_t)*n * each);
    double *out = malloc((size_t)*n * sizeof *out);
    if (!bytes || !out ||
        avcl_session_read(t->session, name, bytes, (uint64_t)*n * each, err)) {
        free(bytes);
        free(out);
        return NULL;
    }
    for (int64_t k = 0; k < *n; k++)
        out[k] = info.dtype == AVCL_F64   ? ((double *)bytes)[k]
                 : info.dtype == AVCL_F32 ? ((float *)bytes)[k]
                 : info.dtype == AVCL_I64 ? (double)((int64_t *)bytes)[k]
                                          : ((int32_t *)bytes)[k];
    free(bytes);
    return out;
}

int op_case_differentiates(const op_case *t, uint32_t i)
{
    static const struct {
        const char *op;
        uint32_t input;
    } constants[] = {{"cross_entropy", 2},
                     {"batch_norm", 3},
                     {"batch_norm", 4},
                     {"batch_norm_eval", 3},
                     {"batch_norm_eval", 4}};
    if (i >= t->row->n_in || t->row->inputs[i].dtype != AVCL_F32) return 0;
    for (size_t k = 0; k < sizeof constants / sizeof *constants; k++)
        if (strcmp(t->op->name, constants[k].op) == 0 && constants[k].input == i)
            return 0;
    return 1;
}
