/* manifest_print.c - rows back as CSV, such that reading them gives the same rows. */
#include <string.h>

#include "data/manifest.h"

void avcl__csv_put(avcl__text *out, const char *field)
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

void avcl__manifest_print(const avcl_manifest *m, avcl__text *out)
{
    avcl__text_add(out, "path,label,split\n");
    for (int64_t i = 0; i < m->n; i++) {
        const avcl_manifest_row *row = &m->rows[i];
        avcl__csv_put(out, row->rel);
        avcl__text_add(out, ",");
        avcl__csv_put(out, row->label);
        avcl__text_add(out, ",");
        avcl__csv_put(out, row->split);
        avcl__text_add(out, "\n");
    }
}
