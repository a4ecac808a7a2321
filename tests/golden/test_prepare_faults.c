/* test_prepare_faults.c - what a prepared cache refuses, flipped bits, and bad files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "clips.h"
#include "data/prepared.h"
#include "prepare_rig.h"

/* ---- refusals -------------------------------------------------------------------------
 */
static void refuse(const char *set, const char *out, const avcl_prepare_options *o,
                   const char *text)
{
    avcl_error err = {0};
    avcl_dataset *d = prepare_open(set);
    avcl_prepare *p = avcl_prepare_new(d, clips_file(out), o, &err);
    if (p) fail_msg("not refused: %s", text);
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
    avcl_dataset_free(d);
}

static void test_prepare__another_recipe_is_refused(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    prepare_run("set.csv", "fixed.avclcache", &o);
    o.codec = AVCL_PREPARE_MJPEG;
    refuse("set.csv", "fixed.avclcache", &o,
           "with 'codec: yuv' and not 'codec: mjpeg 3'");
    o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    o.width = 50;
    refuse("set.csv", "fixed.avclcache", &o, "with 'size: 45x34' and not 'size: 50x34'");
    refuse("fixed.avclcache", "x.avclcache", &o, "is a prepared cache already");
    refuse("set.csv", "set.csv", &o, "is no prepared cache");
    o.quality = 40;
    o.codec = AVCL_PREPARE_MJPEG;
    refuse("set.csv", "x.avclcache", &o, "quality is 40, expected 1 to 31");
}

static void refuse_view(avcl_dataset *d, const avcl_view *v, const char *text)
{
    avcl_error err = {0};
    avcl_sample s = {0};
    assert_int_equal(avcl_sample_read(d, 0, 0, 0, v, 0, &s, &err), AVCL_E_INVALID);
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
    avcl_loader_options lo = {.split = "train", .batch = 2, .view = *v};
    err = (avcl_error){0};
    assert_null(avcl_loader_new(d, &lo, &err));
    if (!strstr(err.message, text)) fail_msg("no '%s' in: %s", text, err.message);
}

static void test_prepare__a_run_that_wants_more_is_refused(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_YUV, AVCL_PREPARE_MEL);
    prepare_run("set.csv", "plain.avclcache", &o);
    avcl_dataset *d = prepare_open("plain.avclcache");
    avcl_view v = prepare_view(0);
    v.resize_w = 60;
    refuse_view(d, &v, "holds pictures of 45x34 and the run wants 60x34");
    v = prepare_view(0);
    v.fps = 5;
    refuse_view(d, &v, "prepare it with --fps 5");
    v = prepare_view(0);
    v.mel.hop = 120;
    refuse_view(d, &v, "or with --audio both");
    v = prepare_view(0);
    v.sound = AVCL_SOUND_WINDOW;
    refuse_view(d, &v,
                "which a window of sound is made of: prepare it with --audio both");
    v.sound = AVCL_SOUND_WAVE;
    refuse_view(d, &v, "which a folded one is made of: prepare it with --audio both");
    avcl_dataset_free(d);
}

/* ---- damage ---------------------------------------------------------------------------
 */
/* Flips one bit at every 61st byte: a sample is either as before or an error that names
 * it, or the cache does not open. */
