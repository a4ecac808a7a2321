/*
 * safetensors_read.c - reading a file that may be hostile: nothing is believed.
 *
 * Sizes are checked against the file before memory is asked for; tensors must cover the
 * data part without gap or overlap; then each is read into memory of its own, aligned,
 * and compared with its checksum where the header has one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/safetensors.h"

typedef struct reader {
    const char *path;
    FILE *file;
    uint64_t size;      /* of the file */
    uint64_t data_size; /* of its data part */
    json_t *header;
    avcl_error *err;
} reader;

static avcl_status damaged(const reader *r, const char *name, const char *what)
{
    return avcl_error_set(r->err, AVCL_E_CORRUPT, "%s: %s%.200s%s%s", r->path,
                          name ? "tensor '" : "", name ? name : "", name ? "': " : "",
                          what);
}

static avcl_status read_bytes(const reader *r, void *out, uint64_t n)
{
    if (n == 0 || fread(out, 1, n, r->file) == n) return AVCL_OK;
    if (ferror(r->file)) return avcl__io_error(r->err, errno, "cannot read", r->path);
    return damaged(r, NULL, "the file became shorter while it was read");
}

static avcl_status read_header(reader *r)
{
    unsigned char length[8];
    if (r->size < 8)
        return damaged(r, NULL, "shorter than the 8 bytes of a header length");
    avcl_status rc = read_bytes(r, length, 8);
    if (rc) return rc;
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | length[i];
    if (n > AVCL_ST_MAX_HEADER || n > r->size - 8)
        return avcl_error_set(r->err, AVCL_E_CORRUPT,
                              "%s: header of %llu bytes in a file of %llu (limit %d)",
                              r->path, (unsigned long long)n, (unsigned long long)r->size,
                              AVCL_ST_MAX_HEADER);
    char *text = malloc(n + 1);
    if (!text)
        return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory for %s", r->path);
    json_error_t why = {0};
    rc = read_bytes(r, text, n);
    if (!rc && n && text[0] == '{')
        r->header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    free(text);
    if (rc) return rc;
    r->data_size = r->size - 8 - n;
    if (r->header && json_is_object(r->header)) return AVCL_OK;
    return avcl_error_set(r->err, AVCL_E_CORRUPT,
                          "%s: the header is not a JSON object: %s", r->path,
                          why.text[0] ? why.text : "it does not begin with '{'");
}

static avcl_status take_metadata(const reader *r, avcl_safetensors *st)
{
    json_t *metadata = json_object_get(r->header, "__metadata__");
    const char *key;
    json_t *value;
    if (!metadata) return AVCL_OK;
    if (!json_is_object(metadata))
        return damaged(r, NULL, "__metadata__ is not an object");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return avcl_error_set(r->err, AVCL_E_CORRUPT,
                                  "%s: metadata '%.200s' is not a string", r->path, key);
    }
    json_decref(st->metadata);
    st->metadata = json_incref(metadata);
    return AVCL_OK;
}

static avcl_status refuse_dtype(const reader *r, const char *name, const char *dtype)
{
    static const char *const others[] = {"BOOL", "I8",      "U16",     "I16", "U32",
                                         "U64",  "F8_E4M3", "F8_E5M2", "C64", "F8_E8M0"};
    for (size_t i = 0; dtype && i < sizeof others / sizeof *others; i++)
        if (strcmp(dtype, others[i]) == 0)
            return avcl_error_set(
                r->err, AVCL_E_UNSUPPORTED,
                "%s: tensor '%.200s' has element type %s, which is not read", r->path,
                name, dtype);
    return damaged(r, name, "unknown element type");
}

static avcl_status take_shape(const reader *r, const char *name, const json_t *shape,
                              avcl_tinfo *info)
{
    if (!json_is_array(shape)) return damaged(r, name, "no shape");
    size_t n = json_array_size(shape);
    if (n > AVCL_MAX_DIMS)
        return avcl_error_set(r->err, AVCL_E_UNSUPPORTED,
                              "%s: tensor '%.200s' has %zu dimensions, the limit is %d",
                              r->path, name, n, AVCL_MAX_DIMS);
    info->ndim = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return damaged(r, name, "a size is not a whole number from 0");
        info->shape[i] = json_integer_value(size);
    }
    return AVCL_OK;
}

