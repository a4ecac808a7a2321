/*
 * plan.h - where every value of a program lives: fixed storage or an arena offset.
 *
 * Aliases share their input's bytes, pointwise ops overwrite an input at its last
 * use, kernels' scratch is planned like any value, and disjoint lifetimes share
 * bytes. The peak is known before anything is allocated.
 */
#ifndef AVCL_PLAN_H
#define AVCL_PLAN_H

#include "graph/compile.h"

enum { AVCL_ARENA_ALIGN = 64 };

typedef struct avcl_place {
    void *fixed;     /* storage outside the arena; NULL = in the arena */
    uint64_t offset; /* in the arena */
} avcl_place;

typedef struct avcl_plan {
    avcl_place *values;   /* per value */
    uint64_t *scratch;    /* arena offset, per node */
    uint64_t arena_bytes; /* peak */
} avcl_plan;

typedef struct avcl_plan_request {
    const avcl_ir *ir;
    const uint64_t *value_bytes;   /* per value, padding of its layout included */
    const uint64_t *scratch_bytes; /* per node */
    void *const *fixed;            /* per value: storage it must have, or NULL */
} avcl_plan_request;

avcl_status avcl__plan_memory(const avcl_plan_request *request, avcl_plan *out,
                              avcl_error *err);
void avcl__plan_release(avcl_plan *plan);

#endif
