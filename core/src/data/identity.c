/*
 * identity.c - the hash that says which data a run saw.
 *
 * Rows with each file's size and content, or for generated sets rows with the
 * generator's text. Content hashes are remembered by (inode, size, mtime), one
 * line each: "inode size seconds.nanoseconds sha256".
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "avcl/store.h"

#include "base/file.h"
#include "base/text.h"
#include "data/dataset_impl.h"
#include "data/plugged_impl.h"
#include "media/sidecar.h"

enum { HEX = 64 };

typedef struct known {
    uint64_t inode;
    uint64_t size;
    int64_t seconds;
    int64_t nanoseconds;
    char hex[HEX + 1];
} known;

typedef struct memory {
    known *items; /* [0, n_sorted) sorted, the rest new */
    size_t n;
    size_t n_sorted;
    size_t capacity;
} memory;

static int compare_known(const void *a, const void *b)
{
    const known *x = a;
    const known *y = b;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? -1 : 1;
    return (x->nanoseconds > y->nanoseconds) - (x->nanoseconds < y->nanoseconds);
}

static avcl_status remember(memory *m, const known *item, avcl_error *err)
{
    if (m->n == m->capacity) {
        size_t capacity = m->capacity ? m->capacity * 2 : 256;
        known *items = realloc(m->items, capacity * sizeof *items);
        if (!items)
            return avcl_error_set(err, AVCL_E_NOMEM, "no memory for content hashes");
        m->items = items;
        m->capacity = capacity;
    }
    m->items[m->n++] = *item;
    return AVCL_OK;
}

/* Lines that are not whole are left out: they cost a second look at the file, no more. */
static avcl_status load(memory *m, const char *path, avcl_error *err)
{
    struct stat st;
    size_t n = 0;
    avcl_status status = AVCL_OK;
    if (!path || stat(path, &st)) return AVCL_OK;
    char *text = avcl__text_read(path, &n, err);
    if (!text) return AVCL_E_IO;
    for (char *line = text; *line && status == AVCL_OK;) {
        known k;
        char *end = strchr(line, '\n');
        if (!end) break;
        *end = '\0';
        if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNd64 ".%" SCNd64 " %64[0-9a-f]",
                   &k.inode, &k.size, &k.seconds, &k.nanoseconds, k.hex) == 5 &&
            strlen(k.hex) == HEX)
            status = remember(m, &k, err);
        line = end + 1;
    }
    free(text);
    if (m->n) qsort(m->items, m->n, sizeof *m->items, compare_known);
    m->n_sorted = m->n;
    return status;
}

static avcl_status save(const memory *m, const char *path, avcl_error *err)
{
    if (!path || m->n == m->n_sorted) return AVCL_OK;
    avcl__text text = {0};
    for (size_t i = 0; i < m->n; i++) {
        const known *k = &m->items[i];
        avcl__text_format(&text, "%" PRIu64 " %" PRIu64 " %" PRId64 ".%09" PRId64 " %s\n",
                          k->inode, k->size, k->seconds, k->nanoseconds, k->hex);
    }
    avcl_status status =
        text.failed ? avcl_error_set(err, AVCL_E_NOMEM, "no memory for content hashes")
                    : avcl_file_publish(path, text.data, text.n, 1, err);
    avcl__text_release(&text);
    return status;
}

/* "size sha256", or "missing": a file that is not there is a bad sample, not a bad set.
 */
