/*
 * runs_cache.c - the table of runs as one file of this machine.
 *
 * Header, texts, columns, times, shards, logs; a CRC over all. A cache is private to a
 * reader and may vanish at any time: whatever does not fit is as good as none.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avcl/store.h"
#include "base/file.h"
#include "store/runs.h"

enum { VERSION = 1 };
static const char MAGIC[8] = "avclruns";

typedef struct header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of everything behind the header */
    uint64_t n_text_bytes;
    uint32_t n_texts;
    uint32_t n_columns;
    uint32_t n_rows;
    uint32_t n_shards;
    uint32_t n_logs;
    uint32_t reserved;
} header;

/* ---- where ------------------------------------------------------------------------- */
/* A store's path and what its store.yaml says, its uuid among it: another store that is
 * made in the same place has another cache. NULL without memory. */
static char *identity_of(const char *root)
{
    char path[AVCL_PATH_ROOM];
    char *says = NULL;
    char *out = NULL;
    uint64_t n = 0;
    int room = snprintf(path, sizeof path, "%s/store.yaml", root);
    if (room > 0 && (size_t)room < sizeof path)
        avcl__file_read(path, &says, &n, NULL); /* none: the path alone */
    if (asprintf(&out, "%s\n%s", root, says ? says : "") < 0) out = NULL;
    free(says);
    return out;
}

char *avcl__runs_cache_path(const char *root)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char *real = realpath(root, NULL);
    char hex[65];
    char *out = NULL;
    char *identity = real ? identity_of(real) : NULL;
    free(real);
    if (!identity) return strdup("");
    avcl_sha256_hex(identity, strlen(identity), hex);
    free(identity);
    int n = -1;
    if (base && *base == '/')
        n = asprintf(&out, "%s/avcl/%.32s.runs", base, hex);
    else if (home && *home == '/')
        n = asprintf(&out, "%s/.cache/avcl/%.32s.runs", home, hex);
    return n < 0 ? strdup("") : out;
}

/* ---- saving -------------------------------------------------------------------------
 */
static uint32_t crc_of(const avcl__bytes *parts, uint32_t n_parts)
{
    uint32_t crc = 0;
    for (uint32_t i = 1; i < n_parts; i++)
        crc = avcl_crc32c(crc, parts[i].data, parts[i].n);
    return crc;
}

static int make_folder(const char *path)
{
    char folder[AVCL_PATH_ROOM];
    const char *slash = strrchr(path, '/');
    if (!slash || slash - path >= AVCL_PATH_ROOM) return 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return avcl_store_mkdirs(folder, NULL) == AVCL_OK;
}

/* Not avcl_file_publish: a cache need not survive a power failure, so nothing is synced.
 */
static int write_file(const char *path, const avcl__bytes *parts, uint32_t n_parts)
{
    char temp[AVCL_PATH_ROOM];
    int n = snprintf(temp, sizeof temp, "%s.%ld", path, (long)getpid());
    FILE *f = n > 0 && n < AVCL_PATH_ROOM ? fopen(temp, "wbe") : NULL;
    if (!f) return 0;
    int ok = 1;
    for (uint32_t i = 0; i < n_parts && ok; i++)
        ok = !parts[i].n || fwrite(parts[i].data, parts[i].n, 1, f) == 1;
    ok = !fclose(f) && ok;
    if (ok) ok = rename(temp, path) == 0;
    if (!ok) unlink(temp);
    return ok;
}

void avcl__runs_save(avcl_runs *runs)
{
    uint32_t n = 0;
    header head = {.version = VERSION,
                   .n_text_bytes = runs->texts.n_bytes,
                   .n_texts = runs->texts.n,
                   .n_columns = runs->n_columns,
                   .n_rows = runs->n_rows,
                   .n_shards = runs->n_shards,
                   .n_logs = runs->n_logs};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    avcl__bytes *parts = malloc((2 * (uint64_t)runs->n_columns + 8) * sizeof *parts);
    if (!parts || !*runs->cache || !make_folder(runs->cache)) {
        free(parts);
        return;
    }
    parts[n++] = (avcl__bytes){&head, sizeof head};
    parts[n++] = (avcl__bytes){runs->texts.bytes, runs->texts.n_bytes};
    parts[n++] = (avcl__bytes){runs->texts.begins, runs->texts.n * sizeof(uint32_t)};
    for (uint32_t i = 0; i < runs->n_columns; i++) {
        parts[n++] = (avcl__bytes){&runs->columns[i].name, sizeof(uint32_t)};
        parts[n++] =
            (avcl__bytes){runs->columns[i].cells, runs->n_rows * sizeof(avcl_cell)};
    }
    parts[n++] = (avcl__bytes){runs->changed_ns, runs->n_rows * sizeof(int64_t)};
    parts[n++] = (avcl__bytes){runs->shards, runs->n_shards * sizeof *runs->shards};
    parts[n++] = (avcl__bytes){runs->logs, runs->n_logs * sizeof *runs->logs};
    head.crc = crc_of(parts, n);
    if (write_file(runs->cache, parts, n)) {
        runs->n_changed = 0;
        runs->stats.is_saved = 1;
    }
    free(parts);
}

