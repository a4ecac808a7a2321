/*
 * samples.h - what the tests of data sets and transforms share.
 */
#ifndef AVCL_CHECK_SAMPLES_H
#define AVCL_CHECK_SAMPLES_H

#include "avcl/plugged.h"
#include "check/check.h"

/* The module's set with these parameters, on what it writes as an example. */
avcl_dataset *samples_open(check *c, const avcl_attr *params, uint32_t n_params,
                           avcl_error *err);
/* What parameters decide, as a text: of a data set its samples, of a transform what it
 * makes of one. 0 = refused; `err` (may be NULL) tells. */
int samples_effect(check *c, const avcl_attr *params, uint32_t n_params, char hex[65],
                   avcl_error *err);
int transform_effect(check *c, const avcl_attr *params, uint32_t n_params, char hex[65],
                     avcl_error *err);

/* What a process holds: memory in use, files, threads. */
typedef struct samples_state {
    size_t bytes;
    int n_fds;
    int n_threads;
} samples_state;
samples_state samples_look(void);
/* Says what is left behind since; `what`: "100 times open and closed". */
void samples_compare(check *c, const samples_state *before, int rounds, const char *what);

#endif
