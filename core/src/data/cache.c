/* cache.c - a chained hash table under one mutex; decoding happens outside it. */
#include <pthread.h>
#include <stdlib.h>

#include "data/cache.h"

struct avcl_cache {
    pthread_mutex_t lock;
    uint64_t budget;
    uint64_t used;
    uint64_t n_buckets; /* a power of two */
    avcl_cache_entry **buckets;
};

avcl_cache *avcl__cache_new(uint64_t budget, int64_t n_files)
{
    avcl_cache *cache = calloc(1, sizeof *cache);
    if (!cache) return NULL;
    cache->budget = budget;
    cache->n_buckets = 16;
    while (budget && cache->n_buckets < (uint64_t)n_files * 2)
        cache->n_buckets *= 2;
    cache->buckets = calloc(cache->n_buckets, sizeof(avcl_cache_entry *));
    if (!cache->buckets || pthread_mutex_init(&cache->lock, NULL)) {
        free(cache->buckets);
        free(cache);
        return NULL;
    }
    return cache;
}

static void free_entry(avcl_cache_entry *entry)
{
    free(entry->data);
    free(entry->time);
    free(entry);
}

void avcl__cache_free(avcl_cache *cache)
{
    if (!cache) return;
    for (uint64_t i = 0; i < cache->n_buckets; i++)
        while (cache->buckets[i]) {
            avcl_cache_entry *next = cache->buckets[i]->next;
            free_entry(cache->buckets[i]);
            cache->buckets[i] = next;
        }
    pthread_mutex_destroy(&cache->lock);
    free(cache->buckets);
    free(cache);
}

static int is_same(const avcl_cache_key *a, const avcl_cache_key *b)
{
    return a->file == b->file && a->what == b->what && a->mel == b->mel &&
           a->width == b->width && a->height == b->height && a->rate == b->rate;
}

/* A file has at most a clip and a sound per view: its number alone spreads well. */
static avcl_cache_entry **bucket_of(avcl_cache *cache, const avcl_cache_key *key)
{
    uint64_t slot = (uint64_t)key->file * 2 + (key->what != AVCL_CACHED_CLIP);
    return &cache->buckets[slot & (cache->n_buckets - 1)];
}

static avcl_cache_entry *find_locked(avcl_cache *cache, const avcl_cache_key *key)
{
    avcl_cache_entry *entry = *bucket_of(cache, key);
    while (entry && !is_same(&entry->key, key))
        entry = entry->next;
    return entry;
}

const avcl_cache_entry *avcl__cache_find(avcl_cache *cache, const avcl_cache_key *key)
{
    if (!cache->budget) return NULL;
    pthread_mutex_lock(&cache->lock);
    const avcl_cache_entry *entry = find_locked(cache, key);
    pthread_mutex_unlock(&cache->lock);
    return entry;
}

static int charge(avcl_cache *cache, uint64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    int fits = bytes <= cache->budget && cache->used <= cache->budget - bytes;
    if (fits) cache->used += bytes;
    pthread_mutex_unlock(&cache->lock);
    return fits;
}

static void discharge(avcl_cache *cache, uint64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->used -= bytes;
    pthread_mutex_unlock(&cache->lock);
}

avcl_cache_entry *avcl__cache_reserve(avcl_cache *cache, const avcl_cache_key *key,
                                      uint64_t data_bytes, int64_t n_times)
{
    uint64_t bytes =
        sizeof(avcl_cache_entry) + data_bytes + (uint64_t)n_times * sizeof(double);
    if (!cache->budget || !charge(cache, bytes)) return NULL;
    avcl_cache_entry *entry = calloc(1, sizeof *entry);
    if (entry) {
        entry->key = *key;
        entry->bytes = bytes;
        entry->data = malloc(data_bytes ? data_bytes : 1);
        entry->time = malloc(n_times ? (size_t)n_times * sizeof(double) : 1);
    }
    if (entry && entry->data && entry->time) return entry;
    if (entry) free_entry(entry);
    discharge(cache, bytes);
    return NULL;
}

void avcl__cache_cancel(avcl_cache *cache, avcl_cache_entry *entry)
{
    discharge(cache, entry->bytes);
    free_entry(entry);
}

const avcl_cache_entry *avcl__cache_insert(avcl_cache *cache, avcl_cache_entry *entry)
{
    pthread_mutex_lock(&cache->lock);
    avcl_cache_entry **bucket = bucket_of(cache, &entry->key);
    avcl_cache_entry *twin = find_locked(cache, &entry->key);
    if (!twin) {
        entry->next = *bucket;
        *bucket = entry;
    }
    pthread_mutex_unlock(&cache->lock);
    if (!twin) return entry;
    avcl__cache_cancel(cache, entry);
    return twin;
}
