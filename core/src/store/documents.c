/*
 * documents.c - documents between `---` and `...`, each proven by its checksum line.
 *
 *     ---
 *     kind: start
 *     # crc32c: 77aa01c4      of every byte from after `---\n` up to this line
 *     ...
 *
 * Only exactly these lines count, newline included, so no prefix of a document and no
 * changed byte makes another document of it. A new `---` gives up what was open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "store/documents.h"

static const char OPENING[] = "---\n";
static const char CHECKSUM[] = "# crc32c: ";
static const char CLOSING[] = "...\n";
enum { N_OPENING = 4, N_CHECKSUM = 10, N_DIGITS = 8, N_CLOSING = 4 };

/* Length of the line at `p`, newline included; a last line without one is shorter. */
static uint64_t line_length(const char *p, uint64_t left)
{
    const char *end = memchr(p, '\n', left);
    return end ? (uint64_t)(end - p) + 1 : left;
}

static int is_line(const char *p, uint64_t n, const char *text, uint64_t n_text)
{
    return n == n_text && memcmp(p, text, n_text) == 0;
}

/* Reads "# crc32c: xxxxxxxx\n"; only lower-case digits, so that one byte has one meaning.
 */
static int read_checksum(const char *p, uint64_t n, uint32_t *crc)
{
    if (n != N_CHECKSUM + N_DIGITS + 1 || memcmp(p, CHECKSUM, N_CHECKSUM) != 0) return 0;
    uint32_t value = 0;
    for (int i = 0; i < N_DIGITS; i++) {
        char c = p[N_CHECKSUM + i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) return 0;
        value = value << 4 | (uint32_t)digit;
    }
    *crc = value;
    return p[n - 1] == '\n';
}

/* From the line after `---`: 1 and the document, or 0 and the line where it broke off.
 * `*end` = where to go on. */
static int take_body(const char *data, uint64_t n, uint64_t begin, avcl__extent *out,
                     uint64_t *end)
{
    uint64_t at = begin;
    while (at < n) {
        uint64_t length = line_length(data + at, n - at);
        uint32_t crc;
        if (is_line(data + at, length, OPENING, N_OPENING)) break;
        if (read_checksum(data + at, length, &crc)) {
            uint64_t close = at + length;
            *end = close;
            if (crc != avcl_crc32c(0, data + begin, at - begin)) return 0;
            uint64_t last = line_length(data + close, n - close);
            if (!is_line(data + close, last, CLOSING, N_CLOSING)) return 0;
            *end = close + last;
            out->begin = begin;
            out->n = at - begin;
            return 1;
        }
        at += length;
    }
    *end = at;
    return 0;
}

