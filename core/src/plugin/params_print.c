/* params_print.c - a value as canonical text: part of hashes, so it never changes. */
#include <inttypes.h>
#include <stdio.h>

#include "plugin/params.h"

void avcl__param_print(FILE *f, const avcl_param *row, const void *params)
{
    const char *at = (const char *)params + row->offset;
    fprintf(f, " %s=", row->name);
    if (row->type == AVCL_INT) fprintf(f, "%" PRId64, *(const int64_t *)(const void *)at);
    if (row->type == AVCL_FLOAT) fprintf(f, "%a", *(const double *)(const void *)at);
    if (row->type == AVCL_BOOL || row->type == AVCL_ENUM)
        fprintf(f, "%" PRId32, *(const int32_t *)(const void *)at);
    if (row->type == AVCL_STR) {
        const char *text = *(const char *const *)(const void *)at;
        fprintf(f, "'%s'", text ? text : "");
    }
    if (row->type != AVCL_INTS) return;
    const avcl_ints *list = (const avcl_ints *)(const void *)at;
    for (int32_t i = 0; i < list->n; i++)
        fprintf(f, "%s%" PRId64, i ? "," : "", list->v[i]);
}
