/* trainer.c - life of a trainer: one step after the other, checkpoints between. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "train/train_impl.h"

enum { DEFAULT_CHECKPOINT_S = 60 };

double avcl__now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- life -----------------------------------------------------------------------------
 */

static avcl_status check_options(const avcl_trainer_options *o, avcl_error *err)
{
    if (o->epochs == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "epochs = 0 trains nothing");
    if (o->batch == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "batch = 0 trains nothing");
    return avcl__select_check(o, err);
}

static avcl_status open_loader(avcl_trainer *t, avcl_error *err)
{
    avcl_loader_options lo = {.split = t->o.train_split,
                              .batch = t->o.batch,
                              .workers = t->o.workers,
                              .seed = t->o.seed,
                              .epoch = t->p.epoch,
                              .position = t->p.step,
                              .shuffle = 1,
                              .drop_last = 1,
                              .replace_bad = 1,
                              .max_bad = t->o.max_bad,
                              .strict = t->o.strict,
                              .sampler = t->o.sampler,
                              .group = t->o.group,
                              .view = t->o.view};
    lo.view.random = 1;
    lo.view.n_clips = 1;
    avcl_loader_free(t->loader);
    t->n_bad_seen = 0;
    t->loader = avcl_loader_new(t->d, &lo, err);
    if (!t->loader) return AVCL_E_INVALID;
    t->n_batches = avcl_loader_n_batches(t->loader);
    if (t->n_batches == 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "split '%s' has fewer clips than one batch of %u",
                              t->o.train_split, t->o.batch);
    return AVCL_OK;
}

avcl_trainer *avcl_trainer_new(avcl_session *s, avcl_dataset *d,
                               const avcl_trainer_options *options, avcl_error *err)
{
    if (check_options(options, err)) return NULL;
    avcl_trainer *t = calloc(1, sizeof *t);
    if (!t) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a trainer");
        return NULL;
    }
    t->s = s;
    t->d = d;
    t->o = *options;
    if (t->o.checkpoint_s <= 0) t->o.checkpoint_s = DEFAULT_CHECKPOINT_S;
    t->last_save_s = avcl__now_s();
    t->p.best_value = NAN;
    avcl__schedule_start(&t->p.schedule, &t->o.schedule, t->o.optim.lr);
    if (avcl__logs_check(s, err) || avcl_session_prepare_optimiser(s, &t->o.optim, err) ||
        avcl__feed_init(&t->feed, s, &t->o.view, t->o.batch, err) ||
        open_loader(t, err) ||
        avcl__scalars_make(&t->scalars, s,
                           (int64_t)t->o.epochs * avcl__n_updates_per_epoch(t), err)) {
        avcl_trainer_free(t);
        return NULL;
    }
    return t;
}

void avcl_trainer_free(avcl_trainer *t)
{
    if (!t) return;
    avcl_loader_free(t->loader);
    avcl__scalars_release(&t->scalars);
    avcl__snapshot_release(&t->best);
    avcl__progress_release(&t->p);
    free(t);
}

void avcl_trainer_stop(avcl_trainer *t)
{
    t->stop = 1;
}

/* ---- checkpoints
 * --------------------------------------------------------------------------- */

avcl_status avcl__save(avcl_trainer *t, avcl_error *err)
{
    if (!t->o.checkpoint_dir) return AVCL_OK;
    avcl_status rc = avcl__progress_save(&t->p, t->s, t->best_is_saved ? NULL : &t->best,
                                         t->o.checkpoint_dir, t->o.seed, err);
    if (!rc) t->best_is_saved = 1;
    t->last_save_s = avcl__now_s();
    return rc;
}

avcl_status avcl__save_if_due(avcl_trainer *t, avcl_error *err)
{
    return avcl__now_s() - t->last_save_s < t->o.checkpoint_s ? AVCL_OK
                                                              : avcl__save(t, err);
}

avcl_status avcl_trainer_resume(avcl_trainer *t, avcl_error *err)
{
    if (!t->o.checkpoint_dir)
        return avcl_error_set(err, AVCL_E_NOT_FOUND, "there is no checkpoint folder");
    avcl_status rc =
        avcl__progress_load(&t->p, t->s, &t->best, t->o.checkpoint_dir, t->o.seed, err);
    t->best_is_saved = 1;
    return rc ? rc : open_loader(t, err);
}

avcl_status avcl_trainer_load_best(avcl_trainer *t, uint32_t *epoch, double *value,
                                   avcl_error *err)
{
    *epoch = t->p.best_epoch;
    *value = t->p.best_value;
    return avcl__snapshot_restore(&t->best, t->s, err);
}

/* ---- one step
 * ------------------------------------------------------------------------------- */

/* A resumed loader starts with an empty list; the trainer's goes on. */
static avcl_status note_bad(avcl_trainer *t, avcl_error *err)
{
    int64_t row;
    const char *reason;
    avcl_status rc = AVCL_OK;
    while (!rc && !avcl_loader_get_bad(t->loader, t->n_bad_seen, &row, &reason)) {
        rc = avcl__progress_add_bad(&t->p, row, err);
        t->n_bad_seen += !rc;
    }
    return rc;
}

static avcl_status step(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    avcl_batch b;
    double started = avcl__now_s();
    avcl_status rc = avcl_loader_next(t->loader, &b, err);
    double waited = avcl__now_s() - started;
    if (rc) return rc;
    double loss = 0;
    rc = avcl__train_on(t, &b, &loss, err);
    avcl_loader_release(t->loader);
    if (rc) return rc;
    rc = note_bad(t, err);
    if (rc) return rc;
    t->p.step++;
    t->p.n_steps++;
    double wall = avcl__now_s() - started;
    t->epoch_clips += t->o.batch;
    t->epoch_wall_s += wall;
    t->epoch_wait_s += waited;
    event->kind = AVCL_EVENT_STEP;
    event->step = t->p.step;
    event->loss = loss;
    return avcl__save_if_due(t, err);
}

avcl_status avcl_trainer_get_bad(const avcl_trainer *t, int64_t i, const char **rel,
                                 const char **reason)
{
    int64_t row;
    avcl_sample_info info;
    if (!t->loader || avcl_loader_get_bad(t->loader, i, &row, reason))
        return AVCL_E_NOT_FOUND;
    avcl_status rc = avcl_dataset_get_sample(t->d, row, &info);
    *rel = info.rel;
    return rc;
}

static void describe_pace(const avcl_trainer *t, avcl_event *event)
{
    event->epoch = t->p.epoch + 1;
    event->n_steps = t->n_batches;
    event->lr = avcl__rate_now(t);
    if (t->epoch_wall_s <= 0) return;
    event->clips_per_s = t->epoch_clips / t->epoch_wall_s;
    event->wait_fraction = t->epoch_wait_s / t->epoch_wall_s;
}

avcl_status avcl_trainer_step(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    memset(event, 0, sizeof *event);
    if (avcl__is_over(t)) return AVCL_END;
    if (t->stop) {
        event->kind = AVCL_EVENT_STOPPED;
        describe_pace(t, event);
        event->step = t->p.step;
        avcl_status rc = avcl__save(t, err);
        if (rc) return rc;
        return avcl_error_set(err, AVCL_E_INTERRUPTED,
                              "stopped in epoch %u after step %u of %u; "
                              "run the same command to go on",
                              t->p.epoch + 1, t->p.step, t->n_batches);
    }
    describe_pace(t, event);
    if (t->p.step == t->n_batches) return avcl__end_epoch(t, event, err);
    avcl_status rc = step(t, event, err);
    describe_pace(t, event);
    return rc;
}