static avcl_status take_offsets(const reader *r, const char *name, const json_t *offsets,
                                uint64_t *begin, uint64_t *end)
{
    const json_t *from = json_array_get(offsets, 0);
    const json_t *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0 ||
        json_integer_value(to) < json_integer_value(from) ||
        (uint64_t)json_integer_value(to) > r->data_size)
        return damaged(r, name, "its data_offsets are not a range within the file");
    *begin = (uint64_t)json_integer_value(from);
    *end = (uint64_t)json_integer_value(to);
    return AVCL_OK;
}

static avcl_status take_tensor(const reader *r, avcl_safetensors *st, const char *name,
                               const json_t *value)
{
    avcl_tinfo info = {0};
    uint64_t begin = 0;
    uint64_t end = 0;
    int ok;
    if (!json_is_object(value))
        return damaged(r, name, "its description is not an object");
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    info.dtype = dtype ? avcl__st_dtype_of(dtype) : 0;
    if (!info.dtype) return refuse_dtype(r, name, dtype);
    avcl_status rc = take_shape(r, name, json_object_get(value, "shape"), &info);
    if (!rc)
        rc = take_offsets(r, name, json_object_get(value, "data_offsets"), &begin, &end);
    if (rc) return rc;
    uint64_t nbytes = avcl__st_nbytes(&info, &ok);
    if (!ok || nbytes != end - begin)
        return damaged(r, name,
                       "shape and element type do not make the size of its data");
    avcl__st_entry *entry = avcl__st_add(st, name, &info, nbytes);
    if (!entry)
        return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory for %s", r->path);
    entry->begin = begin;
    return AVCL_OK;
}

static int compare(const void *a, const void *b)
{
    const avcl__st_entry *x = a;
    const avcl__st_entry *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->tensor.nbytes < y->tensor.nbytes ? -1 : x->tensor.nbytes > y->tensor.nbytes;
}

/* One after the other, from the first byte to the last. */
static avcl_status check_cover(const reader *r, avcl_safetensors *st)
{
    uint64_t at = 0;
    if (st->n) qsort(st->entries, st->n, sizeof *st->entries, compare);
    for (uint32_t i = 0; i < st->n; i++) {
        const avcl__st_entry *entry = &st->entries[i];
        if (entry->begin != at)
            return damaged(r, entry->name,
                           entry->begin < at ? "its data overlap another tensor's"
                                             : "there is a gap before its data");
        at += entry->tensor.nbytes;
    }
    return at == r->data_size ? AVCL_OK
                              : damaged(r, NULL, "data that belong to no tensor");
}

static avcl_status read_data(const reader *r, avcl_safetensors *st)
{
    for (uint32_t i = 0; i < st->n; i++) {
        avcl__st_entry *entry = &st->entries[i];
        if (!avcl__st_allocate(entry))
            return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory for %s", r->path);
        avcl_status rc = read_bytes(r, entry->tensor.data, entry->tensor.nbytes);
        if (rc) return rc;
        char crc[16];
        snprintf(crc, sizeof crc, "%08x",
                 (unsigned)avcl_crc32c(0, entry->tensor.data, entry->tensor.nbytes));
        json_t *key = json_sprintf("crc32c/%s", entry->name);
        const char *known =
            key ? avcl_safetensors_get_text(st, json_string_value(key)) : NULL;
        int differs = known && strcmp(known, crc) != 0;
        json_decref(key);
        if (!key)
            return avcl_error_set(r->err, AVCL_E_NOMEM, "out of memory for %s", r->path);
        if (differs)
            return damaged(r, entry->name, "its data do not match their checksum");
    }
    return AVCL_OK;
}

static avcl_status read_file(reader *r, avcl_safetensors *st)
{
    struct stat info;
    if (fstat(fileno(r->file), &info))
        return avcl__io_error(r->err, errno, "cannot read", r->path);
    r->size = (uint64_t)info.st_size;
    avcl_status rc = read_header(r);
    if (!rc) rc = take_metadata(r, st);
    const char *name;
    json_t *value;
    if (rc) return rc;
    json_object_foreach(r->header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        rc = take_tensor(r, st, name, value);
        if (rc) return rc;
    }
    rc = check_cover(r, st);
    return rc ? rc : read_data(r, st);
}

avcl_safetensors *avcl_safetensors_open(const char *path, avcl_error *err)
{
    reader r = {.path = path, .err = err};
    avcl_safetensors *st = NULL;
    r.file = fopen(path, "rb");
    if (!r.file) {
        avcl__io_error(err, errno, "cannot read", path);
        return NULL;
    }
    st = avcl_safetensors_new();
    if (!st) avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", path);
    if (st && read_file(&r, st)) {
        avcl_safetensors_free(st);
        st = NULL;
    }
    json_decref(r.header);
    fclose(r.file);
    return st;
}
