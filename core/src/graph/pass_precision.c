/* pass_precision.c - declared reals are f32; a f64 session widens every one of them. */
#include "graph/compile.h"

void avcl__pass_precision(avcl_draft *draft, avcl_dtype real)
{
    for (uint32_t i = 1; i < draft->ir.n_values; i++) {
        avcl_dtype *dtype = &draft->ir.values[i].info.dtype;
        if (avcl__dtype_is_real(*dtype)) *dtype = real;
    }
}
