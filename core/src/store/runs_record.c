/*
 * runs_record.c - the files of one run as named values.
 *
 * run.yaml says what it is, result.yaml what came out, the last attempt-N.yaml how it
 * went. Maps become dotted names, lists become texts joined by '+'.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/doc.h"
#include "store/runs.h"
#include "store/state.h"

void avcl__record_release(avcl__record *record)
{
    avcl__arena_release(&record->arena);
    free(record->values);
    *record = (avcl__record){0};
}

/* ---- values ---------------------------------------------------------------------------
 */
static avcl__value *add(avcl__record *record, const char *name)
{
    if (record->n == record->room) {
        uint32_t room = record->room ? record->room * 2 : 128;
        avcl__value *values = realloc(record->values, room * sizeof *values);
        if (!values) {
            record->failed = 1;
            return NULL;
        }
        record->values = values;
        record->room = room;
    }
    avcl__value *value = &record->values[record->n];
    *value = (avcl__value){.name = avcl__arena_copy(&record->arena, name)};
    if (!value->name) {
        record->failed = 1;
        return NULL;
    }
    record->n++;
    return value;
}

static void add_text(avcl__record *record, const char *name, const char *text)
{
    avcl__value *value = text ? add(record, name) : NULL;
    if (!value) return;
    value->text = avcl__arena_copy(&record->arena, text);
    if (!value->text) record->failed = 1;
}

/* A NaN of ours looks like no tag. */
static void add_number(avcl__record *record, const char *name, double number)
{
    avcl__value *value = add(record, name);
    if (value) value->cell.real = isnan(number) ? (double)NAN : number;
    if (value && isnan(number)) value->cell.text.tag &= INT32_MAX;
}

static void add_list(avcl__record *record, const char *name, const avcl_doc *doc,
                     int32_t node)
{
    avcl__text text = {0};
    for (int32_t i = 0; i < avcl_doc_n_children(doc, node); i++) {
        char room[32];
        int32_t child = avcl_doc_child(doc, node, i);
        const char *item = avcl__doc_is_scalar(doc, child)
                               ? avcl__doc_scalar_text(&doc->nodes[child], room)
                               : "…";
        avcl__text_format(&text, "%s%s", i ? "+" : "", item);
    }
    if (text.failed) record->failed = 1;
    add_text(record, name, text.data ? text.data : "");
    avcl__text_release(&text);
}

static void add_node(avcl__record *record, const char *name, const avcl_doc *doc,
                     int32_t node);

static void add_map(avcl__record *record, const char *name, const avcl_doc *doc,
                    int32_t node)
{
    char path[512];
    for (int32_t i = 0; i < avcl_doc_n_children(doc, node); i++) {
        int32_t child = avcl_doc_child(doc, node, i);
        int n = snprintf(path, sizeof path, "%s%s%s", name, *name ? "." : "",
                         avcl_doc_key(doc, child));
        if (n < (int)sizeof path) add_node(record, path, doc, child);
    }
}

static void add_node(avcl__record *record, const char *name, const avcl_doc *doc,
                     int32_t node)
{
    avcl__value *value;
    switch (avcl_doc_get_kind(doc, node)) {
    case AVCL_DOC_BOOL:
        value = add(record, name);
        if (value)
            value->cell.text.tag =
                avcl_doc_get_bool(doc, node) ? AVCL_CELL_TRUE : AVCL_CELL_FALSE;
        return;
    case AVCL_DOC_INT:
    case AVCL_DOC_FLOAT:
        add_number(record, name, avcl_doc_get_float(doc, node));
        return;
    case AVCL_DOC_STR:
        add_text(record, name, avcl_doc_get_str(doc, node));
        return;
    case AVCL_DOC_MAP:
        add_map(record, name, doc, node);
        return;
    case AVCL_DOC_LIST:
        add_list(record, name, doc, node);
        return;
    default:
        return; /* null is a missing value */
    }
}

/* The value at a path of keys, -1 when a step is missing; lists are entered at item 0. */
static int32_t look(const avcl_doc *doc, const char *const keys[])
{
    int32_t node = avcl_doc_root(doc);
    for (; *keys && node >= 0; keys++) {
        if (avcl_doc_get_kind(doc, node) == AVCL_DOC_LIST)
            node = avcl_doc_child(doc, node, 0);
        node = avcl_doc_find(doc, node, *keys);
    }
    return node;
}

/* What is taken from a document, and the column it becomes. */
typedef struct take {
    const char *name;
    const char *keys[4];
} take;

