/*
 * device_pair.h - the cpu device next to the reference device, for cmocka tests.
 *
 * Errors are measured against the largest value of the oracle's output.
 */
#ifndef AVCL_DEVICE_PAIR_H
#define AVCL_DEVICE_PAIR_H

#include "device_rig.h"

/* f32 sums of up to some thousand products of numbers of order 1. */
#define PAIR_TOLERANCE_SUM 2e-5
/* One or two roundings, or a function of the maths library. */
#define PAIR_TOLERANCE_MAP 1e-6

typedef struct pair {
    rig cpu; /* two threads */
    rig one; /* the same on one */
    rig f64; /* the oracle */
    rig f32; /* the oracle, rounded */
} pair;

/* Set-up and tear-down of a group: *state becomes a pair. */
int pair_open(void **state);
int pair_close(void **state);
/* Runs the node on the oracle, and on the cpu in its own layouts, from blocked inputs and
 * all row-major, on one and two threads and twice. Takes the node. */
void pair_check(pair *d, rig_node node, double tolerance);
/* Numbers in [-1, 1] of a shape; rank by the dims that are not 0. */
rig_value pair_real(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e);
rig_value pair_like(const rig_value *v);

#endif
