/* manifest.c - the CSV form: header or positional columns, every fault with its line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/manifest.h"

#include "base/file.h"
#include "base/nearest.h"
#include "data/csv.h"

enum { PATH, LABEL, SPLIT, N_COLUMNS };
static const char *const column_names[N_COLUMNS] = {"path", "label", "split"};
static const char *const promised[] = {"start", "end", "weight"};

typedef struct columns {
    int32_t at[N_COLUMNS]; /* field of each column; -1 = absent */
    int32_t n;             /* fields a record has; 0 = by position, 2 or 3 */
} columns;

void avcl__manifest_release(avcl_manifest *m)
{
    free(m->rows);
    avcl__arena_release(&m->arena);
    *m = (avcl_manifest){0};
}

avcl_status avcl__manifest_add(avcl_manifest *m, avcl_manifest_row row, avcl_error *err)
{
    if (m->n == m->capacity) {
        int64_t capacity = m->capacity ? m->capacity * 2 : 256;
        avcl_manifest_row *rows = realloc(m->rows, (size_t)capacity * sizeof *rows);
        if (!rows)
            return avcl_error_set(err, AVCL_E_NOMEM, "no memory for manifest rows");
        m->rows = rows;
        m->capacity = capacity;
    }
    m->rows[m->n++] = row;
    return AVCL_OK;
}

char *avcl__text_read(const char *path, size_t *n, avcl_error *err)
{
    char *text = NULL;
    uint64_t size = 0;
    if (avcl__file_read(path, &text, &size, err)) return NULL;
    if (memchr(text, 0, size)) {
        avcl_error_set(err, AVCL_E_INVALID, "%s: holds a NUL byte, so it is no text",
                       path);
        free(text);
        return NULL;
    }
    *n = size;
    return text;
}

static int find_field(const avcl_csv_record *record, const char *name)
{
    for (int32_t i = 0; i < record->n; i++)
        if (!strcmp(record->field[i], name)) return i;
    return -1;
}

/* Unknown columns are allowed, those that look mistyped or change what a row means not.
 */
static avcl_status check_header(const avcl_csv_record *record, avcl_error *err)
{
    for (int32_t i = 0; i < record->n; i++) {
        const char *name = record->field[i];
        for (size_t k = 0; k < sizeof promised / sizeof *promised; k++)
            if (!strcmp(name, promised[k]))
                return avcl_error_set(
                    err, AVCL_E_UNSUPPORTED,
                    "line %lld: column '%s' is not supported, whole files "
                    "of equal weight are",
                    (long long)record->line, name);
        if (find_field(record, name) != i)
            return avcl_error_set(err, AVCL_E_INVALID, "line %lld: column '%s' twice",
                                  (long long)record->line, name);
        int32_t near = avcl__nearest(name, column_names, N_COLUMNS);
        const char *meant = near < 0 ? name : column_names[near];
        if (strcmp(meant, name) && find_field(record, meant) < 0)
            return avcl_error_set(err, AVCL_E_INVALID,
                                  "line %lld: unknown column '%s', did you mean '%s'",
                                  (long long)record->line, name, meant);
    }
    return AVCL_OK;
}

/* Makes `c` from the first record; `*is_header` = it is no row. */
static avcl_status find_columns(const avcl_csv_record *record, columns *c, int *is_header,
                                avcl_error *err)
{
    *is_header = find_field(record, "path") >= 0;
    *c = (columns){{0, 1, 2}, 0};
    if (!*is_header) return AVCL_OK;
    c->n = record->n;
    for (int i = 0; i < N_COLUMNS; i++)
        c->at[i] = find_field(record, column_names[i]);
    return check_header(record, err);
}

static avcl_status check_width(const avcl_csv_record *record, const columns *c,
                               avcl_error *err)
{
    long long line = record->line;
    if (c->n && record->n != c->n)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "line %lld: %d columns, the header has %d", line, record->n,
                              c->n);
    if (!c->n && (record->n < 2 || record->n > N_COLUMNS))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "line %lld: %d column%s, expected path,label[,split]", line,
                              record->n, record->n == 1 ? "" : "s");
    return AVCL_OK;
}

