/*
 * health.h - numbers that tell a collapse from learning, of one batch of features.
 *
 * Matrices are row-major [n, d], one row a clip; `audio` has the shape of `video`.
 */
#ifndef AVCL_TRAIN_HEALTH_H
#define AVCL_TRAIN_HEALTH_H

#include <stdint.h>

/* exp of the entropy of the singular values of x minus its mean, each as a share of their
 * sum (Roy & Vetterli 2007): 1 = all rows on a line, at most min(n - 1, d). 0 = all rows
 * equal. NaN without memory. */
double avcl__effective_rank(const double *x, int64_t n, int64_t d);
/* Mean over channels of C_ii (eq. 6), columns centred; a channel without any variation
 * counts as 0. */
double avcl__mean_diagonal(const double *video, const double *audio, int64_t n,
                           int64_t d);
/* Mean square distance of a clip's unit rows: 0 = equal, 2 = orthogonal. */
double avcl__alignment(const double *video, const double *audio, int64_t n, int64_t d);
/* ln of the mean of exp(-2 |x_i - x_j|^2) over distinct pairs of unit rows: 0 = all
 * equal, lower = more uniform on the sphere. */
double avcl__uniformity(const double *x, int64_t n, int64_t d);
/* Mean of fused / raw over the elements where raw is not 0: what the gate lets through.
 * 0 when raw is 0 everywhere. */
double avcl__mean_gate(const double *fused, const double *raw, int64_t n, int64_t d);

#endif
