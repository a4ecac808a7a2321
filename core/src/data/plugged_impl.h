/*
 * plugged_impl.h - a plugin behind a data set, for the data room's own files.
 */
#ifndef AVCL_PLUGGED_IMPL_H
#define AVCL_PLUGGED_IMPL_H

#include "avcl/plugged.h"

#include "base/text.h"
#include "data/source.h"
#include "plugin/guest.h"

/* ---- plugged.c --------------------------------------------------------------------- */
typedef struct avcl_plugged avcl_plugged;
void avcl__plugged_free(avcl_plugged *p); /* NULL is fine */
int avcl__plugged_is_synthetic(const avcl_plugged *p);
/* Module, numerics and parameters, as part of the data's identity. */
avcl_status avcl__plugged_describe(const avcl_plugged *p, avcl__text *out,
                                   avcl_error *err);
/* All that file `index` of the data set is read from; NULL = it is generated. */
const char *const *avcl__plugged_files(const avcl_plugged *p, int64_t index);

/* ---- plugged_read.c ---------------------------------------------------------------- */
struct avcl_plugged {
    avcl_guest guest;
    const avcl_custom_dataset *api;
    const avcl_dataset *d;
    void *params;
    void *self;                /* NULL: not open */
    const char *const **files; /* [rows] */
    int64_t *first_row;        /* [files] */
};
/* Reads clips and sound through the plugin; its `arg` is the avcl_plugged. */
extern const avcl_source avcl__plugged_source;

#endif
