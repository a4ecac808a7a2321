/* prepare_file.c - OUT.part: a page that says of which recipe it is, then records. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/store.h"

#include "base/file.h"
#include "data/prepare_file.h"

static const char part_magic[8] = "AVCLPART";
enum { RECIPE_ROOM = AVCL_PREPARED_HEADER - sizeof part_magic };

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory to prepare a data set");
}

static avcl_status write_at(const avcl_part *p, const void *data, uint64_t n, uint64_t at,
                            avcl_error *err)
{
    const char *from = data;
    while (n > 0) {
        ssize_t k = pwrite(p->fd, from, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return avcl__io_error(err, errno, "cannot write", p->path);
        from += k;
        at += (uint64_t)k;
        n -= (uint64_t)k;
    }
    return AVCL_OK;
}

/* ---- what still holds ----------------------------------------------------------------
 */
static int still_holds(const avcl_part *p, int64_t i, const avcl_record *r)
{
    avcl_stamp now = avcl__stamp_of(p->d->paths[i]);
    return r->key == p->keys[i] && r->source.bytes == now.bytes &&
           r->source.mtime_ns == now.mtime_ns;
}

/* Walks the sound records from the front; where one does not hold, the rest is made
 * anew. */
static void keep_records(avcl_part *p, const unsigned char *map, uint64_t bytes)
{
    while (p->n < p->d->n_files) {
        const avcl_record *r = avcl__record_check(map + p->at, bytes - p->at, 1);
        if (!r || !still_holds(p, p->n, r)) return;
        p->offsets[p->n++] = p->at;
        p->at += r->bytes;
    }
}

static avcl_status map_part(const avcl_part *p, const unsigned char **map, uint64_t *n,
                            avcl_error *err)
{
    struct stat st;
    if (fstat(p->fd, &st)) return avcl__io_error(err, errno, "cannot read", p->path);
    *n = (uint64_t)st.st_size;
    *map = NULL;
    if (*n < AVCL_PREPARED_HEADER) return AVCL_OK;
    void *at = mmap(NULL, *n, PROT_READ, MAP_SHARED, p->fd, 0);
    if (at == MAP_FAILED) return avcl__io_error(err, errno, "cannot map", p->path);
    *map = at;
    return AVCL_OK;
}

static avcl_status resume(avcl_part *p, avcl_error *err)
{
    const unsigned char *map = NULL;
    uint64_t n = 0;
    avcl_status st = map_part(p, &map, &n, err);
    p->at = AVCL_PREPARED_HEADER;
    if (map && memcmp(map, part_magic, sizeof part_magic) == 0) {
        st = avcl__recipe_compare(p->path, (const char *)map + sizeof part_magic,
                                  p->recipe, err);
        if (!st) keep_records(p, map, n);
    }
    if (map) munmap((void *)(uintptr_t)map, n);
    if (st) return st;
    char page[AVCL_PREPARED_HEADER] = "";
    memcpy(page, part_magic, sizeof part_magic);
    strncpy(page + sizeof part_magic, p->recipe, RECIPE_ROOM - 1);
    if (ftruncate(p->fd, (off_t)p->at))
        return avcl__io_error(err, errno, "cannot write", p->path);
    return write_at(p, page, sizeof page, 0, err);
}

/* ---- what was finished before ---------------------------------------------------------
 */
