/*
 * scalars.h - numbers that methods change from step to step: momenta, temperatures.
 *
 * Their schedules are functions of the optimiser's step alone, so they are tabulated
 * before training: no plugin code runs in the loop, and a resumed run goes on exactly.
 */
#ifndef AVCL_TRAIN_SCALARS_H
#define AVCL_TRAIN_SCALARS_H

#include "avcl/session.h"

typedef struct avcl_scalars {
    const char **names; /* n_scalars [graph's life] */
    double *values;     /* n_steps rows of n_scalars */
    uint32_t n_scalars;
    int64_t n_steps;
} avcl_scalars;

/* The scalars of every method that the session's graph applies, for `n_steps` steps of
 * the optimiser. A value that is not finite is an error that names it. */
avcl_status avcl__scalars_make(avcl_scalars *out, avcl_session *s, int64_t n_steps,
                               avcl_error *err);
void avcl__scalars_release(avcl_scalars *scalars);
/* Writes those of one step, or of the last there is. */
avcl_status avcl__scalars_set(const avcl_scalars *scalars, avcl_session *s, uint64_t step,
                              avcl_error *err);

#endif
