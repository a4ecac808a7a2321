/*
 * ops.h - the core ops as one constant list.
 *
 * Formulas and shapes: core/doc/ops.md. Each family lives in ops/<family>.c;
 * attribute structs are public (avcl/ops.h), because kernels read them.
 *
 * [any thread]
 */
#ifndef AVCL_GRAPH_OPS_H
#define AVCL_GRAPH_OPS_H

#include "avcl/op.h"
#include "avcl/ops.h"

/* All core ops in the order of core/doc/ops.md, *n of them. [static] */
const avcl_op *const *avcl__core_ops(uint32_t *n);

/* The axis counted from 0; one that is out of range comes back as it is. */
int64_t avcl__axis(int64_t axis, int32_t ndim);

#endif
