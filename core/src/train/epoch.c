/* epoch.c - the end of an epoch: validation, selection, the schedule, files. */
#include <math.h>

#include "train/train_impl.h"

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
        avcl__event_add(event, "diag/rank", v->rank);
        avcl__event_add(event, "diag/alignment", v->alignment);
        avcl__event_add(event, "diag/uniformity", v->uniformity);
        avcl__event_add(event, "diag/c_ii", v->c_ii);
    }
    if (v->n_diag && v->has_gate) {
        avcl__event_add(event, "diag/leak", v->leak);
        avcl__event_add(event, "diag/dead_channels", v->dead);
        avcl__event_add(event, "diag/gate", v->gate);
    }
}

static avcl_status keep_if_asked(avcl_trainer *t, avcl_error *err)
{
    if (!t->o.checkpoint_dir || !t->o.keep_every || t->p.epoch % t->o.keep_every)
        return AVCL_OK;
    return avcl__progress_keep(&t->p, t->s, t->o.checkpoint_dir, err);
}

avcl_status avcl__end_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    avcl_validation v = {0};
    avcl_status rc = AVCL_OK;
    event->kind = AVCL_EVENT_EPOCH;
    event->epoch = t->p.epoch + 1;
    event->loss = t->p.sums.loss / t->p.sums.n;
    avcl__sums_report(&t->p.sums, t->s, "train", event);
    avcl__event_add(event, "lr", avcl__rate_now(t));
    avcl_loader_get_stats(t->loader, &event->loader);
    /* A resumed run may come here without a step of its own. */
    rc = avcl__scalars_set(&t->scalars, t->s, t->p.n_updates - 1, err);
    if (!rc && t->o.val_split) rc = avcl__validate(t->s, t->d, &t->o, &v, err);
    if (rc) return rc;
    report_validation(t, &v, event);
    avcl__event_add(event, "data/n_bad", t->p.bad.n);
    rc = avcl__select_epoch(t, event, err);
    double loss = avcl__metric(event, "val/loss");
    avcl__schedule_step(&t->p.schedule, &t->o.schedule, t->o.optim.lr, t->o.epochs,
                        isnan(loss) ? event->loss : loss);
    t->p.epoch++;
    t->p.step = 0;
    t->p.sums = (avcl_sums){0};
    t->epoch_clips = t->epoch_wall_s = t->epoch_wait_s = 0;
    if (!rc) rc = keep_if_asked(t, err);
    if (rc) return rc;
    return avcl__is_over(t) ? avcl__save(t, err) : avcl__save_if_due(t, err);
}