static int compare_items(const void *a, const void *b)
{
    const avcl_donor_item *x = a;
    const avcl_donor_item *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static avcl_status open_donor(avcl_part *p, avcl_error *err)
{
    struct stat st;
    if (stat(p->out, &st)) return AVCL_OK;
    if (!avcl__prepared_is(p->out))
        return avcl_error_set(err, AVCL_E_EXISTS,
                              "'%s' is there and is no prepared cache: name another file",
                              p->out);
    p->donor = avcl__prepared_open(p->out, err);
    if (!p->donor) return AVCL_E_CORRUPT;
    avcl_status rc = avcl__recipe_compare(
        p->out, avcl__prepared_text(p->donor, AVCL_TEXT_RECIPE), p->recipe, err);
    int64_t n = avcl__prepared_count(p->donor);
    p->items = rc ? NULL : calloc((size_t)n + 1, sizeof *p->items);
    if (!rc && !p->items) rc = no_memory(err);
    for (int64_t i = 0; !rc && i < n; i++) {
        const avcl_record *r = avcl__prepared_record(p->donor, i, NULL);
        p->items[i] = (avcl_donor_item){r ? r->key : 0, r ? i : -1};
    }
    if (!rc) qsort(p->items, (size_t)n, sizeof *p->items, compare_items);
    return rc;
}

const avcl_record *avcl__part_find(const avcl_part *p, int64_t i)
{
    if (!p->donor) return NULL;
    avcl_donor_item want = {p->keys[i], 0};
    const avcl_donor_item *item =
        bsearch(&want, p->items, (size_t)avcl__prepared_count(p->donor), sizeof want,
                compare_items);
    if (!item || item->record < 0) return NULL;
    const avcl_record *r = avcl__prepared_record(p->donor, item->record, NULL);
    if (!r || !still_holds(p, i, r)) return NULL;
    return avcl__record_check(r, r->bytes, 1);
}

static void put_lines(avcl__text *out, const avcl_dataset *d)
{
    for (int32_t i = 0; i < d->n_classes; i++)
        avcl__text_format(out, "%s\n", d->classes[i]);
}

static int text_is(const avcl_part *p, int text, const avcl__text *want)
{
    return !want->failed &&
           strcmp(avcl__prepared_text(p->donor, text), want->data ? want->data : "") == 0;
}

int avcl__part_is_current(const avcl_part *p)
{
    if (!p->donor || avcl__prepared_count(p->donor) != p->d->n_files) return 0;
    for (int64_t i = 0; i < p->d->n_files; i++) {
        const avcl_record *r = avcl__prepared_record(p->donor, i, NULL);
        if (!r || !still_holds(p, i, r)) return 0;
    }
    avcl__text rows = {0};
    avcl__text classes = {0};
    avcl__manifest_print(&p->d->manifest, &rows);
    put_lines(&classes, p->d);
    int same =
        text_is(p, AVCL_TEXT_MANIFEST, &rows) && text_is(p, AVCL_TEXT_CLASSES, &classes);
    avcl__text_release(&rows);
    avcl__text_release(&classes);
    return same;
}

void avcl__part_discard(avcl_part *p)
{
    unlink(p->path);
}

/* ---- opening
 * --------------------------------------------------------------------------- */
static avcl_status number_keys(avcl_part *p, avcl_error *err)
{
    size_t n = (size_t)p->d->n_files + 1;
    p->keys = calloc(n, sizeof *p->keys);
    p->offsets = calloc(n, sizeof *p->offsets);
    if (!p->keys || !p->offsets) return no_memory(err);
    for (int64_t i = 0; i < p->d->manifest.n; i++)
        p->keys[p->d->rows[i].file] = p->d->rows[i].key;
    return AVCL_OK;
}

static avcl_status open_locked(avcl_part *p, avcl_error *err)
{
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (p->fd < 0) return avcl__io_error(err, errno, "cannot write", p->path);
    if (flock(p->fd, LOCK_EX | LOCK_NB) == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_EXISTS, "'%s' is being made by another process",
                          p->out);
}

avcl_status avcl__part_open(avcl_part *p, const avcl_dataset *d, const char *out,
                            const avcl_recipe *recipe, avcl_error *err)
{
    avcl__text text = {0};
    avcl__recipe_print(recipe, &text);
    *p = (avcl_part){.d = d, .fd = -1, .out = strdup(out)};
    p->recipe = avcl__text_take(&text);
    p->path = malloc(strlen(out) + 8);
    if (!p->out || !p->recipe || !p->path) return no_memory(err);
    sprintf(p->path, "%s.part", out);
    avcl_status st = number_keys(p, err);
    if (!st) st = open_donor(p, err);
    if (!st) st = open_locked(p, err);
    return st ? st : resume(p, err);
}

void avcl__part_release(avcl_part *p)
{
    avcl__prepared_free(p->donor);
    if (p->fd >= 0) close(p->fd);
    free(p->items);
    free(p->keys);
    free(p->offsets);
    free(p->recipe);
    free(p->path);
    free(p->out);
    *p = (avcl_part){.fd = -1};
}

/* ---- growing
 * --------------------------------------------------------------------------- */
avcl_status avcl__part_append(avcl_part *p, const void *record, uint64_t bytes,
                              avcl_error *err)
{
    avcl_status st = write_at(p, record, bytes, p->at, err);
    if (st) return st;
    p->offsets[p->n++] = p->at;
    p->at += bytes;
    return AVCL_OK;
}

avcl_status avcl__part_each(const avcl_part *p,
                            void (*take)(void *arg, int64_t i, const avcl_record *r),
                            void *arg, avcl_error *err)
{
    const unsigned char *map = NULL;
    uint64_t n = 0;
    avcl_status st = p->n ? map_part(p, &map, &n, err) : AVCL_OK;
    for (int64_t i = 0; !st && map && i < p->n; i++)
        take(arg, i, (const avcl_record *)(const void *)(map + p->offsets[i]));
    if (map) munmap((void *)(uintptr_t)map, n);
    return st;
}

/* ---- the end
 * ---------------------------------------------------------------------------- */
static void put_texts(const avcl_part *p, const char *identity, avcl_prepared_header *h,
                      avcl__text *out)
{
    size_t start = out->n;
    for (int i = 0; i < AVCL_N_TEXTS; i++) {
        size_t from = out->n;
        if (i == AVCL_TEXT_RECIPE) avcl__text_add(out, p->recipe);
        if (i == AVCL_TEXT_MANIFEST) avcl__manifest_print(&p->d->manifest, out);
        if (i == AVCL_TEXT_CLASSES) put_lines(out, p->d);
        if (i == AVCL_TEXT_GENERATOR && p->d->generator)
            avcl__text_add(out, p->d->generator);
        if (i == AVCL_TEXT_IDENTITY) avcl__text_add(out, identity);
        if (i == AVCL_TEXT_FOLDER) avcl__text_add(out, p->d->manifest.folder);
        h->text_at[i] = p->at + from;
        h->text_bytes[i] = out->n - from;
        avcl__text_put(out, "", 1);
    }
    if (!out->failed) h->text_crc = avcl_crc32c(0, out->data + start, out->n - start);
}

static avcl_status sync_folder(const char *path, avcl_error *err)
{
    char *folder = strdup(path);
    if (!folder) return no_memory(err);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd);
    avcl_status st =
        failed ? avcl__io_error(err, errno, "cannot write", folder) : AVCL_OK;
    if (fd >= 0) close(fd);
    free(folder);
    return st;
}

