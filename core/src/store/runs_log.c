/*
 * runs_log.c - log/<host>-<pid>-<start>.yaml: what a process did to the store, line by
 * line.
 *
 *     - {"event":"done","run":"3f9c…"} # crc32c: 1f0e9a2b
 *
 * A line is one item of a YAML list, one write(2) long. Readers remember how far they
 * read; a line that is cut off or wrong is passed over, for the records hold the truth.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "avcl/store.h"
#include "base/file.h"
#include "base/text.h"
#include "store/owner.h"
#include "store/runs.h"

/* ---- writing --------------------------------------------------------------------------
 */
static avcl_status path_of_ours(const char *root, char path[AVCL_PATH_ROOM],
                                avcl_error *err)
{
    avcl__owner self;
    avcl__owner_self(&self);
    for (char *p = self.host; *p; p++)
        if (*p == '/') *p = '_';
    int n = snprintf(path, AVCL_PATH_ROOM, "%s/log/%s-%lld-%lld.yaml", root, self.host,
                     (long long)self.pid, (long long)self.start);
    return n < AVCL_PATH_ROOM
               ? AVCL_OK
               : avcl_error_set(err, AVCL_E_INVALID, "the store's path is too long");
}

avcl_status avcl_store_log(const char *root, const avcl_doc *doc, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_status rc = path_of_ours(root, path, err);
    char *json = rc ? NULL : avcl_doc_json(doc, 0, err);
    if (!json) return rc ? rc : AVCL_E_INVALID;
    avcl__text line = {0};
    avcl__text_format(&line, "- %s # crc32c: %08x\n", json,
                      (unsigned)avcl_crc32c(0, json, strlen(json)));
    avcl_text_free(json);
    rc = line.failed ? avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", path)
                     : avcl__file_append(path, line.data, line.n, 0, err);
    avcl__text_release(&line);
    return rc;
}

/* ---- reading
 * ---------------------------------------------------------------------------- */
static const char MARK[] = " # crc32c: ";
enum { N_MARK = 11, N_DIGITS = 8, N_ITEM = 2 };

/* The JSON part of a sound line, ended by NUL; NULL = pass over. */
static char *body_of(char *line, size_t n)
{
    char digits[N_DIGITS + 1];
    if (n < N_ITEM + N_MARK + N_DIGITS || memcmp(line, "- ", N_ITEM) != 0) return NULL;
    char *mark = line + n - N_DIGITS - N_MARK;
    if (memcmp(mark, MARK, N_MARK) != 0) return NULL;
    char *body = line + N_ITEM;
    uint32_t crc = avcl_crc32c(0, body, (uint64_t)(mark - body));
    snprintf(digits, sizeof digits, "%08x", (unsigned)crc);
    if (memcmp(digits, mark + N_MARK, N_DIGITS) != 0) return NULL;
    *mark = '\0';
    return body;
}

static avcl_status take_line(const char *body, avcl__texts *ids, avcl_error *err)
{
    avcl_doc *doc = avcl_doc_parse(body, strlen(body), NULL);
    const char *run = doc ? avcl_doc_get_str(doc, avcl_doc_find(doc, 0, "run")) : NULL;
    int ok = !run || avcl__texts_add(ids, run) != UINT32_MAX;
    avcl_doc_free(doc);
    return ok ? AVCL_OK : avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
}

/* Whole lines only: what has no end yet is read next time. */
static avcl_status take_lines(avcl_runs *runs, char *text, size_t n, size_t *used,
                              avcl__texts *ids, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    char *end;
    for (*used = 0; !rc && (end = memchr(text + *used, '\n', n - *used));) {
        char *body = body_of(text + *used, (size_t)(end - text) - *used);
        *used = (size_t)(end - text) + 1;
        if (!body) continue;
        runs->stats.n_lines++;
        rc = take_line(body, ids, err);
    }
    return rc;
}

static avcl_status read_tail(avcl_runs *runs, uint32_t index, const char *path,
                             uint64_t size, avcl__texts *ids, avcl_error *err)
{
    uint64_t from = runs->logs[index].offset;
    char *text = malloc(size - from + 1);
    if (!text) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, text, size - from, (off_t)from);
    if (fd >= 0) close(fd);
    size_t used = 0;
    avcl_status rc = AVCL_OK;
    if (got > 0) rc = take_lines(runs, text, (size_t)got, &used, ids, err);
    runs->logs[index].offset = from + used;
    free(text);
    return rc;
}

static int64_t get_log(avcl_runs *runs, const char *name)
{
    uint32_t text = avcl__texts_add(&runs->texts, name);
    if (text == UINT32_MAX) return -1;
    for (uint32_t i = 0; i < runs->n_logs; i++)
        if (runs->logs[i].name == text) return i;
    avcl__log *logs = realloc(runs->logs, (runs->n_logs + 1) * sizeof *logs);
    if (!logs) return -1;
    runs->logs = logs;
    logs[runs->n_logs] = (avcl__log){.name = text};
    return runs->n_logs++;
}

/* Before the first scan everything is read anyway: only the ends are remembered. */
static avcl_status look_at_log(avcl_runs *runs, const char *name, avcl__texts *ids,
                               avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/log/%s", runs->root, name);
    if (n >= (int)sizeof path || stat(path, &st)) return AVCL_OK;
    int64_t i = get_log(runs, name);
    if (i < 0) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs");
    runs->logs[i].is_seen = 1;
    uint64_t size = (uint64_t)st.st_size;
    if (runs->n_rows == 0) runs->logs[i].offset = size;
    if (size < runs->logs[i].offset) runs->logs[i].offset = 0;
    if (size == runs->logs[i].offset) return AVCL_OK;
    return read_tail(runs, (uint32_t)i, path, size, ids, err);
}

static void drop_logs(avcl_runs *runs)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < runs->n_logs; i++) {
        if (!runs->logs[i].is_seen) continue;
        runs->logs[n] = runs->logs[i];
        runs->logs[n++].is_seen = 0;
    }
    runs->n_logs = n;
}

avcl_status avcl__runs_read_logs(avcl_runs *runs, avcl__texts *ids, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/log", runs->root);
    DIR *folder = n < (int)sizeof path ? opendir(path) : NULL;
    avcl_status rc = AVCL_OK;
    if (!folder) return AVCL_OK; /* copied without it: the folders of runs say enough */
    for (struct dirent *e; !rc && (e = readdir(folder));)
        if (e->d_name[0] != '.') rc = look_at_log(runs, e->d_name, ids, err);
    closedir(folder);
    drop_logs(runs);
    return rc;
}