/* ---- loading ------------------------------------------------------------------------
 */
typedef struct source {
    FILE *f;
    uint32_t crc;
    uint64_t left; /* bytes of the file: sizes in the header are checked against it */
} source;

static int take(source *s, void *out, uint64_t n)
{
    if (n > s->left) return 0;
    if (n && fread(out, n, 1, s->f) != 1) return 0;
    s->crc = avcl_crc32c(s->crc, out, n);
    s->left -= n;
    return 1;
}

/* An array of its own from the file; NULL also when it is empty. */
static int take_new(source *s, void *array, uint64_t n, uint64_t size)
{
    void **at = array;
    if (n * size > s->left) return 0;
    *at = malloc(n * size + 1);
    return *at && take(s, *at, n * size);
}

static int take_texts(source *s, avcl__texts *texts, const header *head)
{
    if (!take_new(s, &texts->bytes, head->n_text_bytes, 1)) return 0;
    texts->n_bytes = texts->room_bytes = head->n_text_bytes;
    if (!take_new(s, &texts->begins, head->n_texts, sizeof(uint32_t))) return 0;
    texts->n = texts->room = head->n_texts;
    if (texts->n_bytes && texts->bytes[texts->n_bytes - 1]) return 0;
    for (uint32_t i = 0; i < texts->n; i++)
        if (texts->begins[i] >= texts->n_bytes) return 0;
    return avcl__texts_index(texts);
}

static int take_columns(source *s, avcl_runs *runs, const header *head)
{
    if ((uint64_t)head->n_columns * 4 > s->left || head->n_columns < 2) return 0;
    runs->columns = calloc(head->n_columns, sizeof *runs->columns);
    if (!runs->columns) return 0;
    for (uint32_t i = 0; i < head->n_columns; i++) {
        avcl__column *column = &runs->columns[i];
        if (!take(s, &column->name, sizeof column->name)) return 0;
        runs->n_columns = i + 1;
        if (!take_new(s, &column->cells, head->n_rows, sizeof(avcl_cell))) return 0;
    }
    runs->n_rows = runs->room_rows = head->n_rows;
    runs->is_seen = calloc(head->n_rows + 1, 1);
    return runs->is_seen && take_new(s, &runs->changed_ns, head->n_rows, sizeof(int64_t));
}

static int take_all(source *s, avcl_runs *runs)
{
    header head;
    if (!take(s, &head, sizeof head)) return 0;
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0 || head.version != VERSION) return 0;
    s->crc = 0;
    if (!take_texts(s, &runs->texts, &head) || !take_columns(s, runs, &head)) return 0;
    if (!take_new(s, &runs->shards, head.n_shards, sizeof *runs->shards)) return 0;
    runs->n_shards = head.n_shards;
    if (!take_new(s, &runs->logs, head.n_logs, sizeof *runs->logs)) return 0;
    runs->n_logs = head.n_logs;
    return s->left == 0 && s->crc == head.crc && avcl__runs_index(runs);
}

static uint64_t size_of(FILE *f)
{
    long n = fseek(f, 0, SEEK_END) ? 0 : ftell(f);
    rewind(f);
    return n > 0 ? (uint64_t)n : 0;
}

int avcl__runs_load(avcl_runs *runs)
{
    FILE *f = *runs->cache ? fopen(runs->cache, "rbe") : NULL;
    if (!f) return 0;
    source s = {.f = f, .left = size_of(f)};
    int ok = take_all(&s, runs);
    fclose(f);
    if (!ok) avcl__runs_clear(runs);
    return ok;
}
