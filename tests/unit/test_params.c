/* test_params.c - defaults, conversions, ranges and the wording of every refusal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/build.h"
#include "plugin/params.h"

struct params {
    int64_t width;
    double tau;
    int32_t center;
    int32_t gate;
    const char *path;
    avcl_ints stride;
    int64_t n_classes;
};

static const char *const gates[] = {"relu", "sigmoid", NULL};
static const avcl_param rows[] = {
    {.name = "width",
     .doc = "d",
     .type = AVCL_INT,
     .flags = AVCL_P_MIN | AVCL_P_MAX,
     .min = 8,
     .max = 512,
     .def_int = 64,
     .offset = offsetof(struct params, width)},
    {.name = "tau",
     .doc = "d",
     .type = AVCL_FLOAT,
     .flags = AVCL_P_MIN,
     .min = 0.001,
     .def_float = 0.5,
     .offset = offsetof(struct params, tau)},
    {.name = "center",
     .doc = "d",
     .type = AVCL_BOOL,
     .def_int = 1,
     .offset = offsetof(struct params, center)},
    {.name = "gate",
     .doc = "d",
     .type = AVCL_ENUM,
     .choices = gates,
     .offset = offsetof(struct params, gate)},
    {.name = "path",
     .doc = "d",
     .type = AVCL_STR,
     .def_str = "here",
     .offset = offsetof(struct params, path)},
    {.name = "stride",
     .doc = "d",
     .type = AVCL_INTS,
     .flags = AVCL_P_MIN,
     .min = 1,
     .def_ints = {3, 0, {1, 2, 2}},
     .offset = offsetof(struct params, stride)},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static avcl_status fill(const avcl_attr *given, uint32_t n, struct params *out,
                        avcl_error *err, avcl_arena *arena)
{
    memset(out, 0, sizeof *out);
    return avcl__params_fill(rows, sizeof *rows, N_ROWS, given, n, "backbone 'r3d'",
                             arena, out, err);
}

static void refuses(avcl_attr given, const char *message)
{
    avcl_arena arena = {0};
    struct params p;
    avcl_error err = {0};
    assert_int_equal(fill(&given, 1, &p, &err, &arena), AVCL_E_INVALID);
    assert_string_equal(err.message, message);
    avcl__arena_release(&arena);
}

static void test_params__fill_defaults(void **state)
{
    (void)state;
    avcl_arena arena = {0};
    struct params p;
    assert_int_equal(fill(NULL, 0, &p, NULL, &arena), AVCL_OK);
    assert_int_equal(p.width, 64);
    assert_true(p.tau == 0.5);
    assert_int_equal(p.center, 1);
    assert_int_equal(p.gate, 0);
    assert_string_equal(p.path, "here");
    assert_int_equal(p.stride.n, 3);
    assert_int_equal(p.stride.v[2], 2);
    avcl__arena_release(&arena);
}

static void test_params__fill_converts_numbers(void **state)
{
    (void)state;
    avcl_arena arena = {0};
    struct params p;
    avcl_attr given[] = {avcl_attr_float("width", 8.0), avcl_attr_int("tau", 2),
                         avcl_attr_int("center", 0), avcl_attr_str("gate", "sigmoid"),
                         avcl_attr_int("stride", 4)};
    assert_int_equal(fill(given, 5, &p, NULL, &arena), AVCL_OK);
    assert_int_equal(p.width, 8);
    assert_true(p.tau == 2.0);
    assert_int_equal(p.center, 0);
    assert_int_equal(p.gate, 1);
    assert_int_equal(p.stride.n, 1);
    assert_int_equal(p.stride.v[0], 4);
    avcl__arena_release(&arena);
}

static void test_params__fill_copies_strings(void **state)
{
    (void)state;
    avcl_arena arena = {0};
    struct params p;
    char text[] = "there";
    avcl_attr given = avcl_attr_str("path", text);
    assert_int_equal(fill(&given, 1, &p, NULL, &arena), AVCL_OK);
    text[0] = 'X';
    assert_string_equal(p.path, "there");
    avcl__arena_release(&arena);
}

static void test_params__fill_words_its_refusals(void **state)
{
    (void)state;
    const int64_t zero[2] = {2, 0};
    refuses(avcl_attr_int("width", 4),
            "backbone 'r3d': width = 4 is below 8 (int, 8..512, default 64)");
    refuses(avcl_attr_int("width", 513),
            "backbone 'r3d': width = 513 is above 512 (int, 8..512, default 64)");
    refuses(avcl_attr_int("witdh", 64),
            "backbone 'r3d': unknown parameter 'witdh' (did you mean 'width'?)");
    refuses(avcl_attr_int("momentum", 1),
            "backbone 'r3d': unknown parameter 'momentum' (it "
            "takes width, tau, center, gate, path, stride)");
    refuses(avcl_attr_float("width", 64.5),
            "backbone 'r3d': width = 64.5 is not an int (int, 8..512, default 64)");
    refuses(avcl_attr_str("tau", "hot"),
            "backbone 'r3d': tau = 'hot' is not a float (float, >= 0.001, default 0.5)");
    refuses(avcl_attr_float("tau", 0),
            "backbone 'r3d': tau = 0 is below 0.001 (float, >= 0.001, default 0.5)");
    refuses(avcl_attr_str("gate", "rleu"),
            "backbone 'r3d': gate = 'rleu' is not one of relu, "
            "sigmoid (did you mean 'relu'?)");
    refuses(
        avcl_attr_int("gate", 1),
        "backbone 'r3d': gate = 1 is not a choice (one of relu, sigmoid; default relu)");
    refuses(avcl_attr_int("center", 2),
            "backbone 'r3d': center = 2 is not a bool (bool, default true)");
    refuses(avcl_attr_ints("stride", zero, 2),
            "backbone 'r3d': stride = {2, 0} has a value "
            "below 1 (list of ints, >= 1, default {1, 2, "
            "2})");
}

static void test_params__fill_refuses_odd_numbers(void **state)
{
    (void)state;
    avcl_arena arena = {0};
    struct params p;
    avcl_attr odd[] = {
        avcl_attr_float("tau", NAN),        avcl_attr_float("width", NAN),
        avcl_attr_float("width", INFINITY), avcl_attr_float("width", 1e300),
        avcl_attr_bool("width", 1),         avcl_attr_float("center", 1)};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(fill(&odd[i], 1, &p, NULL, &arena), AVCL_E_INVALID);
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    avcl_attr longer = avcl_attr_ints("stride", nine, 9);
    assert_int_equal(fill(&longer, 1, &p, NULL, &arena), AVCL_E_INVALID);
    avcl__arena_release(&arena);
}

static void test_params__fill_refuses_a_name_given_twice(void **state)
{
    (void)state;
    avcl_arena arena = {0};
    struct params p;
    avcl_error err = {0};
    avcl_attr twice[] = {avcl_attr_int("width", 8), avcl_attr_int("width", 9)};
    assert_int_equal(fill(twice, 2, &p, &err, &arena), AVCL_E_INVALID);
    assert_string_equal(err.message, "backbone 'r3d': parameter 'width' is given twice");
    avcl__arena_release(&arena);
}

static void test_params__fill_wants_required_ones(void **state)
{
    (void)state;
    static const avcl_param row = {.name = "n_classes",
                                   .doc = "d",
                                   .type = AVCL_INT,
                                   .flags = AVCL_P_REQUIRED | AVCL_P_MIN,
                                   .min = 1,
                                   .offset = offsetof(struct params, n_classes)};
    avcl_arena arena = {0};
    struct params p = {0};
    avcl_error err = {0};
    assert_int_equal(
        avcl__params_fill(&row, sizeof row, 1, NULL, 0, "loss 'x'", &arena, &p, &err),
        AVCL_E_INVALID);
    assert_string_equal(
        err.message, "loss 'x': parameter 'n_classes' is missing (int, >= 1, required)");
    avcl_attr given = avcl_attr_int("n_classes", 32);
    assert_int_equal(
        avcl__params_fill(&row, sizeof row, 1, &given, 1, "loss 'x'", &arena, &p, NULL),
        AVCL_OK);
    assert_int_equal(p.n_classes, 32);
    avcl__arena_release(&arena);
}

/* A writer with larger rows than ours: the stride is theirs. */
static void test_params__fill_follows_the_stride(void **state)
{
    (void)state;
    struct wide {
        avcl_param row;
        uint64_t later;
    } wide[2] = {{rows[0], 7}, {rows[1], 7}};
    avcl_arena arena = {0};
    struct params p = {0};
    avcl_attr given = avcl_attr_float("tau", 0.07);
    assert_int_equal(avcl__params_fill(&wide[0].row, sizeof *wide, 2, &given, 1, "x",
                                       &arena, &p, NULL),
                     AVCL_OK);
    assert_true(p.tau == 0.07);
    assert_int_equal(p.width, 64);
    avcl__arena_release(&arena);
}

