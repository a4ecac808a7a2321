/*
 * optimiser.h - one optimiser step as a few kernels over ranges of the flat buffers.
 *
 * Weights that lie side by side and are treated alike form one group: SGD of everything
 * is one kernel, one pass over memory. LARS has a group for each weight that it adapts.
 */
#ifndef AVCL_OPTIMISER_H
#define AVCL_OPTIMISER_H

#include "graph/session_impl.h"

typedef struct avcl_optim_group {
    uint64_t first; /* in the flat buffers */
    uint64_t n;
    double lr_ratio; /* to the rate of the step */
    double weight_decay;
    int is_adapted; /* by LARS */
} avcl_optim_group;

/* Groups in flat order [owned: free]; n_groups of them. */
avcl_status avcl__optim_groups(const avcl_session *s, const avcl_optim *optim,
                               avcl_optim_group **groups, uint32_t *n_groups,
                               avcl_error *err);

void avcl__optimiser_free(avcl_session *s);

#endif