static void test_prepare__every_flipped_bit_is_found(void **state)
{
    (void)state;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_BOTH);
    o.width = 20;
    o.height = 16;
    assert_int_equal(
        clips_run("head -4 %s > %s", clips_file("set.csv"), clips_file("less.csv")), 0);
    prepare_run("less.csv", "tiny.avclcache", &o);
    avcl_view v = prepare_view(0);
    v.frames = 4;
    v.resize_w = 20;
    v.resize_h = 16;
    v.crop = 12;
    static sample want[3][3];
    avcl_dataset *d = prepare_open("tiny.avclcache");
    for (int64_t i = 0; i < 3; i++)
        for (int32_t k = 0; k < 3; k++)
            prepare_read(d, i, 0, &v, k, &want[i][k]);
    avcl_dataset_free(d);
    long size = clips_size("tiny.avclcache");
    int fd = open(clips_file("tiny.avclcache"), O_RDWR);
    assert_true(fd >= 0);
    int n_named = 0;
    int n_closed = 0;
    for (long at = 0; at < size; at += at < 4096 ? 13 : 211) {
        unsigned char byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        unsigned char flipped = byte ^ 0x10;
        assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
        avcl_error err = {0};
        d = avcl_dataset_open(clips_file("tiny.avclcache"), NULL, &err);
        n_closed += !d;
        for (int64_t i = 0; d && i < 3; i++)
            for (int32_t k = 0; k < 3; k++) {
                static sample got;
                avcl_sample_info info;
                memset(&got, 0, sizeof got);
                got.what.rgb = got.rgb;
                got.what.mel = got.mel;
                avcl_dataset_get_sample(d, i, &info);
                err = (avcl_error){0};
                if (avcl_sample_read(d, i, SEED, 0, &v, k, &got.what, &err)) {
                    if (!strstr(err.message, info.rel)) fail_msg("%s", err.message);
                    n_named++;
                    continue;
                }
                assert_memory_equal(got.rgb, want[i][k].rgb, RGB);
                prepare_check_facts(&got, &want[i][k]);
            }
        avcl_dataset_free(d);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
    assert_true(n_named > 50);
    assert_true(n_closed > 10);
}

/* Checksums keep accidents out, not malice: with every sum made right again, wild numbers
 * in header, index, records and tables are refused or harmless. */
static void seal(unsigned char *file, size_t size)
{
    avcl_prepared_header *h = (void *)file;
    uint64_t at;
    for (uint64_t i = 0; i < 3; i++) {
        memcpy(&at, file + h->index_at + 8 * i, sizeof at);
        if (at > size - sizeof(avcl_record) || at % 8) continue;
        avcl_record *r = (void *)(file + at);
        uint64_t bytes = (uint64_t)r->n_frames * sizeof(avcl_frame_entry);
        if (bytes < size && r->table_at < size - bytes && at < size - bytes - r->table_at)
            r->table_crc = avcl_crc32c(0, file + at + r->table_at, bytes);
        avcl__record_seal(r);
    }
    h->index_crc = avcl_crc32c(0, file + h->index_at, 3 * 8);
    uint64_t end = h->text_at[AVCL_N_TEXTS - 1] + h->text_bytes[AVCL_N_TEXTS - 1] + 1;
    if (h->text_at[0] < end && end <= size)
        h->text_crc = avcl_crc32c(0, file + h->text_at[0], end - h->text_at[0]);
    avcl__prepared_header_seal(h);
}

static void read_all(const char *name)
{
    avcl_view v = prepare_view(0);
    v.frames = 4;
    v.resize_w = 20;
    v.resize_h = 16;
    v.crop = 12;
    avcl_dataset *d = avcl_dataset_open(clips_file(name), NULL, NULL);
    for (int64_t i = 0; d && i < avcl_dataset_count(d); i++)
        for (int32_t k = 0; k < 3; k++) {
            static sample got;
            got.what.rgb = got.rgb;
            got.what.mel = got.mel;
            avcl_sample_read(d, i, SEED, 0, &v, k, &got.what, NULL);
        }
    avcl_dataset_free(d);
}

