/*
 * params_impl.h - single schema rows, shared by filling and by checking a schema.
 */
#ifndef AVCL_PARAMS_IMPL_H
#define AVCL_PARAMS_IMPL_H

#include "plugin/params.h"

/* Row `index` as this side knows it: fields that the writer lacked are zero. */
avcl_param avcl__param_row(const avcl_param *rows, uint32_t row_size, uint32_t index);
/* Converts and checks one value, and stores it at the row's offset in `out`. */
avcl_status avcl__param_put(const avcl_param *row, const avcl_value *v, avcl_arena *arena,
                            void *out, avcl_error *err);

#endif