static avcl_status add_record(avcl_manifest *m, const avcl_csv_record *record,
                              const columns *c, avcl_error *err)
{
    avcl_status status = check_width(record, c, err);
    if (status) return status;
    const char *text[N_COLUMNS];
    for (int i = 0; i < N_COLUMNS; i++) {
        int at = c->at[i];
        text[i] = avcl__arena_copy(&m->arena,
                                   at >= 0 && at < record->n ? record->field[at] : "");
        if (!text[i])
            return avcl_error_set(err, AVCL_E_NOMEM, "no memory for manifest rows");
    }
    if (!*text[PATH])
        return avcl_error_set(err, AVCL_E_INVALID, "line %lld: the path is empty",
                              (long long)record->line);
    avcl_manifest_row row = {text[PATH], text[LABEL],
                             *text[SPLIT] ? text[SPLIT] : "train", record->line};
    return avcl__manifest_add(m, row, err);
}

static avcl_status parse(avcl_manifest *m, char *text, size_t n, avcl_error *err)
{
    avcl_csv csv;
    avcl_csv_record record;
    columns c;
    int is_header = 0;
    avcl__csv_init(&csv, text, n);
    avcl_status status = avcl__csv_next(&csv, &record, err);
    if (status == AVCL_OK) status = find_columns(&record, &c, &is_header, err);
    if (status == AVCL_OK && is_header) status = avcl__csv_next(&csv, &record, err);
    while (status == AVCL_OK) {
        status = add_record(m, &record, &c, err);
        if (status == AVCL_OK) status = avcl__csv_next(&csv, &record, err);
    }
    if (status != AVCL_END) return status;
    if (!m->n) return avcl_error_set(err, AVCL_E_INVALID, "no rows");
    return AVCL_OK;
}

/* Everything before the last slash, as an absolute path. */
static const char *folder_of(avcl_manifest *m, const char *path, int is_folder)
{
    char *copy = avcl__arena_copy(&m->arena, path);
    if (!copy) return NULL;
    char *slash = is_folder ? NULL : strrchr(copy, '/');
    if (slash) slash[slash == copy] = '\0';
    char *real = realpath(slash || is_folder ? copy : ".", NULL);
    const char *folder = real ? avcl__arena_copy(&m->arena, real) : NULL;
    free(real);
    return folder;
}

static avcl_status read_csv(avcl_manifest *m, avcl_error *err)
{
    size_t n = 0;
    char *text = avcl__text_read(m->file, &n, err);
    if (!text) return err ? err->code : AVCL_E_IO;
    avcl_status status = parse(m, text, n, err);
    free(text);
    if (status) avcl_error_prefix(err, "%s", m->file);
    return status;
}

avcl_status avcl__manifest_from_text(avcl_manifest *m, const char *file,
                                     const char *folder, char *text, size_t n,
                                     avcl_error *err)
{
    *m = (avcl_manifest){0};
    m->file = avcl__arena_copy(&m->arena, file);
    m->folder = avcl__arena_copy(&m->arena, folder);
    avcl_status status = m->file && m->folder
                             ? parse(m, text, n, err)
                             : avcl_error_set(err, AVCL_E_NOMEM, "no memory for rows");
    if (status) avcl__manifest_release(m);
    return status;
}

avcl_status avcl__manifest_read(avcl_manifest *m, const char *path, avcl_error *err)
{
    struct stat st;
    avcl_error local = {0};
    if (!err) err = &local;
    *m = (avcl_manifest){0};
    if (stat(path, &st))
        return avcl_error_set(err, errno == ENOENT ? AVCL_E_NOT_FOUND : AVCL_E_IO,
                              "%s: %s", path, strerror(errno));
    int is_folder = S_ISDIR(st.st_mode);
    const char *inside = avcl__arena_format(&m->arena, "%s/manifest.csv", path);
    m->file = avcl__arena_copy(&m->arena, path);
    m->folder = folder_of(m, path, is_folder);
    if (!inside || !m->file || !m->folder) {
        avcl__manifest_release(m);
        return avcl_error_set(err, AVCL_E_IO, "%s: its folder cannot be resolved", path);
    }
    if (is_folder && !stat(inside, &st)) {
        m->file = inside;
        is_folder = 0;
    }
    avcl_status status = is_folder ? avcl__folders_read(m, err) : read_csv(m, err);
    if (status) avcl__manifest_release(m);
    return status;
}
