/* select.c - which epoch is kept, and when there is no use in going on. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

static avcl_status check_rule(const char *select, avcl_error *err)
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

avcl_status avcl__select_check(const avcl_trainer_options *o, avcl_error *err)
{
    avcl_status rc = check_rule(o->select, err);
    if (rc) return rc;
    if (!o->val_split && strncmp(o->select + 4, "val/", 4) == 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "select = '%s' without a validation split", o->select);
    if (o->early_stop && strcmp(o->select, "last") == 0)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "early_stop = %u with select = 'last': nothing tells which "
                              "epoch is better",
                              o->early_stop);
    return AVCL_OK;
}

static const avcl_metric *find_metric(const avcl_event *event, const char *name)
{
    for (uint32_t i = 0; i < event->n_metrics; i++)
        if (strcmp(event->metrics[i].name, name) == 0) return &event->metrics[i];
    return NULL;
}

double avcl__metric(const avcl_event *event, const char *name)
{
    const avcl_metric *m = find_metric(event, name);
    return m ? m->value : NAN;
}

avcl_status avcl__select_epoch(avcl_trainer *t, avcl_event *event, avcl_error *err)
{
    int is_last = strcmp(t->o.select, "last") == 0;
    int is_max = strncmp(t->o.select, "max ", 4) == 0;
    double value = is_last ? avcl__metric(event, "train/loss")
                           : avcl__metric(event, t->o.select + 4);
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

int avcl__is_over(const avcl_trainer *t)
{
    const avcl_progress *p = &t->p;
    if (p->epoch >= t->o.epochs) return 1;
    return t->o.early_stop && p->best_epoch &&
           p->epoch - p->best_epoch >= t->o.early_stop;
}
