/*
 * evaluate.h - what a trained model is worth: accuracy, and what its features hold.
 *
 * Everything runs EVAL: nothing is committed, BatchNorm reads its state. A video is seen
 * as view.n_clips centre clips, and what is kept of them is averaged (methods.md C).
 *
 *     avcl_features *f = avcl_features_read(s, d, &options, names, 2, &err);
 *     avcl_vectors video = {.n = avcl_features_n(f), .label = avcl_features_labels(f)};
 *     video.x = avcl_features_get(f, "raw/video", &video.d, &err);
 *     avcl_knn(&train, &video, n_classes, 20, 0.07, threads, &result, &err);
 *
 * Numbers do not depend on the number of threads. Equal scores count against the model.
 * [run] one thread, which calls others
 */
#ifndef AVCL_EVALUATE_H
#define AVCL_EVALUATE_H

#include "avcl/data.h"
#include "avcl/session.h"

typedef int32_t avcl_average;
enum { AVCL_AVERAGE_LOGITS = 0, AVCL_AVERAGE_SOFTMAX = 1 };
typedef struct avcl_eval_options {
    const char *split;
    uint32_t batch;
    uint32_t workers;
    avcl_view view; /* n_clips centre clips */
    char **bad;     /* out, may be NULL: CSV lines path,reason of samples that failed, or
                       NULL. [owned: avcl_text_free] */
    avcl_average average; /* of logits over clips */
    uint32_t reserved;
} avcl_eval_options;

/* ---- accuracy ---------------------------------------------------------------------- */
typedef struct avcl_eval_result {
    int64_t n; /* labelled samples, failed ones included (they count as wrong) */
    int64_t n_failed;
    double loss;
    double top1; /* percent */
    double top5;
    double per_class; /* mean of per-class accuracies, percent */
} avcl_eval_result;
/* Runs EVAL over a split: kept value "logits" [batch, classes]. items[ceil(n/8)] receives
 * one bit per sample (correct); confusion[classes*classes], row = truth. Either may be
 * NULL. */
AVCL_EXPORT avcl_status avcl_evaluate(avcl_session *s, avcl_dataset *d,
                                      const avcl_eval_options *options,
                                      avcl_eval_result *out, uint8_t *items,
                                      int64_t *confusion, avcl_error *err);

/* ---- features ---------------------------------------------------------------------- */
enum { AVCL_MAX_FEATURES = 8 };
typedef struct avcl_features avcl_features;
/* Kept values `names`, each [batch, d …], of every video of the split that can be read,
 * in the order of the split: means over its clips. [owned] */
AVCL_EXPORT avcl_features *avcl_features_read(avcl_session *s, avcl_dataset *d,
                                              const avcl_eval_options *options,
                                              const char *const *names, uint32_t n_names,
                                              avcl_error *err);
AVCL_EXPORT void avcl_features_free(avcl_features *f);
AVCL_EXPORT int64_t avcl_features_n(const avcl_features *f);
AVCL_EXPORT int64_t avcl_features_n_failed(const avcl_features *f);
/* [n], -1 = unlabelled. [features' life] */
AVCL_EXPORT const int32_t *avcl_features_labels(const avcl_features *f);
/* Path of video i as the manifest has it. [data set's life] */
AVCL_EXPORT const char *avcl_features_path(const avcl_features *f, int64_t i);
/* [n, d]; NULL for a name that was not read. [features' life] */
AVCL_EXPORT const float *avcl_features_get(const avcl_features *f, const char *name,
                                           int64_t *d, avcl_error *err);
/* NAME.npy (f32 [n, d]; '/' becomes '_') of each, labels.npy (i32 [n]) and videos.csv
 * (row,path,label,class) into a folder that exists. */
AVCL_EXPORT avcl_status avcl_features_save(const avcl_features *f, const char *dir,
                                           avcl_error *err);

/* ---- what vectors hold ------------------------------------------------------------- */
typedef struct avcl_vectors {
    const float *x; /* [n, d] */
    int64_t n;
    int64_t d;
    const int32_t *label; /* [n]; -1 = none */
} avcl_vectors;
typedef struct avcl_accuracy {
    int64_t n;   /* labelled test vectors */
    double top1; /* percent */
    double top5;
} avcl_accuracy;

/* Votes of the k nearest (cosine) labelled train vectors, weighted e^(s / temperature).
 * k is at most the number of those. */
AVCL_EXPORT avcl_status avcl_knn(const avcl_vectors *train, const avcl_vectors *test,
                                 int64_t n_classes, int64_t k, double temperature,
                                 uint32_t n_threads, avcl_accuracy *out, avcl_error *err);

typedef struct avcl_probe_options {
    double l2;              /* of the objective below */
    int32_t max_iterations; /* of L-BFGS */
    uint32_t n_threads;
} avcl_probe_options;
typedef struct avcl_probe_result {
    avcl_accuracy test;
    double train_top1;
    double objective; /* mean cross-entropy + l2 / 2 |W|^2, at the end */
    double slope;     /* largest element of its gradient */
    int32_t n_iterations;
    int32_t reserved;
} avcl_probe_result;
/* Softmax regression on train vectors, standardised by their own means and deviations;
 * the bias is free. Convex, and solved from zero: no seed, no order. */
AVCL_EXPORT avcl_status avcl_probe(const avcl_vectors *train, const avcl_vectors *test,
                                   int64_t n_classes, const avcl_probe_options *options,
                                   avcl_probe_result *out, avcl_error *err);

typedef int32_t avcl_relevance;
enum {
    AVCL_SAME_ITEM = 0,  /* of query i: gallery i, the other modality of the same video */
    AVCL_SAME_CLASS = 1, /* gallery vectors with its label */
    AVCL_SAME_CLASS_OTHER =
        2, /* the same, but not gallery i: query and gallery are one */
};
typedef struct avcl_retrieval {
    int64_t n;        /* queries; those without a relevant vector are left out */
    double recall[5]; /* percent of them whose first relevant vector is among the nearest
                         1, 5, 10, 20, 50 (cosine) */
    double median_rank; /* of that vector, 1-based */
} avcl_retrieval;
AVCL_EXPORT avcl_status avcl_retrieve(const avcl_vectors *query,
                                      const avcl_vectors *gallery,
                                      avcl_relevance relevance, uint32_t n_threads,
                                      avcl_retrieval *out, avcl_error *err);

typedef struct avcl_geometry {
    double
        uniformity; /* log E e^(-2 |x - y|^2) over pairs, on the sphere (Wang & Isola) */
    double rank;    /* e^H of the singular values' shares (Roy & Vetterli; RankMe) */
    double spread;  /* mean deviation of a coordinate on the sphere x sqrt(d): 1 = even */
} avcl_geometry;
AVCL_EXPORT avcl_status avcl_measure_geometry(const avcl_vectors *x, uint32_t n_threads,
                                              avcl_geometry *out, avcl_error *err);
/* E |x_i - y_i|^2 on the sphere. */
AVCL_EXPORT avcl_status avcl_measure_alignment(const avcl_vectors *x,
                                               const avcl_vectors *y, double *out,
                                               avcl_error *err);

#endif
