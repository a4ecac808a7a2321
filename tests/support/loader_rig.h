/*
 * loader_rig.h - what the loader's tests share: small data sets of fake files, one view
 * of them, and hashes of whole batches.
 */
#ifndef AVCL_TEST_LOADER_RIG_H
#define AVCL_TEST_LOADER_RIG_H

#include "data/dataset_impl.h"
#include "fake_source.h"
#include "temp_dir.h"

enum { T = 6, W = 13, H = 10, CROP = 8, BANDS = 16, COLUMNS = 16, MEL = 12 };
enum { RGB_ROW = 3 * T * CROP * CROP, MEL_ROW = MEL * MEL };
enum { SEED = 77 };

typedef struct loader_rig {
    char dir[AVCL_TEMP_PATH];
    fake_state fake;
} loader_rig;

/* Around every test: *state is a loader_rig in a folder of its own. */
int loader_set_up(void **state);
int loader_tear_down(void **state);
/* A data set of these CSV lines, read by fake_source. */
avcl_dataset *loader_open_set(loader_rig *f, const char *text, uint64_t cache_mib);
/* n rows of three classes in "train", names from a %d format. */
avcl_dataset *loader_open_rows(loader_rig *f, int n, uint64_t cache_mib);
avcl_view loader_view(int32_t random);
avcl_loader_options loader_options(uint32_t batch);
/* SHA-256, hex, of all that a batch is. */
void loader_hash_batch(const avcl_batch *b, uint32_t rows, char hex[65]);
/* The next batch, which there must be. */
avcl_batch loader_take(avcl_loader *l);
avcl_loader *loader_start(avcl_dataset *d, const avcl_loader_options *o);
/* The first n batches of a loader with these options. */
void loader_hash_batches(avcl_dataset *d, const avcl_loader_options *o, int n,
                         char (*hex)[65]);

#endif
