/* similar.c - dot products, a few queries against each gallery row while it is in cache.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eval/similar.h"

enum { LANES = 16, TILE = 4 };
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static const double NORM_FLOOR = 1e-12; /* as F.normalize */

avcl_status avcl__check_vectors(const avcl_vectors *a, const avcl_vectors *b,
                                const char *what, avcl_error *err)
{
    if (a->n > 0 && b->n > 0 && a->d == b->d && a->d > 0) return AVCL_OK;
    return avcl_error_set(
        err, AVCL_E_INVALID, "%s of %lld vectors of length %lld and %lld of length %lld",
        what, (long long)a->n, (long long)a->d, (long long)b->n, (long long)b->d);
}

float *avcl__on_sphere(const avcl_vectors *v, avcl_error *err)
{
    float *out = malloc(((size_t)(v->n * v->d) + 1) * sizeof *out);
    if (!out) avcl_error_set(err, AVCL_E_NOMEM, "out of memory for features");
    for (int64_t i = 0; out && i < v->n; i++) {
        const float *x = v->x + i * v->d;
        double squares = 0;
        for (int64_t k = 0; k < v->d; k++)
            squares += (double)x[k] * x[k];
        if (!isfinite(squares)) {
            avcl_error_set(err, AVCL_E_NUMERIC, "feature %lld is not finite",
                           (long long)i);
            free(out);
            return NULL;
        }
        double scale = 1 / fmax(sqrt(squares), NORM_FLOOR);
        for (int64_t k = 0; k < v->d; k++)
            out[i * v->d + k] = (float)(x[k] * scale);
    }
    return out;
}

/* By address: how so wide a vector is passed depends on the CPU that is compiled for. */
static float sum_lanes(const lanes *v)
{
    float sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += (*v)[l];
    return sum;
}

/* TILE queries, each at its place of `query`, with one gallery row. */
static void dot_tile(const float *const query[TILE], const float *row, int64_t d,
                     float out[TILE])
{
    lanes acc[TILE] = {{0}};
    int64_t k = 0;
    for (; k + LANES <= d; k += LANES) {
        lanes g = *(const lanes *)(row + k);
        for (int q = 0; q < TILE; q++)
            acc[q] += *(const lanes *)(query[q] + k) * g;
    }
    for (int q = 0; q < TILE; q++) {
        out[q] = sum_lanes(&acc[q]);
        for (int64_t i = k; i < d; i++)
            out[q] += query[q][i] * row[i];
    }
}

typedef struct job {
    const float *query;
    const float *gallery;
    int64_t n;
    int64_t n_gallery;
    int64_t d;
    avcl__each_query *each;
    void *arg;
    atomic_int failed;
} job;

static void tiles(void *arg, int64_t begin, int64_t end)
{
    job *j = arg;
    float *cosines = malloc((size_t)(TILE * j->n_gallery) * sizeof *cosines);
    if (!cosines) {
        atomic_store(&j->failed, 1);
        return;
    }
    for (int64_t t = begin; t < end; t++) {
        const float *query[TILE];
        int64_t first = t * TILE;
        for (int64_t q = 0; q < TILE; q++) /* the last tile repeats its last query */
            query[q] = j->query + (first + q < j->n ? first + q : j->n - 1) * j->d;
        for (int64_t i = 0; i < j->n_gallery; i++) {
            float dots[TILE];
            dot_tile(query, j->gallery + i * j->d, j->d, dots);
            for (int64_t q = 0; q < TILE; q++)
                cosines[q * j->n_gallery + i] = dots[q];
        }
        for (int64_t q = 0; q < TILE && first + q < j->n; q++)
            j->each(j->arg, first + q, cosines + q * j->n_gallery);
    }
    free(cosines);
}

avcl_status avcl__for_each_query(const float *query, int64_t n, const float *gallery,
                                 int64_t n_gallery, int64_t d, uint32_t n_threads,
                                 avcl__each_query *each, void *arg, avcl_error *err)
{
    job j = {.query = query,
             .gallery = gallery,
             .n = n,
             .n_gallery = n_gallery,
             .d = d,
             .each = each,
             .arg = arg};
    avcl__parallel_for(n_threads, (n + TILE - 1) / TILE, 1, tiles, &j);
    if (!atomic_load(&j.failed)) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %lld similarities",
                          (long long)n_gallery);
}
