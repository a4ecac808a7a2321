/*
 * ops.h - attribute structs of the core ops, for whoever supplies kernels.
 *
 * The ops themselves (inputs, outputs, formulas, cases) are documented where
 * they are declared, in core/src/graph/ops/; `avcl help ops` prints them. Kernels
 * only ever see canonical attributes (op.h): axes >= 0, three strides, no -1.
 * Layout letters: N batch, C channels, T H W time, height, width.
 */
#ifndef AVCL_OPS_H
#define AVCL_OPS_H

#include "avcl/param.h"

/* conv3d, conv3d_backward_data, conv3d_backward_weight. x NCTHW, w OCtHW. */
typedef struct avcl_conv3d_attrs {
    avcl_ints stride; /* 3 */
    avcl_ints pad;    /* 3, symmetric */
    avcl_ints
        shape; /* backward: shape of the gradient to make (x's or w's); else n = 0 */
} avcl_conv3d_attrs;

/* batch_norm, batch_norm_eval, batch_norm_backward. Channel axis 1. */
typedef struct avcl_batch_norm_attrs {
    double eps;
    double momentum;
} avcl_batch_norm_attrs;

/* max_pool3d, avg_pool3d and their backwards. */
typedef struct avcl_pool3d_attrs {
    avcl_ints kernel; /* 3 */
    avcl_ints stride; /* 3 */
    avcl_ints pad;    /* 3 */
    avcl_ints shape;  /* backward: x's shape; else n = 0 */
} avcl_pool3d_attrs;

/* reshape, broadcast_to, sum_to, constant, global_avg_pool_backward: a shape. */
typedef struct avcl_shape_attrs {
    avcl_ints shape;
    double value; /* constant: the fill; others unused */
} avcl_shape_attrs;

typedef struct avcl_axes_attrs { /* sum, mean, max, variance */
    avcl_ints axes;              /* sorted, non-negative, never "none for all" */
    int32_t keep;                /* keep reduced axes as 1 */
    int32_t reserved;
} avcl_axes_attrs;

typedef struct avcl_axis_attrs { /* concat, logsumexp (keep), argmax, l2_normalise (eps)
                                  */
    int64_t axis;
    double eps;
    int32_t keep; /* logsumexp: keep the reduced axis as 1 */
    int32_t reserved;
} avcl_axis_attrs;

typedef struct avcl_range_attrs { /* slice: [start, stop); pad_zero: before, after */
    int64_t axis;
    int64_t start;
    int64_t stop;
} avcl_range_attrs;

typedef struct avcl_perm_attrs { /* transpose */
    avcl_ints perm;
} avcl_perm_attrs;

typedef struct avcl_matmul_attrs { /* [B..] x [M,K] x [K,N] after the transposes */
    int32_t transpose_a;
    int32_t transpose_b;
} avcl_matmul_attrs;

typedef struct avcl_affine_attrs { /* affine: scale x + shift; elu: alpha = scale */
    double scale;
    double shift;
} avcl_affine_attrs;

typedef struct avcl_dropout_attrs {
    double p;     /* probability of zero */
    int64_t salt; /* Philox: which dropout of the graph this is */
} avcl_dropout_attrs;

typedef struct avcl_random_index_attrs {
    int64_t rows;    /* of the batch */
    int64_t columns; /* draws a row */
    int64_t n;       /* each in [0, n) */
    int64_t salt;
} avcl_random_index_attrs;

typedef struct avcl_count_attrs { /* one_hot: n classes; scatter_add: n rows; eye: n */
    int64_t n;
    double scale; /* eye: value on the diagonal */
} avcl_count_attrs;

typedef struct avcl_cast_attrs {
    int64_t dtype; /* avcl_dtype to make; AVCL_F32 = the session's real type */
} avcl_cast_attrs;

/* sgd: d = rate[1] g + rate[2] w; v = m v + d; w -= rate[0] (nesterov ? d + m v : v) */
typedef struct avcl_sgd_attrs {
    double momentum;
    int32_t nesterov;
    int32_t reserved;
} avcl_sgd_attrs;

/* adamw: g' = rate[1] g; m = b1 m + (1 - b1) g'; v = b2 v + (1 - b2) g'^2;
 * w = rate[2] w - rate[0] m / (rate[3] sqrt(v) + eps) */
typedef struct avcl_adamw_attrs {
    double beta1;
    double beta2;
    double eps;
} avcl_adamw_attrs;

#endif
