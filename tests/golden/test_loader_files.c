/* test_loader_files.c - the loader on real files and on their cache: the same batches for
 * any number of workers and ranks and after any stop, and with broken files among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "clips.h"
#include "prepare_rig.h"

enum { BATCH = 4, N = 5 };

static int make_all(void **state)
{
    if (prepare_make_set(state)) return -1;
    avcl_prepare_options o = prepare_options(AVCL_PREPARE_MJPEG, AVCL_PREPARE_MEL);
    prepare_run("set.csv", "set.avclcache", &o);
    return 0;
}

static avcl_loader_options options(void)
{
    return (avcl_loader_options){.split = "train",
                                 .batch = BATCH,
                                 .workers = 2,
                                 .seed = SEED,
                                 .shuffle = 1,
                                 .drop_last = 1,
                                 .replace_bad = 1,
                                 .max_bad = 0.5,
                                 .view = prepare_view(1)};
}

/* Everything of the first n batches of one rank, a hash each. */
static void hash_batches(avcl_dataset *d, const avcl_loader_options *o, int n,
                         char (*hex)[65])
{
    avcl_error err = {0};
    uint32_t rows = o->batch / (o->ranks ? o->ranks : 1);
    avcl_loader *l = avcl_loader_new(d, o, &err);
    if (!l) fail_msg("%s", err.message);
    size_t bytes = rows * (RGB + MEL * MEL * 2 + sizeof(int64_t) + sizeof(int32_t));
    unsigned char *all = malloc(bytes);
    for (int i = 0; i < n; i++) {
        avcl_batch b;
        if (avcl_loader_next(l, &b, &err)) fail_msg("%s", err.message);
        unsigned char *at = all;
        memcpy(at, b.rgb, rows * RGB);
        memcpy(at += rows * RGB, b.mel, rows * MEL * MEL * 2);
        memcpy(at += rows * MEL * MEL * 2, b.sample, rows * sizeof *b.sample);
        memcpy(at + rows * sizeof *b.sample, b.label, rows * sizeof *b.label);
        avcl_sha256_hex(all, bytes, hex[i]);
        avcl_loader_release(l);
    }
    free(all);
    avcl_loader_free(l);
}

static void check_workers_and_resume(const char *set)
{
    char want[N][65];
    char got[N][65];
    avcl_loader_options o = options();
    avcl_dataset *d = prepare_open(set);
    o.workers = 1;
    hash_batches(d, &o, N, want);
    for (o.workers = 2; o.workers <= 8; o.workers *= 4) {
        hash_batches(d, &o, N, got);
        assert_memory_equal(got, want, sizeof want);
    }
    o.workers = 2;
    for (uint32_t at = 1; at < N; at++) { /* one batch an epoch: 5 rows, 4 a batch */
        o.epoch = at;
        hash_batches(d, &o, (int)(N - at), got);
        assert_memory_equal(got, want[at], (N - at) * sizeof *want);
    }
    avcl_dataset_free(d);
}

static void check_ranks(const char *set)
{
    avcl_error err = {0};
    avcl_dataset *d = prepare_open(set);
    for (uint32_t ranks = 2; ranks <= BATCH; ranks *= 2) {
        avcl_loader_options o = options();
        avcl_loader *whole = avcl_loader_new(d, &o, &err);
        assert_non_null(whole);
        o.ranks = ranks;
        size_t rows = BATCH / ranks;
        avcl_batch w;
        avcl_batch p;
        assert_int_equal(avcl_loader_next(whole, &w, &err), AVCL_OK);
        for (o.rank = 0; o.rank < ranks; o.rank++) {
            avcl_loader *part = avcl_loader_new(d, &o, &err);
            assert_non_null(part);
            assert_int_equal(avcl_loader_next(part, &p, &err), AVCL_OK);
            size_t first = o.rank * rows;
            assert_memory_equal(p.sample, w.sample + first, rows * sizeof *p.sample);
            assert_memory_equal(p.rgb, w.rgb + first * RGB, rows * RGB);
            assert_memory_equal(p.mel, w.mel + first * MEL * MEL, rows * MEL * MEL * 2);
            avcl_loader_free(part);
        }
        avcl_loader_free(whole);
    }
    avcl_dataset_free(d);
}

