/* table.c - finds the kernel of an op by its name. */
#include <string.h>

#include "reference.h"

static const ref_op *const families[] = {
    avcl__ref_pointwise, avcl__ref_binary, avcl__ref_reduce, avcl__ref_shape,
    avcl__ref_matmul,    avcl__ref_conv,   avcl__ref_norm,   avcl__ref_fused,
    avcl__ref_pool,      avcl__ref_loss,   avcl__ref_random, avcl__ref_optim,
    avcl__ref_source,
};

const ref_op *avcl__ref_find(const char *name)
{
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const ref_op *op = families[f]; op->name; op++)
            if (!strcmp(op->name, name)) return op;
    return NULL;
}
