/*
 * safetensors.c - tensors by name in memory, and writing them to a file.
 *
 * File: u64 little-endian header length, a JSON header padded by spaces so that the data
 * begin at a multiple of 8, then the data without gaps, widest elements first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/safetensors.h"

static const struct {
    const char *name;
    avcl_dtype dtype;
    uint32_t size;
} dtypes[] = {
    {"F32", AVCL_F32, 4},   {"F64", AVCL_F64, 8}, {"F16", AVCL_F16, 2},
    {"BF16", AVCL_BF16, 2}, {"U8", AVCL_U8, 1},   {"I32", AVCL_I32, 4},
    {"I64", AVCL_I64, 8},
};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

uint32_t avcl__st_dtype_size(avcl_dtype dtype)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].size;
    return 0;
}

const char *avcl__st_dtype_name(avcl_dtype dtype)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    return NULL;
}

avcl_dtype avcl__st_dtype_of(const char *name)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) return dtypes[i].dtype;
    return 0;
}

uint64_t avcl__st_nbytes(const avcl_tinfo *info, int *ok)
{
    uint64_t n = avcl__st_dtype_size(info->dtype);
    int empty = 0;
    *ok = n > 0 && info->ndim >= 0 && info->ndim <= AVCL_MAX_DIMS;
    for (int32_t i = 0; *ok && i < info->ndim; i++) {
        uint64_t size = (uint64_t)info->shape[i];
        if (info->shape[i] < 0) *ok = 0;
        if (size == 0) empty = 1;
        if (size && n > INT64_MAX / size) *ok = 0;
        if (size) n *= size;
    }
    return *ok && !empty ? n : 0;
}

avcl_safetensors *avcl_safetensors_new(void)
{
    avcl_safetensors *st = calloc(1, sizeof *st);
    if (!st) return NULL;
    st->metadata = json_object();
    if (st->metadata) return st;
    free(st);
    return NULL;
}

void avcl_safetensors_free(avcl_safetensors *st)
{
    if (!st) return;
    for (uint32_t i = 0; i < st->n; i++)
        free(st->entries[i].tensor.data);
    free(st->entries);
    json_decref(st->metadata);
    avcl__arena_release(&st->arena);
    free(st);
}

avcl__st_entry *avcl__st_add(avcl_safetensors *st, const char *name,
                             const avcl_tinfo *info, uint64_t nbytes)
{
    if (st->n == st->room) {
        uint32_t room = st->room ? st->room * 2 : 64;
        avcl__st_entry *entries = realloc(st->entries, room * sizeof *entries);
        if (!entries) return NULL;
        st->entries = entries;
        st->room = room;
    }
    avcl__st_entry entry = {.name = avcl__arena_copy(&st->arena, name)};
    entry.tensor.dtype = info->dtype;
    entry.tensor.ndim = info->ndim;
    memcpy(entry.tensor.shape, info->shape, sizeof info->shape);
    entry.tensor.nbytes = nbytes;
    if (!entry.name) return NULL;
    st->entries[st->n] = entry;
    return &st->entries[st->n++];
}

int avcl__st_allocate(avcl__st_entry *entry)
{
    size_t n = (size_t)entry->tensor.nbytes;
    size_t size = (n + AVCL_ST_ALIGN) & ~(size_t)(AVCL_ST_ALIGN - 1);
    entry->tensor.data = size > n ? aligned_alloc(AVCL_ST_ALIGN, size) : NULL;
    return entry->tensor.data != NULL;
}

/* ---- writing --------------------------------------------------------------------- */
static const avcl__st_entry *find(const avcl_safetensors *st, const char *name)
{
    for (uint32_t i = 0; i < st->n; i++)
        if (strcmp(st->entries[i].name, name) == 0) return &st->entries[i];
    return NULL;
}

avcl_status avcl_safetensors_put(avcl_safetensors *st, const char *name,
                                 const avcl_tensor *tensor, avcl_error *err)
{
    avcl_tinfo info = {.dtype = tensor->dtype, .ndim = tensor->ndim};
    memcpy(info.shape, tensor->shape, sizeof info.shape);
    int ok;
    uint64_t nbytes = avcl__st_nbytes(&info, &ok);
    if (!ok || nbytes != tensor->nbytes)
        return avcl_error_set(
            err, AVCL_E_SHAPE,
            "tensor '%.200s': shape and type do not make its %llu bytes", name,
            (unsigned long long)tensor->nbytes);
    if (strcmp(name, "__metadata__") == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "'__metadata__' cannot name a tensor");
    if (find(st, name))
        return avcl_error_set(err, AVCL_E_EXISTS, "tensor '%.200s' put twice", name);
    avcl__st_entry *entry = avcl__st_add(st, name, &info, nbytes);
    if (entry && !avcl__st_allocate(entry)) {
        st->n--;
        entry = NULL;
    }
    if (!entry)
        return avcl_error_set(err, AVCL_E_NOMEM,
                              "no memory for tensor '%.200s' of %llu bytes", name,
                              (unsigned long long)nbytes);
    if (nbytes) memcpy(entry->tensor.data, tensor->data, nbytes);
    return AVCL_OK;
}

