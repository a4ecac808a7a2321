/* schedule.c - epochs cut into batches, batches into ranks: a pure function of position.
 */
#include <stdlib.h>
#include <string.h>

#include "data/loader_impl.h"

#include "base/cores.h"

static avcl_status check_sampler(const avcl_loader_options *o, avcl_error *err)
{
    enum { MAX_GROUP = 256 };
    if (o->sampler == AVCL_SAMPLER_PLAIN) return AVCL_OK;
    if (o->sampler < 0 || o->sampler > AVCL_SAMPLER_VIEWS)
        return avcl_error_set(err, AVCL_E_INVALID, "sampler is %d, expected 0 to %d",
                              o->sampler, AVCL_SAMPLER_VIEWS);
    if (!o->shuffle || !o->drop_last)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "a balanced or repeating sampler is for training: shuffle "
                              "and drop_last");
    if (o->group < 1 || o->group > MAX_GROUP || o->batch % o->group)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "group is %u, expected a divisor of the batch of %u up to %d", o->group,
            o->batch, MAX_GROUP);
    return AVCL_OK;
}

static avcl_status check_options(const avcl_loader_options *o, avcl_error *err)
{
    if (!o->split) return avcl_error_set(err, AVCL_E_INVALID, "no split is named");
    if (!o->batch) return avcl_error_set(err, AVCL_E_INVALID, "batch is 0");
    if (o->batch % o->ranks)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "batch %u does not divide among %u ranks", o->batch,
                              o->ranks);
    if (o->rank >= o->ranks)
        return avcl_error_set(err, AVCL_E_INVALID, "rank %u of %u", o->rank, o->ranks);
    if (!(o->max_bad >= 0 && o->max_bad <= 1))
        return avcl_error_set(err, AVCL_E_INVALID, "max_bad is %g, expected 0 to 1",
                              o->max_bad);
    return check_sampler(o, err);
}

static void resolve(avcl_loader_options *o)
{
    uint32_t cores = avcl__cpu_count();
    if (!o->ranks) o->ranks = 1;
    if (!o->workers) o->workers = cores > 1 ? cores - 1 : 1;
    if (!o->slots) o->slots = 3;
    if (o->replace_bad && o->max_bad == 0) o->max_bad = 0.01;
}

static avcl_status find_split(avcl_loader *l, avcl_error *err)
{
    int32_t index = avcl__dataset_find_split(l->d, l->options.split, err);
    if (index < 0) return AVCL_E_NOT_FOUND;
    l->split = &l->d->splits[index];
    if (l->options.view.shuffle_pairs && l->options.view.mel_crop && l->split->n < 2)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "shuffle_pairs needs two samples, split '%s' has one",
                              l->split->name);
    return AVCL_OK;
}

static avcl_status count_batches(avcl_loader *l, avcl_error *err)
{
    avcl_loader_options *o = &l->options;
    l->n_items = l->split->n * avcl__view_n_clips(&o->view);
    if (o->sampler == AVCL_SAMPLER_VIEWS) l->n_items *= o->group;
    int64_t n = o->drop_last ? l->n_items / o->batch : (l->n_items - 1) / o->batch + 1;
    if (!n)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "split '%s' has %lld clips, fewer than one batch of %u",
                              l->split->name, (long long)l->n_items, o->batch);
    if (n > INT32_MAX)
        return avcl_error_set(err, AVCL_E_INVALID, "%lld batches in an epoch",
                              (long long)n);
    l->n_batches = (uint32_t)n;
    if (o->position > l->n_batches)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "position %u in an epoch of %u batches", o->position,
                              l->n_batches);
    l->n_total = o->shuffle ? UINT64_MAX : l->n_batches - o->position;
    return AVCL_OK;
}

typedef struct labelled {
    int64_t row;
    int64_t place;
    int32_t label;
} labelled;

