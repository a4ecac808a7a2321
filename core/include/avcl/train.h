/*
 * train.h - the trainer: one session, one loader, epochs, checkpoints, a verdict.
 *
 * Pull style: the caller steps and is told what happened; nothing calls back.
 * Stopping and resuming at any step gives the same bits as never stopping.
 *
 *     avcl_trainer *t = avcl_trainer_new(session, dataset, &options, &err);
 *     while ((rc = avcl_trainer_step(t, &event, &err)) == AVCL_OK) { … }
 *     // rc == AVCL_END: all epochs done; avcl_trainer_free(t)
 *
 * [run] one thread; avcl_trainer_stop may be called from a signal handler.
 */
#ifndef AVCL_TRAIN_H
#define AVCL_TRAIN_H

#include "avcl/data.h"
#include "avcl/session.h"

typedef int32_t avcl_schedule_kind;
enum {
    AVCL_LR_CONSTANT = 0,
    AVCL_LR_PLATEAU,
    AVCL_LR_STEP,
    AVCL_LR_COSINE,
    AVCL_LR_MULTISTEP,
};
enum { AVCL_MAX_MILESTONES = 16 };
typedef struct avcl_schedule {
    avcl_schedule_kind kind;
    int32_t patience;     /* plateau: bad epochs tolerated [50] */
    double factor;        /* plateau, step, multistep [0.1] */
    double min_lr;        /* plateau, cosine */
    double threshold;     /* plateau: relative improvement that counts [1e-4] */
    int32_t step_epochs;  /* step */
    int32_t per_step;     /* cosine: 1 = moves with every step, 0 = with every epoch */
    double warmup_epochs; /* the rate rises linearly, step by step; cosine begins after */
    uint32_t n_milestones;
    uint32_t milestones[AVCL_MAX_MILESTONES]; /* multistep: epochs, ascending */
    uint32_t reserved;
} avcl_schedule;

typedef struct avcl_trainer_options {
    uint32_t epochs;
    uint32_t batch;
    uint64_t seed;
    avcl_optim optim; /* lr = the initial one; its scopes live as long as the trainer */
    avcl_schedule schedule;
    const char *train_split;
    const char *val_split;      /* NULL = none */
    const char *select;         /* "min val/loss", "max val/top1", "last" */
    const char *checkpoint_dir; /* last.safetensors, best.safetensors; NULL = none kept */
    int32_t has_labels;         /* batches feed inputs "label" and "weight" */
    uint32_t workers;           /* loader threads; 0 = default */
    double max_bad;
    int32_t strict;       /* 1: the first unreadable sample ends the run */
    avcl_sampler sampler; /* of training batches */
    uint32_t group;
    uint32_t reserved;
    avcl_view view;      /* of training; validation uses the centre of it */
    double checkpoint_s; /* write last.safetensors at least this often; 0 = 60 s */
    uint32_t accumulate; /* batches per optimiser step; 0 = 1. BatchNorm sees each batch
                            by itself; FORWARD states follow batches, UPDATE ones steps.
                            The last step of an epoch takes what is left */
    uint32_t
        early_stop; /* ends after so many epochs without a better `select`; 0 = never */
    uint32_t
        keep_every; /* also writes epoch-NNNN.safetensors every so often; 0 = never */
    uint32_t reserved2;
} avcl_trainer_options;

typedef int32_t avcl_event_kind;
enum { AVCL_EVENT_STEP = 1, AVCL_EVENT_EPOCH = 2, AVCL_EVENT_STOPPED = 3 };
typedef struct avcl_metric {
    char name[48]; /* "train/loss", "val/top1", "log/cgra", "diag/match" */
    double value;
} avcl_metric;
typedef struct avcl_event {
    avcl_event_kind kind;
    uint32_t epoch;     /* 1-based, being done or just done */
    uint32_t step;      /* within the epoch, 1-based */
    uint32_t n_steps;   /* per epoch */
    uint32_t n_metrics; /* EPOCH: of metrics[] */
    int32_t is_best;
    double loss; /* STEP: of this step */
    double lr;
    double clips_per_s;
    double wait_fraction;
    avcl_loader_stats loader; /* EPOCH: of its training batches */
    avcl_metric metrics[64];
} avcl_event;

typedef struct avcl_trainer avcl_trainer;
AVCL_EXPORT avcl_trainer *avcl_trainer_new(avcl_session *s, avcl_dataset *d,
                                           const avcl_trainer_options *options,
                                           avcl_error *err); /* [owned] */
AVCL_EXPORT void avcl_trainer_free(avcl_trainer *t);
/* One step, or the end of an epoch (validation, schedule, checkpoint). AVCL_END when all
 * epochs are done, or early stopping has ended them; AVCL_E_INTERRUPTED after a stop,
 * with the checkpoint written; AVCL_E_NUMERIC names node, script line, step and sample
 * paths. */
AVCL_EXPORT avcl_status avcl_trainer_step(avcl_trainer *t, avcl_event *event,
                                          avcl_error *err);
/* The i-th sample that could not be read since this trainer was made or resumed: its path
 * as the manifest has it, and why. AVCL_E_NOT_FOUND past the last. [trainer's life] */
AVCL_EXPORT avcl_status avcl_trainer_get_bad(const avcl_trainer *t, int64_t i,
                                             const char **rel, const char **reason);
AVCL_EXPORT void avcl_trainer_stop(avcl_trainer *t); /* async-signal-safe */
/* Continues from checkpoint_dir/last.safetensors; AVCL_E_NOT_FOUND when there is none. */
AVCL_EXPORT avcl_status avcl_trainer_resume(avcl_trainer *t, avcl_error *err);
/* Weights and states of the selected epoch into the session; its number and value. */
AVCL_EXPORT avcl_status avcl_trainer_load_best(avcl_trainer *t, uint32_t *epoch,
                                               double *value, avcl_error *err);

/* ---- checkpoints ----------------------------------------------------------------------
 */
AVCL_EXPORT avcl_status avcl_checkpoint_save(avcl_session *s, const char *path,
                                             avcl_error *err);
/* Loads weights and states whose names lie under one of `scopes` ("video", "fusion"; NULL
 * = all). Names missing from either side within a scope are errors that list them. */
AVCL_EXPORT avcl_status avcl_checkpoint_load(avcl_session *s, const char *path,
                                             const char *const *scopes, uint32_t n_scopes,
                                             avcl_error *err);

#endif
