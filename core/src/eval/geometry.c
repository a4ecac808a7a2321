/* geometry.c - alignment, uniformity, effective rank, spread of features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eval/eigen.h"
#include "eval/similar.h"
#include "train/train_impl.h"

enum { MAX_RANK_ROWS = 2048 }; /* of the Gram matrix whose eigenvalues are found */

/* ---- uniformity ----------------------------------------------------------------------
 */

typedef struct pair_job {
    double *sum; /* per query: over later gallery rows */
    int64_t n;
} pair_job;

static void sum_pairs(void *arg, int64_t query, const float *cosines)
{
    pair_job *j = arg;
    double sum = 0;
    for (int64_t i = query + 1; i < j->n; i++) /* |x - y|^2 = 2 - 2 cos */
        sum += exp(-4 * (1 - (double)cosines[i]));
    j->sum[query] = sum;
}

static avcl_status uniformity(const float *x, int64_t n, int64_t d, uint32_t n_threads,
                              double *out, avcl_error *err)
{
    pair_job j = {calloc((size_t)n, sizeof *j.sum), n};
    double total = 0;
    if (!j.sum) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for pairs");
    avcl_status rc = avcl__for_each_query(x, n, x, n, d, n_threads, sum_pairs, &j, err);
    for (int64_t i = 0; i < n; i++)
        total += j.sum[i];
    *out = log(total / ((double)n * (double)(n - 1) / 2));
    free(j.sum);
    return rc;
}

/* ---- effective rank ------------------------------------------------------------------
 */

typedef struct gram_job {
    const float *x; /* rows [m, length], `step` apart, elements `stride` apart */
    int64_t m;
    int64_t length;
    int64_t step;
    int64_t stride;
    double *gram; /* [m, m] */
} gram_job;

static void gram_rows(void *arg, int64_t begin, int64_t end)
{
    const gram_job *j = arg;
    for (int64_t a = begin; a < end; a++)
        for (int64_t b = 0; b <= a; b++) {
            double sum = 0;
            for (int64_t k = 0; k < j->length; k++)
                sum += (double)j->x[a * j->step + k * j->stride] *
                       j->x[b * j->step + k * j->stride];
            j->gram[a * j->m + b] = j->gram[b * j->m + a] = sum;
        }
}

/* e^H of the shares of the singular values. */
static double rank_of_eigenvalues(const double *eigenvalue, int64_t m)
{
    double total = 0;
    double entropy = 0;
    for (int64_t i = 0; i < m; i++)
        total += sqrt(fmax(eigenvalue[i], 0));
    for (int64_t i = 0; i < m; i++) {
        double share = sqrt(fmax(eigenvalue[i], 0)) / total;
        if (share > 0) entropy -= share * log(share);
    }
    return total > 0 ? exp(entropy) : 0;
}

/* X X' and X' X have the same eigenvalues: the smaller one. */
static avcl_status effective_rank(const avcl_vectors *v, uint32_t n_threads, double *out,
                                  avcl_error *err)
{
    int64_t n = v->n < MAX_RANK_ROWS || v->d <= MAX_RANK_ROWS ? v->n : MAX_RANK_ROWS;
    int by_rows = n < v->d;
    int64_t m = by_rows ? n : v->d;
    gram_job j = {.x = v->x,
                  .m = m,
                  .length = by_rows ? v->d : n,
                  .step = by_rows ? v->d : 1,
                  .stride = by_rows ? 1 : v->d};
    j.gram = malloc((size_t)(m * m) * sizeof *j.gram);
    double *eigenvalue = malloc((size_t)m * sizeof *eigenvalue);
    avcl_status rc = AVCL_OK;
    if (!j.gram || !eigenvalue)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for an effective rank");
    if (!rc) {
        avcl__parallel_for(n_threads, m, 1, gram_rows, &j);
        rc = avcl__eigenvalues(j.gram, m, eigenvalue, err);
    }
    if (!rc) *out = rank_of_eigenvalues(eigenvalue, m);
    free(eigenvalue);
    free(j.gram);
    return rc;
}

static double spread(const float *x, int64_t n, int64_t d)
{
    double total = 0;
    for (int64_t k = 0; k < d; k++) {
        double sum = 0;
        double squares = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += x[i * d + k];
            squares += (double)x[i * d + k] * x[i * d + k];
        }
        double mean = sum / (double)n;
        total += sqrt(fmax(squares / (double)n - mean * mean, 0));
    }
    return total / sqrt((double)d);
}

avcl_status avcl_measure_geometry(const avcl_vectors *v, uint32_t n_threads,
                                  avcl_geometry *out, avcl_error *err)
{
    avcl_geometry result = {0};
    avcl_status rc = avcl__check_vectors(v, v, "geometry", err);
    if (!rc && v->n < 2)
        rc = avcl_error_set(err, AVCL_E_INVALID, "the geometry of one vector");
    if (rc) return rc;
    float *x = avcl__on_sphere(v, err);
    if (!x) return AVCL_E_NUMERIC;
    rc = uniformity(x, v->n, v->d, n_threads, &result.uniformity, err);
    if (!rc) rc = effective_rank(v, n_threads, &result.rank, err);
    result.spread = spread(x, v->n, v->d);
    if (!rc) *out = result;
    free(x);
    return rc;
}

avcl_status avcl_measure_alignment(const avcl_vectors *x, const avcl_vectors *y,
                                   double *out, avcl_error *err)
{
    avcl_status rc = avcl__check_vectors(x, y, "alignment", err);
    if (!rc && x->n != y->n)
        rc = avcl_error_set(err, AVCL_E_INVALID, "pairs of %lld and %lld vectors",
                            (long long)x->n, (long long)y->n);
    if (rc) return rc;
    float *a = avcl__on_sphere(x, err);
    float *b = a ? avcl__on_sphere(y, err) : NULL;
    double sum = 0;
    for (int64_t i = 0; b && i < x->n * x->d; i++) {
        double gap = (double)a[i] - b[i];
        sum += gap * gap;
    }
    if (b) *out = sum / (double)x->n;
    rc = b ? AVCL_OK : AVCL_E_NUMERIC;
    free(b);
    free(a);
    return rc;
}
