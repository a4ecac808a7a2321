/* trainer.c - steps, epochs, selection, checkpoints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "train/train_impl.h"

enum { DEFAULT_CHECKPOINT_S = 60 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- life -----------------------------------------------------------------------------
 */

static avcl_status check_select(const char *select, avcl_error *err)
{
    static const char *const rules[] = {"last", "min val/loss", "max val/top1",
                                        "min train/loss"};
    for (int i = 0; i < 4; i++)
        if (strcmp(select, rules[i]) == 0) return AVCL_OK;
    return avcl_error_set(
        err, AVCL_E_INVALID,
        "select = '%s' is not 'last', 'min val/loss', 'max val/top1' or "
        "'min train/loss'",
        select);
}

static avcl_status check_options(const avcl_trainer_options *o, avcl_error *err)
{
    avcl_status rc = check_select(o->select, err);
    if (rc) return rc;
    if (o->epochs == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "epochs = 0 trains nothing");
    if (o->batch == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "batch = 0 trains nothing");
    if (!(o->sgd.lr > 0))
        return avcl_error_set(err, AVCL_E_INVALID, "lr = %g is not above 0", o->sgd.lr);
    if (!o->val_split && strncmp(o->select + 4, "val/", 4) == 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "select = '%s' without a validation split", o->select);
    return AVCL_OK;
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
    t->last_save_s = now_s();
    t->p.best_value = NAN;
    avcl__schedule_start(&t->p.schedule, &t->o.schedule, t->o.sgd.lr);
    if (avcl__logs_check(s, err) ||
        avcl__feed_init(&t->feed, s, &t->o.view, t->o.batch, err) ||
        open_loader(t, err)) {
        avcl_trainer_free(t);
        return NULL;
    }
    return t;
}

void avcl_trainer_free(avcl_trainer *t)
{
    if (!t) return;
    avcl_loader_free(t->loader);
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

static avcl_status save(avcl_trainer *t, avcl_error *err)
{
    if (!t->o.checkpoint_dir) return AVCL_OK;
    avcl_status rc = avcl__progress_save(&t->p, t->s, t->best_is_saved ? NULL : &t->best,
                                         t->o.checkpoint_dir, t->o.seed, err);
    if (!rc) t->best_is_saved = 1;
    t->last_save_s = now_s();
    return rc;
}

static avcl_status save_if_due(avcl_trainer *t, avcl_error *err)
{
    return now_s() - t->last_save_s < t->o.checkpoint_s ? AVCL_OK : save(t, err);
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

/* Names the step and the samples of a batch whose loss was not finite. */
static avcl_status locate(avcl_trainer *t, const avcl_batch *b, avcl_error *err)
{
    char samples[512] = "";
    for (uint32_t i = 0; i < t->o.batch; i++) {
        avcl_sample_info info;
        size_t used = strlen(samples);
        if (b->sample[i] < 0 || avcl_dataset_get_sample(t->d, b->sample[i], &info))
            continue;
        if (used + strlen(info.rel) + 8 > sizeof samples) {
            snprintf(samples + used, sizeof samples - used, ", …");
            break;
        }
        snprintf(samples + used, sizeof samples - used, "%s%s", used ? ", " : "",
                 info.rel);
    }
    avcl_error where = {0};
    if (avcl_session_run_checked(t->s, AVCL_TRAIN, &where) == AVCL_OK)
        snprintf(where.message, sizeof where.message,
                 "the loss is not finite, but every value is when run again");
    return avcl_error_set(err, AVCL_E_NUMERIC, "%s; epoch %u step %u, samples %s",
                          where.message, t->p.epoch + 1, t->p.step + 1, samples);
}

static avcl_status optimise(avcl_trainer *t, avcl_error *err)
{
    avcl_sgd sgd = t->o.sgd;
    sgd.lr = t->p.schedule.lr;
    avcl_status rc = avcl_session_sgd(t->s, &sgd, 0, avcl_session_n_weights(t->s), err);
    return rc ? rc : avcl_session_update(t->s, err);
}

static avcl_status train_on(avcl_trainer *t, const avcl_batch *b, double *loss,
                            avcl_error *err)
{
    avcl_sums sums = t->p.sums;
    avcl_status rc = avcl__feed_batch(&t->feed, t->s, b, 0, err);
    avcl_session_set_rng(t->s, t->o.seed, t->p.n_steps, 0);
    if (!rc) rc = avcl_session_run(t->s, AVCL_TRAIN, err);
    if (!rc) rc = avcl__sums_add(&sums, t->s, t->o.batch, loss, err);
    if (rc) return rc;
    if (!isfinite(*loss)) return locate(t, b, err);
    rc = avcl_session_commit(t->s, err);
    if (!rc) rc = optimise(t, err);
    if (!rc) t->p.sums = sums;
    return rc;
}

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
    double started = now_s();
    avcl_status rc = avcl_loader_next(t->loader, &b, err);
    double waited = now_s() - started;
    if (rc) return rc;
    double loss = 0;
    rc = train_on(t, &b, &loss, err);
    avcl_loader_release(t->loader);
    if (rc) return rc;
    rc = note_bad(t, err);
    if (rc) return rc;
    t->p.step++;
    t->p.n_steps++;
    double wall = now_s() - started;
    t->epoch_clips += t->o.batch;
    t->epoch_wall_s += wall;
    t->epoch_wait_s += waited;
    event->kind = AVCL_EVENT_STEP;
    event->step = t->p.step;
    event->loss = loss;
    return save_if_due(t, err);
}

/* ---- the end of an epoch
 * --------------------------------------------------------------------- */

static void report_validation(avcl_trainer *t, const avcl_validation *v,
                              avcl_event *event)
{
    avcl__sums_report(&v->sums, t->s, "val", event);
    if (v->n_labelled)
        avcl__event_add(event, "val/top1",
                        100.0 * (double)v->n_correct / (double)v->n_labelled);
    if (v->n_diag) {
        avcl__event_add(event, "diag/match", v->match);
        avcl__event_add(event, "diag/match_shuffled", v->match_shuffled);
        avcl__event_add(event, "diag/spread", v->spread);
    }
    if (v->n_diag && v->has_gate) {
        avcl__event_add(event, "diag/leak", v->leak);
        avcl__event_add(event, "diag/dead_channels", v->dead);
    }
}

static const avcl_metric *find_metric(const avcl_event *event, const char *name)
{
    for (uint32_t i = 0; i < event->n_metrics; i++)
        if (strcmp(event->metrics[i].name, name) == 0) return &event->metrics[i];
    return NULL;
}

static double metric(const avcl_event *event, const char *name)
{
    const avcl_metric *m = find_metric(event, name);
    return m ? m->value : NAN;
}

static avcl_status select_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    int is_last = strcmp(t->o.select, "last") == 0;
    int is_max = strncmp(t->o.select, "max ", 4) == 0;
    double value = is_last ? metric(event, "train/loss") : metric(event, t->o.select + 4);
    if (!is_last && !isfinite(value)) {
        int is_there = find_metric(event, t->o.select + 4) != NULL;
        return avcl_error_set(err, is_there ? AVCL_E_NUMERIC : AVCL_E_INVALID,
                              "select = '%s': epoch %u has %s such metric", t->o.select,
                              event->epoch, is_there ? "no finite" : "no");
    }
    int is_better = t->p.best_epoch == 0 || is_last ||
                    (is_max ? value > t->p.best_value : value < t->p.best_value);
    if (!is_better) return AVCL_OK;
    event->is_best = 1;
    t->p.best_value = value;
    t->p.best_epoch = event->epoch;
    t->best_is_saved = 0;
    return avcl__snapshot_take(&t->best, t->s, err);
}

