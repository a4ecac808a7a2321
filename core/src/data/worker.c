/*
 * worker.c - a loader thread: takes a ticket, reads into its row, marks it done.
 *
 * A file that fails is read once more; then another of its class takes the row
 * (or the row counts as failed). A sample without the sound that the view needs gives its
 * row up the same way, but is no fault. Nothing a worker decides depends on another one.
 */
#include <string.h>

#include "data/loader_impl.h"

#include "data/draw.h"

typedef struct ticket {
    avcl_slot *slot;
    uint32_t row;
    uint32_t n_bad; /* met for this row so far */
} ticket;

/* Waits for room. 0 = stop, or nothing left to hand out. */
static int take_ticket(avcl_loader *l, ticket *t)
{
    uint64_t batch;
    for (;;) {
        batch = l->next_row / l->rows;
        if (atomic_load(&l->stop) || batch >= l->n_total) return 0;
        if (batch < l->n_released + l->options.slots) break;
        double from = avcl__clock();
        pthread_cond_wait(&l->space, &l->lock);
        l->stats.full_s += avcl__clock() - from;
    }
    *t = (ticket){&l->slots[batch % l->options.slots], (uint32_t)(l->next_row % l->rows),
                  0};
    if (t->row == 0) avcl__loader_open_batch(l, batch, t->slot);
    l->next_row++;
    return 1;
}

static void set_fatal(avcl_loader *l, const ticket *t, const avcl_error *err)
{
    pthread_mutex_lock(&l->lock);
    if (!t->slot->fatal.code || t->row < t->slot->fatal_row) {
        t->slot->fatal = *err;
        t->slot->fatal_row = t->row;
    }
    pthread_mutex_unlock(&l->lock);
}

static void list_bad(avcl_loader *l, ticket *t, int64_t sample, avcl_error *err)
{
    avcl_bad bad = {sample, t->row, t->n_bad++, err->message};
    pthread_mutex_lock(&l->lock);
    avcl_status status = avcl__bad_add(&t->slot->bad, &bad);
    pthread_mutex_unlock(&l->lock);
    if (status) err->code = AVCL_E_NOMEM;
}

/* Reads `sample` into the ticket's row, twice if need be. AVCL_END: it has no sound. */
static avcl_status read_row(avcl_loader *l, ticket *t, int64_t sample,
                            avcl_scratch *scratch, avcl_error *err)
{
    avcl_slot *slot = t->slot;
    avcl_request request = {sample, l->options.seed, slot->epoch, slot->clip[t->row],
                            &l->options.view};
    avcl_sample out = {.rgb = slot->rgb ? slot->rgb + l->rgb_row * t->row : NULL,
                       .mel = slot->mel ? slot->mel + l->mel_row * t->row : NULL};
    for (int attempt = 0; attempt < 2; attempt++) {
        *err = (avcl_error){0};
        avcl_status status = avcl__sample_read(l->d, &request, scratch, &out, err);
        if (status == AVCL_END) return status;
        if (status == AVCL_OK) {
            slot->sample[t->row] = sample;
            slot->label[t->row] = out.label;
            pthread_mutex_lock(&l->lock);
            l->stats.clips++;
            l->stats.n_padded += out.n_padded > 0;
            pthread_mutex_unlock(&l->lock);
            return AVCL_OK;
        }
        if (atomic_load(&l->stop)) break;
    }
    return err->code ? err->code
                     : avcl_error_set(err, AVCL_E_BUG, "a read failed unsaid");
}

static void clear_row(avcl_loader *l, const ticket *t)
{
    if (t->slot->rgb) memset(t->slot->rgb + l->rgb_row * t->row, 0, l->rgb_row);
    if (t->slot->mel)
        memset(t->slot->mel + l->mel_row * t->row, 0, l->mel_row * sizeof *t->slot->mel);
}

/* Its row is none of the batch's. */
static void pass_over(avcl_loader *l, const ticket *t)
{
    t->slot->sample[t->row] = -1;
    t->slot->label[t->row] = -1;
    pthread_mutex_lock(&l->lock);
    t->slot->n--;
    pthread_mutex_unlock(&l->lock);
}

