/*
 * cache.h - decoded clips and mel pictures kept in memory, up to a budget.
 *
 * What is inside never changes and never leaves before the cache is freed, so a
 * found entry is read without a lock. When the budget is spent nothing is added.
 */
#ifndef AVCL_CACHE_H
#define AVCL_CACHE_H

#include <stdint.h>

#include "avcl/media.h"

typedef enum avcl_cached {
    AVCL_CACHED_CLIP,
    AVCL_CACHED_MEL,  /* the picture of a whole track */
    AVCL_CACHED_FOLD, /* the same of its waveform */
    AVCL_CACHED_WAVE, /* the track itself */
} avcl_cached;

typedef struct avcl_cache_key {
    int64_t file;
    avcl_cached what;
    int32_t width; /* of a clip's frames */
    int32_t height;
    double rate;         /* frames a second, or samples of a wave */
    const avcl_mel *mel; /* the plan of a picture of sound, else NULL */
} avcl_cache_key;

typedef struct avcl_cache_entry {
    struct avcl_cache_entry *next;
    avcl_cache_key key;
    void *data;   /* clip: u8 [n, height, width, 3]; picture: f16 [bands, n]; wave: f32 */
    double *time; /* clip: seconds of each frame */
    int64_t n;    /* frames, columns or samples; 0 of a sound = the file has none */
    int64_t n_real; /* frames before the repeated last one */
    uint64_t bytes; /* as reserved */
} avcl_cache_entry;

typedef struct avcl_cache avcl_cache;
avcl_cache *avcl__cache_new(uint64_t budget, int64_t n_files); /* NULL = out of memory */
void avcl__cache_free(avcl_cache *cache);
const avcl_cache_entry *avcl__cache_find(avcl_cache *cache, const avcl_cache_key *key);
/* An entry with room for `data_bytes` and `n_times`, charged to the budget; NULL = full.
 */
avcl_cache_entry *avcl__cache_reserve(avcl_cache *cache, const avcl_cache_key *key,
                                      uint64_t data_bytes, int64_t n_times);
/* Takes a reserved entry in. Returns it, or the twin another thread was faster with. */
const avcl_cache_entry *avcl__cache_insert(avcl_cache *cache, avcl_cache_entry *entry);
/* Gives a reserved entry back. */
void avcl__cache_cancel(avcl_cache *cache, avcl_cache_entry *entry);

#endif