static void test_loader_files__nothing_depends_on_workers_ranks_or_stops(void **state)
{
    (void)state;
    check_workers_and_resume("set.csv");
    check_ranks("set.csv");
}

static void test_loader_files__nor_from_a_cache(void **state)
{
    (void)state;
    check_workers_and_resume("set.avclcache");
    check_ranks("set.avclcache");
}

/* ---- 2 % of the files are broken
 * ------------------------------------------------------- */
enum { FILES = 100, N_BROKEN = 2, EPOCHS = 2 };

/* A hundred names of the good clips, but two of them are letters. */
static void make_hundred(void)
{
    static const char *const from[] = {"a.mp4", "e.ts", "f.mkv", "g.avi"};
    FILE *f = fopen(clips_file("broken.csv"), "w");
    assert_non_null(f);
    for (int i = 0; i < FILES; i++) {
        char name[32];
        const char *good = from[i % 4];
        snprintf(name, sizeof name, "h%02d%s", i, strchr(good, '.'));
        fprintf(f, "%s,c%d\n", name, i % 2);
        int rc = i == 13 || i == 70
                     ? clips_run("echo letter > %s", clips_file(name))
                     : clips_run("ln %s %s", clips_file(good), clips_file(name));
        assert_int_equal(rc, 0);
    }
    fclose(f);
}

static void test_loader_files__broken_files_touch_no_other_sample(void **state)
{
    (void)state;
    avcl_error err = {0};
    make_hundred();
    avcl_dataset *d = prepare_open("broken.csv");
    avcl_loader_options o = options();
    o.batch = 10;
    o.max_bad = 0.02;
    avcl_loader *l = avcl_loader_new(d, &o, &err);
    assert_non_null(l);
    int seen[FILES] = {0};
    for (uint32_t g = 0; g < EPOCHS * FILES / o.batch; g++) {
        avcl_batch b;
        if (avcl_loader_next(l, &b, &err)) fail_msg("%s", err.message);
        for (uint32_t i = 0; i < o.batch; i++) {
            static sample alone;
            seen[b.sample[i]]++;
            prepare_read(d, b.sample[i], b.epoch, &o.view, 0, &alone);
            assert_memory_equal(b.rgb + i * RGB, alone.rgb, RGB);
            assert_memory_equal(b.mel + i * MEL * MEL, alone.mel, sizeof alone.mel);
            assert_int_equal(b.label[i], alone.what.label);
            assert_true(b.weight[i] == 1.0f);
        }
        avcl_loader_release(l);
    }
    assert_int_equal(seen[13] + seen[70], 0);
    for (int i = 0; i < FILES; i++)
        if (i != 13 && i != 70) assert_true(seen[i] >= EPOCHS);
    int64_t row;
    const char *reason;
    int64_t rows[N_BROKEN] = {0};
    for (int64_t i = 0; i < N_BROKEN; i++) {
        assert_int_equal(avcl_loader_get_bad(l, i, &row, &reason), AVCL_OK);
        assert_non_null(strstr(reason, "Invalid data"));
        rows[i] = row;
    }
    assert_int_equal(rows[0] + rows[1], 13 + 70);
    assert_int_equal(avcl_loader_get_bad(l, N_BROKEN, &row, &reason), AVCL_E_NOT_FOUND);
    avcl_loader_free(l);
    avcl_dataset_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loader_files__nothing_depends_on_workers_ranks_or_stops),
        cmocka_unit_test(test_loader_files__nor_from_a_cache),
        cmocka_unit_test(test_loader_files__broken_files_touch_no_other_sample),
    };
    return cmocka_run_group_tests(tests, make_all, clips_tear_down);
}
