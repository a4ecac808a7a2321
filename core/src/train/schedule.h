/*
 * schedule.h - learning rates: constant, plateau, step, multistep, cosine; warm-up.
 *
 * The same sequences as PyTorch's ReduceLROnPlateau (mode min, relative threshold),
 * StepLR, MultiStepLR and CosineAnnealingLR stepped once per epoch. State is plain
 * numbers, so a checkpoint holds it whole.
 */
#ifndef AVCL_SCHEDULE_H
#define AVCL_SCHEDULE_H

#include "avcl/train.h"

typedef struct avcl_schedule_state {
    double lr;
    double best;    /* plateau: lowest loss so far */
    uint32_t n_bad; /* plateau: epochs without improvement */
    uint32_t epoch; /* epochs that are over */
} avcl_schedule_state;

/* Zeros in the options mean the defaults named in avcl_schedule. */
void avcl__schedule_start(avcl_schedule_state *state, const avcl_schedule *schedule,
                          double lr);
/* An epoch is over with this loss; state->lr is that of the next one. */
void avcl__schedule_step(avcl_schedule_state *state, const avcl_schedule *schedule,
                         double initial_lr, uint32_t n_epochs, double loss);

typedef struct avcl_moment { /* an optimiser step, before it is done */
    uint32_t epoch;          /* epochs before it */
    uint32_t step;           /* steps of its epoch before it */
    uint32_t n_steps;        /* per epoch */
    uint32_t n_epochs;
} avcl_moment;
/* The rate of this step: the epoch's, moved within it by warm-up and per_step. */
double avcl__schedule_rate(const avcl_schedule_state *state,
                           const avcl_schedule *schedule, double initial_lr,
                           const avcl_moment *at);

#endif
