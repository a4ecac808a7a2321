/*
 * float_text.c - the shortest scientific notation that reads back as the same double.
 *
 * Always with a point and a signed exponent of two digits or more: YAML 1.1 readers
 * take `1e-3` for a string, and `1.0e-03` is a float to all of them and to JSON.
 */
#define _GNU_SOURCE /* strtod_l */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avcl/store.h"
#include "store/float_text.h"

enum { MAX_DECIMALS = 16 }; /* 17 significant digits always suffice */

/* glibc's "C" locale object is static: this allocates nothing. */
static locale_t c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double avcl__float_parse(const char *text, char **end)
{
    locale_t c = c_locale();
    double value = strtod_l(text, end, c);
    freelocale(c);
    return value;
}

int avcl__float_read(const char *text, double *value)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{".inf", INFINITY}, {"-.inf", -INFINITY}, {".nan", NAN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i].text) != 0) continue;
        *value = words[i].value;
        return 1;
    }
    char *end;
    double parsed = avcl__float_parse(text, &end);
    if (end == text || *end || !isfinite(parsed)) return 0;
    *value = parsed;
    return 1;
}

void avcl_float_text(double value, char out[32])
{
    if (isnan(value) || isinf(value)) {
        snprintf(out, 32, "%s", isnan(value) ? ".nan" : value < 0 ? "-.inf" : ".inf");
        return;
    }
    locale_t c = c_locale();
    locale_t before = uselocale(c);
    for (int decimals = 1; decimals <= MAX_DECIMALS; decimals++) {
        snprintf(out, 32, "%.*e", decimals, value);
        if (strtod(out, NULL) == value) break;
    }
    uselocale(before);
    freelocale(c);
}
