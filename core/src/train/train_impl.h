/*
 * train_impl.h - the trainer's parts: progress, feeding, measuring, selecting, saving.
 */
#ifndef AVCL_TRAIN_IMPL_H
#define AVCL_TRAIN_IMPL_H

#include <signal.h>

#include "avcl/train.h"
#include "train/scalars.h"
#include "train/schedule.h"
#include "train/snapshot.h"

/* With its prefix, a name fits avcl_metric and 2 x 24 logs fit avcl_event. */
enum { AVCL_MAX_LOGS = 24, AVCL_MAX_LOG_NAME = 40 };

/* ---- feeding: loader batches into session inputs
 * ---------------------------------------- */
typedef struct avcl_feed {
    int has_rgb;
    int has_mel;
    int has_label;
    int has_index;
    int has_weight;
    uint32_t batch; /* rows the graph was built for */
    avcl_dtype real;
} avcl_feed;
/* Which of rgb, mel, label, sample_index, weight the graph has; their shapes must be
 * those of the view. */
avcl_status avcl__feed_init(avcl_feed *feed, avcl_session *s, const avcl_view *view,
                            uint32_t batch, avcl_error *err);
/* `roll`: mel rows are shifted by so many within the batch (shuffled-pairs control). */
avcl_status avcl__feed_batch(const avcl_feed *feed, avcl_session *s,
                             const avcl_batch *batch, uint32_t roll, avcl_error *err);

/* ---- numbers of an epoch
 * -------------------------------------------------------------------- */
typedef struct avcl_sums { /* over steps; saved mid-epoch, so a resumed epoch reports the
                              same */
    double loss;
    double logs[AVCL_MAX_LOGS];
    double n;
} avcl_sums;
/* More logs, or longer names, than can be recorded are an error before training. */
avcl_status avcl__logs_check(avcl_session *s, avcl_error *err);
/* Adds loss and logged values of the last run, weighted by `rows`. */
avcl_status avcl__sums_add(avcl_sums *sums, avcl_session *s, double rows, double *loss,
                           avcl_error *err);
void avcl__event_add(avcl_event *event, const char *name, double value);
/* "PREFIX/loss" and "PREFIX/NAME" of every log into the event. */
void avcl__sums_report(const avcl_sums *sums, avcl_session *s, const char *prefix,
                       avcl_event *event);

/* Reads a real tensor as doubles [owned: free]; NULL without error when it is not there,
 * with one when it is not real. */
double *avcl__read_reals(avcl_session *s, const char *name, avcl_tinfo *info,
                         avcl_error *err);

/* Reads "logits" [rows, classes] as doubles [owned: free]. NULL without error when the
 * model keeps none; a shape that does not fit the batch is an error. */
double *avcl__read_logits(avcl_session *s, uint32_t rows, int64_t *classes,
                          avcl_error *err);
/* How many classes do not score below the true one: ties and NaN count against it. */
int64_t avcl__rank_of(const double *score, int64_t k, int32_t label);

/* ---- validation and diagnostics
 * -------------------------------------------------------------- */
typedef struct avcl_validation {
    avcl_sums sums;
    int64_t n_labelled;
    int64_t n_correct;
    double match;          /* batch match accuracy on pre-fusion features */
    double match_shuffled; /* the same with pairs broken: chance unless something leaks */
    double leak;           /* match on fused features of broken pairs */
    double spread;         /* std of l2-normalised features x sqrt(D), 1 = fully spread */
    double rank;           /* effective rank of a batch, health.h, as are the next */
    double alignment;      /* of true pairs */
    double uniformity;     /* mean of both modalities */
    double c_ii;    /* of what CGRA sees: fused features, raw ones without a gate */
    double gate;    /* mean gate */
    double dead;    /* fraction of fused channels that are 0 for the whole batch */
    int32_t n_diag; /* batches behind these means */
    int32_t has_gate;
} avcl_validation;
avcl_status avcl__validate(avcl_session *s, avcl_dataset *d,
                           const avcl_trainer_options *o, avcl_validation *out,
                           avcl_error *err);