static void count_mute(avcl_loader *l)
{
    pthread_mutex_lock(&l->lock);
    l->stats.n_mute++;
    pthread_mutex_unlock(&l->lock);
}

/* Walks the bad sample's class from a random place until one can be read. */
static avcl_status replace(avcl_loader *l, ticket *t, int64_t sample,
                           avcl_scratch *scratch, avcl_error *err)
{
    int64_t n = 0;
    const int64_t *stand_ins = avcl__loader_stand_ins(l, sample, &n);
    avcl_draw draw = {l->options.seed, l->d->rows[sample].key, t->slot->epoch,
                      AVCL_STREAM_REPLACE, 0};
    int64_t start = avcl__draw_below(&draw, (uint32_t)n);
    for (int64_t i = 0; i < n; i++) {
        int64_t other = stand_ins[(start + i) % n];
        if (other == sample) continue;
        if (atomic_load(&l->stop)) return AVCL_E_INTERRUPTED;
        avcl_status status = read_row(l, t, other, scratch, err);
        if (status == AVCL_OK || status == AVCL_E_NOMEM) return status;
        if (status == AVCL_END) continue;
        list_bad(l, t, other, err);
        if (err->code == AVCL_E_NOMEM) return AVCL_E_NOMEM;
    }
    avcl_error why = *err;
    if (!why.code) avcl_error_set(&why, AVCL_E_NOT_FOUND, "none has a sound");
    *err = (avcl_error){0};
    int32_t label = l->d->rows[sample].label;
    if (label < 0)
        return avcl_error_set(err, why.code, "no sample of split '%s' can be read: %s",
                              l->split->name, why.message);
    return avcl_error_set(err, why.code,
                          "no sample of class '%s' in split '%s' can be read: %s",
                          l->d->classes[label], l->split->name, why.message);
}

static void fill_row(avcl_loader *l, ticket *t, avcl_scratch *scratch)
{
    avcl_error err;
    int64_t sample = t->slot->sample[t->row];
    if (sample < 0) {
        clear_row(l, t);
        return;
    }
    avcl_status status = read_row(l, t, sample, scratch, &err);
    if (status == AVCL_OK) return;
    if (status == AVCL_END) {
        count_mute(l);
    } else if (status != AVCL_E_NOMEM) {
        list_bad(l, t, sample, &err);
        if (err.code == AVCL_E_NOMEM) status = AVCL_E_NOMEM;
    }
    if (status != AVCL_E_NOMEM && !l->options.replace_bad) {
        clear_row(l, t);
        t->slot->weight[t->row] = 0.0f;
        if (status == AVCL_END) pass_over(l, t);
        return;
    }
    if (status != AVCL_E_NOMEM) status = replace(l, t, sample, scratch, &err);
    if (status && !atomic_load(&l->stop)) set_fatal(l, t, &err);
}

/* Moves the worker's counters into the loader's. Under the lock. */
static void report(avcl_loader *l, avcl_scratch *scratch)
{
    avcl_read_cost *to = &l->stats.read;
    const avcl_read_cost *from = &scratch->cost;
    to->open_s += from->open_s;
    to->demux_s += from->demux_s;
    to->decode_s += from->decode_s;
    to->scale_s += from->scale_s;
    to->audio_s += from->audio_s;
    to->mel_s += from->mel_s;
    to->cut_s += from->cut_s;
    to->frames_decoded += from->frames_decoded;
    to->frames_used += from->frames_used;
    to->cache_hits += from->cache_hits;
    scratch->cost = (avcl_read_cost){0};
}

void *avcl__worker_run(void *loader)
{
    avcl_loader *l = loader;
    avcl_scratch scratch = {0};
    ticket t;
    pthread_mutex_lock(&l->lock);
    while (take_ticket(l, &t)) {
        pthread_mutex_unlock(&l->lock);
        fill_row(l, &t, &scratch);
        pthread_mutex_lock(&l->lock);
        report(l, &scratch);
        if (++t.slot->n_done == l->rows) pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    avcl__scratch_release(&scratch);
    return NULL;
}
