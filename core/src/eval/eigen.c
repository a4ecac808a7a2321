/*
 * eigen.c - Householder's reduction to tridiagonal form, then implicit QL (Golub & Van
 * Loan, 8.3). No vectors are wanted, so a library would be large for this.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "eval/eigen.h"

enum { MAX_SWEEPS = 64 }; /* per eigenvalue; a handful is usual */

/* p = A u and A -= u q' + q u', rows and columns below l. */
static void reflect(double *a, int64_t n, int64_t l, double *u, double *p, double h)
{
    double k = 0;
    for (int64_t i = 0; i < l; i++) {
        double sum = 0;
        for (int64_t j = 0; j < l; j++)
            sum += a[i * n + j] * u[j];
        p[i] = sum / h;
        k += u[i] * p[i];
    }
    k /= 2 * h;
    for (int64_t i = 0; i < l; i++)
        p[i] -= k * u[i];
    for (int64_t i = 0; i < l; i++)
        for (int64_t j = 0; j < l; j++)
            a[i * n + j] -= u[i] * p[j] + p[i] * u[j];
}

/* diagonal d [n], off-diagonal e [n]: e[i] lies between i - 1 and i. */
static void tridiagonal(double *a, int64_t n, double *d, double *e, double *p)
{
    for (int64_t i = n - 1; i > 0; i--) {
        double *u = a + i * n; /* the row becomes the reflector */
        double h = 0;
        d[i] = u[i];
        for (int64_t k = 0; k < i; k++)
            h += u[k] * u[k];
        double norm = sqrt(h);
        double pivot = u[i - 1];
        double g = pivot >= 0 ? -norm : norm;
        e[i] = i == 1 ? pivot : g;
        h -= pivot * g;
        if (i == 1 || h <= 0) continue;
        u[i - 1] = pivot - g;
        reflect(a, n, i, u, p, h);
    }
    d[0] = a[0];
    e[0] = 0;
}

/* One implicit shift over [l, m]; e[i] lies between i and i + 1 here. */
static void sweep(double *d, double *e, int64_t l, int64_t m)
{
    double g = (d[l + 1] - d[l]) / (2 * e[l]);
    double r = hypot(g, 1);
    double s = 1;
    double c = 1;
    double p = 0;
    g = d[m] - d[l] + e[l] / (g + copysign(r, g));
    for (int64_t i = m - 1; i >= l; i--) {
        double f = s * e[i];
        double b = c * e[i];
        r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

/* The first m >= l where the matrix falls apart. */
static int64_t split_after(const double *d, const double *e, int64_t l, int64_t n)
{
    int64_t m = l;
    while (m + 1 < n && fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])))
        m++;
    return m;
}

avcl_status avcl__eigenvalues(double *a, int64_t n, double *out, avcl_error *err)
{
    double *e = calloc(2 * (size_t)n + 1, sizeof *e);
    if (!e) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for eigenvalues");
    avcl_status rc = AVCL_OK;
    tridiagonal(a, n, out, e, e + n);
    for (int64_t i = 1; i < n; i++)
        e[i - 1] = e[i];
    e[n - 1] = 0;
    for (int64_t l = 0; !rc && l < n; l++) {
        int64_t m;
        int n_sweeps = 0;
        while (!rc && (m = split_after(out, e, l, n)) != l) {
            if (n_sweeps++ == MAX_SWEEPS)
                rc = avcl_error_set(err, AVCL_E_NUMERIC,
                                    "eigenvalue %lld does not converge", (long long)l);
            else
                sweep(out, e, l, m);
        }
    }
    free(e);
    return rc;
}
