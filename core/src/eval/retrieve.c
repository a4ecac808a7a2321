/* retrieve.c - the rank of the first relevant vector of each query. */
#include <stdlib.h>
#include <string.h>

#include "eval/similar.h"

static const int64_t DEPTHS[5] = {1, 5, 10, 20, 50};

typedef struct job {
    const avcl_vectors *query;
    const avcl_vectors *gallery;
    avcl_relevance relevance;
    int64_t *rank; /* per query; 0 = nothing is relevant. Each written once */
} job;

static int is_relevant(const job *j, int64_t query, int64_t i)
{
    if (j->relevance == AVCL_SAME_ITEM) return i == query;
    return j->query->label[query] >= 0 &&
           j->gallery->label[i] == j->query->label[query] &&
           !(j->relevance == AVCL_SAME_CLASS_OTHER && i == query);
}

/* Irrelevant vectors as near as the nearest relevant one come before it. */
static void rank_query(void *arg, int64_t query, const float *cosines)
{
    job *j = arg;
    int64_t before = 0;
    int64_t first = -1;
    for (int64_t i = 0; i < j->gallery->n; i++)
        if (is_relevant(j, query, i) && (first < 0 || cosines[i] > cosines[first]))
            first = i;
    for (int64_t i = 0; first >= 0 && i < j->gallery->n; i++) {
        int is_self = j->relevance == AVCL_SAME_CLASS_OTHER && i == query;
        before += !is_self && !is_relevant(j, query, i) && cosines[i] >= cosines[first];
    }
    j->rank[query] = first < 0 ? 0 : before + 1;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void report(int64_t *rank, int64_t n_queries, avcl_retrieval *out)
{
    memset(out, 0, sizeof *out);
    qsort(rank, (size_t)n_queries, sizeof *rank, ascending);
    while (n_queries && rank[0] == 0) {
        rank++;
        n_queries--;
    }
    out->n = n_queries;
    if (n_queries == 0) return;
    for (int64_t i = 0; i < n_queries; i++)
        for (int k = 0; k < 5; k++)
            out->recall[k] += rank[i] <= DEPTHS[k];
    for (int k = 0; k < 5; k++)
        out->recall[k] = 100 * out->recall[k] / (double)n_queries;
    out->median_rank = (double)(rank[(n_queries - 1) / 2] + rank[n_queries / 2]) / 2;
}

avcl_status avcl_retrieve(const avcl_vectors *query, const avcl_vectors *gallery,
                          avcl_relevance relevance, uint32_t n_threads,
                          avcl_retrieval *out, avcl_error *err)
{
    avcl_status rc = avcl__check_vectors(query, gallery, "retrieval", err);
    if (!rc && relevance != AVCL_SAME_CLASS && query->n != gallery->n)
        rc = avcl_error_set(err, AVCL_E_INVALID, "pairs of %lld and %lld vectors",
                            (long long)query->n, (long long)gallery->n);
    if (rc) return rc;
    job j = {query, gallery, relevance, calloc((size_t)query->n, sizeof *j.rank)};
    if (!j.rank) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for ranks");
    float *a = avcl__on_sphere(query, err);
    float *b = a ? avcl__on_sphere(gallery, err) : NULL;
    rc = a && b ? avcl__for_each_query(a, query->n, b, gallery->n, query->d, n_threads,
                                       rank_query, &j, err)
                : AVCL_E_NUMERIC;
    if (!rc) report(j.rank, query->n, out);
    free(b);
    free(a);
    free(j.rank);
    return rc;
}
