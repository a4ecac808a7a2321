/*
 * plugged.h - data sets and transforms of plugins, in use.
 *
 *     avcl_plugged_dataset where = {.module = "npy", .path = "/data/npy"};
 *     avcl_dataset *d = avcl_dataset_open_plugin(host, &where, NULL, &err);
 *
 * From there on they are like any other: data.h, transform.h. What plugins give them is
 * described in samples.h. The host must outlive both. [main]
 */
#ifndef AVCL_PLUGGED_H
#define AVCL_PLUGGED_H

#include "avcl/data.h"
#include "avcl/host.h"

typedef struct avcl_plugged_dataset {
    const char *module; /* short or full name */
    const char *path;   /* what it is to read; NULL or "" = nothing */
    const avcl_attr *params;
    uint32_t n_params;
    uint32_t reserved;
} avcl_plugged_dataset;

/* Rows, labels and splits are checked as a manifest's are; no `classes` file in `options`
 * (may be NULL): the labels seen. [owned] */
AVCL_EXPORT avcl_dataset *avcl_dataset_open_plugin(avcl_host *host,
                                                   const avcl_plugged_dataset *where,
                                                   const avcl_dataset_options *options,
                                                   avcl_error *err);

/* Adds a plugin's transform; `given` are "p" and its module's parameters. They are
 * applied after avcl's own of their field, in the order of their full names. */
AVCL_EXPORT avcl_status avcl_transforms_add_plugin(avcl_transforms *t, avcl_host *host,
                                                   const char *name,
                                                   const avcl_attr *given,
                                                   uint32_t n_given, avcl_error *err);

#endif
