/*
 * test_augment.c - transforms where samples are read: against the plain sample, and the
 * same for any number of workers, after a resume, and beside any other sample.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/resample.h"
#include "data/transform_impl.h"
#include "loader_rig.h"

static avcl_transforms *add(avcl_transforms *t, const char *name, const char *a, double x,
                            const char *b, double y)
{
    avcl_error err = {0};
    avcl_attr given[3] = {{"p", {.type = AVCL_FLOAT, .f = 1.0}},
                          {a, {.type = AVCL_FLOAT, .f = x}},
                          {b, {.type = AVCL_FLOAT, .f = y}}};
    if (!t) t = avcl_transforms_new();
    if (avcl_transforms_add(t, name, given, 1 + (a != NULL) + (b != NULL), &err))
        fail_msg("%s", err.message);
    return t;
}

/* One of each kind. */
static avcl_transforms *all(void)
{
    avcl_transforms *t = NULL;
    for (uint32_t i = 0; i < avcl_n_transforms(); i++) {
        avcl_transform_info info;
        assert_int_equal(avcl_get_transform(i, &info), AVCL_OK);
        t = add(t, info.name, NULL, 0, NULL, 0);
    }
    return t;
}

typedef struct read_out {
    uint8_t rgb[RGB_ROW];
    uint16_t mel[MEL_ROW];
    avcl_sample sample;
} read_out;

static void read_one(avcl_dataset *d, const avcl_view *v, int64_t row, uint32_t epoch,
                     read_out *out)
{
    avcl_error err = {0};
    memset(out, 0xA5, sizeof *out);
    out->sample = (avcl_sample){.rgb = out->rgb, .mel = out->mel};
    if (avcl_sample_read(d, row, SEED, epoch, v, 0, &out->sample, &err))
        fail_msg("%s", err.message);
}

