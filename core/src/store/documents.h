/*
 * documents.h - finding the sound documents of a file, without parsing them.
 */
#ifndef AVCL_DOCUMENTS_H
#define AVCL_DOCUMENTS_H

#include "avcl/store.h"

/* One sound document: its text, without markers and checksum. [borrowed from the file] */
typedef struct avcl__extent {
    uint64_t begin;
    uint64_t n;
} avcl__extent;

/* The sound document after `*at`; 0 = no more. `*torn` = 1 when something was skipped. */
int avcl__document_next(const char *data, uint64_t n, avcl__extent *at, int32_t *torn);

/* A file of documents, read and proven once. */
typedef struct avcl__documents {
    char *path; /* NULL = not loaded */
    char *data;
    uint64_t n;
    avcl__extent first; /* valid when count > 0 */
    avcl__extent last;
    uint32_t count;
    int32_t torn; /* something was skipped */
} avcl__documents;

/* AVCL_E_NOT_FOUND when there is no file. */
avcl_status avcl__documents_load(avcl__documents *file, const char *path,
                                 avcl_error *err);
/* Document `index`, from the end when negative. [owned] NULL and AVCL_E_NOT_FOUND = there
 * is none, AVCL_E_CORRUPT = it is proven but no YAML of ours. */
avcl_doc *avcl__documents_parse(const avcl__documents *file, int32_t index,
                                avcl_error *err);
void avcl__documents_release(avcl__documents *file);

#endif
