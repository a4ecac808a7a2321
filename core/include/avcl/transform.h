/*
 * transform.h - augmentations of a sample: named, with parameters by schema, off by
 * default.
 *
 * A chain is a checked list of them, read-only once made and shared by any number of
 * threads. What one does to a sample is a function of its parameters and of (seed, epoch,
 * sample): each draws from a Philox stream of its own (philox.h), so workers, ranks and
 * the other transforms change nothing. They are applied in the order of the table,
 * whatever the order of adding: when, where, pictures, sound, spectrogram.
 *
 *     avcl_transforms *t = avcl_transforms_new();
 *     avcl_attr p = {"p", {.type = AVCL_FLOAT, .f = 0.5}};
 *     avcl_transforms_add(t, "flip", &p, 1, &err);
 *     view.transforms = t;        // read when view.random is 1
 */
#ifndef AVCL_TRANSFORM_H
#define AVCL_TRANSFORM_H

#include "avcl/error.h"
#include "avcl/param.h"
#include "avcl/samples.h"

typedef struct avcl_transform_info {
    const char *name;
    const char *summary;
    const avcl_param *params; /* each has "p", the probability; 0 = off [static] */
    uint32_t n_params;
    avcl_transform_field field;
} avcl_transform_info;
/* In the order in which they are applied. */
AVCL_EXPORT uint32_t avcl_n_transforms(void);
AVCL_EXPORT avcl_status avcl_get_transform(uint32_t index, avcl_transform_info *out);

typedef struct avcl_transforms avcl_transforms;
AVCL_EXPORT avcl_transforms *avcl_transforms_new(void); /* [owned] NULL = no memory */
AVCL_EXPORT void avcl_transforms_free(avcl_transforms *t);
/* An unknown name, parameter or value is an error, and so is a second time. */
AVCL_EXPORT avcl_status avcl_transforms_add(avcl_transforms *t, const char *name,
                                            const avcl_attr *given, uint32_t n_given,
                                            avcl_error *err);

#endif
