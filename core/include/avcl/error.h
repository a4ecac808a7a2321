/*
 * error.h - what went wrong, in one sentence, without allocation.
 *
 * The caller owns the avcl_error and passes it last (NULL is allowed). It is
 * untouched on success. Messages: one line, no trailing dot, the values named.
 *
 *     avcl_error err = {0};
 *     if (avcl_doc_parse(text, n, &doc, &err)) return err.code;
 *
 * [any thread]
 */
#ifndef AVCL_ERROR_H
#define AVCL_ERROR_H

#include "avcl/types.h"

typedef struct avcl_error {
    avcl_status code;
    char message[1020];
} avcl_error;

/* Frees text that avcl returned as [owned]. NULL is fine. */
AVCL_EXPORT void avcl_text_free(char *text);

/* "shape", "io", … : the short stable name of a status; "unknown" for others. [static] */
AVCL_EXPORT const char *avcl_status_name(avcl_status code);

#ifndef AVCL_CDEF
#if defined(__GNUC__)
#define AVCL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define AVCL_PRINTF(fmt, args)
#endif

/* Sets `err` (if not NULL and still clear: the first error wins) and returns `code`. */
AVCL_EXPORT avcl_status avcl_error_set(avcl_error *err, avcl_status code, const char *fmt,
                                       ...) AVCL_PRINTF(3, 4);
/* Puts "context: " before the message. No effect on a clear error. Returns err->code. */
AVCL_EXPORT avcl_status avcl_error_prefix(avcl_error *err, const char *fmt, ...)
    AVCL_PRINTF(2, 3);
#endif

#endif
