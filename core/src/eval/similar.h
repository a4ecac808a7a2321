/*
 * similar.h - cosines of many vectors with many others.
 */
#ifndef AVCL_SIMILAR_H
#define AVCL_SIMILAR_H

#include "avcl/evaluate.h"

/* Rows on the unit sphere [n, d] [owned: free]; zero rows stay zero. NULL with an error
 * for numbers that are not finite. */
float *avcl__on_sphere(const avcl_vectors *x, avcl_error *err);
avcl_status avcl__check_vectors(const avcl_vectors *a, const avcl_vectors *b,
                                const char *what, avcl_error *err);

/* How many have a label; none, or one that is no class, is an error. */
avcl_status avcl__check_labels(const avcl_vectors *v, int64_t n_classes, int64_t *n,
                               avcl_error *err);

/* Calls each(arg, query, cosines [n_gallery]) for every query, on some thread, in any
 * order; a query's cosines do not depend on the threads. */
typedef void avcl__each_query(void *arg, int64_t query, const float *cosines);
avcl_status avcl__for_each_query(const float *query, int64_t n, const float *gallery,
                                 int64_t n_gallery, int64_t d, uint32_t n_threads,
                                 avcl__each_query *each, void *arg, avcl_error *err);

#endif
