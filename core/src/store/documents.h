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
/* How many sound documents a file holds; AVCL_E_NOT_FOUND when there is no file. */
avcl_status avcl__documents_count(const char *path, uint32_t *count, avcl_error *err);

#endif