static int compare_labelled(const void *a, const void *b)
{
    const labelled *x = a;
    const labelled *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static avcl_status sort_by_label(avcl_loader *l, avcl_error *err)
{
    size_t n = (size_t)l->split->n;
    labelled *all = malloc(n * sizeof *all);
    if (!all) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
    for (size_t i = 0; i < n; i++) {
        int64_t row = l->split->rows[i];
        all[i] = (labelled){row, (int64_t)i, l->d->rows[row].label};
    }
    qsort(all, n, sizeof *all, compare_labelled);
    for (size_t i = 0; i < n; i++)
        l->by_label[i] = all[i].row;
    free(all);
    return AVCL_OK;
}

const int64_t *avcl__loader_stand_ins(const avcl_loader *l, int64_t sample, int64_t *n)
{
    const avcl_row *rows = l->d->rows;
    int32_t label = rows[sample].label;
    int64_t low = 0;
    for (int64_t high = l->split->n; low < high;) {
        int64_t middle = (low + high) / 2;
        if (rows[l->by_label[middle]].label < label)
            low = middle + 1;
        else
            high = middle;
    }
    /* Unlabelled rows are any of the split, so that a few of them never run out. */
    if (label < 0) low = 0;
    *n = 0;
    while (low + *n < l->split->n &&
           (label < 0 || rows[l->by_label[low + *n]].label == label))
        ++*n;
    return l->by_label + low;
}

avcl_status avcl__loader_plan(avcl_loader *l, avcl_error *err)
{
    avcl_loader_options *o = &l->options;
    const avcl_view *v = &o->view;
    resolve(o);
    avcl_status status = check_options(o, err);
    if (status == AVCL_OK) status = avcl__dataset_check_view(l->d, v, err);
    if (status == AVCL_OK) status = find_split(l, err);
    if (status == AVCL_OK) status = count_batches(l, err);
    if (status) return status;
    size_t n = (size_t)l->split->n;
    l->rows = o->batch / o->ranks;
    l->rgb_row = (size_t)v->frames * 3 * (size_t)v->crop * (size_t)v->crop;
    l->mel_row = (size_t)v->mel_crop * (size_t)v->mel_crop;
    l->keys = malloc(n * sizeof *l->keys);
    l->order = malloc(n * sizeof *l->order);
    l->by_label = malloc(n * sizeof *l->by_label);
    l->order_scratch = malloc(n * sizeof *l->order_scratch);
    if (!l->keys || !l->order || !l->by_label || !l->order_scratch)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
    for (size_t i = 0; i < n; i++)
        l->keys[i] = l->d->rows[l->split->rows[i]].key;
    avcl_status sorted = sort_by_label(l, err);
    if (sorted || o->sampler != AVCL_SAMPLER_BALANCED) return sorted;
    return avcl__groups_new(l, &l->groups, err);
}

static void make_order(avcl_loader *l, uint32_t epoch)
{
    if (l->order_known && (l->order_epoch == epoch || !l->options.shuffle)) return;
    if (l->options.shuffle)
        avcl__order_fill(l->order_scratch, l->keys, l->split->n, l->options.seed, epoch,
                         l->order);
    else
        for (int64_t i = 0; i < l->split->n; i++)
            l->order[i] = i;
    l->order_epoch = epoch;
    l->order_known = 1;
}

static int64_t row_at(const avcl_loader *l, uint32_t epoch, int64_t item, int32_t n_clips)
{
    if (l->groups)
        return avcl__groups_row(l->groups, l->options.seed, epoch, item,
                                l->options.group);
    return l->split->rows[l->order[item / n_clips]];
}

void avcl__loader_open_batch(avcl_loader *l, uint64_t batch, avcl_slot *slot)
{
    const avcl_loader_options *o = &l->options;
    int32_t n_clips = o->sampler == AVCL_SAMPLER_VIEWS ? (int32_t)o->group
                                                       : avcl__view_n_clips(&o->view);
    uint64_t position = o->position + batch;
    slot->epoch = o->epoch + (uint32_t)(position / l->n_batches);
    slot->position = (uint32_t)(position % l->n_batches);
    slot->n = 0;
    slot->n_done = 0;
    make_order(l, slot->epoch);
    int64_t first = (int64_t)slot->position * o->batch + (int64_t)o->rank * l->rows;
    for (uint32_t i = 0; i < l->rows; i++) {
        int64_t item = first + i;
        int is_real = item < l->n_items;
        int64_t row = is_real ? row_at(l, slot->epoch, item, n_clips) : -1;
        slot->sample[i] = row;
        slot->clip[i] = is_real ? (int32_t)(item % n_clips) : 0;
        slot->label[i] = is_real ? l->d->rows[row].label : -1;
        slot->weight[i] = is_real ? 1.0f : 0.0f;
        slot->n += (uint32_t)is_real;
    }
}
