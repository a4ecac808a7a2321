/*
 * method_rig.h - a method module with inputs of its own, in f64 on the reference device.
 *
 * Inputs have the names of its ports; outputs are kept as "z_video" and "z_audio". Each
 * helper fails the running cmocka test when something is wrong.
 */
#ifndef AVCL_TEST_METHOD_RIG_H
#define AVCL_TEST_METHOD_RIG_H

#include "avcl/build.h"
#include "avcl/session.h"
#include "golden.h"

enum { METHOD_N = 4, METHOD_D = 6 }; /* rows and columns of features */

/* f64 sums of up to 65,536 equal terms. */
#define METHOD_SUMS 1e-10
/* Two f64 routes to one number, of a few thousand operations each. */
#define METHOD_ROUTES 1e-11

typedef struct method_rig {
    avcl_host *host;
    avcl_graph *g;
    avcl_session *s;
    avcl_error err;
} method_rig;

/* The module lies under "m/". */
void method_open(method_rig *r, const char *name, const avcl_attr *params,
                 uint32_t n_params);
void method_close(method_rig *r);
void method_put(method_rig *r, const char *name, const double *x, int64_t n);
double *method_get(method_rig *r, const char *name, int64_t *n); /* [owned: free] */
void method_fill(method_rig *r, const char *name, double value);
/* A square weight becomes scale times the identity. */
void method_identity(method_rig *r, const char *name, int64_t n, double scale);
/* Any fixed, well spread numbers, into x and into an input or weight. */
void method_numbers(double *x, int64_t n, uint64_t seed);
void method_scatter(method_rig *r, const char *name, uint64_t seed);
/* The loss, and the loss of a whole step of training. */
double method_run(method_rig *r);
double method_step(method_rig *r);
double method_cosine(const double *x, const double *y, int64_t n);
void method_unit_rows(double *x, int64_t n, int64_t d);

#endif
