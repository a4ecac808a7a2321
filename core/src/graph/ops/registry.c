/* registry.c - collects the core ops; a name without a definition does not link. */
#include "graph/ops/ops_impl.h"

#define AVCL_ENTRY(op) &avcl__op_##op,
static const avcl_op *const ops[] = {AVCL_CORE_OPS(AVCL_ENTRY)};
#undef AVCL_ENTRY

const avcl_op *const *avcl__core_ops(uint32_t *n)
{
    *n = AVCL_COUNT(ops);
    return ops;
}
