/*
 * lbfgs.h - the minimum of a smooth convex function (Nocedal & Wright, 7.2).
 */
#ifndef AVCL_LBFGS_H
#define AVCL_LBFGS_H

#include "avcl/error.h"

typedef double avcl__function(void *arg, const double *x, double *gradient);

typedef struct avcl__minimum {
    double value;
    double slope; /* largest element of the gradient */
    int32_t n_iterations;
} avcl__minimum;

/* x [n] is the start, then the minimum: the slope is below `tolerance`, or nothing moves
 * any more, or it took max_iterations. */
avcl_status avcl__lbfgs(avcl__function *f, void *arg, int64_t n, double *x,
                        int32_t max_iterations, double tolerance, avcl__minimum *out,
                        avcl_error *err);

#endif