static avcl_status describe_file(memory *m, const char *path, char out[HEX + 32],
                                 avcl_error *err)
{
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) {
        strcpy(out, "missing");
        return AVCL_OK;
    }
    known k = {(uint64_t)st.st_ino, (uint64_t)st.st_size, st.st_mtim.tv_sec,
               st.st_mtim.tv_nsec, ""};
    const known *found =
        m->n_sorted ? bsearch(&k, m->items, m->n_sorted, sizeof k, compare_known) : NULL;
    if (found) {
        memcpy(k.hex, found->hex, sizeof k.hex);
    } else {
        avcl_status status = avcl_sha256_file(path, k.hex, err);
        if (status == AVCL_OK) status = remember(m, &k, err);
        if (status) return status;
    }
    snprintf(out, HEX + 32, "%" PRIu64 " %s", k.size, k.hex);
    return AVCL_OK;
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A folder of pictures: the names in it and what each file is. */
static avcl_status describe_folder(memory *m, const char *path, avcl__text *out,
                                   avcl_error *err)
{
    struct dirent **entries = NULL;
    avcl_status status = AVCL_OK;
    int n = scandir(path, &entries, NULL, compare_entries);
    if (n < 0) return avcl__io_error(err, errno, "cannot list", path);
    for (int i = 0; i < n; i++) {
        char name[4096];
        char words[HEX + 32];
        int used = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (status == AVCL_OK && entries[i]->d_name[0] != '.' &&
            used < (int)sizeof name) {
            status = describe_file(m, name, words, err);
            if (status == AVCL_OK)
                avcl__text_format(out, "%s %s ", entries[i]->d_name, words);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* All that a clip is made of: a file or a folder, and the wav beside it. */
static avcl_status describe(memory *m, const char *path, avcl__text *out, avcl_error *err)
{
    struct stat st;
    char wav[4096];
    char words[HEX + 32];
    avcl_status status = AVCL_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        status = describe_folder(m, path, out, err);
    } else {
        status = describe_file(m, path, words, err);
        if (status == AVCL_OK) avcl__text_add(out, words);
    }
    if (status == AVCL_OK && avcl__sidecar_find(path, wav, sizeof wav)) {
        status = describe_file(m, wav, words, err);
        if (status == AVCL_OK) avcl__text_format(out, " wav %s", words);
    }
    avcl__text_add(out, "\n");
    return status;
}

/* Length before text, so that no two lists of texts read alike. */
static void add_text(avcl__text *text, const char *words)
{
    avcl__text_format(text, "%zu:", strlen(words));
    avcl__text_add(text, words);
}

static void add_rows(const avcl_dataset *d, avcl__text *text)
{
    for (int32_t i = 0; i < d->n_classes; i++)
        add_text(text, d->classes[i]);
    avcl__text_add(text, "\n");
    for (int64_t i = 0; i < d->manifest.n; i++) {
        const avcl_manifest_row *row = &d->manifest.rows[i];
        add_text(text, row->rel);
        add_text(text, row->label);
        add_text(text, row->split);
        avcl__text_add(text, "\n");
    }
}

static avcl_status add_files(const avcl_dataset *d, avcl__text *text, avcl_error *err)
{
    memory m = {0};
    avcl_status status = load(&m, d->hash_cache, err);
    for (int64_t i = 0; i < d->n_files && status == AVCL_OK; i++)
        status = describe(&m, d->paths[i], text, err);
    if (status == AVCL_OK) status = save(&m, d->hash_cache, err);
    free(m.items);
    return status;
}

/* A prepared set is the set it was made from, and what the recipe left of it. */
static void add_prepared(const avcl_prepared *p, avcl__text *text)
{
    add_text(text, avcl__prepared_text(p, AVCL_TEXT_IDENTITY));
    add_text(text, avcl__prepared_text(p, AVCL_TEXT_RECIPE));
}

/* The plugin, and the content of what it names; a file that several samples lie in is
 * looked at once where they stand together. */
static avcl_status add_plugged(const avcl_dataset *d, avcl__text *text, avcl_error *err)
{
    memory m = {0};
    const char *last = "";
    avcl_status status = avcl__plugged_describe(d->plugged, text, err);
    if (status == AVCL_OK) status = load(&m, d->hash_cache, err);
    for (int64_t i = 0; i < d->n_files; i++) {
        const char *const *path = avcl__plugged_files(d->plugged, i);
        for (; path && *path && status == AVCL_OK; path++) {
            if (strcmp(*path, last) != 0) status = describe(&m, *path, text, err);
            last = *path;
        }
    }
    if (status == AVCL_OK) status = save(&m, d->hash_cache, err);
    free(m.items);
    return status;
}

avcl_status avcl_dataset_hash(avcl_dataset *d, char hex[65], avcl_error *err)
{
    avcl__text text = {0};
    avcl_status status = AVCL_OK;
    add_rows(d, &text);
    if (d->prepared)
        add_prepared(d->prepared, &text);
    else if (d->plugged)
        status = add_plugged(d, &text, err);
    else if (d->generator)
        add_text(&text, d->generator);
    else
        status = add_files(d, &text, err);
    if (status == AVCL_OK && text.failed)
        status = avcl_error_set(err, AVCL_E_NOMEM, "no memory for the data set's hash");
    if (status == AVCL_OK) avcl_sha256_hex(text.data, text.n, hex);
    avcl__text_release(&text);
    return status;
}
