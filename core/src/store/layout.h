/*
 * layout.h - where the parts of a run lie in a store.
 */
#ifndef AVCL_LAYOUT_H
#define AVCL_LAYOUT_H

#include "avcl/store.h"

enum { AVCL_PATH_ROOM = 4096 };

/* claims/<run>.<attempt> */
avcl_status avcl__claim_path(const char *root, const char *run, int32_t attempt,
                             char out[AVCL_PATH_ROOM], avcl_error *err);

#endif