static void breaks(avcl_param row, const char *message)
{
    avcl_error err = {0};
    assert_int_equal(avcl__params_check(&row, sizeof row, 1, sizeof(struct params), &err),
                     AVCL_E_ABI);
    assert_string_equal(err.message, message);
}

static void test_params__check_finds_broken_schemas(void **state)
{
    (void)state;
    assert_int_equal(
        avcl__params_check(rows, sizeof *rows, N_ROWS, sizeof(struct params), NULL),
        AVCL_OK);
    avcl_param row = rows[0];
    row.def_int = 4;
    breaks(
        row,
        "parameter 'width': its default: width = 4 is below 8 (int, 8..512, default 4)");
    row = rows[0];
    row.doc = "";
    breaks(row, "parameter 'width': it has no doc sentence");
    row = rows[0];
    row.name = "Width";
    breaks(row, "parameter 0: 'Width' is not a name ([a-z][a-z0-9_]*)");
    row = rows[3];
    row.def_int = 2;
    breaks(row, "parameter 'gate': its default 2 is not in 0..1");
    row = rows[0];
    row.type = 99;
    breaks(row, "parameter 'width': its type 99 is unknown");
    row = rows[5];
    row.def_ints.n = 9;
    breaks(row, "parameter 'stride': its default has 9 values, more than 8");
    avcl_param outside = rows[0];
    outside.offset = sizeof(struct params) - 4;
    assert_int_equal(
        avcl__params_check(&outside, sizeof outside, 1, sizeof(struct params), NULL),
        AVCL_E_ABI);
    avcl_param overlap[2] = {rows[0], rows[1]};
    overlap[1].offset = overlap[0].offset + 4;
    assert_int_equal(
        avcl__params_check(overlap, sizeof *overlap, 2, sizeof(struct params), NULL),
        AVCL_E_ABI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_params__fill_defaults),
        cmocka_unit_test(test_params__fill_converts_numbers),
        cmocka_unit_test(test_params__fill_copies_strings),
        cmocka_unit_test(test_params__fill_words_its_refusals),
        cmocka_unit_test(test_params__fill_refuses_odd_numbers),
        cmocka_unit_test(test_params__fill_refuses_a_name_given_twice),
        cmocka_unit_test(test_params__fill_wants_required_ones),
        cmocka_unit_test(test_params__fill_follows_the_stride),
        cmocka_unit_test(test_params__check_finds_broken_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
