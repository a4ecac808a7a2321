/* loader.c - the consumer's side: start, next, release, stop. */
#include <stdlib.h>
#include <string.h>

#include "base/threads.h"
#include "data/loader_impl.h"

enum { ALIGN = 64 };

static size_t align(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Cuts every array of every slot out of one block; with base NULL only counts. */
static size_t lay_out(avcl_loader *l, unsigned char *base)
{
    size_t at = 0;
    size_t rows = l->rows;
    for (uint32_t i = 0; i < l->options.slots; i++) {
        avcl_slot *slot = &l->slots[i];
        size_t sizes[6] = {rows * l->rgb_row,      rows * l->mel_row * sizeof(uint16_t),
                           rows * sizeof(int32_t), rows * sizeof(float),
                           rows * sizeof(int64_t), rows * sizeof(int32_t)};
        unsigned char *part[6];
        for (int k = 0; k < 6; k++) {
            part[k] = base && sizes[k] ? base + at : NULL;
            at += align(sizes[k]);
        }
        slot->rgb = part[0];
        slot->mel = (void *)part[1];
        slot->label = (void *)part[2];
        slot->weight = (void *)part[3];
        slot->sample = (void *)part[4];
        slot->clip = (void *)part[5];
    }
    return at;
}

static avcl_status make_slots(avcl_loader *l, avcl_error *err)
{
    l->slots = calloc(l->options.slots, sizeof *l->slots);
    size_t bytes = l->slots ? lay_out(l, NULL) : 0;
    if (!l->slots || posix_memalign(&l->slabs, ALIGN, bytes)) {
        l->slabs = NULL;
        return avcl_error_set(err, AVCL_E_NOMEM,
                              "no memory for %u batches of %u (%zu MiB)",
                              l->options.slots, l->rows, bytes >> 20);
    }
    lay_out(l, l->slabs);
    return AVCL_OK;
}

static avcl_status start_workers(avcl_loader *l, avcl_error *err)
{
    l->threads = calloc(l->options.workers, sizeof *l->threads);
    if (!l->threads) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
    l->n_threads = (uint32_t)avcl__threads_start(l->threads, l->options.workers,
                                                 avcl__worker_run, l, "loader", err);
    return l->n_threads ? AVCL_OK : AVCL_E_IO;
}

static int init_locks(avcl_loader *l)
{
    if (pthread_mutex_init(&l->lock, NULL)) return 0;
    if (pthread_cond_init(&l->ready, NULL)) {
        pthread_mutex_destroy(&l->lock);
        return 0;
    }
    if (!pthread_cond_init(&l->space, NULL)) return 1;
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
    return 0;
}

avcl_loader *avcl_loader_new(avcl_dataset *d, const avcl_loader_options *options,
                             avcl_error *err)
{
    avcl_loader *l = calloc(1, sizeof *l);
    if (!l || !init_locks(l)) {
        free(l);
        avcl_error_set(err, AVCL_E_NOMEM, "no memory for the loader");
        return NULL;
    }
    l->d = d;
    l->options = *options;
    l->stats_from = avcl__clock();
    avcl_status status = avcl__loader_plan(l, err);
    /* Planned here, where a wrong option is a fault of the call and not of every file. */
    if (status == AVCL_OK && l->mel_row &&
        !avcl__dataset_mel(d, &l->options.view.mel, err))
        status = AVCL_E_INVALID;
    if (status == AVCL_OK) status = make_slots(l, err);
    if (status == AVCL_OK) status = start_workers(l, err);
    if (status == AVCL_OK) return l;
    avcl_loader_free(l);
    return NULL;
}

void avcl_loader_free(avcl_loader *l)
{
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    atomic_store(&l->stop, 1);
    pthread_cond_broadcast(&l->space);
    pthread_mutex_unlock(&l->lock);
    for (uint32_t i = 0; i < l->n_threads; i++)
        pthread_join(l->threads[i], NULL);
    for (uint32_t i = 0; l->slots && i < l->options.slots; i++)
        avcl__bad_release(&l->slots[i].bad);
    avcl__bad_release(&l->bad);
    pthread_cond_destroy(&l->space);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
    free(l->threads);
    free(l->slabs);
    free(l->slots);
    free(l->keys);
    avcl__groups_free(l->groups);
    free(l->order);
    free(l->by_label);
    free(l->order_scratch);
    free(l);
}

uint32_t avcl_loader_n_batches(const avcl_loader *l)
{
    return l->n_batches;
}

/* Too many bad samples end the run, with the first reasons. */
static void check_bad(avcl_loader *l)
{
    double limit = l->options.max_bad * (double)l->split->n;
    if (l->options.strict && l->bad.n)
        avcl_error_set(&l->failed, AVCL_E_CORRUPT, "%.800s (strict: none may fail)",
                       l->bad.items[0].reason);
    if (l->failed.code || !(l->options.max_bad > 0) || (double)l->bad.n <= limit) return;
    avcl_error_set(
        &l->failed, AVCL_E_CORRUPT,
        "%lld of %lld samples of split '%s' cannot be read, more than the %g%% "
        "allowed by max_bad: %.250s%s%.250s%s%.250s",
        (long long)l->bad.n, (long long)l->split->n, l->split->name,
        100 * l->options.max_bad, l->bad.items[0].reason, l->bad.n > 1 ? "; " : "",
        l->bad.n > 1 ? l->bad.items[1].reason : "", l->bad.n > 2 ? "; " : "",
        l->bad.n > 2 ? l->bad.items[2].reason : "");
}

/* Waits until the batch in turn is full. Under the lock. */
static avcl_slot *wait_ready(avcl_loader *l)
{
    avcl_slot *slot = &l->slots[l->n_released % l->options.slots];
    /* Tickets of later batches go to other slots until this one is released. */
    uint64_t opened = l->n_released * l->rows;
    if (l->next_row > opened && slot->n_done == l->rows) return slot;
    double from = avcl__clock();
    while (l->next_row <= opened || slot->n_done < l->rows)
        pthread_cond_wait(&l->ready, &l->lock);
    l->stats.wait_s += avcl__clock() - from;
    return slot;
}

static void fill_batch(const avcl_slot *slot, avcl_batch *out)
{
    *out = (avcl_batch){.rgb = slot->rgb,
                        .mel = slot->mel,
                        .label = slot->label,
                        .weight = slot->weight,
                        .sample = slot->sample,
                        .clip = slot->clip,
                        .epoch = slot->epoch,
                        .position = slot->position,
                        .n = slot->n};
}

static avcl_status next_locked(avcl_loader *l, avcl_batch *out, avcl_error *err)
{
    if (l->failed.code)
        return avcl_error_set(err, l->failed.code, "%s", l->failed.message);
    if (l->held)
        return avcl_error_set(err, AVCL_E_INVALID, "the batch before is not released");
    if (l->n_released >= l->n_total) return AVCL_END;
    avcl_slot *slot = wait_ready(l);
    avcl__bad_merge(&l->bad, &slot->bad);
    check_bad(l);
    if (!l->failed.code) l->failed = slot->fatal;
    if (l->failed.code)
        return avcl_error_set(err, l->failed.code, "%s", l->failed.message);
    l->held = 1;
    fill_batch(slot, out);
    return AVCL_OK;
}

avcl_status avcl_loader_next(avcl_loader *l, avcl_batch *out, avcl_error *err)
{
    pthread_mutex_lock(&l->lock);
    avcl_status status = next_locked(l, out, err);
    pthread_mutex_unlock(&l->lock);
    return status;
}

void avcl_loader_release(avcl_loader *l)
{
    pthread_mutex_lock(&l->lock);
    if (l->held) {
        l->held = 0;
        l->n_released++;
        pthread_cond_broadcast(&l->space);
    }
    pthread_mutex_unlock(&l->lock);
}

void avcl_loader_get_stats(avcl_loader *l, avcl_loader_stats *out)
{
    pthread_mutex_lock(&l->lock);
    double now = avcl__clock();
    *out = l->stats;
    out->wall_s = now - l->stats_from;
    out->n_bad = l->bad.n;
    l->stats = (avcl_loader_stats){0};
    l->stats_from = now;
    pthread_mutex_unlock(&l->lock);
}

avcl_status avcl_loader_get_bad(avcl_loader *l, int64_t i, int64_t *sample,
                                const char **reason)
{
    avcl_status status = AVCL_E_NOT_FOUND;
    pthread_mutex_lock(&l->lock);
    if (i >= 0 && i < l->bad.n) {
        *sample = l->bad.items[i].sample;
        *reason = l->bad.items[i].reason;
        status = AVCL_OK;
    }
    pthread_mutex_unlock(&l->lock);
    return status;
}
