/*
 * manifest.h - the rows of a data set: which file, which label, which split.
 *
 * Read from a CSV (path,label[,split]) or from a directory of class folders.
 * Text lives in the manifest's arena. No file but the manifest is opened.
 */
#ifndef AVCL_MANIFEST_H
#define AVCL_MANIFEST_H

#include "base/arena.h"
#include "base/text.h"

#include "avcl/error.h"

typedef struct avcl_manifest_row {
    const char *rel;   /* as written */
    const char *label; /* "" = unlabelled */
    const char *split;
    int64_t line; /* 0 for directories */
} avcl_manifest_row;

typedef struct avcl_manifest {
    avcl_arena arena;
    const char *file;   /* for messages: the CSV or the directory */
    const char *folder; /* absolute: what rel is relative to */
    avcl_manifest_row *rows;
    int64_t n;
    int64_t capacity;
} avcl_manifest;

/* `path`: a CSV, a directory that holds manifest.csv, or one of class folders. */
avcl_status avcl__manifest_read(avcl_manifest *m, const char *path, avcl_error *err);
/* Rows of a CSV in memory, relative to `folder`; `file` is for messages. `text` is used
 * up. */
avcl_status avcl__manifest_from_text(avcl_manifest *m, const char *file,
                                     const char *folder, char *text, size_t n,
                                     avcl_error *err);
void avcl__manifest_print(const avcl_manifest *m, avcl__text *out);
void avcl__manifest_release(avcl_manifest *m);
avcl_status avcl__manifest_add(avcl_manifest *m, avcl_manifest_row row, avcl_error *err);

/* Rows of a directory of class folders, classes and files sorted bytewise. */
avcl_status avcl__folders_read(avcl_manifest *m, avcl_error *err);

/* The whole of a text file, NUL-terminated and without other NULs; free() it. */
char *avcl__text_read(const char *path, size_t *n, avcl_error *err);

#endif