static avcl_status put_in_place(avcl_part *p, const avcl_prepared_header *h,
                                avcl_error *err)
{
    char page[AVCL_PREPARED_HEADER] = "";
    memcpy(page, h, sizeof *h);
    avcl_status st = fsync(p->fd) ? avcl__io_error(err, errno, "cannot write", p->path)
                                  : write_at(p, page, sizeof page, 0, err);
    if (!st && (fsync(p->fd) || rename(p->path, p->out)))
        st = avcl__io_error(err, errno, "cannot finish", p->out);
    return st ? st : sync_folder(p->out, err);
}

avcl_status avcl__part_finish(avcl_part *p, const char *identity, avcl_error *err)
{
    avcl__text tail = {0};
    avcl_prepared_header h = {.n_records = (uint64_t)p->n, .index_at = p->at};
    avcl__text_put(&tail, p->offsets, (size_t)p->n * sizeof *p->offsets);
    h.index_crc = avcl_crc32c(0, p->offsets, (uint64_t)p->n * sizeof *p->offsets);
    put_texts(p, identity, &h, &tail);
    h.bytes = p->at + tail.n;
    avcl__prepared_header_seal(&h);
    avcl_status st =
        tail.failed ? no_memory(err) : write_at(p, tail.data, tail.n, p->at, err);
    if (!st && ftruncate(p->fd, (off_t)h.bytes))
        st = avcl__io_error(err, errno, "cannot write", p->path);
    if (!st) st = put_in_place(p, &h, err);
    avcl__text_release(&tail);
    return st;
}
