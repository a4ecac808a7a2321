/*
 * gradient.c - analytic gradients against directional differences, in f64.
 *
 * For unit u: fd = (L(x + h s u) - L(x - h s u)) / (2 h s), s = sqrt(n); the error is
 * |fd - g.u| s / |g|, the worst of 20 directions. A correct gradient of a smooth loss
 * stays below 1e-8 and a 2 % fault in one row of sixteen is above 1e-3, so 1e-6 has room
 * on both sides. Many relus make kinks: a step that crosses one is halved by tens, for a
 * wrong gradient is wrong at every step; where even the smallest crosses, drawn again.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"

enum { N_DIRECTIONS = 20, N_DRAWS = 60 };
static const double steps[] = {1e-5, 1e-6, 1e-7};
static const double tolerance = 1e-6;
/* One-sided differences of a smooth loss differ by the smallest step times its curvature.
 */
static const double kink = 1e-3;

/* The values that move together: named tensors end to end. */
typedef struct point {
    char names[256][160];
    uint64_t sizes[256];
    uint32_t n_names;
    uint64_t n;
    double *x;
    double *g;
    double *u;
    double *y;
} point;

static void release(point *p)
{
    free(p->x);
    free(p->g);
    free(p->u);
    free(p->y);
    free(p);
}

/* Appends a tensor that has a gradient. */
static int add(point *p, avcl_session *s, const char *name)
{
    char grad[200];
    uint64_t n = 0;
    snprintf(grad, sizeof grad, "grad/%s", name);
    double *g = bench_read(s, grad, &n);
    double *x = g ? bench_read(s, name, &n) : NULL;
    double *all_x = x ? realloc(p->x, (p->n + n) * sizeof *p->x) : NULL;
    if (all_x) p->x = all_x;
    double *all_g = x ? realloc(p->g, (p->n + n) * sizeof *p->g) : NULL;
    if (all_g) p->g = all_g;
    if (all_x && all_g && p->n_names < 256) {
        memcpy(p->x + p->n, x, n * sizeof *x);
        memcpy(p->g + p->n, g, n * sizeof *g);
        snprintf(p->names[p->n_names], sizeof p->names[0], "%s", name);
        p->sizes[p->n_names++] = n;
        p->n += n;
    }
    free(x);
    free(g);
    return all_x && all_g;
}

static double loss_at(check *c, avcl_session *s, point *p, double step)
{
    avcl_error err = {0};
    uint64_t at = 0;
    for (uint64_t i = 0; i < p->n; i++)
        p->y[i] = p->x[i] + step * p->u[i];
    for (uint32_t i = 0; i < p->n_names; at += p->sizes[i++])
        bench_write(s, p->names[i], p->y + at, p->sizes[i]);
    if (avcl_session_run(s, AVCL_TRAIN, &err)) {
        check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
        return NAN;
    }
    uint64_t n = 0;
    double *loss = bench_read(s, "loss", &n);
    double value = loss ? *loss : NAN;
    free(loss);
    return value;
}

static void draw_direction(check *c, point *p)
{
    double norm = 0;
    for (uint64_t i = 0; i < p->n; i++) {
        p->u[i] = check_unit(c) + check_unit(c) + check_unit(c) - 1.5;
        norm += p->u[i] * p->u[i];
    }
    norm = sqrt(norm);
    for (uint64_t i = 0; i < p->n; i++)
        p->u[i] /= norm;
}

typedef struct slope {
    double analytic;
    double norm;
    double scale;
    double middle; /* the loss in the middle */
} slope;

/* Error at one step; `*bend` is how far the one-sided differences are apart. */
static double error_at(check *c, avcl_session *s, point *p, const slope *d, double h,
                       double *bend)
{
    double up = loss_at(c, s, p, h * d->scale);
    double down = loss_at(c, s, p, -h * d->scale);
    double fd = (up - down) / (2 * h * d->scale);
    /* Rounding of the loss itself, told apart from a fault of a gradient that is tiny. */
    double noise = 1e-15 * fabs(d->middle) / h;
    *bend = fabs(up + down - 2 * d->middle) / (h * fmax(d->norm, noise));
    if (d->norm <= noise) return fabs(fd) * d->scale <= 10 * noise ? 0 : INFINITY;
    return fabs(fd - d->analytic) * d->scale / d->norm;
}

/* Error of one direction; -1 = it crosses a kink. */
static double direction_error(check *c, avcl_session *s, point *p, double middle)
{
    slope d = {.scale = sqrt((double)p->n), .middle = middle};
    double best = INFINITY;
    double bend = 0;
    draw_direction(c, p);
    for (uint64_t i = 0; i < p->n; i++) {
        d.analytic += p->g[i] * p->u[i];
        d.norm += p->g[i] * p->g[i];
    }
    d.norm = sqrt(d.norm);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !(best <= tolerance); i++)
        best = fmin(best, error_at(c, s, p, &d, steps[i], &bend));
    return best > tolerance && bend > kink ? -1 : best;
}