static void test_augment__is_off_unless_random(void **state)
{
    static read_out plain, with;
    avcl_dataset *d = loader_open_rows(*state, 6, 0);
    avcl_transforms *t = all();
    for (int32_t random = 0; random < 2; random++) {
        avcl_view v = loader_view(random);
        read_one(d, &v, 2, 1, &plain);
        v.transforms = t;
        read_one(d, &v, 2, 1, &with);
        int same = !memcmp(plain.rgb, with.rgb, sizeof plain.rgb) &&
                   !memcmp(plain.mel, with.mel, sizeof plain.mel);
        assert_int_equal(same, !random);
    }
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

static void test_augment__flips_the_clip_that_was_cut(void **state)
{
    static read_out plain, with;
    avcl_dataset *d = loader_open_rows(*state, 6, 0);
    avcl_view v = loader_view(1);
    read_one(d, &v, 3, 5, &plain);
    avcl_transforms *t = add(NULL, "flip", NULL, 0, NULL, 0);
    v.transforms = t;
    read_one(d, &v, 3, 5, &with);
    for (int i = 0; i < RGB_ROW; i++)
        assert_int_equal(with.rgb[i], plain.rgb[i / CROP * CROP + CROP - 1 - i % CROP]);
    assert_memory_equal(plain.mel, with.mel, sizeof plain.mel);
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

/* Frame t is the file's frame start + 2 t, and the window fits; from memory as from
 * files. */
static void test_augment__speed_takes_every_other_frame(void **state)
{
    static read_out out, cached;
    avcl_dataset *d = loader_open_rows(*state, 6, 0);
    avcl_dataset *kept = loader_open_rows(*state, 6, 16);
    avcl_view v = loader_view(1);
    avcl_transforms *t = add(NULL, "speed", "min", 2.0, "max", 2.0);
    v.transforms = t;
    int64_t last = 0;
    for (uint32_t epoch = 0; epoch < 60; epoch++) {
        read_one(d, &v, 2, epoch, &out);
        int64_t start = out.sample.start_frame;
        assert_in_range(start, 0, FAKE_FRAMES - (2 * (T - 1) + 1));
        last = start > last ? start : last;
        uint8_t step = (uint8_t)(out.rgb[CROP * CROP] - out.rgb[0]);
        for (int i = 0; i < T; i++) { /* 89 a frame, see fake_source.h */
            assert_int_equal((uint8_t)(out.rgb[i * CROP * CROP] - out.rgb[0]),
                             (uint8_t)(2 * 89 * i));
            assert_int_equal(step, (uint8_t)(2 * 89));
        }
        read_one(kept, &v, 2, epoch, &cached);
        assert_memory_equal(out.rgb, cached.rgb, sizeof out.rgb);
        assert_int_equal(out.sample.start_frame, cached.sample.start_frame);
    }
    assert_true(last > 20);
    avcl_transforms_free(t);
    avcl_dataset_free(d);
    avcl_dataset_free(kept);
}

/* A file shorter than the window: the last frame stands in, and that is counted. */
static void test_augment__speed_pads_short_files(void **state)
{
    static read_out out;
    avcl_dataset *d = loader_open_set(*state, "short.mp4,a\nx.mp4,b\n", 0);
    avcl_view v = loader_view(1);
    avcl_transforms *t = add(NULL, "speed", "min", 2.0, "max", 2.0);
    v.transforms = t;
    read_one(d, &v, 0, 0, &out);
    assert_int_equal(out.sample.start_frame, 0);
    /* Wanted are frames 0 2 4 6 8 10 of five. */
    assert_int_equal(out.sample.n_padded, T - 3);
    for (int i = 3; i < T; i++)
        assert_memory_equal(out.rgb + i * CROP * CROP, out.rgb + 2 * CROP * CROP,
                            CROP * CROP);
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

/* ---- scaling
 * --------------------------------------------------------------------------- */
static void scale(const uint8_t *plane, int rows, int columns, double y, double x,
                  double length, int side, uint8_t *out)
{
    avcl_taps taps[2][64];
    float *weights = malloc(2 * 64 * 64 * sizeof *weights);
    float *lines = malloc((size_t)(rows * side) * sizeof *lines);
    avcl__taps_make(y, length, rows, side, taps[0], weights);
    avcl__taps_make(x, length, columns, side, taps[1], weights + 64 * 64);
    avcl__resample(plane, rows, columns, taps[0], taps[1], side, lines, out);
    free(weights);
    free(lines);
}

static void test_resample__keeps_what_it_must(void **state)
{
    (void)state;
    enum { N = 40 };
    uint8_t plane[N * N];
    uint8_t out[N * N];
    for (int i = 0; i < N * N; i++)
        plane[i] = (uint8_t)(i * 37 + i / N * 11);
    scale(plane, N, N, 0, 0, N, N, out); /* the same size: the same */
    assert_memory_equal(out, plane, sizeof plane);
    scale(plane, N, N, 5, 9, 8, 8, out); /* a whole part: a cut */
    for (int y = 0; y < 8; y++)
        assert_memory_equal(out + y * 8, plane + (y + 5) * N + 9, 8);
    memset(plane, 77, sizeof plane);
    const double lengths[] = {3.3, 8, 20.7, 40};
    for (int i = 0; i < 4; i++) {
        scale(plane, N, N, 0, 0, lengths[i], 16, out);
        for (int k = 0; k < 16 * 16; k++)
            assert_int_equal(out[k], 77);
    }
}

/* A slope stays the slope away from the borders: to rounding where pixels are
 * interpolated; where they are averaged, the sampled triangle's centre is off by up to a
 * tenth of a pixel. */
static void test_resample__keeps_slopes(void **state)
{
    (void)state;
    enum { N = 40, SIDE = 16 };
    uint8_t plane[N * N];
    uint8_t out[SIDE * SIDE];
    for (int i = 0; i < N * N; i++)
        plane[i] = (uint8_t)(5 * (i % N) + i / N);
    const double lengths[] = {10.5, 16.0, 31.3};
    for (int i = 0; i < 3; i++) {
        double step = lengths[i] / SIDE;
        scale(plane, N, N, 3.25, 4.75, lengths[i], SIDE, out);
        for (int y = 3; y < SIDE - 3; y++)
            for (int x = 3; x < SIDE - 3; x++) {
                double at =
                    5 * (4.75 + (x + 0.5) * step - 0.5) + 3.25 + (y + 0.5) * step - 0.5;
                assert_true(fabs(out[y * SIDE + x] - at) < (step > 1 ? 1.1 : 0.52));
            }
    }
}

static void test_augment__area_is_of_the_right_part(void **state)
{
    static read_out out;
    avcl_dataset *d = loader_open_rows(*state, 3, 0);
    avcl_view v = loader_view(1);
    avcl_transforms *t =
        add(NULL, "random_resized_crop", "min_area", 0.3, "max_area", 0.6);
    v.transforms = t;
    for (uint32_t epoch = 0; epoch < 30; epoch++) {
        read_one(d, &v, 0, epoch, &out);
        /* Every frame is the first plus 89 t: the part is one for the whole clip. Bytes
         * wrap in the fake picture, so only frames are compared, where nothing wraps. */
        int same = 0;
        for (int i = 0; i < CROP * CROP; i++)
            same += (uint8_t)(out.rgb[CROP * CROP + i] - out.rgb[i]) == 89;
        assert_true(same > CROP * CROP / 3);
    }
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

/* ---- for any number of workers
 * ----------------------------------------------------------- */
static void test_augment__is_the_same_for_any_workers(void **state)
{
    enum { N = 8 };
    char one[N][65], many[N][65], late[N - 3][65];
    avcl_dataset *d = loader_open_rows(*state, 23, 4);
    avcl_transforms *t = all();
    avcl_loader_options o = loader_options(5);
    o.view.transforms = t;
    o.workers = 1;
    loader_hash_batches(d, &o, N, one);
    o.workers = 7;
    loader_hash_batches(d, &o, N, many);
    for (int i = 0; i < N; i++)
        assert_string_equal(one[i], many[i]);
    o.epoch = 0;
    o.position = 3; /* resumed */
    loader_hash_batches(d, &o, N - 3, late);
    for (int i = 3; i < N; i++)
        assert_string_equal(one[i], late[i - 3]);
    o.position = 0;
    o.view.transforms = NULL;
    loader_hash_batches(d, &o, N, many);
    assert_string_not_equal(one[0], many[0]);
    avcl_transforms_free(t);
    avcl_dataset_free(d);
}

#define AROUND(test)                                                                     \
    cmocka_unit_test_setup_teardown(test, loader_set_up, loader_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AROUND(test_augment__is_off_unless_random),
        AROUND(test_augment__flips_the_clip_that_was_cut),
        AROUND(test_augment__speed_takes_every_other_frame),
        AROUND(test_augment__speed_pads_short_files),
        AROUND(test_augment__area_is_of_the_right_part),
        AROUND(test_augment__is_the_same_for_any_workers),
        cmocka_unit_test(test_resample__keeps_what_it_must),
        cmocka_unit_test(test_resample__keeps_slopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