avcl_status avcl_safetensors_put_text(avcl_safetensors *st, const char *key,
                                      const char *value, avcl_error *err)
{
    if (strncmp(key, "crc32c/", 7) == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "key '%.200s': crc32c/ is reserved",
                              key);
    if (json_object_set_new(st->metadata, key, json_string(value)) == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "key or text of '%.200s' is not UTF-8",
                          key);
}

typedef struct order {
    uint32_t size;
    uint32_t index;
} order;

/* Widest first keeps every tensor aligned to its element; otherwise as they were put. */
static int compare(const void *a, const void *b)
{
    const order *x = a;
    const order *y = b;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static order *sort_entries(const avcl_safetensors *st)
{
    order *sorted = calloc(st->n + 1, sizeof *sorted);
    if (!sorted) return NULL;
    for (uint32_t i = 0; i < st->n; i++)
        sorted[i] = (order){avcl__st_dtype_size(st->entries[i].tensor.dtype), i};
    qsort(sorted, st->n, sizeof *sorted, compare);
    return sorted;
}

static int set_crc(json_t *metadata, const avcl__st_entry *entry)
{
    char crc[16];
    snprintf(crc, sizeof crc, "%08x",
             (unsigned)avcl_crc32c(0, entry->tensor.data, entry->tensor.nbytes));
    json_t *key = json_sprintf("crc32c/%s", entry->name);
    int bad =
        !key || json_object_set_new(metadata, json_string_value(key), json_string(crc));
    json_decref(key);
    return bad;
}

static json_t *describe(const avcl_tensor *t, uint64_t begin)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < t->ndim; i++)
        json_array_append_new(shape, json_integer(t->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", avcl__st_dtype_name(t->dtype),
                     "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + t->nbytes));
}

/* The JSON header, padded; NULL = out of memory or a name that is not UTF-8. */
static char *make_header(const avcl_safetensors *st, const order *sorted)
{
    char *text = NULL;
    uint64_t begin = 0;
    json_t *header = json_object();
    json_t *metadata = json_copy(st->metadata);
    int bad = !metadata || json_object_set(header, "__metadata__", metadata);
    for (uint32_t i = 0; !bad && i < st->n; i++) {
        const avcl__st_entry *entry = &st->entries[sorted[i].index];
        bad = set_crc(metadata, entry) ||
              json_object_set_new(header, entry->name, describe(&entry->tensor, begin));
        begin += entry->tensor.nbytes;
    }
    if (!bad) text = json_dumps(header, JSON_COMPACT);
    json_decref(metadata);
    json_decref(header);
    size_t n = text ? strlen(text) : 0;
    char *padded = text ? realloc(text, n + 8) : NULL;
    if (!padded) {
        free(text);
        return NULL;
    }
    size_t pad = (8 - n % 8) % 8;
    memset(padded + n, ' ', pad);
    padded[n + pad] = '\0';
    return padded;
}

avcl_status avcl_safetensors_save(avcl_safetensors *st, const char *path, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    unsigned char length[8];
    avcl__bytes *parts = calloc(st->n + 2, sizeof *parts);
    order *sorted = sort_entries(st);
    char *header = parts && sorted ? make_header(st, sorted) : NULL;
    if (!header) {
        rc = avcl_error_set(err, AVCL_E_NOMEM,
                            "%s: out of memory, or a tensor's name is not UTF-8", path);
        goto done;
    }
    uint64_t n = strlen(header);
    if (n > AVCL_ST_MAX_HEADER) {
        rc = avcl_error_set(err, AVCL_E_INVALID,
                            "%s: header of %llu bytes, the limit is %d", path,
                            (unsigned long long)n, AVCL_ST_MAX_HEADER);
        goto done;
    }
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n >> (8 * i));
    parts[0] = (avcl__bytes){length, sizeof length};
    parts[1] = (avcl__bytes){header, n};
    for (uint32_t i = 0; i < st->n; i++) {
        const avcl_tensor *t = &st->entries[sorted[i].index].tensor;
        parts[i + 2] = (avcl__bytes){t->data, t->nbytes};
    }
    rc = avcl__file_publish_parts(path, parts, st->n + 2, 1, err);
done:
    free(header);
    free(sorted);
    free(parts);
    return rc;
}

/* ---- looking --------------------------------------------------------------------- */
uint32_t avcl_safetensors_count(const avcl_safetensors *st)
{
    return st->n;
}

const char *avcl_safetensors_name(const avcl_safetensors *st, uint32_t index)
{
    return index < st->n ? st->entries[index].name : NULL;
}

avcl_status avcl_safetensors_get(const avcl_safetensors *st, const char *name,
                                 avcl_tensor *out, avcl_error *err)
{
    const avcl__st_entry *entry = find(st, name);
    if (!entry) return avcl_error_set(err, AVCL_E_NOT_FOUND, "no tensor '%.200s'", name);
    *out = entry->tensor;
    return AVCL_OK;
}

const char *avcl_safetensors_get_text(const avcl_safetensors *st, const char *key)
{
    return json_string_value(json_object_get(st->metadata, key));
}
