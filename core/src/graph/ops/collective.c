/* collective.c - identities: named ones, and collectives, which are the identity while
 * there is one rank. */
#include "graph/ops/ops_impl.h"

static avcl_status real_infer(const avcl_build *b, const avcl_op_view *n, avcl_tinfo *out)
{
    avcl_status st = avcl__want_real(b, n, 0, "x");
    if (!st) out[0] = n->in_info[0];
    return st;
}

static const avcl_op_case real_cases[] = {
    {.label = "matrix", AVCL_TAKES(AVCL_X(3, 5))},
    {.label = "one value", AVCL_TAKES(AVCL_REAL0(-1, 1, 0))},
    {.label = "5-d", AVCL_TAKES(AVCL_X(2, 16, 1, 2, 3))},
};
static const avcl_op_case any_cases[] = {
    {.label = "matrix", AVCL_TAKES(AVCL_X(3, 5))},
    {.label = "one value", AVCL_TAKES(AVCL_REAL0(-1, 1, 0))},
    {.label = "integers", AVCL_TAKES(AVCL_OF(AVCL_I32, -3, 9, 4, 3))},
};

const avcl_op avcl__op_identity = {
    AVCL_OP(identity),       .doc = "x.",           .flags = AVCL_OP_ALIAS,
    AVCL_ARITY(1, 1, 1),     AVCL_CASES(any_cases), .infer = avcl__infer_alias,
    .grad = avcl__grad_pass,
};
const avcl_op avcl__op_stop_gradient = {
    AVCL_OP(stop_gradient),
    .doc = "x, a constant to the gradient.",
    .flags = AVCL_OP_ALIAS | AVCL_OP_NOGRAD,
    AVCL_ARITY(1, 1, 1),
    AVCL_CASES(any_cases),
    .infer = avcl__infer_alias,
};
const avcl_op avcl__op_all_gather = {
    AVCL_OP(all_gather),     .doc = "Rows of all ranks, joined in rank order.",
    .flags = AVCL_OP_ALIAS,  AVCL_ARITY(1, 1, 1),
    AVCL_CASES(real_cases),  .infer = real_infer,
    .grad = avcl__grad_pass,
};
const avcl_op avcl__op_all_reduce = {
    AVCL_OP(all_reduce),     .doc = "Sum over all ranks.", .flags = AVCL_OP_ALIAS,
    AVCL_ARITY(1, 1, 1),     AVCL_CASES(real_cases),       .infer = real_infer,
    .grad = avcl__grad_pass,
};
