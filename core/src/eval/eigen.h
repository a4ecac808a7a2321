/*
 * eigen.h - eigenvalues of a symmetric matrix.
 */
#ifndef AVCL_EIGEN_H
#define AVCL_EIGEN_H

#include "avcl/error.h"

/* a [n, n] symmetric, overwritten; n eigenvalues, in no order. */
avcl_status avcl__eigenvalues(double *a, int64_t n, double *out, avcl_error *err);

#endif
