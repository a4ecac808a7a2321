/*
 * kernel.c - what a kernel touches: every tensor ends at a page that is not there.
 *
 * Inputs cannot be written, outputs are full of NaN at first, what was not saved is NULL.
 * A kernel that strays is caught by the fault; the address tells which tensor it left.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/yard.h"
#include "graph/custom.h"

/* ---- tensors -------------------------------------------------------------------------
 */
typedef struct trial {
    check *c;
    const avcl_custom_op *op;
    const avcl_custom_kernel *kernel;
    const avcl_op_case *k;
    const void *attrs;
    avcl_tinfo in_info[AVCL_CUSTOM_MAX_IN];
    avcl_tinfo out_info[AVCL_CUSTOM_MAX_OUT];
    avcl_dtype real;
    int at_start;
    avcl_error err;
    avcl_call call;
    avcl_run run;
    avcl_tensor in[AVCL_CUSTOM_MAX_IN];
    avcl_tensor out[AVCL_CUSTOM_MAX_OUT];
    avcl_tensor out_grad[AVCL_CUSTOM_MAX_OUT];
    avcl_tensor in_grad[AVCL_CUSTOM_MAX_IN];
} trial;

static void make_tensor(trial *t, avcl_tensor *out, const avcl_tinfo *info,
                        const char *what, uint32_t index)
{
    char name[32];
    avcl_tinfo real = *info;
    if (avcl__dtype_is_real(real.dtype)) real.dtype = t->real;
    snprintf(name, sizeof name, "%s %u", what, index);
    *out = (avcl_tensor){.dtype = real.dtype, .ndim = real.ndim};
    memcpy(out->shape, real.shape, sizeof out->shape);
    out->nbytes = avcl__tinfo_bytes(&real);
    out->data = yard_enclose(out->nbytes, name, t->at_start);
}

static void set(avcl_tensor *t, uint64_t i, double x)
{
    if (t->dtype == AVCL_F64) ((double *)t->data)[i] = x;
    if (t->dtype == AVCL_F32) ((float *)t->data)[i] = (float)x;
    if (t->dtype == AVCL_I32) ((int32_t *)t->data)[i] = (int32_t)x;
    if (t->dtype == AVCL_I64) ((int64_t *)t->data)[i] = (int64_t)x;
    if (t->dtype == AVCL_U8) ((uint8_t *)t->data)[i] = (uint8_t)x;
}

static void fill_tensor(trial *t, avcl_tensor *out, double lo, double hi)
{
    uint64_t n = out->nbytes / avcl__dtype_bytes(out->dtype);
    for (uint64_t i = 0; i < n; i++)
        set(out, i, lo + check_unit(t->c) * (hi - lo));
}

static void check_written(trial *t, const avcl_tensor *out, const char *what,
                          uint32_t index)
{
    uint64_t n = out->nbytes / avcl__dtype_bytes(out->dtype);
    for (uint64_t i = 0; i < n; i++) {
        int is_nan = (out->dtype == AVCL_F64 && isnan(((double *)out->data)[i])) ||
                     (out->dtype == AVCL_F32 && isnan(((float *)out->data)[i]));
        if (!is_nan) continue;
        check_say(
            t->c, AVCL_CHECK_FAIL,
            "%s leaves element %llu of %s %u as it was (or reads beyond its inputs)",
            yard_what(), (unsigned long long)i, what, index);
        return;
    }
}

/* ---- calls ---------------------------------------------------------------------------
 */
static void report(trial *t, avcl_status rc)
{
    if (rc || t->err.code)
        check_say(t->c, AVCL_CHECK_FAIL, "%s fails: %s", yard_what(),
                  t->err.code ? t->err.message : "no reason given");
}

static void forward(trial *t)
{
    const avcl_tensor *in[AVCL_CUSTOM_MAX_IN];
    avcl_tensor *out[AVCL_CUSTOM_MAX_OUT];
    yard_doing("forward");
    for (uint32_t i = 0; i < t->k->n_in; i++) {
        make_tensor(t, &t->in[i], &t->in_info[i], "input", i);
        fill_tensor(t, &t->in[i], t->k->inputs[i].lo, t->k->inputs[i].hi);
        yard_protect(t->in[i].data, 0);
        in[i] = &t->in[i];
    }
    for (uint32_t i = 0; i < t->op->n_out; i++) {
        make_tensor(t, &t->out[i], &t->out_info[i], "output", i);
        out[i] = &t->out[i];
    }
    report(t, t->kernel->forward(&t->run, t->attrs, in, out));
    for (uint32_t i = 0; i < t->op->n_out; i++) {
        check_written(t, &t->out[i], "output", i);
        yard_protect(t->out[i].data, 0);
    }
    yard_check_canaries(t->c, t->at_start);
}