/* A loss that stops gradients at values of its own is not the integral of its gradient,
 * on purpose: differences cannot judge it. */
static int stops_gradients(avcl_session *s)
{
    const avcl_graph *g = avcl_session_graph(s);
    avcl_node_info node;
    for (uint32_t i = 0; !avcl_graph_get_node(g, i, &node); i++)
        if (strcmp(node.op, "stop_gradient") == 0) return 1;
    return 0;
}

static void compare(check *c, avcl_session *s, point *p, const char *what)
{
    uint64_t n = 0;
    double *loss = bench_read(s, "loss", &n);
    double middle = loss ? *loss : NAN;
    double worst = 0;
    int good = 0;
    free(loss);
    p->u = malloc(p->n * sizeof *p->u);
    p->y = malloc(p->n * sizeof *p->y);
    for (int i = 0; p->u && p->y && i < N_DRAWS && good < N_DIRECTIONS; i++) {
        double e = direction_error(c, s, p, middle);
        if (e < 0) continue;
        good++;
        worst = fmax(worst, isnan(e) ? INFINITY : e);
    }
    if (worst > tolerance && stops_gradients(s))
        check_say(c, AVCL_CHECK_WARN,
                  "%s: the gradient differs from finite differences by %.2g of its norm; "
                  "stop_gradient makes it so, and a fault would look the same",
                  what, worst);
    else if (worst > tolerance)
        check_say(c, AVCL_CHECK_FAIL,
                  "%s: the gradient differs from finite differences by %.2g of its norm, "
                  "%.0g is allowed",
                  what, worst, tolerance);
    else if (good < N_DIRECTIONS)
        check_say(c, AVCL_CHECK_WARN, "%s: only %d of %d directions are free of kinks",
                  what, good, N_DRAWS);
}

/* Ports that say so have no gradient, on purpose. */
static int is_differentiated(const check *c, const char *input)
{
    if (strncmp(input, "in_", 3) != 0) return 0;
    if (check_kinds(c->kind) & FOR_OP) return 1;
    const avcl_builder *b = c->module->iface;
    for (uint32_t i = 0; i < b->n_in; i++)
        if (strcmp(b->inputs[i].name, input + 3) == 0)
            return !(b->inputs[i].flags & AVCL_PORT_NOGRAD);
    return 1;
}

static void check_one(check *c, const bench_options *o, int weights, const char *what)
{
    bench b;
    avcl_error err = {0};
    bench_run how = {.op_case = o->op_case, .scale = 1};
    point *p = calloc(1, sizeof *p);
    avcl_session *s = bench_new(c, o, &b) ? bench_session(c, &b, &how) : NULL;
    if (p && s && !avcl_session_run(s, AVCL_TRAIN, &err)) {
        for (uint32_t i = 0; weights && i < b.g->variables.n; i++)
            if (avcl__graph_variable(b.g, i)->source == AVCL_SOURCE_WEIGHT)
                add(p, s, avcl__graph_variable(b.g, i)->name);
        for (uint32_t i = 0; !weights && i < b.g->inputs.n; i++) {
            const char *name = ((const avcl_graph_variable *)b.g->inputs.data)[i].name;
            if (is_differentiated(c, name)) add(p, s, name);
        }
        if (p->n)
            compare(c, s, p, what);
        else
            check_say(c, AVCL_CHECK_SKIP, "nothing here has a gradient");
    } else {
        check_say(c, AVCL_CHECK_FAIL, "%s", b.err.code ? b.err.message : err.message);
    }
    avcl_session_free(s);
    bench_free(&b);
    if (p) release(p);
}

void check_input_gradient(check *c)
{
    const avcl_custom_op *op = c->module->iface;
    if (!(check_kinds(c->kind) & FOR_OP)) {
        check_one(c, &(bench_options){.op_case = 0}, 0, "of the inputs");
        return;
    }
    if (op->flags & AVCL_CUSTOM_NOGRAD) {
        check_say(c, AVCL_CHECK_SKIP, "it has no gradient, on purpose");
        return;
    }
    for (uint32_t i = 0; i < op->n_cases; i++) {
        char what[160];
        snprintf(what, sizeof what, "case '%s'", op->cases[i].label);
        check_one(c, &(bench_options){.op_case = i}, 0, what);
    }
}

void check_weight_gradient(check *c)
{
    check_one(c, &(bench_options){.op_case = 0}, 1, "of the weights");
}
