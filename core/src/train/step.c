/*
 * step.c - what one batch does to a model.
 *
 * Every batch commits the FORWARD states (BatchNorm statistics, queues) that it computed.
 * The optimiser and the UPDATE states (EMA) follow once `accumulate` batches are in.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/train_impl.h"

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

static uint32_t n_accumulate(const avcl_trainer *t)
{
    return t->o.accumulate ? t->o.accumulate : 1;
}

uint32_t avcl__n_updates_per_epoch(const avcl_trainer *t)
{
    return (t->n_batches + n_accumulate(t) - 1) / n_accumulate(t);
}

double avcl__rate_now(const avcl_trainer *t)
{
    uint32_t k = n_accumulate(t);
    uint32_t batch = t->p.step < t->n_batches ? t->p.step : t->n_batches - 1;
    avcl_moment at = {.epoch = t->p.epoch,
                      .step = batch / k,
                      .n_steps = avcl__n_updates_per_epoch(t),
                      .n_epochs = t->o.epochs};
    return avcl__schedule_rate(&t->p.schedule, &t->o.schedule, t->o.optim.lr, &at);
}

static avcl_status optimise(avcl_trainer *t, uint32_t n_summed, avcl_error *err)
{
    avcl_optim_step step = {
        .lr = avcl__rate_now(t), .step = t->p.n_updates + 1, .n_summed = n_summed};
    avcl_status rc = avcl_session_optimise(t->s, &t->o.optim, &step, err);
    if (!rc) rc = avcl_session_update(t->s, err);
    if (rc) return rc;
    t->p.n_updates++;
    t->p.n_summed = 0;
    return AVCL_OK;
}

/* The gradients of this batch: used at once, or added to those that wait. */
static avcl_status use_gradients(avcl_trainer *t, avcl_error *err)
{
    uint32_t k = n_accumulate(t);
    if (k == 1) return optimise(t, 0, err);
    avcl_status rc = avcl_session_accumulate(t->s, t->p.n_summed == 0, err);
    if (rc) return rc;
    t->p.n_summed++;
    int is_last = t->p.step + 1 == t->n_batches;
    return t->p.n_summed == k || is_last ? optimise(t, t->p.n_summed, err) : AVCL_OK;
}

avcl_status avcl__train_on(avcl_trainer *t, const avcl_batch *b, double *loss,
                           avcl_error *err)
{
    avcl_sums sums = t->p.sums;
    avcl_status rc = avcl__feed_batch(&t->feed, t->s, b, 0, err);
    avcl_session_set_rng(t->s, t->o.seed, t->p.n_steps, 0);
    if (!rc) rc = avcl__scalars_set(&t->scalars, t->s, t->p.n_updates, err);
    if (!rc) rc = avcl_session_run(t->s, AVCL_TRAIN, err);
    if (!rc) rc = avcl__sums_add(&sums, t->s, t->o.batch, loss, err);
    if (rc) return rc;
    if (!isfinite(*loss)) return locate(t, b, err);
    rc = avcl_session_commit(t->s, err);
    if (!rc) rc = use_gradients(t, err);
    if (!rc) t->p.sums = sums;
    return rc;
}