static void take_all(avcl__record *record, const avcl_doc *doc, const take *rows,
                     size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        int32_t node = look(doc, rows[i].keys);
        if (node >= 0) add_node(record, rows[i].name, doc, node);
    }
}

#define TAKE_ALL(record, doc, rows)                                                      \
    take_all(record, doc, rows, sizeof rows / sizeof *rows)

static const take of_run[] = {
    {"experiment", {"experiment"}},
    {"stage", {"stage"}},
    {"kind", {"kind"}},
    {"label", {"label"}},
    {"seed", {"seed"}},
    {"parent", {"parent", "run"}},
    {"data", {"provenance", "data", "name"}},
    {"synthetic", {"provenance", "data", "synthetic"}},
    {"git", {"provenance", "git", "sha"}},
    {"dirty", {"provenance", "git", "dirty"}},
    {"keys", {"keys"}},
    {"config", {"config"}},
};
static const take of_result[] = {
    {"select", {"select"}},
    {"metrics", {"metrics"}},
    {"cost", {"cost"}},
    {"epochs", {"epochs", "rows"}},
};
static const take of_start[] = {
    {"started", {"time"}},
    {"host", {"host", "name"}},
    {"threads", {"host", "threads"}},
    {"isa", {"host", "isa"}},
};
static const take of_stop[] = {
    {"ended", {"time"}},
    {"phase", {"phase"}},
    {"signal", {"signal"}},
    {"message", {"message"}},
};

/* ---- files ----------------------------------------------------------------------------
 */
/* What is wrong with a file becomes a value; the first problem is told. */
static void note_problem(avcl__record *record, const char *text)
{
    for (uint32_t i = 0; i < record->n; i++)
        if (strcmp(record->values[i].name, "problem") == 0) return;
    add_text(record, "problem", text);
}

/* NULL when there is no such document; damage is noted. */
static avcl_doc *parse(avcl__record *record, const avcl__documents *file, int32_t index)
{
    avcl_error why = {0};
    if (!file->path) return NULL;
    avcl_doc *doc = avcl__documents_parse(file, index, &why);
    if (!doc && (file->torn || why.code != AVCL_E_NOT_FOUND))
        note_problem(record, why.message);
    return doc;
}

static void take_run(avcl__record *record, const char *root, const char *run)
{
    char path[AVCL_PATH_ROOM];
    avcl_error why = {0};
    avcl__documents file = {0};
    if (avcl_store_run_path(root, run, "run.yaml", path, NULL)) return;
    avcl_status rc = avcl__documents_load(&file, path, &why);
    if (rc && rc != AVCL_E_NOT_FOUND) note_problem(record, why.message);
    avcl_doc *doc = parse(record, &file, 0);
    if (doc) TAKE_ALL(record, doc, of_run);
    avcl_doc_free(doc);
    avcl__documents_release(&file);
}

static void take_result(avcl__record *record, const avcl__documents *file)
{
    avcl_doc *doc = parse(record, file, 0);
    if (doc) TAKE_ALL(record, doc, of_result);
    avcl_doc_free(doc);
}

static void take_attempt(avcl__record *record, const avcl__documents *file)
{
    avcl_doc *start = parse(record, file, 0);
    if (!start) return;
    TAKE_ALL(record, start, of_start);
    avcl_doc_free(start);
    avcl_doc *stop = parse(record, file, -1);
    const char *kind =
        stop ? avcl_doc_get_str(stop, avcl_doc_find(stop, 0, "kind")) : NULL;
    if (kind && strcmp(kind, "stop") == 0) TAKE_ALL(record, stop, of_stop);
    avcl_doc_free(stop);
}

static const char *name_of(avcl_run_state state)
{
    static const char *const names[] = {"planned", "running", "lost",
                                        "stopped", "failed",  "done"};
    return names[state];
}

avcl_status avcl__record_read(avcl__record *record, const char *root, const char *run,
                              avcl_error *err)
{
    avcl_error why = {0};
    avcl__run_files files = {0};
    avcl_run_state state = AVCL_RUN_PLANNED;
    int32_t attempt = 0;
    avcl_status rc = avcl__state_look(root, run, &state, &attempt, &files, &why);
    if (rc) note_problem(record, why.message);
    add_text(record, "state", rc ? "damaged" : name_of(state));
    add_number(record, "attempt", attempt);
    take_run(record, root, run);
    if (!rc && state == AVCL_RUN_DONE) take_result(record, &files.result);
    take_attempt(record, &files.attempt);
    avcl__run_files_release(&files);
    return record->failed ? avcl_error_set(err, AVCL_E_NOMEM, "out of memory for runs")
                          : AVCL_OK;
}
