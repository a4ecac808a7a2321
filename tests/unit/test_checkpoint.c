/* test_checkpoint.c - weights and states by name: exact, by scope, all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "avcl/store.h"
#include "avcl/train.h"

typedef struct model {
    avcl_host *host;
    avcl_graph *g;
    avcl_session *s;
} model;

enum { N = 6 };
static const char PATH[] = "/tmp/avcl-checkpoint-test.safetensors";

/* Weights of two scopes and a state; `other` adds or reshapes one to make a misfit. */
static model make(uint64_t seed, avcl_dtype precision, const char *other, int64_t columns)
{
    avcl_error err = {0};
    model m = {0};
    m.host = avcl_host_new(NULL, &err);
    m.g = avcl_graph_new(m.host, &err);
    int64_t shape[2] = {2, 3};
    int64_t other_shape[2] = {2, columns};
    avcl_node total = avcl_graph_input(m.g, "x", AVCL_F32, shape, 2);
    const char *names[] = {"video/w", "audio/w", "videos/w", other};
    for (int i = 0; i < 4 && names[i]; i++) {
        avcl_node in[2] = {avcl_graph_weight(m.g, names[i], i == 3 ? other_shape : shape,
                                             2, "normal", 1.0),
                           0};
        in[0] = avcl_graph_op(m.g, "mean", in, 1, NULL, 0);
        in[1] = total;
        total = avcl_graph_op(m.g, "add", in, 2, NULL, 0);
    }
    avcl_node state = avcl_graph_state(m.g, "video/mean", shape, 2, "fill", 0.25);
    avcl_node in[2] = {total, state};
    total = avcl_graph_op(m.g, "mul", in, 2, NULL, 0);
    avcl_graph_minimize(m.g, 1.0, avcl_graph_op(m.g, "mean", &total, 1, NULL, 0));
    avcl_session_options options = {
        .device = "reference", .precision = precision, .seed = seed};
    m.s = avcl_session_new(m.g, &options, &err);
    if (!m.s) fail_msg("%s", err.message);
    return m;
}

static void release(model *m)
{
    avcl_session_free(m->s);
    avcl_graph_free(m->g);
    avcl_host_free(m->host);
}

static void read_f32(const model *m, const char *name, float out[N])
{
    avcl_error err = {0};
    if (avcl_session_read(m->s, name, out, N * sizeof *out, &err))
        fail_msg("%s", err.message);
}

static int is_same(const model *a, const model *b, const char *name)
{
    float x[N];
    float y[N];
    read_f32(a, name, x);
    read_f32(b, name, y);
    return memcmp(x, y, sizeof x) == 0;
}

static void save(const model *m)
{
    avcl_error err = {0};
    if (avcl_checkpoint_save(m->s, PATH, &err)) fail_msg("%s", err.message);
}

static void test_checkpoint__every_bit_comes_back(void **state)
{
    (void)state;
    model a = make(1, AVCL_F32, NULL, 3);
    model b = make(2, AVCL_F32, NULL, 3);
    float mean[N] = {-0.0f, 1e-42f, 3e38f, 1.0f / 3, -7, 0};
    avcl_session_write(a.s, "video/mean", mean, sizeof mean, NULL);
    assert_false(is_same(&a, &b, "audio/w"));
    save(&a);
    avcl_error err = {0};
    if (avcl_checkpoint_load(b.s, PATH, NULL, 0, &err)) fail_msg("%s", err.message);
    static const char *const names[] = {"video/w", "audio/w", "videos/w", "video/mean"};
    for (int i = 0; i < 4; i++)
        assert_true(is_same(&a, &b, names[i]));
    avcl_safetensors *st = avcl_safetensors_open(PATH, NULL);
    avcl_tensor t;
    assert_int_equal(avcl_safetensors_count(st), 4);
    assert_int_equal(avcl_safetensors_get(st, "weight/audio/w", &t, NULL), AVCL_OK);
    assert_int_equal(avcl_safetensors_get(st, "state/video/mean", &t, NULL), AVCL_OK);
    assert_memory_equal(t.data, mean, sizeof mean);
    avcl_safetensors_free(st);
    release(&a);
    release(&b);
}

static void test_checkpoint__scopes_are_path_prefixes(void **state)
{
    (void)state;
    model a = make(1, AVCL_F32, NULL, 3);
    model b = make(2, AVCL_F32, NULL, 3);
    static const char *const scopes[] = {"video"};
    static const char *const unknown[] = {"vidoe"};
    save(&a);
    assert_int_equal(avcl_checkpoint_load(b.s, PATH, scopes, 1, NULL), AVCL_OK);
    assert_true(is_same(&a, &b, "video/w"));
    assert_false(is_same(&a, &b, "videos/w"));
    assert_false(is_same(&a, &b, "audio/w"));
    avcl_error err = {0};
    assert_int_equal(avcl_checkpoint_load(b.s, PATH, unknown, 1, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "vidoe"));
    release(&a);
    release(&b);
}