static uint64_t count_lines(const char *data, uint64_t n)
{
    uint64_t lines = 0;
    for (uint64_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    return lines;
}

int avcl__document_next(const char *data, uint64_t n, avcl__extent *at, int32_t *torn)
{
    uint64_t i = at->begin + at->n;
    if (at->begin) /* behind a document: its two closing lines are known to be right */
        i += N_CHECKSUM + N_DIGITS + 1 + N_CLOSING;
    while (i < n) {
        uint64_t length = line_length(data + i, n - i);
        if (is_line(data + i, length, OPENING, N_OPENING)) {
            avcl__extent found = {0};
            if (take_body(data, n, i + length, &found, &i)) {
                *at = found;
                return 1;
            }
            *torn = 1;
            continue;
        }
        if (!is_line(data + i, length, "\n", 1)) *torn = 1;
        i += length;
    }
    return 0;
}

/* ---- a file ---------------------------------------------------------------------- */
void avcl__documents_release(avcl__documents *file)
{
    free(file->path);
    free(file->data);
    *file = (avcl__documents){0};
}

avcl_status avcl__documents_load(avcl__documents *file, const char *path, avcl_error *err)
{
    *file = (avcl__documents){.path = strdup(path)};
    if (!file->path) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    avcl_status rc = avcl__file_read(path, &file->data, &file->n, err);
    if (rc) {
        avcl__documents_release(file);
        return rc;
    }
    avcl__extent at = {0};
    while (avcl__document_next(file->data, file->n, &at, &file->torn)) {
        if (file->count++ == 0) file->first = at;
        file->last = at;
    }
    return AVCL_OK;
}

/* The first and the last, which are what is asked for, are known. */
static int find(const avcl__documents *file, int32_t index, avcl__extent *out)
{
    int64_t wanted = index < 0 ? (int64_t)file->count + index : index;
    int32_t ignored = 0;
    if (wanted < 0 || wanted >= file->count) return 0;
    *out = wanted + 1 == file->count ? file->last : file->first;
    if (wanted == 0 || wanted + 1 == file->count) return 1;
    for (int64_t i = 0; i < wanted; i++)
        avcl__document_next(file->data, file->n, out, &ignored);
    return 1;
}

avcl_doc *avcl__documents_parse(const avcl__documents *file, int32_t index,
                                avcl_error *err)
{
    avcl__extent at;
    avcl_error why = {0};
    if (!find(file, index, &at)) {
        avcl_error_set(err, AVCL_E_NOT_FOUND, "%s has no sound document %d%s", file->path,
                       index,
                       file->torn ? " (what is cut off or damaged was ignored)" : "");
        return NULL;
    }
    avcl_doc *doc = avcl_doc_parse(file->data + at.begin, at.n, &why);
    if (!doc)
        avcl_error_set(err, why.code == AVCL_E_NOMEM ? AVCL_E_NOMEM : AVCL_E_CORRUPT,
                       "%s: document from line %llu: %s", file->path,
                       (unsigned long long)count_lines(file->data, at.begin) + 1,
                       why.message);
    return doc;
}

avcl_doc *avcl_store_read(const char *path, int32_t index, int32_t *torn, avcl_error *err)
{
    avcl__documents file;
    if (avcl__documents_load(&file, path, err)) return NULL;
    if (torn) *torn = file.torn;
    avcl_doc *doc = avcl__documents_parse(&file, index, err);
    avcl__documents_release(&file);
    return doc;
}

/* ---- writing --------------------------------------------------------------------- */
static avcl_status frame(const avcl_doc *doc, const char *path, avcl__text *out,
                         avcl_error *err)
{
    char *body = avcl_doc_text(doc, err);
    if (!body) {
        avcl_error_prefix(err, "%s", path);
        return err ? err->code : AVCL_E_INVALID;
    }
    size_t n = strlen(body);
    avcl__text_put(out, OPENING, N_OPENING);
    avcl__text_put(out, body, n);
    avcl__text_format(out, "%s%08x\n%s", CHECKSUM, (unsigned)avcl_crc32c(0, body, n),
                      CLOSING);
    avcl_text_free(body);
    return out->failed
               ? avcl_error_set(err, AVCL_E_NOMEM, "out of memory while writing %s", path)
               : AVCL_OK;
}

avcl_status avcl_store_publish(const char *path, const avcl_doc *doc, int32_t replace,
                               avcl_error *err)
{
    avcl__text text = {0};
    avcl_status rc = frame(doc, path, &text, err);
    if (!rc) rc = avcl_file_publish(path, text.data, text.n, replace, err);
    avcl__text_release(&text);
    return rc;
}

avcl_status avcl_store_append(const char *path, const avcl_doc *doc, avcl_error *err)
{
    avcl__text text = {0};
    avcl_status rc = frame(doc, path, &text, err);
    if (!rc) rc = avcl__file_append(path, text.data, text.n, 1, err);
    avcl__text_release(&text);
    return rc;
}

avcl_status avcl_store_append_line(const char *path, const char *line, avcl_error *err)
{
    if (strchr(line, '\n'))
        return avcl_error_set(err, AVCL_E_INVALID, "%s: a line to append holds a newline",
                              path);
    avcl__text text = {0};
    avcl__text_format(&text, "%s\n", line);
    avcl_status rc = text.failed
                         ? avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", path)
                         : avcl__file_append(path, text.data, text.n, 0, err);
    avcl__text_release(&text);
    return rc;
}
