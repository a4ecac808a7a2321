/* text.c - doubles its room when it runs out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int make_room(avcl__text *text, size_t n)
{
    if (text->failed) return 0;
    if (text->size - text->n > n) return 1;
    size_t size = text->size ? text->size : 256;
    while (size - text->n <= n)
        size *= 2;
    char *data = realloc(text->data, size);
    text->failed = data == NULL;
    if (!data) return 0;
    text->data = data;
    text->size = size;
    return 1;
}

void avcl__text_put(avcl__text *text, const void *data, size_t n)
{
    if (!make_room(text, n)) return;
    if (n) memcpy(text->data + text->n, data, n);
    text->n += n;
    text->data[text->n] = '\0';
}

void avcl__text_add(avcl__text *text, const char *words)
{
    avcl__text_put(text, words, strlen(words));
}

void avcl__text_format(avcl__text *text, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !make_room(text, (size_t)n)) return;
    va_start(ap, fmt);
    vsnprintf(text->data + text->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    text->n += (size_t)n;
}

char *avcl__text_take(avcl__text *text)
{
    avcl__text_put(text, "", 0);
    char *data = text->failed ? NULL : text->data;
    if (!data) free(text->data);
    *text = (avcl__text){0};
    return data;
}

void avcl__text_release(avcl__text *text)
{
    free(text->data);
    *text = (avcl__text){0};
}

void avcl__text_add_field(avcl__text *out, const char *field)
{
    size_t n = strlen(field);
    int is_plain = n && !strpbrk(field, ",\"\r\n#") && !strchr(" \t", field[0]) &&
                   !strchr(" \t", field[n - 1]);
    if (is_plain || n == 0) {
        avcl__text_add(out, field);
        return;
    }
    avcl__text_add(out, "\"");
    for (; *field; field++) {
        if (*field == '"') avcl__text_add(out, "\"");
        avcl__text_put(out, field, 1);
    }
    avcl__text_add(out, "\"");
}
