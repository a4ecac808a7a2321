/* loader_rig.c - data sets of fake files in a folder, and hashes of batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/store.h"

#include "loader_rig.h"

int loader_set_up(void **state)
{
    loader_rig *f = calloc(1, sizeof *f);
    temp_dir_make(f->dir);
    *state = f;
    return 0;
}

int loader_tear_down(void **state)
{
    loader_rig *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

avcl_dataset *loader_open_set(loader_rig *f, const char *text, uint64_t cache_mib)
{
    char list[AVCL_TEMP_PATH];
    avcl_error err = {0};
    avcl_dataset_options options = {.memory_cache_mib = cache_mib};
    temp_file_write(f->dir, "list.csv", text, list);
    avcl_dataset *d = avcl_dataset_open(list, &options, &err);
    assert_non_null(d);
    avcl_source source = fake_source(&f->fake);
    avcl__dataset_set_source(d, &source);
    return d;
}

/* n rows of three classes in "train", names from `name_of` (a %d format). */
avcl_dataset *loader_open_rows(loader_rig *f, int n, uint64_t cache_mib)
{
    char text[8192];
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "clip%d%s.mp4,c%d\n", i,
                               i % 5 == 1   ? "_short"
                               : i % 5 == 3 ? "_mute"
                                            : "",
                               i % 3);
    return loader_open_set(f, text, cache_mib);
}

avcl_view loader_view(int32_t random)
{
    avcl_view view = {.frames = T,
                      .resize_w = W,
                      .resize_h = H,
                      .crop = CROP,
                      .mel_crop = MEL,
                      .random = random};
    view.mel = (avcl_mel_options){.rate = 8000,
                                  .window = 64,
                                  .hop = 64,
                                  .n_fft = 256,
                                  .bands = BANDS,
                                  .columns = COLUMNS};
    return view;
}

avcl_loader_options loader_options(uint32_t batch)
{
    return (avcl_loader_options){.split = "train",
                                 .batch = batch,
                                 .workers = 2,
                                 .seed = SEED,
                                 .shuffle = 1,
                                 .drop_last = 1,
                                 .replace_bad = 1,
                                 .max_bad = 1,
                                 .view = loader_view(1)};
}

/* Feeds all that a batch is into a text that is hashed at the end: SHA-256, hex. */
void loader_hash_batch(const avcl_batch *b, uint32_t rows, char hex[65])
{
    char part[7][65];
    uint32_t place[3] = {b->epoch, b->position, b->n};
    avcl_sha256_hex(b->rgb, rows * (uint64_t)RGB_ROW, part[0]);
    avcl_sha256_hex(b->mel, rows * (uint64_t)MEL_ROW * 2, part[1]);
    avcl_sha256_hex(b->label, rows * sizeof(int32_t), part[2]);
    avcl_sha256_hex(b->weight, rows * sizeof(float), part[3]);
    avcl_sha256_hex(b->sample, rows * sizeof(int64_t), part[4]);
    avcl_sha256_hex(b->clip, rows * sizeof(int32_t), part[5]);
    avcl_sha256_hex(place, sizeof place, part[6]);
    avcl_sha256_hex(part, sizeof part, hex);
}

avcl_batch loader_take(avcl_loader *l)
{
    avcl_batch b;
    avcl_error err = {0};
    avcl_status status = avcl_loader_next(l, &b, &err);
    if (status) print_error("next: %s\n", err.message);
    assert_int_equal(status, AVCL_OK);
    return b;
}

avcl_loader *loader_start(avcl_dataset *d, const avcl_loader_options *o)
{
    avcl_error err = {0};
    avcl_loader *l = avcl_loader_new(d, o, &err);
    if (!l) print_error("new: %s\n", err.message);
    assert_non_null(l);
    return l;
}

void loader_hash_batches(avcl_dataset *d, const avcl_loader_options *o, int n,
                         char (*hex)[65])
{
    avcl_loader *l = loader_start(d, o);
    for (int i = 0; i < n; i++) {
        avcl_batch b = loader_take(l);
        loader_hash_batch(&b, o->batch, hex[i]);
        avcl_loader_release(l);
    }
    avcl_loader_free(l);
}
