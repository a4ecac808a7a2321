/* manifest_print.c - rows back as CSV, such that reading them gives the same rows. */
#include "data/manifest.h"

void avcl__manifest_print(const avcl_manifest *m, avcl__text *out)
{
    avcl__text_add(out, "path,label,split\n");
    for (int64_t i = 0; i < m->n; i++) {
        const avcl_manifest_row *row = &m->rows[i];
        avcl__text_add_field(out, row->rel);
        avcl__text_add(out, ",");
        avcl__text_add_field(out, row->label);
        avcl__text_add(out, ",");
        avcl__text_add_field(out, row->split);
        avcl__text_add(out, "\n");
    }
}