/* `only` >= 0: the gradient of that input alone is wanted. */
static void backward(trial *t, int only)
{
    const avcl_tensor *in[AVCL_CUSTOM_MAX_IN] = {NULL};
    const avcl_tensor *out[AVCL_CUSTOM_MAX_OUT] = {NULL};
    const avcl_tensor *out_grad[AVCL_CUSTOM_MAX_OUT] = {NULL};
    avcl_tensor *in_grad[AVCL_CUSTOM_MAX_IN] = {NULL};
    yard_doing("backward");
    for (uint32_t i = 0; i < t->op->n_out; i++) {
        if (t->op->save_out >> i & 1) out[i] = &t->out[i];
        if (!avcl__dtype_is_real(t->out_info[i].dtype)) continue;
        make_tensor(t, &t->out_grad[i], &t->out_info[i], "gradient of output", i);
        fill_tensor(t, &t->out_grad[i], -1, 1);
        yard_protect(t->out_grad[i].data, 0);
        out_grad[i] = &t->out_grad[i];
    }
    for (uint32_t i = 0; i < t->k->n_in; i++) {
        if (t->op->save_in >> i & 1) in[i] = &t->in[i];
        if (!avcl__dtype_is_real(t->in_info[i].dtype)) continue;
        if (only >= 0 && (uint32_t)only != i) continue;
        make_tensor(t, &t->in_grad[i], &t->in_info[i], "gradient of input", i);
        in_grad[i] = &t->in_grad[i];
    }
    report(t, t->kernel->backward(&t->run, t->attrs, in, out, out_grad, in_grad));
    for (uint32_t i = 0; i < t->k->n_in; i++)
        if (in_grad[i]) check_written(t, in_grad[i], "the gradient of input", i);
    yard_check_canaries(t->c, t->at_start);
}

static void try_once(trial *t)
{
    t->err = (avcl_error){0};
    t->call = (avcl_call){.err = &t->err, .host = t->c->host};
    t->run = (avcl_run){.call = &t->call,
                        .host = avcl_host_get_api(t->c->host),
                        .n_in = t->k->n_in,
                        .n_out = t->op->n_out};
    if (t->kernel->scratch) {
        uint64_t bytes = t->kernel->scratch(t->attrs, t->in_info, t->k->n_in);
        t->run.scratch = yard_enclose(bytes, "its scratch", t->at_start);
    }
    forward(t);
    int differentiates = !t->op->grad && !(t->op->flags & AVCL_CUSTOM_NOGRAD);
    if (differentiates && !t->kernel->backward)
        check_say(t->c, AVCL_CHECK_FAIL,
                  "neither the op has grad nor the kernel backward");
    if (differentiates && t->kernel->backward) {
        backward(t, -1);
        for (uint32_t i = 0; t->k->n_in > 1 && i < t->k->n_in; i++)
            backward(t, (int)i);
    }
    yard_release();
}

static void try_case(check *c, trial *t, uint32_t index)
{
    static const avcl_dtype reals[2] = {AVCL_F64, AVCL_F32};
    bench b;
    if (bench_new(c, &(bench_options){.op_case = index}, &b)) {
        const avcl_ir_node *node = avcl__ir_producer(&b.g->ir, b.outputs[0]);
        t->attrs = node->attrs;
        t->k = &t->op->cases[index];
        for (int k = 0; k < 4; k++) {
            t->real = reals[k / 2];
            t->at_start = k % 2;
            if (!(t->kernel->dtypes & AVCL_DTYPE_BIT(t->real))) continue;
            for (uint32_t i = 0; i < node->n_in; i++) {
                t->in_info[i] = b.g->ir.values[node->inputs[i]].info;
                if (avcl__dtype_is_real(t->in_info[i].dtype))
                    t->in_info[i].dtype = t->real;
            }
            for (uint32_t i = 0; i < node->n_out; i++)
                t->out_info[i] = b.g->ir.values[node->first + i].info;
            try_once(t);
        }
    } else {
        check_say(c, AVCL_CHECK_FAIL, "case '%s': %s", t->op->cases[index].label,
                  b.err.message);
    }
    bench_free(&b);
}

void check_hygiene(check *c)
{
    static trial t; /* too large for the stack of a small machine */
    char name[300];
    snprintf(name, sizeof name, "%s/%s", c->file->id, c->module->name);
    const avcl_op *op = avcl_host_find_op(c->host, name);
    t = (trial){.c = c, .op = c->module->iface};
    t.kernel = op ? avcl__custom_kernel(c->host, op, "cpu") : NULL;
    if (!t.kernel) {
        check_say(c, AVCL_CHECK_FAIL, "it has no kernel for \"cpu\"");
        return;
    }
    yard_watch(c);
    for (uint32_t i = 0; i < t.op->n_cases; i++)
        try_case(c, &t, i);
}
