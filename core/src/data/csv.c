/* csv.c - one pass over the text, fields unquoted in place. */
#include <stdlib.h>
#include <string.h>

#include "data/csv.h"

#include "data/manifest.h"

void avcl__csv_init(avcl_csv *csv, char *text, size_t n)
{
    csv->at = text;
    csv->end = text + n;
    csv->line = 1;
    *csv->end = '\0';
    if (n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) csv->at += 3;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* At LF or CRLF: steps over it. */
static int skip_newline(avcl_csv *csv)
{
    char *p = csv->at;
    if (p + 1 < csv->end && p[0] == '\r' && p[1] == '\n') p++;
    if (p >= csv->end || *p != '\n') return 0;
    csv->at = p + 1;
    csv->line++;
    return 1;
}

static int at_record_end(const avcl_csv *csv)
{
    const char *p = csv->at;
    return p >= csv->end || *p == '\n' ||
           (*p == '\r' && p + 1 < csv->end && p[1] == '\n') ||
           (*p == '\r' && p + 1 == csv->end);
}

static void skip_blanks(avcl_csv *csv)
{
    while (csv->at < csv->end && is_blank(*csv->at))
        csv->at++;
}

/* Steps over empty lines and comments to the next record. */
static int find_record(avcl_csv *csv)
{
    while (csv->at < csv->end) {
        char *start = csv->at;
        skip_blanks(csv);
        if (skip_newline(csv)) continue;
        if (at_record_end(csv)) return 0;
        if (*csv->at != '#') {
            csv->at = start;
            return 1;
        }
        while (csv->at < csv->end && *csv->at != '\n')
            csv->at++;
    }
    return 0;
}

/* After the opening quote. `*tail` is where the text ends once the delimiter was read. */
static avcl_status read_quoted(avcl_csv *csv, char **tail, avcl_error *err)
{
    int64_t opened = csv->line;
    char *out = csv->at;
    for (; csv->at < csv->end; csv->at++) {
        if (*csv->at == '\n') csv->line++;
        if (*csv->at == '"') {
            if (csv->at + 1 >= csv->end || csv->at[1] != '"') break;
            csv->at++;
        }
        *out++ = *csv->at;
    }
    if (csv->at >= csv->end)
        return avcl_error_set(err, AVCL_E_INVALID, "line %lld: a quote is never closed",
                              (long long)opened);
    csv->at++;
    skip_blanks(csv);
    if (!at_record_end(csv) && *csv->at != ',')
        return avcl_error_set(err, AVCL_E_INVALID,
                              "line %lld: '%c' after a closing quote, expected a comma",
                              (long long)csv->line, *csv->at);
    *tail = out;
    return AVCL_OK;
}

static avcl_status read_bare(avcl_csv *csv, char **tail, avcl_error *err)
{
    char *start = csv->at;
    for (; !at_record_end(csv) && *csv->at != ','; csv->at++)
        if (*csv->at == '"')
            return avcl_error_set(err, AVCL_E_INVALID,
                                  "line %lld: a quote inside an unquoted field",
                                  (long long)csv->line);
    char *out = csv->at;
    while (out > start && is_blank(out[-1]))
        out--;
    *tail = out;
    return AVCL_OK;
}

/* One field; `*more` = a comma followed it. */
static avcl_status read_field(avcl_csv *csv, char **field, int *more, avcl_error *err)
{
    char *tail = NULL;
    skip_blanks(csv);
    int quoted = csv->at < csv->end && *csv->at == '"';
    if (quoted) csv->at++;
    *field = csv->at;
    avcl_status status =
        quoted ? read_quoted(csv, &tail, err) : read_bare(csv, &tail, err);
    if (status) return status;
    *more = csv->at < csv->end && *csv->at == ',';
    if (*more)
        csv->at++;
    else if (!skip_newline(csv))
        csv->at = csv->end;
    *tail = '\0'; /* last: it may lie on the delimiter just read */
    return AVCL_OK;
}

avcl_status avcl__csv_next(avcl_csv *csv, avcl_csv_record *out, avcl_error *err)
{
    if (!find_record(csv)) return AVCL_END;
    avcl_csv_record record = {.line = csv->line};
    for (int more = 1; more;) {
        if (record.n == AVCL_CSV_MAX_FIELDS)
            return avcl_error_set(err, AVCL_E_INVALID, "line %lld: more than %d columns",
                                  (long long)record.line, AVCL_CSV_MAX_FIELDS);
        avcl_status status = read_field(csv, &record.field[record.n], &more, err);
        if (status) return status;
        record.n++;
    }
    *out = record;
    return AVCL_OK;
}

/* ---- whole files --------------------------------------------------------------------
 */
struct avcl_csv_file {
    avcl_csv csv;
    char *path;
    char *text;
};

avcl_csv_file *avcl_csv_open(const char *path, avcl_error *err)
{
    size_t n = 0;
    avcl_csv_file *f = calloc(1, sizeof *f);
    if (f) f->path = strdup(path);
    if (!f || !f->path) {
        avcl_error_set(err, AVCL_E_NOMEM, "no memory to read %s", path);
        avcl_csv_free(f);
        return NULL;
    }
    f->text = avcl__text_read(path, &n, err);
    if (!f->text) {
        avcl_csv_free(f);
        return NULL;
    }
    avcl__csv_init(&f->csv, f->text, n);
    return f;
}

avcl_status avcl_csv_next(avcl_csv_file *f, avcl_csv_record *out, avcl_error *err)
{
    avcl_status status = avcl__csv_next(&f->csv, out, err);
    if (status < 0) avcl_error_prefix(err, "%s", f->path);
    return status;
}

void avcl_csv_free(avcl_csv_file *f)
{
    if (!f) return;
    free(f->text);
    free(f->path);
    free(f);
}
