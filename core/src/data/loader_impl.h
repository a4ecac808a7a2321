/*
 * loader_impl.h - the inside of avcl_loader: a ring of batch slabs filled by workers.
 *
 * Tickets count rows of this rank from where the loader began; a ticket names slot
 * and row, so the order of batches never depends on which worker is faster. One
 * mutex guards everything but the rows a ticket owns.
 */
#ifndef AVCL_LOADER_IMPL_H
#define AVCL_LOADER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/sample_impl.h"

typedef struct avcl_bad {
    int64_t sample;
    uint32_t row;   /* of the batch in which it was met */
    uint32_t order; /* among that row's */
    char *reason;
} avcl_bad;

typedef struct avcl_bad_list {
    avcl_bad *items;
    int64_t n;
    int64_t capacity;
} avcl_bad_list;

typedef struct avcl_slot {
    uint8_t *rgb;
    uint16_t *mel;
    int32_t *label;
    float *weight;
    int64_t *sample; /* planned when the batch opens, -1 = padding */
    int32_t *clip;
    uint32_t epoch;
    uint32_t position;
    uint32_t n;
    uint32_t n_done;
    avcl_bad_list bad;
    uint32_t fatal_row; /* of the first fatal error */
    avcl_error fatal;
} avcl_slot;

struct avcl_loader {
    avcl_dataset *d;
    avcl_loader_options options; /* resolved */
    const avcl_split *split;
    uint32_t rows; /* of a batch, this rank's */
    uint32_t n_batches;
    int64_t n_items; /* per epoch: rows x clips */
    size_t rgb_row;  /* elements */
    size_t mel_row;

    uint64_t *keys; /* of the split's rows */
    int64_t *order; /* of order_epoch */
    avcl_order_item *order_scratch;
    uint32_t order_epoch;
    int order_known;
    struct avcl_groups *groups; /* of the balanced sampler; NULL = another */
    int64_t *by_label;          /* the split's rows sorted by (label, place): stand-ins */

    pthread_mutex_t lock;
    pthread_cond_t ready; /* a batch is full */
    pthread_cond_t space; /* a slot is free, or stop */
    atomic_int stop;
    uint64_t next_row;   /* ticket: rows handed out */
    uint64_t n_released; /* batches the consumer gave back */
    uint64_t n_total;    /* batches in all; UINT64_MAX when shuffling */
    int held;            /* the consumer has batch n_released */
    avcl_slot *slots;
    void *slabs;
    pthread_t *threads;
    uint32_t n_threads;

    avcl_bad_list bad; /* of batches delivered, in order */
    avcl_error failed; /* sticky */
    avcl_loader_stats stats;
    double stats_from;
};

/* schedule.c: sizes, the epoch's order, what a batch holds. */
avcl_status avcl__loader_plan(avcl_loader *l, avcl_error *err);
void avcl__loader_open_batch(avcl_loader *l, uint64_t batch, avcl_slot *slot);
/* Rows that may stand in for `sample`, itself among them: same split, same label. */
const int64_t *avcl__loader_stand_ins(const avcl_loader *l, int64_t sample, int64_t *n);

/* groups.c: the balanced sampler's classes. */
avcl_status avcl__groups_new(const avcl_loader *l, struct avcl_groups **out,
                             avcl_error *err);
void avcl__groups_free(struct avcl_groups *g);
/* The row at item `item` of the epoch, `group` items in a row being of one class. */
int64_t avcl__groups_row(struct avcl_groups *g, uint64_t seed, uint32_t epoch,
                         int64_t item, uint32_t group);

/* bad.c: the list of bad samples. `reason` is copied. */
avcl_status avcl__bad_add(avcl_bad_list *list, const avcl_bad *bad);
/* Moves a slot's finds behind the loader's, in row order, each sample once. */
void avcl__bad_merge(avcl_bad_list *list, avcl_bad_list *found);
void avcl__bad_release(avcl_bad_list *list);

/* worker.c */
void *avcl__worker_run(void *loader);

#endif
