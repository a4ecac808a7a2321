/* lbfgs.c - two-loop recursion, steps halved until the value falls enough. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/lbfgs.h"

enum { MEMORY = 10, MAX_HALVINGS = 40 };
static const double ARMIJO = 1e-4; /* share of the linear decrease that suffices */

typedef struct state {
    int64_t n;
    double *x;
    double *g;
    double *next_x;
    double *next_g;
    double *direction;
    double *s[MEMORY]; /* steps, the newest at (n_pairs - 1) % MEMORY */
    double *y[MEMORY]; /* changes of the gradient */
    double rho[MEMORY];
    int64_t n_pairs;
} state;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *to, double scale, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += scale * x[i];
}

static double largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    return most;
}

static void find_direction(state *m)
{
    double alpha[MEMORY];
    int64_t first = m->n_pairs > MEMORY ? m->n_pairs - MEMORY : 0;
    double *d = m->direction;
    for (int64_t i = 0; i < m->n; i++)
        d[i] = -m->g[i];
    for (int64_t p = m->n_pairs - 1; p >= first; p--) {
        int64_t k = p % MEMORY;
        alpha[k] = m->rho[k] * dot(m->s[k], d, m->n);
        add(d, -alpha[k], m->y[k], m->n);
    }
    if (m->n_pairs) {
        int64_t k = (m->n_pairs - 1) % MEMORY;
        double scale = 1 / (m->rho[k] * dot(m->y[k], m->y[k], m->n));
        for (int64_t i = 0; i < m->n; i++)
            d[i] *= scale;
    }
    for (int64_t p = first; p < m->n_pairs; p++) {
        int64_t k = p % MEMORY;
        add(d, alpha[k] - m->rho[k] * dot(m->y[k], d, m->n), m->s[k], m->n);
    }
}

static void remember(state *m)
{
    int64_t k = m->n_pairs % MEMORY;
    for (int64_t i = 0; i < m->n; i++) {
        m->s[k][i] = m->next_x[i] - m->x[i];
        m->y[k][i] = m->next_g[i] - m->g[i];
    }
    double curvature = dot(m->s[k], m->y[k], m->n);
    if (!(curvature > 0)) return;
    m->rho[k] = 1 / curvature;
    m->n_pairs++;
}

/* Along the direction; 0 when nothing moves any more. */
static int search(state *m, avcl__function *f, void *arg, double *value)
{
    double slope = dot(m->g, m->direction, m->n);
    double t = m->n_pairs ? 1 : 1 / fmax(1, sqrt(dot(m->g, m->g, m->n)));
    for (int i = 0; i < MAX_HALVINGS && slope < 0; i++, t /= 2) {
        memcpy(m->next_x, m->x, (size_t)m->n * sizeof *m->x);
        add(m->next_x, t, m->direction, m->n);
        double next = f(arg, m->next_x, m->next_g);
        if (!(next <= *value + ARMIJO * t * slope)) continue;
        int moved = next < *value || memcmp(m->next_g, m->g, (size_t)m->n * sizeof *m->g);
        *value = next;
        return moved;
    }
    return 0;
}

static void accept(state *m)
{
    double *x = m->x;
    double *g = m->g;
    remember(m);
    m->x = m->next_x;
    m->g = m->next_g;
    m->next_x = x;
    m->next_g = g;
}

static int allocate(state *m, int64_t n, double **all)
{
    enum { VECTORS = 5 + 2 * MEMORY };
    double *p = *all = calloc((size_t)n * VECTORS + 1, sizeof *p);
    if (!p) return 0;
    double **vectors[5] = {&m->x, &m->g, &m->next_x, &m->next_g, &m->direction};
    for (int i = 0; i < 5; i++, p += n)
        *vectors[i] = p;
    for (int i = 0; i < MEMORY; i++, p += 2 * n) {
        m->s[i] = p;
        m->y[i] = p + n;
    }
    m->n = n;
    return 1;
}

avcl_status avcl__lbfgs(avcl__function *f, void *arg, int64_t n, double *x,
                        int32_t max_iterations, double tolerance, avcl__minimum *out,
                        avcl_error *err)
{
    state m = {0};
    double *all;
    if (!allocate(&m, n, &all))
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for L-BFGS");
    memcpy(m.x, x, (size_t)n * sizeof *x);
    double value = f(arg, m.x, m.g);
    int32_t i = 0;
    while (i < max_iterations && largest(m.g, n) > tolerance) {
        find_direction(&m);
        if (!search(&m, f, arg, &value)) break;
        accept(&m);
        i++;
    }
    memcpy(x, m.x, (size_t)n * sizeof *x);
    *out = (avcl__minimum){value, largest(m.g, n), i};
    free(all);
    if (isfinite(value)) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NUMERIC, "the objective of L-BFGS is %g", value);
}
