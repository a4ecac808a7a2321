/*
 * collect.h - kept values of a split, summed over the clips of each video.
 */
#ifndef AVCL_COLLECT_H
#define AVCL_COLLECT_H

#include "avcl/evaluate.h"

typedef struct avcl_collected_value {
    const char *name; /* [call] */
    int64_t d;        /* 0 until the first batch */
    double *sum;      /* [cap, d] */
} avcl_collected_value;

typedef struct avcl_collected {
    int64_t n; /* videos, in the order of the split */
    int64_t cap;
    int64_t *sample; /* dataset rows */
    int32_t *label;
    int32_t *clips; /* that arrived; 0 = the video could not be read */
    uint32_t n_values;
    avcl_collected_value value[AVCL_MAX_FEATURES];
} avcl_collected;

/* `average` counts for the value "logits" alone. Release in any case. */
avcl_status avcl__collect(avcl_session *s, avcl_dataset *d, const avcl_eval_options *o,
                          const char *const *names, uint32_t n_names, avcl_collected *out,
                          avcl_error *err);
void avcl__collected_release(avcl_collected *c);

#endif
