/*
 * dataset_impl.h - the inside of avcl_dataset, for the data room's own files.
 *
 * Immutable after opening but for the cache and the mel plans, which lock.
 */
#ifndef AVCL_DATASET_IMPL_H
#define AVCL_DATASET_IMPL_H

#include <pthread.h>

#include "data/cache.h"
#include "data/manifest.h"
#include "data/prepared.h"
#include "data/source.h"

typedef struct avcl_row {
    uint64_t key;
    int64_t file;  /* rows of one path share it */
    int64_t place; /* within its split */
    int32_t label;
    int32_t split;
} avcl_row;

typedef struct avcl_split {
    const char *name;
    int64_t *rows; /* in manifest order */
    int64_t n;
} avcl_split;

typedef struct avcl_mel_plan {
    struct avcl_mel_plan *next;
    avcl_mel_options options; /* as asked for */
    avcl_mel *mel;
} avcl_mel_plan;

struct avcl_dataset {
    avcl_manifest manifest; /* and the arena of everything here */
    avcl_row *rows;         /* one per manifest row */
    int64_t n_files;
    const char **paths; /* of files, absolute */
    const char **rels;  /* the same as their rows name them */
    const char **classes;
    int32_t n_classes;
    avcl_split *splits;
    int32_t n_splits;
    const char *classes_file; /* NULL: the labels seen */
    const char *hash_cache;   /* NULL: none */
    char *generator;          /* text of synth.yaml; NULL: a set of real files */
    avcl_cache *cache;
    avcl_source source;
    avcl_prepared *prepared;      /* NULL: the files themselves are read */
    struct avcl_plugged *plugged; /* NULL: not a plugin's (plugged_impl.h) */
    pthread_mutex_t lock;         /* of plans */
    avcl_mel_plan *plans;
};

/* SplitMix-finalised FNV-1a: the 64-bit random key of a relative path. */
uint64_t avcl__sample_key(const char *rel);
/* Tests read from elsewhere than files; before any read. */
void avcl__dataset_set_source(avcl_dataset *d, const avcl_source *source);
/* -1 and AVCL_E_NOT_FOUND listing the splits there are. */
int32_t avcl__dataset_find_split(const avcl_dataset *d, const char *name,
                                 avcl_error *err);
/* Refused in one sentence when a run with this view cannot be fed. */
avcl_status avcl__dataset_check_view(const avcl_dataset *d, const avcl_view *view,
                                     avcl_error *err);
/* The shared plan of these options, made at first use. */
const avcl_mel *avcl__dataset_mel(avcl_dataset *d, const avcl_mel_options *options,
                                  avcl_error *err);

/* Empty, with nothing to read from; avcl_dataset_free it in any case. */
avcl_dataset *avcl__dataset_new(avcl_error *err);
/* Steps of opening, each on what the one before filled. */
avcl_status avcl__dataset_read_classes(avcl_dataset *d, const char *path,
                                       avcl_error *err);
/* The same out of a text, one class a line as it stands. */
avcl_status avcl__dataset_take_classes(avcl_dataset *d, const char *text,
                                       avcl_error *err);
avcl_status avcl__dataset_index(avcl_dataset *d, avcl_error *err);
avcl_status avcl__dataset_equip(avcl_dataset *d, const avcl_dataset_options *options,
                                avcl_error *err);

#endif
