/*
 * params.h - fills a params struct from its schema and what a script gave.
 *
 * Serves modules and ops alike: defaults, types, ranges, choices, misspelt names.
 * Rows are read with the writer's stride, so avcl_param may grow. [any thread]
 */
#ifndef AVCL_PARAMS_H
#define AVCL_PARAMS_H

#include <stdio.h>

#include "avcl/error.h"
#include "avcl/param.h"
#include "base/arena.h"

/* `out` is a zeroed struct of the module's params_size; strings are copied into the
 * arena. Messages begin with `who`, as "backbone 'r3d'". After a failure `out` means
 * nothing. */
avcl_status avcl__params_fill(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                              const avcl_attr *given, uint32_t n_given, const char *who,
                              avcl_arena *arena, void *out, avcl_error *err);

/* Checks a schema as a plugin ships it: names, documentation, types, places inside
 * params_size, defaults within range. */
avcl_status avcl__params_check(const avcl_param *rows, uint32_t row_size, uint32_t n_rows,
                               uint32_t params_size, avcl_error *err);

/* " NAME=VALUE" of one row, exact: floats in hexadecimal. */
void avcl__param_print(FILE *f, const avcl_param *row, const void *params);

#endif
