/* knn.c - weighted votes of the nearest neighbours (Wu et al. 2018, as solo-learn's). */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "eval/similar.h"
#include "train/train_impl.h"

typedef struct job {
    const int32_t *train_label;
    const int32_t *test_label;
    int64_t n_train;
    int64_t n_classes;
    int64_t k;
    double temperature;
    atomic_int *is_top; /* per query: 1 + 4 = in top-1, in top-5 */
    atomic_int failed;
} job;

typedef struct neighbour {
    float cosine;
    int64_t row;
} neighbour;

/* Nearer, or as near and earlier. */
static int is_before(neighbour a, neighbour b)
{
    return a.cosine > b.cosine || (a.cosine == b.cosine && a.row < b.row);
}

/* A heap with the farthest of the nearest on top. */
static void sink(neighbour *heap, int64_t n, int64_t i)
{
    for (;;) {
        int64_t far = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < n && is_before(heap[far], heap[child])) far = child;
        if (far == i) return;
        neighbour t = heap[i];
        heap[i] = heap[far];
        heap[far] = t;
        i = far;
    }
}

/* The k nearest labelled rows, in no order. */
static void nearest(const job *j, const float *cosines, neighbour *heap)
{
    int64_t n = 0;
    for (int64_t i = 0; i < j->n_train; i++) {
        neighbour next = {cosines[i], i};
        if (j->train_label[i] < 0) continue;
        if (n < j->k) {
            heap[n++] = next;
            for (int64_t r = n / 2; n == j->k && r-- > 0;)
                sink(heap, n, r);
        } else if (is_before(next, heap[0])) {
            heap[0] = next;
            sink(heap, n, 0);
        }
    }
}

static int by_nearness(const void *a, const void *b)
{
    const neighbour *x = a;
    const neighbour *y = b;
    return is_before(*x, *y) ? -1 : is_before(*y, *x);
}

static void vote(void *arg, int64_t query, const float *cosines)
{
    job *j = arg;
    if (j->test_label[query] < 0) return;
    neighbour *heap = malloc((size_t)j->k * sizeof *heap);
    double *votes = calloc((size_t)j->n_classes, sizeof *votes);
    if (heap && votes) {
        nearest(j, cosines, heap);
        qsort(heap, (size_t)j->k, sizeof *heap, by_nearness); /* sums in one order */
        for (int64_t i = 0; i < j->k; i++) /* e^(s/T) over its largest: none overflows */
            votes[j->train_label[heap[i].row]] +=
                exp((double)(heap[i].cosine - heap[0].cosine) / j->temperature);
        int64_t rank = avcl__rank_of(votes, j->n_classes, j->test_label[query]);
        atomic_store(&j->is_top[query], (rank < 1) + 4 * (rank < 5));
    } else {
        atomic_store(&j->failed, 1);
    }
    free(votes);
    free(heap);
}

avcl_status avcl__check_labels(const avcl_vectors *v, int64_t n_classes, int64_t *n,
                               avcl_error *err)
{
    *n = 0;
    for (int64_t i = 0; i < v->n; i++) {
        if (v->label[i] >= n_classes)
            return avcl_error_set(err, AVCL_E_INVALID,
                                  "label %d of vector %lld, of %lld classes", v->label[i],
                                  (long long)i, (long long)n_classes);
        *n += v->label[i] >= 0;
    }
    if (*n) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "none of %lld vectors has a label",
                          (long long)v->n);
}

static void count(const job *j, int64_t n_test, avcl_accuracy *out)
{
    memset(out, 0, sizeof *out);
    for (int64_t i = 0; i < n_test; i++) {
        if (j->test_label[i] < 0) continue;
        int is_top = atomic_load(&j->is_top[i]);
        out->n++;
        out->top1 += is_top & 1;
        out->top5 += is_top >= 4;
    }
    out->top1 = 100 * out->top1 / (double)out->n;
    out->top5 = 100 * out->top5 / (double)out->n;
}

avcl_status avcl_knn(const avcl_vectors *train, const avcl_vectors *test,
                     int64_t n_classes, int64_t k, double temperature, uint32_t n_threads,
                     avcl_accuracy *out, avcl_error *err)
{
    int64_t n_labelled = 0;
    int64_t n_test = 0;
    avcl_status rc = avcl__check_vectors(train, test, "neighbours", err);
    if (!rc) rc = avcl__check_labels(train, n_classes, &n_labelled, err);
    if (!rc) rc = avcl__check_labels(test, n_classes, &n_test, err);
    if (!rc && (k < 1 || !(temperature > 0)))
        rc = avcl_error_set(err, AVCL_E_INVALID, "k = %lld at temperature %g",
                            (long long)k, temperature);
    if (rc) return rc;
    job j = {.train_label = train->label,
             .test_label = test->label,
             .n_train = train->n,
             .n_classes = n_classes,
             .k = k < n_labelled ? k : n_labelled,
             .temperature = temperature,
             .is_top = calloc((size_t)test->n, sizeof *j.is_top)};
    float *a = avcl__on_sphere(train, err);
    float *b = a ? avcl__on_sphere(test, err) : NULL;
    if (!a || !b || !j.is_top) rc = AVCL_E_NUMERIC;
    if (!j.is_top) rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for neighbours");
    if (!rc)
        rc = avcl__for_each_query(b, test->n, a, train->n, train->d, n_threads, vote, &j,
                                  err);
    if (!rc && atomic_load(&j.failed))
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for neighbours");
    if (!rc) count(&j, test->n, out);
    free(b);
    free(a);
    free(j.is_top);
    return rc;
}
