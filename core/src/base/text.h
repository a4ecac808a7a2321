/*
 * text.h - a growing text, for what is composed piece by piece.
 *
 * Zero it to start; `data` is NUL-terminated once anything was added. After an
 * allocation failed, `failed` is 1 and further calls do nothing.
 *
 *     avcl__text text = {0};
 *     avcl__text_put(&text, "a: ", 3);
 *     char *owned = avcl__text_take(&text);   // NULL = out of memory
 */
#ifndef AVCL_TEXT_H
#define AVCL_TEXT_H

#include <stddef.h>

typedef struct avcl__text {
    char *data;
    size_t n;
    size_t size;
    int failed;
} avcl__text;

void avcl__text_put(avcl__text *text, const void *data, size_t n);
void avcl__text_add(avcl__text *text, const char *words);
void avcl__text_format(avcl__text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A field of a CSV line, quoted if need be. */
void avcl__text_add_field(avcl__text *text, const char *field);
/* Hands the text over, to be freed with free(); `text` is empty then. */
char *avcl__text_take(avcl__text *text);
void avcl__text_release(avcl__text *text);

#endif