static void test_prepare__wild_numbers_do_no_harm(void **state)
{
    (void)state;
    enum { TURNS = 1500 };
    static const uint64_t wild[] = {0,
                                    1,
                                    7,
                                    64,
                                    4096,
                                    0x7fffffff,
                                    1ull << 31,
                                    UINT32_MAX,
                                    1ull << 33,
                                    INT64_MAX,
                                    1ull << 63,
                                    UINT64_MAX,
                                    UINT64_MAX - 63};
    long size = clips_size("tiny.avclcache");
    unsigned char *good = malloc((size_t)size);
    unsigned char *file = malloc((size_t)size);
    FILE *f = fopen(clips_file("tiny.avclcache"), "rb");
    assert_int_equal(fread(good, 1, (size_t)size, f), size);
    fclose(f);
    const avcl_prepared_header *h = (const void *)good;
    uint32_t seed = 11;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t record;
        memcpy(&record, good + h->index_at + 8 * (turn % 3), sizeof record);
        /* Where: the header, the index, the recipe, a record's head, its table. */
        const uint64_t from[] = {0, h->index_at, h->text_at[0], record,
                                 record + sizeof(avcl_record)};
        const uint64_t span[] = {sizeof *h, 24, h->text_bytes[0], sizeof(avcl_record),
                                 256};
        int place = turn % 5;
        seed = seed * 1664525u + 1013904223u;
        uint64_t at = from[place] + (seed >> 8) % span[place] / 4 * 4;
        memcpy(file, good, (size_t)size);
        memcpy(file + at, &wild[(seed >> 4) % (sizeof wild / sizeof *wild)],
               turn % 2 ? 4 : 8);
        const avcl_prepared_header *now = (const void *)file;
        if (now->index_at <= (uint64_t)size - 24) seal(file, (size_t)size);
        f = fopen(clips_file("wild.avclcache"), "wb");
        assert_int_equal(fwrite(file, 1, (size_t)size, f), size);
        fclose(f);
        read_all("wild.avclcache");
    }
    free(file);
    free(good);
}

/* ---- bad files
 * -------------------------------------------------------------------------- */
static void test_prepare__bad_files_are_listed_and_limited(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_prepare_progress n;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_MEL);
    assert_int_equal(clips_run("echo letter > %s; (cat %s; echo bad.mp4,x,train) > %s",
                               clips_file("bad.mp4"), clips_file("set.csv"),
                               clips_file("bad.csv")),
                     0);
    avcl_dataset *d = prepare_open("bad.csv");
    avcl_prepare *p = avcl_prepare_new(d, clips_file("bad.avclcache"), &o, &err);
    assert_non_null(p);
    avcl_status st = AVCL_OK;
    while (st == AVCL_OK)
        st = avcl_prepare_wait(p, 1, &n, &err);
    assert_int_equal(st, AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message, "1 of 7 files cannot be read, more than the 1%"));
    assert_non_null(strstr(err.message, "bad.mp4"));
    avcl_prepare_free(p);
    o.check_only = 1;
    p = avcl_prepare_new(d, NULL, &o, &err);
    assert_non_null(p);
    while ((st = avcl_prepare_wait(p, 1, &n, &err)) == AVCL_OK) {
    }
    assert_int_equal(st, AVCL_END);
    assert_int_equal(n.n_failed, 1);
    const char *rel;
    const char *reason;
    avcl_media_state how;
    assert_int_equal(avcl_prepare_get_problem(p, 0, &rel, &how, &reason), AVCL_OK);
    assert_string_equal(rel, "bad.mp4");
    assert_int_equal(how, AVCL_MEDIA_FAILED);
    assert_non_null(strstr(reason, "Invalid data"));
    avcl_prepare_free(p);
    avcl_dataset_free(d);
    o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_MEL);
    o.max_bad = 0.5;
    assert_int_equal(prepare_run("bad.csv", "bad.avclcache", &o).n_failed, 1);
    assert_int_equal(
        clips_run("grep -q '^bad.mp4,failed,' %s.bad.csv", clips_file("bad.avclcache")),
        0);
    /* The cache passes the fault on, and the other samples are as before. */
    d = prepare_open("bad.avclcache");
    sample *s = calloc(1, sizeof *s);
    s->what.rgb = s->rgb;
    avcl_view v = prepare_view(1);
    err = (avcl_error){0};
    assert_int_equal(avcl_sample_read(d, 7, SEED, 0, &v, 0, &s->what, &err),
                     AVCL_E_CORRUPT);
    assert_non_null(strstr(err.message, "bad.mp4"));
    free(s);
    avcl_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare__another_recipe_is_refused),
        cmocka_unit_test(test_prepare__a_run_that_wants_more_is_refused),
        cmocka_unit_test(test_prepare__every_flipped_bit_is_found),
        cmocka_unit_test(test_prepare__wild_numbers_do_no_harm),
        cmocka_unit_test(test_prepare__bad_files_are_listed_and_limited),
    };
    return cmocka_run_group_tests(tests, prepare_make_set, clips_tear_down);
}
