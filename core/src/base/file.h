/*
 * file.h - whole files in and out, with one sentence per refusal of the system.
 *
 * Publishing makes a file appear complete or not at all: temp file in the same
 * folder, fsync, link (must not exist) or rename (replace), fsync of the folder.
 *
 *     avcl__bytes parts[2] = {{head, n_head}, {data, n_data}};
 *     rc = avcl__file_publish_parts(path, parts, 2, 1, err);
 *
 * [any thread]
 */
#ifndef AVCL_FILE_H
#define AVCL_FILE_H

#include "avcl/error.h"

typedef struct avcl__bytes {
    const void *data;
    uint64_t n;
} avcl__bytes;

/* "WHAT PATH: strerror". A missing file is AVCL_E_NOT_FOUND when something is read. */
avcl_status avcl__io_error(avcl_error *err, int error, const char *what,
                           const char *path);
/* The whole file and a NUL behind it, freed with free(). */
avcl_status avcl__file_read(const char *path, char **data, uint64_t *n, avcl_error *err);
avcl_status avcl__file_publish_parts(const char *path, const avcl__bytes *parts,
                                     uint32_t n_parts, int32_t replace, avcl_error *err);
/* Appends by one write(2), first ending a line that was cut off; `sync` = fdatasync too.
 * One writer per file. */
avcl_status avcl__file_append(const char *path, const char *text, uint64_t n,
                              int32_t sync, avcl_error *err);

#endif
