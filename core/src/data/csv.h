/*
 * csv.h - RFC 4180 records, one at a time, with the line each began on.
 *
 * Beyond the RFC: LF or CRLF, a UTF-8 byte order mark, blank lines and lines that
 * begin with # are skipped, blanks around unquoted fields are not part of them.
 *
 *     avcl_csv csv;
 *     avcl__csv_init(&csv, text, n);
 *     while (avcl__csv_next(&csv, &record, &err) == AVCL_OK) { … }
 */
#ifndef AVCL_CSV_H
#define AVCL_CSV_H

#include "avcl/csv.h"

typedef struct avcl_csv {
    char *at; /* into the caller's text, which is unquoted in place */
    char *end;
    int64_t line; /* of `at`, from 1 */
} avcl_csv;

/* text[n] must be writable and stay; text[n] itself is written too (its terminator). */
void avcl__csv_init(avcl_csv *csv, char *text, size_t n);
/* AVCL_END after the last record. Messages begin with the line: "line 3: …". */
avcl_status avcl__csv_next(avcl_csv *csv, avcl_csv_record *out, avcl_error *err);

#endif