/* features[n, d]: fraction of rows whose most similar row of b (cosine) is at i + shift.
 */
double avcl__match_accuracy(const double *a, const double *b, int64_t n, int64_t d,
                            int64_t shift);
double avcl__feature_spread(const double *x, int64_t n, int64_t d);
double avcl__dead_channels(const double *x, int64_t n, int64_t d);

/* ---- progress and its file
 * ----------------------------------------------------------------------- */
typedef struct avcl_rows { /* dataset rows, in the order met [owned] */
    int64_t *row;
    uint32_t n;
    uint32_t cap;
} avcl_rows;
typedef struct avcl_progress {
    uint32_t epoch;     /* complete epochs */
    uint32_t step;      /* complete batches of the next one */
    uint32_t n_summed;  /* of those, gradients that wait for an optimiser step */
    uint64_t n_steps;   /* batches in all: the key of dropout */
    uint64_t n_updates; /* optimiser steps in all */
    avcl_sums sums;
    avcl_schedule_state schedule;
    double best_value;
    uint32_t best_epoch; /* 1-based; 0 = none yet */
    avcl_rows bad;       /* samples that could not be read, each once */
} avcl_progress;
void avcl__progress_release(avcl_progress *p);
/* Notes an unreadable sample unless it is known. */
avcl_status avcl__progress_add_bad(avcl_progress *p, int64_t row, avcl_error *err);
avcl_status avcl__progress_save(const avcl_progress *p, avcl_session *s,
                                const avcl_snapshot *best, const char *dir, uint64_t seed,
                                avcl_error *err);
/* epoch-NNNN.safetensors: weights and states as they are now. */
avcl_status avcl__progress_keep(const avcl_progress *p, avcl_session *s, const char *dir,
                                avcl_error *err);
avcl_status avcl__progress_load(avcl_progress *p, avcl_session *s, avcl_snapshot *best,
                                const char *dir, uint64_t seed, avcl_error *err);

struct avcl_trainer {
    avcl_session *s;
    avcl_dataset *d;
    avcl_trainer_options o;
    avcl_feed feed;
    avcl_scalars scalars;
    avcl_loader *loader;
    int64_t n_bad_seen; /* of the loader's list */
    uint32_t n_batches;
    avcl_progress p;
    avcl_snapshot best;
    int best_is_saved;
    volatile sig_atomic_t stop;
    double last_save_s; /* monotonic clock */
    double epoch_clips; /* since the epoch's start, in this process */
    double epoch_wall_s;
    double epoch_wait_s;
};

/* ---- parts of a step and of an epoch --------------------------------------------- */

double avcl__now_s(void); /* a steady clock */
/* One batch: loss, gradients, commits, and the optimiser when enough are accumulated. */
avcl_status avcl__train_on(avcl_trainer *t, const avcl_batch *b, double *loss,
                           avcl_error *err);
/* The rate of the optimiser step that the next batch belongs to; after an epoch's last
 * batch, of its last step. */
/* Steps of the optimiser in an epoch. */
uint32_t avcl__n_updates_per_epoch(const avcl_trainer *t);
double avcl__rate_now(const avcl_trainer *t);
avcl_status avcl__end_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err);
avcl_status avcl__save_if_due(avcl_trainer *t, avcl_error *err);
avcl_status avcl__save(avcl_trainer *t, avcl_error *err);

/* ---- selection (select.c) --------------------------------------------------------- */

/* `select` is a rule, and fits the other options. */
avcl_status avcl__select_check(const avcl_trainer_options *o, avcl_error *err);
/* Takes a snapshot when this epoch is the best so far. */
avcl_status avcl__select_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err);
/* All epochs are done, or the last ones brought nothing better. */
int avcl__is_over(const avcl_trainer *t);
/* NAN when there is no such metric. */
double avcl__metric(const avcl_event *event, const char *name);

#endif
