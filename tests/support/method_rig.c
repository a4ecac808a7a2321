/* method_rig.c - sessions of one method. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "method_rig.h"

void method_open(method_rig *r, const char *name, const avcl_attr *params,
                 uint32_t n_params)
{
    int64_t shape[2] = {METHOD_N, METHOD_D};
    avcl_node in[8];
    avcl_node out[3] = {0};
    memset(r, 0, sizeof *r);
    r->host = golden_host();
    r->g = avcl_graph_new(r->host, &r->err);
    avcl_instance m =
        avcl_graph_instance(r->g, AVCL_KIND_METHOD, name, params, n_params, "m");
    golden_check(avcl_graph_status(r->g, &r->err), &r->err);
    const avcl_method *method = avcl_graph_instance_module(r->g, m)->iface;
    for (uint32_t i = 0; i < method->n_in; i++) {
        const avcl_port *port = &method->inputs[i];
        in[i] = avcl_graph_input(r->g, port->name, port->dtype ? port->dtype : AVCL_F32,
                                 shape, (int32_t)strlen(port->layout));
    }
    avcl_graph_apply(r->g, m, in, method->n_in, out, 3);
    avcl_graph_minimize(r->g, 1, out[0]);
    avcl_graph_keep(r->g, "z_video", out[1]);
    avcl_graph_keep(r->g, "z_audio", out[2]);
    golden_check(avcl_graph_status(r->g, &r->err), &r->err);
    avcl_session_options o = {.device = "reference",
                              .precision = AVCL_F64,
                              .flags = AVCL_SESSION_INPUT_GRADS,
                              .seed = 7};
    r->s = avcl_session_new(r->g, &o, &r->err);
    golden_check(r->err.code, &r->err);
    avcl_session_set_rng(r->s, 7, 0, 0);
}

void method_close(method_rig *r)
{
    avcl_session_free(r->s);
    avcl_graph_free(r->g);
    avcl_host_free(r->host);
}

static int64_t size_of(method_rig *r, const char *name)
{
    avcl_tinfo info;
    golden_check(avcl_session_describe(r->s, name, &info, &r->err), &r->err);
    int64_t n = 1;
    for (int32_t i = 0; i < info.ndim; i++)
        n *= info.shape[i];
    return n;
}

void method_put(method_rig *r, const char *name, const double *x, int64_t n)
{
    golden_check(avcl_session_write(r->s, name, x, (uint64_t)n * sizeof *x, &r->err),
                 &r->err);
}

double *method_get(method_rig *r, const char *name, int64_t *n)
{
    *n = size_of(r, name);
    double *x = malloc((size_t)*n * sizeof *x);
    assert_non_null(x);
    golden_check(avcl_session_read(r->s, name, x, (uint64_t)*n * sizeof *x, &r->err),
                 &r->err);
    return x;
}

void method_fill(method_rig *r, const char *name, double value)
{
    int64_t n = size_of(r, name);
    double *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
    method_put(r, name, x, n);
    free(x);
}

/* A square weight becomes scale times the identity. */
void method_identity(method_rig *r, const char *name, int64_t n, double scale)
{
    double *x = calloc((size_t)(n * n), sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i * n + i] = scale;
    method_put(r, name, x, n * n);
    free(x);
}

double method_run(method_rig *r)
{
    double loss;
    golden_check(avcl_session_run(r->s, AVCL_TRAIN, &r->err), &r->err);
    golden_check(avcl_session_read(r->s, "loss", &loss, sizeof loss, &r->err), &r->err);
    return loss;
}

/* A whole step of training. */
double method_step(method_rig *r)
{
    avcl_optim sgd = {.kind = AVCL_SGD, .lr = 0.1};
    avcl_optim_step now = {.lr = 0.1, .step = 1};
    double loss = method_run(r);
    golden_check(avcl_session_commit(r->s, &r->err), &r->err);
    golden_check(avcl_session_optimise(r->s, &sgd, &now, &r->err), &r->err);
    golden_check(avcl_session_update(r->s, &r->err), &r->err);
    return loss;
}

/* Any fixed, well spread numbers. */
void method_numbers(double *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (double)(seed >> 11) / 9007199254740992.0 * 2 - 1;
    }
}

void method_scatter(method_rig *r, const char *name, uint64_t seed)
{
    int64_t n = size_of(r, name);
    double *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    method_numbers(x, n, seed);
    method_put(r, name, x, n);
    free(x);
}

double method_cosine(const double *x, const double *y, int64_t n)
{
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (int64_t i = 0; i < n; i++) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
    }
    return xy / sqrt(xx * yy);
}

void method_unit_rows(double *x, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n; i++) {
        double norm = 0;
        for (int64_t k = 0; k < d; k++)
            norm += x[i * d + k] * x[i * d + k];
        for (int64_t k = 0; k < d; k++)
            x[i * d + k] /= sqrt(norm);
    }
}
