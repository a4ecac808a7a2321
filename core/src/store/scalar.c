/*
 * scalar.c - what an unquoted word means, and which words need quotes.
 *
 * Reading follows the YAML 1.2 core schema. Writing is more careful: a string that
 * any reader of 1.1 or 1.2 could take for something else is quoted.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/doc.h"
#include "store/float_text.h"

static int is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return 1;
    return 0;
}

static size_t skip_digits(const char *text, size_t i)
{
    return i + strspn(text + i, "0123456789");
}

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+; returns the base, 0 = no integer. */
static int int_base(const char *text)
{
    if (strncmp(text, "0x", 2) == 0 && text[2])
        return text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] ? 0 : 16;
    if (strncmp(text, "0o", 2) == 0 && text[2])
        return text[2 + strspn(text + 2, "01234567")] ? 0 : 8;
    size_t i = *text == '-' || *text == '+';
    size_t end = skip_digits(text, i);
    return end > i && !text[end] ? 10 : 0;
}

/* [-+]? (\.[0-9]+ | [0-9]+ (\.[0-9]*)?) ([eE][-+]?[0-9]+)? */
static int is_float(const char *text)
{
    size_t i = *text == '-' || *text == '+';
    size_t whole = skip_digits(text, i);
    size_t n = whole - i;
    i = whole;
    if (text[i] == '.') {
        size_t end = skip_digits(text, i + 1);
        n += end - i - 1;
        i = end;
    }
    if (n == 0) return 0;
    if (text[i] == 'e' || text[i] == 'E') {
        i++;
        if (text[i] == '-' || text[i] == '+') i++;
        size_t end = skip_digits(text, i);
        if (end == i) return 0;
        i = end;
    }
    return text[i] == '\0';
}

static int is_special_float(const char *text, double *value)
{
    static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nan_words[] = {".nan", ".NaN", ".NAN", NULL};
    int sign = *text == '-' || *text == '+';
    if (is_one_of(text + sign, inf))
        *value = *text == '-' ? -INFINITY : INFINITY;
    else if (is_one_of(text, nan_words))
        *value = NAN;
    else
        return 0;
    return 1;
}

static int set_int(avcl_doc *doc, int32_t node, const char *text, int base)
{
    errno = 0;
    int64_t value = strtoll(base == 10 ? text : text + 2, NULL, base);
    if (errno) return -1;
    avcl_doc_set_int(doc, node, value);
    return 0;
}

int avcl__doc_set_plain(avcl_doc *doc, int32_t node, const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    double value;
    if (is_one_of(text, nulls)) {
        doc->nodes[node].kind = AVCL_DOC_NULL;
        doc->nodes[node].text = "null";
    } else if (is_one_of(text, yes) || is_one_of(text, no)) {
        avcl_doc_set_bool(doc, node, is_one_of(text, yes));
    } else if (int_base(text)) {
        return set_int(doc, node, text, int_base(text));
    } else if (is_special_float(text, &value)) {
        avcl_doc_set_float(doc, node, value);
    } else if (is_float(text)) {
        avcl_doc_set_float(doc, node, avcl__float_parse(text, NULL));
    } else {
        return avcl_doc_set_str(doc, node, text);
    }
    return 0;
}

/* ---- quotes ---------------------------------------------------------------------- */
static int is_reserved(const char *text)
{
    static const char *const words[] = {"y",   "n",        "yes",   "no",
                                        "on",  "off",      "true",  "nan",
                                        "inf", "infinity", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) return 1;
    return 0;
}

/* A word that starts with a digit is plain when a letter shows that it is no number of
 * any schema: not e (exponents), not after 0 (0x, 0o, 0b). `3f9c2a71` is, `3e10` is not.
 */
static int is_number_like(const char *text)
{
    if (text[0] < '0' || text[0] > '9') return 0;
    if (text[0] == '0' && text[1]) return 1;
    return text[strspn(text, "0123456789eE+-._")] == '\0';
}

int avcl__doc_is_plain(const char *text)
{
    static const char inner[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_./-+() ";
    size_t n = strlen(text);
    if (n == 0 || text[strspn(text, inner)]) return 0;
    if (strchr(".-+() ", text[0]) || text[n - 1] == ' ') return 0;
    return !is_reserved(text) && !is_number_like(text);
}

/* Length of a well-formed sequence (no overlong forms, no surrogates), 0 = none. */
static size_t sequence_length(const unsigned char *p)
{
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

int avcl__utf8_valid(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = sequence_length(p);
        if (n == 0) return 0;
        p += n;
    }
    return 1;
}
