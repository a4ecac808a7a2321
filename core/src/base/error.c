/* error.c - the first error wins; context is put in front of it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/error.h"

static const struct {
    avcl_status code;
    const char *name;
} names[] = {
    {AVCL_OK, "ok"},
    {AVCL_END, "end"},
    {AVCL_E_INVALID, "invalid"},
    {AVCL_E_SHAPE, "shape"},
    {AVCL_E_DTYPE, "dtype"},
    {AVCL_E_NOMEM, "out of memory"},
    {AVCL_E_UNSUPPORTED, "unsupported"},
    {AVCL_E_IO, "io"},
    {AVCL_E_NOT_FOUND, "not found"},
    {AVCL_E_ABI, "abi"},
    {AVCL_E_BUG, "bug"},
    {AVCL_E_INTERRUPTED, "interrupted"},
    {AVCL_E_NUMERIC, "numeric"},
    {AVCL_E_EXISTS, "exists"},
    {AVCL_E_CORRUPT, "corrupt"},
};

const char *avcl_status_name(avcl_status code)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    return "unknown";
}

avcl_status avcl_error_set(avcl_error *err, avcl_status code, const char *fmt, ...)
{
    if (!err || err->code != AVCL_OK) return code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    err->code = code;
    return code;
}

avcl_status avcl_error_prefix(avcl_error *err, const char *fmt, ...)
{
    if (!err || err->code == AVCL_OK) return err ? err->code : AVCL_OK;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof err->message) return err->code;
    /* A message that no longer fits loses its end, never its place. */
    size_t room = sizeof err->message - (size_t)n;
    size_t old_length = strlen(old);
    if (room < 3) return err->code;
    if (old_length > room - 3) old_length = room - 3;
    memcpy(err->message + n, ": ", 2);
    memcpy(err->message + n + 2, old, old_length);
    err->message[(size_t)n + 2 + old_length] = '\0';
    return err->code;
}

void avcl_text_free(char *text)
{
    free(text);
}
