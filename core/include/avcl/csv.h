/*
 * csv.h - the records of an RFC 4180 file, one at a time, for importers and scripts.
 *
 * LF or CRLF, quoted fields, a byte order mark; blank lines and lines that begin with #
 * are skipped, blanks around unquoted fields are cut: the grammar of manifests.
 *
 *     avcl_csv_file *f = avcl_csv_open("train.csv", &err);
 *     while (avcl_csv_next(f, &record, &err) == AVCL_OK) { … }
 *     avcl_csv_free(f);
 */
#ifndef AVCL_CSV_FILE_H
#define AVCL_CSV_FILE_H

#include "avcl/error.h"

enum { AVCL_CSV_MAX_FIELDS = 32 };

typedef struct avcl_csv_file avcl_csv_file;
typedef struct avcl_csv_record {
    char *field[AVCL_CSV_MAX_FIELDS]; /* NUL-terminated [the file's life] */
    int32_t n;
    int32_t reserved;
    int64_t line; /* on which it begins, from 1 */
} avcl_csv_record;

AVCL_EXPORT avcl_csv_file *avcl_csv_open(const char *path, avcl_error *err); /* [owned] */
/* AVCL_END after the last record. Errors name the file and the line. */
AVCL_EXPORT avcl_status avcl_csv_next(avcl_csv_file *f, avcl_csv_record *out,
                                      avcl_error *err);
AVCL_EXPORT void avcl_csv_free(avcl_csv_file *f);

#endif
