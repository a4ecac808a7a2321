/* transform_rig.h - chains of transforms and their draws, for cmocka tests. */
#ifndef AVCL_TEST_TRANSFORM_RIG_H
#define AVCL_TEST_TRANSFORM_RIG_H

#include "data/transform_impl.h"

/* Adds a transform to t (NULL = a new chain). Setting names and numbers: "p", 1.0, …,
 * NULL. */
avcl_transforms *transform_chain(avcl_transforms *t, const char *name, ...);
avcl_draw transform_draw(uint64_t key, uint32_t epoch);

#endif