/* One scope of several that names nothing is a typing error, not a smaller load. */
static void test_checkpoint__every_scope_must_name_something(void **state)
{
    (void)state;
    model a = make(1, AVCL_F32, NULL, 3);
    model b = make(2, AVCL_F32, NULL, 3);
    static const char *const scopes[] = {"video", "adio"};
    save(&a);
    avcl_error err = {0};
    assert_int_equal(avcl_checkpoint_load(b.s, PATH, scopes, 2, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "adio"));
    assert_false(is_same(&a, &b, "video/w"));
    release(&a);
    release(&b);
}

static void test_checkpoint__misfits_are_named_and_change_nothing(void **state)
{
    (void)state;
    static const char *const scopes[] = {"video", "audio"};
    model plain = make(1, AVCL_F32, NULL, 3);
    model more = make(2, AVCL_F32, "zhead/w", 3);
    model wider = make(3, AVCL_F32, "zhead/w", 5);
    model untouched = make(2, AVCL_F32, "zhead/w", 3);
    avcl_error err = {0};
    save(&plain);
    assert_int_equal(avcl_checkpoint_load(more.s, PATH, NULL, 0, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "zhead/w"));
    assert_int_equal(avcl_checkpoint_load(more.s, PATH, scopes, 2, NULL), AVCL_OK);
    assert_true(is_same(&plain, &more, "audio/w"));
    save(&untouched);
    err = (avcl_error){0};
    assert_int_equal(avcl_checkpoint_load(plain.s, PATH, NULL, 0, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "zhead/w"));
    /* the misfit is the last variable: the ones before it must not have been written */
    save(&wider);
    err = (avcl_error){0};
    assert_int_equal(avcl_checkpoint_load(untouched.s, PATH, NULL, 0, &err),
                     AVCL_E_SHAPE);
    assert_non_null(strstr(err.message, "zhead/w"));
    model same = make(2, AVCL_F32, "zhead/w", 3);
    assert_true(is_same(&untouched, &same, "video/w"));
    assert_true(is_same(&untouched, &same, "audio/w"));
    release(&plain);
    release(&more);
    release(&wider);
    release(&untouched);
    release(&same);
}

static void test_checkpoint__precisions_convert(void **state)
{
    (void)state;
    model narrow = make(1, AVCL_F32, NULL, 3);
    model wide = make(2, AVCL_F64, NULL, 3);
    model again = make(3, AVCL_F32, NULL, 3);
    float x[N];
    double y[N];
    save(&narrow);
    assert_int_equal(avcl_checkpoint_load(wide.s, PATH, NULL, 0, NULL), AVCL_OK);
    read_f32(&narrow, "video/w", x);
    assert_int_equal(avcl_session_read(wide.s, "video/w", y, sizeof y, NULL), AVCL_OK);
    for (int i = 0; i < N; i++)
        assert_true(y[i] == x[i]);
    save(&wide);
    assert_int_equal(avcl_checkpoint_load(again.s, PATH, NULL, 0, NULL), AVCL_OK);
    assert_true(is_same(&narrow, &again, "video/w"));
    release(&narrow);
    release(&wide);
    release(&again);
}

static void test_checkpoint__files_that_are_none(void **state)
{
    (void)state;
    model m = make(1, AVCL_F32, NULL, 3);
    avcl_error err = {0};
    unlink(PATH);
    assert_int_equal(avcl_checkpoint_load(m.s, PATH, NULL, 0, &err), AVCL_E_NOT_FOUND);
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
    err = (avcl_error){0};
    avcl_file_publish(PATH, "not tensors", 11, 1, NULL);
    assert_int_equal(avcl_checkpoint_load(m.s, PATH, NULL, 0, &err), AVCL_E_CORRUPT);
    assert_int_equal(err.code, AVCL_E_CORRUPT);
    release(&m);
}

static int remove_file(void **state)
{
    (void)state;
    unlink(PATH);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoint__every_bit_comes_back),
        cmocka_unit_test(test_checkpoint__scopes_are_path_prefixes),
        cmocka_unit_test(test_checkpoint__every_scope_must_name_something),
        cmocka_unit_test(test_checkpoint__misfits_are_named_and_change_nothing),
        cmocka_unit_test(test_checkpoint__precisions_convert),
        cmocka_unit_test(test_checkpoint__files_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