static avcl_status end_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    avcl_validation v = {0};
    avcl_status rc = AVCL_OK;
    event->kind = AVCL_EVENT_EPOCH;
    event->epoch = t->p.epoch + 1;
    event->loss = t->p.sums.loss / t->p.sums.n;
    avcl__sums_report(&t->p.sums, t->s, "train", event);
    avcl__event_add(event, "lr", t->p.schedule.lr);
    avcl_loader_get_stats(t->loader, &event->loader);
    if (t->o.val_split) rc = avcl__validate(t->s, t->d, &t->o, &v, err);
    if (rc) return rc;
    report_validation(t, &v, event);
    avcl__event_add(event, "data/n_bad", t->p.bad.n);
    rc = select_epoch(t, event, err);
    double loss = metric(event, "val/loss");
    avcl__schedule_step(&t->p.schedule, &t->o.schedule, t->o.sgd.lr, t->o.epochs,
                        isnan(loss) ? event->loss : loss);
    t->p.epoch++;
    t->p.step = 0;
    t->p.sums = (avcl_sums){0};
    t->epoch_clips = t->epoch_wall_s = t->epoch_wait_s = 0;
    if (rc) return rc;
    return t->p.epoch == t->o.epochs ? save(t, err) : save_if_due(t, err);
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
    event->lr = t->p.schedule.lr;
    if (t->epoch_wall_s <= 0) return;
    event->clips_per_s = t->epoch_clips / t->epoch_wall_s;
    event->wait_fraction = t->epoch_wait_s / t->epoch_wall_s;
}

avcl_status avcl_trainer_step(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    memset(event, 0, sizeof *event);
    if (t->p.epoch >= t->o.epochs) return AVCL_END;
    if (t->stop) {
        event->kind = AVCL_EVENT_STOPPED;
        describe_pace(t, event);
        event->step = t->p.step;
        avcl_status rc = save(t, err);
        if (rc) return rc;
        return avcl_error_set(err, AVCL_E_INTERRUPTED,
                              "stopped in epoch %u after step %u of %u; "
                              "run the same command to go on",
                              t->p.epoch + 1, t->p.step, t->n_batches);
    }
    describe_pace(t, event);
    if (t->p.step == t->n_batches) return end_epoch(t, event, err);
    avcl_status rc = step(t, event, err);
    describe_pace(t, event);
    return rc;
}
