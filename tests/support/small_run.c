/* small_run.c - a linear classifier of pixels and what hangs on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "small_run.h"

#include "data/dataset_impl.h"

static avcl_attr real(const char *name, double value)
{
    return (avcl_attr){name, {.type = AVCL_FLOAT, .count = 1, .f = value}};
}

static avcl_attr integers(const char *name, const int64_t *values, uint32_t n)
{
    return (avcl_attr){name, {.type = AVCL_INTS, .count = n, .iv = values}};
}

static avcl_node op2(small_run *r, const char *op, avcl_node a, avcl_node b)
{
    avcl_node in[2] = {a, b};
    return avcl_graph_op(r->g, op, in, 2, NULL, 0);
}

void small_run_open(small_run *r, const char *rows)
{
    char list[AVCL_TEMP_PATH];
    avcl_error err = {0};
    memset(r, 0, sizeof *r);
    temp_dir_make(r->dir);
    temp_file_write(r->dir, "list.csv", rows, list);
    r->d = avcl_dataset_open(list, NULL, &err);
    if (!r->d) fail_msg("%s", err.message);
    avcl_source source = fake_source(&r->fake);
    avcl__dataset_set_source(r->d, &source);
}

void small_run_begin(small_run *r)
{
    avcl_error err = {0};
    r->host = avcl_host_new(NULL, &err);
    if (!r->host) fail_msg("%s", err.message);
    r->g = avcl_graph_new(r->host, &err);
    assert_non_null(r->g);
}

void small_run_compile(small_run *r, uint64_t seed)
{
    avcl_error err = {0};
    avcl_session_options options = {.device = "reference", .seed = seed};
    r->s = avcl_session_new(r->g, &options, &err);
    if (!r->s) fail_msg("%s", err.message);
}

avcl_node small_run_pixels(small_run *r)
{
    static const int64_t clip[5] = {SMALL_BATCH, 3, SMALL_FRAMES, SMALL_CROP, SMALL_CROP};
    static const int64_t flat[2] = {SMALL_BATCH, SMALL_INPUTS};
    avcl_attr to_flat = integers("shape", flat, 2);
    avcl_attr range[2] = {real("scale", 1 / 127.5), real("shift", -1)};
    avcl_node x = avcl_graph_input(r->g, "rgb", AVCL_U8, clip, 5);
    x = avcl_graph_op(r->g, "cast", &x, 1, NULL, 0);
    x = avcl_graph_op(r->g, "affine", &x, 1, range, 2);
    return avcl_graph_op(r->g, "reshape", &x, 1, &to_flat, 1);
}

static avcl_node drop(small_run *r, avcl_node x)
{
    avcl_attr at[2] = {
        real("p", 0.25),
        {"salt", {.type = AVCL_INT, .count = 1, .i = avcl_graph_next_salt(r->g)}}};
    avcl_node in[2] = {x, avcl_graph_rng(r->g)};
    return avcl_graph_op(r->g, "dropout", in, 2, at, 2);
}

/* state = 0.75 state + 0.25 value */
static void follow(small_run *r, avcl_node state, avcl_node value, int32_t when)
{
    avcl_attr keep = real("scale", 0.75);
    avcl_attr take = real("scale", 0.25);
    avcl_node old = avcl_graph_op(r->g, "affine", &state, 1, &keep, 1);
    avcl_node new = avcl_graph_op(r->g, "affine", &value, 1, &take, 1);
    avcl_graph_assign(r->g, state, op2(r, "add", old, new), when);
}

void small_run_build(small_run *r, uint64_t seed)
{
    static const int64_t shape[2] = {SMALL_CLASSES, SMALL_INPUTS};
    static const int64_t rows[1] = {SMALL_BATCH};
    static const int64_t zero[1] = {0};
    avcl_attr over_rows = integers("axes", zero, 1);
    small_run_begin(r);
    avcl_node w = avcl_graph_weight(r->g, "head/weight", shape, 2, "normal", 0.3);
    avcl_node b = avcl_graph_weight(r->g, "head/bias", shape, 1, "fill", 0);
    avcl_node in[3] = {drop(r, small_run_pixels(r)), w, b};
    avcl_node logits = avcl_graph_op(r->g, "linear", in, 3, NULL, 0);
    avcl_node ce[3] = {logits, avcl_graph_input(r->g, "label", AVCL_I32, rows, 1),
                       avcl_graph_input(r->g, "weight", AVCL_F32, rows, 1)};
    avcl_graph_minimize(r->g, 1, avcl_graph_op(r->g, "cross_entropy", ce, 3, NULL, 0));
    avcl_node mean = avcl_graph_op(r->g, "mean", &logits, 1, &over_rows, 1);
    follow(r, avcl_graph_state(r->g, "running", shape, 1, "fill", 0), mean, AVCL_FORWARD);
    follow(r, avcl_graph_state(r->g, "slow", shape, 2, "fill", 0), w, AVCL_UPDATE);
    avcl_graph_log(r->g, "level", avcl_graph_op(r->g, "mean", &logits, 1, NULL, 0));
    avcl_graph_keep(r->g, "logits", logits);
    small_run_compile(r, seed);
}

void small_run_drop_model(small_run *r)
{
    avcl_session_free(r->s);
    avcl_graph_free(r->g);
    avcl_host_free(r->host);
    r->s = NULL;
    r->g = NULL;
    r->host = NULL;
}

void small_run_close(small_run *r)
{
    small_run_drop_model(r);
    avcl_dataset_free(r->d);
    temp_dir_remove(r->dir);
}

avcl_view small_run_view(void)
{
    return (avcl_view){.frames = SMALL_FRAMES,
                       .resize_w = SMALL_CROP,
                       .resize_h = SMALL_CROP,
                       .crop = SMALL_CROP,
                       .n_clips = 1};
}

avcl_trainer_options small_run_options(const small_run *r)
{
    return (avcl_trainer_options){.epochs = 4,
                                  .batch = SMALL_BATCH,
                                  .seed = 5,
                                  .optim = {.lr = 0.02, .momentum = 0.9},
                                  .train_split = "train",
                                  .select = "last",
                                  .checkpoint_dir = r->dir,
                                  .has_labels = 1,
                                  .workers = 2,
                                  .max_bad = 1,
                                  .view = small_run_view(),
                                  .checkpoint_s = 1e9};
}
