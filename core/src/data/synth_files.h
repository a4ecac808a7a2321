/*
 * synth_files.h - the synthetic set on disk: which splits it has, and the files that say
 * so.
 *
 *     DIR/<split>/<000123>.mp4   clips; no name tells a label
 *     DIR/masks/<split>/<000123>.png   when asked for
 *     DIR/manifest.csv           path,label,split
 *     DIR/classes.txt            class names in label order
 *     DIR/synth.yaml             generator and options; last, so a set that has it is
 * whole
 */
#ifndef AVCL_SYNTH_FILES_H
#define AVCL_SYNTH_FILES_H

#include "avcl/data.h"

enum { AVCL__SYNTH_SPLITS = 7 };

/* Splits that have files of their own, in manifest order: unlab train val test shift
 * silent black. */
typedef struct avcl_synth_split {
    const char *name;
    int64_t n;
    int32_t labelled;
} avcl_synth_split;

/* Defaults in, ranges checked. A count of -1 means no clips. */
avcl_status avcl__synth_resolve(const avcl_synth_options *in, avcl_synth_options *out,
                                avcl_error *err);
/* Returns how many clips in all. */
int64_t avcl__synth_splits(const avcl_synth_options *options,
                           avcl_synth_split out[AVCL__SYNTH_SPLITS]);

/* Makes the folders and notes the options in synth.partial.yaml; AVCL_E_EXISTS naming the
 * difference when the directory was made, or begun, with others. */
avcl_status avcl__synth_begin(const char *dir, const avcl_synth_options *options,
                              avcl_error *err);
/* Manifest and classes, then synth.yaml. */
avcl_status avcl__synth_publish(const char *dir, const avcl_synth_options *options,
                                avcl_error *err);

#endif
