/*
 * fuzz_cache.c - prepared caches: header, index and records, their checksums made good,
 * so that what lies behind them is reached; then every sample is read.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "avcl/store.h"

#include "data/dataset_impl.h"
#include "data/prepared.h"

#include "fuzz.h"

enum { SIDE = 8, FRAMES = 2 };

static int lies_in(uint64_t at, uint64_t bytes, size_t n)
{
    return at <= n && bytes <= n - at;
}

static uint32_t crc_of(const uint8_t *data, size_t n, uint64_t at, uint64_t bytes)
{
    return lies_in(at, bytes, n) ? avcl_crc32c(0, data + at, bytes) : 0;
}

/* The frames' sums lie in the table, whose own sum comes after them. */
static void seal_frames(uint8_t *data, size_t n, const avcl_record *r)
{
    for (int64_t i = 0; i < r->n_frames && i < 64; i++) {
        avcl_frame_entry e;
        uint64_t at = r->table_at + (uint64_t)i * sizeof e;
        if (!lies_in(at, sizeof e, n)) return;
        memcpy(&e, data + at, sizeof e);
        e.crc = crc_of(data, n, e.at, e.bytes);
        memcpy(data + at, &e, sizeof e);
    }
}

static void seal_record(uint8_t *data, size_t n)
{
    avcl_record r;
    if (n < sizeof r) return;
    memcpy(&r, data, sizeof r);
    seal_frames(data, n, &r);
    r.reason_crc = crc_of(data, n, sizeof r, r.reason_bytes);
    if (r.n_frames >= 0 && (uint64_t)r.n_frames <= n)
        r.table_crc =
            crc_of(data, n, r.table_at, (uint64_t)r.n_frames * sizeof(avcl_frame_entry));
    if (r.n_mel <= n) r.mel_crc = crc_of(data, n, r.mel_at, 2 * r.n_mel);
    if (r.n_wave <= n) r.wave_crc = crc_of(data, n, r.wave_at, 4 * r.n_wave);
    avcl__record_seal(&r);
    memcpy(data, &r, sizeof r);
}

static void seal(uint8_t *data, size_t n)
{
    avcl_prepared_header h;
    if (n < sizeof h) return;
    memcpy(&h, data, sizeof h);
    h.bytes = n;
    if (h.n_records <= n) h.index_crc = crc_of(data, n, h.index_at, 8 * h.n_records);
    uint64_t first = h.text_at[0];
    uint64_t end = h.text_at[AVCL_N_TEXTS - 1] + h.text_bytes[AVCL_N_TEXTS - 1] + 1;
    if (first < end) h.text_crc = crc_of(data, n, first, end - first);
    avcl__prepared_header_seal(&h);
    memcpy(data, &h, sizeof h);
    for (uint64_t i = 0; i < h.n_records && i < 16; i++) {
        uint64_t at;
        if (!lies_in(h.index_at + 8 * i, 8, n)) return;
        memcpy(&at, data + h.index_at + 8 * i, 8);
        if (lies_in(at, sizeof(avcl_record), n)) seal_record(data + at, n - at);
    }
}

static void read_all(avcl_dataset *d)
{
    static uint8_t rgb[3 * FRAMES * SIDE * SIDE];
    static uint16_t mel[SIDE * SIDE];
    const avcl_recipe *recipe = avcl__prepared_recipe(d->prepared);
    avcl_view v = {.frames = FRAMES,
                   .resize_w = recipe->width,
                   .resize_h = recipe->height,
                   .crop = SIDE,
                   .mel_crop = SIDE,
                   .fps = recipe->fps,
                   .mel = recipe->mel};
    if (recipe->width > 64 || recipe->height > 64) return; /* a minute, and no new code */
    for (int64_t i = 0; i < avcl_dataset_count(d) && i < 8; i++) {
        avcl_sample s = {.rgb = rgb, .mel = mel};
        avcl_sample_read(d, i, 1, 0, &v, 0, &s, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[FUZZ_PATH];
    avcl_error err = {0};
    uint8_t *copy = malloc(n + 1);
    fuzz_expect(copy != NULL, "memory");
    memcpy(copy, data, n);
    seal(copy, n);
    int fd = fuzz_file(copy, n, path);
    avcl_dataset *d = avcl_dataset_open(path, NULL, &err);
    fuzz_expect(d || (err.code < 0 && *err.message), "a refusal says why");
    if (d && d->prepared) read_all(d);
    avcl_dataset_free(d);
    close(fd);
    free(copy);
    return 0;
}
