/*
 * reference.h - how a kernel of the reference device sees one call.
 *
 * Reals are doubles, whatever the session's real is: the device widens inputs
 * before a kernel and rounds outputs after it. Integers come as they are.
 */
#ifndef AVCL_REFERENCE_H
#define AVCL_REFERENCE_H

#include "../common/util.h"
#include "avcl/device.h"
#include "avcl/ops.h"

typedef struct ref_op ref_op;

typedef struct ref_call {
    const ref_op *op;
    const void *attrs;
    uint32_t n_in;
    uint32_t n_out;
    const avcl_tinfo *in_info;
    const avcl_tinfo *out_info;
    const void *const *in;
    void *const *out;
    avcl_error *err;
} ref_call;

struct ref_op {
    const char *name;
    size_t attrs_size;
    avcl_status (*run)(const ref_call *);
    double (*map1)(double x, const void *attrs); /* pointwise.c */
    double (*map2)(double a, double b);          /* binary.c */
};

/* One table per family, ended by a NULL name. */
extern const ref_op avcl__ref_pointwise[];
extern const ref_op avcl__ref_binary[];
extern const ref_op avcl__ref_reduce[];
extern const ref_op avcl__ref_shape[];
extern const ref_op avcl__ref_matmul[];
extern const ref_op avcl__ref_conv[];
extern const ref_op avcl__ref_norm[];
extern const ref_op avcl__ref_fused[];
extern const ref_op avcl__ref_pool[];
extern const ref_op avcl__ref_loss[];
extern const ref_op avcl__ref_random[];
extern const ref_op avcl__ref_optim[];
extern const ref_op avcl__ref_source[];

const ref_op *avcl__ref_find(const char *name);

#endif
