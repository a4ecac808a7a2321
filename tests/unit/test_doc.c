/* test_doc.c - document trees: values survive text, hostile text does not get in. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/store.h"

static avcl_doc *parse(const char *text)
{
    avcl_error err = {0};
    avcl_doc *doc = avcl_doc_parse(text, strlen(text), &err);
    if (!doc) print_error("%s\n", err.message);
    assert_non_null(doc);
    return doc;
}

static int32_t at(const avcl_doc *doc, const char *key)
{
    int32_t node = avcl_doc_find(doc, avcl_doc_root(doc), key);
    if (node < 0) print_error("no key %s\n", key);
    assert_true(node >= 0);
    return node;
}

/* ---- scalars --------------------------------------------------------------------- */
static void test_doc__core_schema_decides_plain_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        avcl_doc_kind kind;
    } rows[] = {
        {"true", AVCL_DOC_BOOL},  {"False", AVCL_DOC_BOOL},     {"no", AVCL_DOC_STR},
        {"on", AVCL_DOC_STR},     {"y", AVCL_DOC_STR},          {"~", AVCL_DOC_NULL},
        {"null", AVCL_DOC_NULL},  {"nULL", AVCL_DOC_STR},       {"", AVCL_DOC_NULL},
        {"12", AVCL_DOC_INT},     {"-7", AVCL_DOC_INT},         {"+7", AVCL_DOC_INT},
        {"0x1F", AVCL_DOC_INT},   {"0o17", AVCL_DOC_INT},       {"1e-3", AVCL_DOC_FLOAT},
        {"1.", AVCL_DOC_FLOAT},   {".5", AVCL_DOC_FLOAT},       {"-.inf", AVCL_DOC_FLOAT},
        {".NaN", AVCL_DOC_FLOAT}, {"-.nan", AVCL_DOC_STR},      {"12:30", AVCL_DOC_STR},
        {"1_000", AVCL_DOC_STR},  {"0x", AVCL_DOC_STR},         {"0b1", AVCL_DOC_STR},
        {"1.0.0", AVCL_DOC_STR},  {"e5", AVCL_DOC_STR},         {"1e", AVCL_DOC_STR},
        {".", AVCL_DOC_STR},      {"nan", AVCL_DOC_STR},        {"'12'", AVCL_DOC_STR},
        {"\"no\"", AVCL_DOC_STR}, {"2026-11-23", AVCL_DOC_STR},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "k: %s\n", rows[i].text);
        avcl_doc *doc = parse(text);
        if (avcl_doc_get_kind(doc, at(doc, "k")) != rows[i].kind)
            fail_msg("'%s' has kind %d", rows[i].text,
                     avcl_doc_get_kind(doc, at(doc, "k")));
        avcl_doc_free(doc);
    }
    avcl_doc *doc = parse("{a: 0x1F, b: 0o17, c: -9223372036854775808, d: 010, e: 1e-3}");
    assert_int_equal(avcl_doc_get_int(doc, at(doc, "a")), 31);
    assert_int_equal(avcl_doc_get_int(doc, at(doc, "b")), 15);
    assert_true(avcl_doc_get_int(doc, at(doc, "c")) == INT64_MIN);
    assert_int_equal(avcl_doc_get_int(doc, at(doc, "d")), 10);
    assert_true(avcl_doc_get_float(doc, at(doc, "e")) == 1e-3);
    assert_true(avcl_doc_get_float(doc, at(doc, "a")) == 31.0);
    avcl_doc_free(doc);
}

static void test_doc__refuses_what_two_readers_could_see_differently(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a: &x 1\n",
        "a: *x\n",
        "a: !!str 1\n",
        "a: !t {b: 1}\n",
        "a: 1\na: 2\n",
        "{a: 1, 'a': 2}",
        "<<: {a: 1}\n",
        "? [1, 2]\n: 3\n",
        "a: 1\n---\nb: 2",
        "%YAML 1.1\n---\n",
        "",
        "# only words\n",
        "a: [1, 2\n",
        "a: b: c\n",
        "\ta: 1\n",
        "a: 99999999999999999999\n",
        "a: \"\\0\"\n",
        "&x [1]\n",
        "a: \"\xff\"\n",
        "a: 1\n b: 2\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        avcl_error err = {0};
        avcl_doc *doc = avcl_doc_parse(texts[i], strlen(texts[i]), &err);
        if (doc) fail_msg("accepted: %s", texts[i]);
        assert_int_equal(err.code, AVCL_E_INVALID);
        assert_true(strlen(err.message) > 10);
    }
    avcl_error err = {0};
    assert_null(avcl_doc_parse("a: 1\0b: 2", 9, &err));
    assert_string_equal(err.message, "NUL character at byte 4");
}

static void test_doc__nesting_is_bounded(void **state)
{
    (void)state;
    char text[2048];
    for (int depth = 100; depth <= 102; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        avcl_error err = {0};
        avcl_doc *doc = avcl_doc_parse(text, 2 * (size_t)depth, &err);
        assert_int_equal(doc != NULL, depth <= 101); /* the root is level 0 */
        avcl_doc_free(doc);
    }
    memset(text, '[', sizeof text);
    assert_null(avcl_doc_parse(text, sizeof text, NULL));
}

/* ---- building -------------------------------------------------------------------- */
static void test_doc__build_refuses_wrong_places(void **state)
{
    (void)state;
    avcl_doc *doc = avcl_doc_new();
    assert_int_equal(avcl_doc_root(doc), -1);
    assert_int_equal(avcl_doc_add(doc, -1, "key", AVCL_DOC_MAP), -1);
    int32_t root = avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    assert_int_equal(avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP), -1);
    int32_t list = avcl_doc_add(doc, root, "list", AVCL_DOC_LIST);
    int32_t x = avcl_doc_add(doc, root, "x", AVCL_DOC_STR);
    assert_int_equal(avcl_doc_add(doc, root, "x", AVCL_DOC_INT), -1);
    assert_int_equal(avcl_doc_add(doc, root, NULL, AVCL_DOC_INT), -1);
    assert_int_equal(avcl_doc_add(doc, list, "k", AVCL_DOC_INT), -1);
    assert_int_equal(avcl_doc_add(doc, x, NULL, AVCL_DOC_INT), -1);
    assert_int_equal(avcl_doc_add(doc, 99, NULL, AVCL_DOC_INT), -1);
    assert_int_equal(avcl_doc_n_children(doc, root), 2);
    assert_int_equal(avcl_doc_set_str(doc, list, "no scalar"), -1);
    assert_int_equal(avcl_doc_get_kind(doc, list), AVCL_DOC_LIST);
    avcl_doc_free(doc);
}

static void test_doc__long_maps_keep_order_and_find(void **state)
{
    (void)state;
    enum { N = 20000 };
    avcl_doc *doc = avcl_doc_new();
    int32_t root = avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    char key[32];
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key%d", i);
        avcl_doc_set_int(doc, avcl_doc_add(doc, root, key, AVCL_DOC_INT), i);
    }
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key%d", i);
        assert_int_equal(avcl_doc_get_int(doc, avcl_doc_find(doc, root, key)), i);
        assert_string_equal(avcl_doc_key(doc, avcl_doc_child(doc, root, i)), key);
    }
    assert_int_equal(avcl_doc_find(doc, root, "key20000"), -1);
    avcl_doc_free(doc);
}

/* ---- text ------------------------------------------------------------------------ */
/* What readers of YAML 1.1 or 1.2 take for something else, when it is not quoted. */
static const char *const texts[] = {
    "no",
    "yes",
    "on",
    "Off",
    "y",
    "12:30",
    "1e-3",
    "1.0e-03",
    "010",
    "0x1f",
    "0o7",
    "null",
    "~",
    "",
    " ",
    " a",
    "a ",
    "true",
    "TRUE",
    ".inf",
    ".nan",
    "=",
    "<<",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a",
    "{a",
    "[a",
    "a,b",
    "]",
    "'",
    "\"",
    "\\",
    "a\nb",
    "\n",
    "a\tb",
    "\x01",
    "\x7f",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\xf0\x9f\x8e\xb5",
    "\xc3\xa4",
    "---",
    "...",
    "# crc32c: 00000000",
    "2026-11-23",
    "2026-11-23T12:00:03Z",
    "1_000",
    "3f9c2a71",
    "3e10",
    "1.0.0",
    "+1",
    "-",
    "?",
    ":",
    "|",
    ">",
    "max val/top1",
    "experiments/table3.lua",
    "0b11",
    "190:20:30",
    "1__2",
    "12e03",
    "\r",
    "a\r\nb",
    "   \n  x",
    "\xe2\x89\xa5 0",
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

static void test_doc__strings_survive(void **state)
{
    (void)state;
    avcl_doc *doc = avcl_doc_new();
    int32_t root = avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    int32_t list = avcl_doc_add(doc, root, "list", AVCL_DOC_LIST);
    enum { N = N_TEXTS };
    for (int i = 0; i < N; i++) {
        avcl_doc_set_str(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_STR), texts[i]);
        avcl_doc_set_int(doc, avcl_doc_add(doc, root, texts[i], AVCL_DOC_INT), i);
    }
    avcl_error err = {0};
    char *text = avcl_doc_text(doc, &err);
    assert_non_null(text);
    avcl_doc *back = parse(text);
    for (int i = 0; i < N; i++) {
        int32_t node = avcl_doc_child(back, at(back, "list"), i);
        assert_int_equal(avcl_doc_get_kind(back, node), AVCL_DOC_STR);
        assert_string_equal(avcl_doc_get_str(back, node), texts[i]);
        assert_int_equal(avcl_doc_get_int(back, at(back, texts[i])), i);
    }
    avcl_text_free(text);
    avcl_doc_free(back);
    avcl_doc_free(doc);
}

static void test_doc__text_has_the_documented_shape(void **state)
{
    (void)state;
    avcl_doc *doc =
        parse("{b: {x: 1, z: [1, 2]}, a: [], y: null, s: 'no', f: 0.001, t: true,"
              " l: [{id: c3d, v: 1.5}, {id: r3d}], run: 3f9c, m: {}}");
    char *text = avcl_doc_text(doc, NULL);
    assert_string_equal(text, "b:\n  x: 1\n  z: [1, 2]\na: []\n\"y\": null\ns: \"no\"\n"
                              "f: 1.0e-03\nt: true\nl:\n- {id: c3d, v: 1.5e+00}\n"
                              "- {id: r3d}\nrun: 3f9c\nm: {}\n");
    avcl_text_free(text);
    avcl_doc_free(doc);
}

static void test_doc__text_is_refused_when_it_cannot_be_read_back(void **state)
{
    (void)state;
    avcl_error err = {0};
    avcl_doc *doc = avcl_doc_new();
    assert_null(avcl_doc_text(doc, &err));
    assert_int_equal(err.code, AVCL_E_INVALID);
    int32_t root = avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    int32_t node = avcl_doc_add(doc, root, "path", AVCL_DOC_STR);
    static const char *const bad[] = {"\xff",     "\xc0\x80", "\xed\xa0\x80",
                                      "\xe2\x82", "\x80",     "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (avcl_error){0};
        avcl_doc_set_str(doc, node, bad[i]);
        assert_null(avcl_doc_text(doc, &err));
        assert_string_equal(err.message, "key or text of 'path' is not UTF-8");
        assert_null(avcl_doc_json(doc, 1, NULL));
    }
    avcl_doc_free(doc);
}

static void test_doc__json_canonical_ignores_order_only(void **state)
{
    (void)state;
    avcl_doc *a = parse("{b: 1, a: [true, null, 'x\"\\\t'], B: {z: 1.5, y: .inf}}");
    avcl_doc *b = parse("{B: {y: .inf, z: 1.5}, a: [true, null, 'x\"\\\t'], b: 1}");
    char *plain = avcl_doc_json(a, 0, NULL);
    char *x = avcl_doc_json(a, 1, NULL);
    char *y = avcl_doc_json(b, 1, NULL);
    assert_string_equal(plain, "{\"b\":1,\"a\":[true,null,\"x\\\"\\\\\\u0009\"],"
                               "\"B\":{\"z\":1.5e+00,\"y\":\".inf\"}}");
    assert_string_equal(x, "{\"B\":{\"y\":\".inf\",\"z\":1.5e+00},"
                           "\"a\":[true,null,\"x\\\"\\\\\\u0009\"],\"b\":1}");
    assert_string_equal(x, y);
    avcl_text_free(plain);
    avcl_text_free(x);
    avcl_text_free(y);
    avcl_doc_free(a);
    avcl_doc_free(b);
}

/* Leaves the document and what it means in the build folder, where
 * tests/e2e/test_yaml_readers.py lets another reader tell what it sees. */
static void test_doc__writes_a_file_for_a_second_reader(void **state)
{
    (void)state;
    const char *folder = getenv("AVCL_BUILD_DIR");
    static const double floats[] = {0,        -0.0,      1,     1e-3,
                                    61.2345,  0.1,       1e300, 5e-324,
                                    INFINITY, -INFINITY, 1e22,  123456789};
    enum { N_FLOATS = sizeof floats / sizeof *floats };
    if (!folder) folder = "/tmp";
    char path[4096];
    snprintf(path, sizeof path, "%s/yaml_readers.txt", folder);
    FILE *meaning = fopen(path, "w");
    assert_non_null(meaning);
    avcl_doc *doc = avcl_doc_new();
    avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    int32_t list = avcl_doc_add(doc, 0, "list", AVCL_DOC_LIST);
    for (size_t i = 0; i < N_TEXTS; i++) {
        fputs("str ", meaning);
        for (const char *p = texts[i]; *p; p++)
            fprintf(meaning, "%02x", (unsigned)(unsigned char)*p);
        fputs("\n", meaning);
        avcl_doc_set_str(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_STR), texts[i]);
        avcl_doc_add(doc, 0, texts[i], AVCL_DOC_NULL);
    }
    for (size_t i = 0; i < N_FLOATS; i++) {
        fprintf(meaning, "float %a\n", floats[i]);
        avcl_doc_set_float(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_FLOAT), floats[i]);
    }
    fputs("int -9223372036854775808\nbool True\nNoneType None\n", meaning);
    avcl_doc_set_int(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_INT), INT64_MIN);
    avcl_doc_set_bool(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_BOOL), 1);
    avcl_doc_add(doc, list, NULL, AVCL_DOC_NULL);
    assert_int_equal(fclose(meaning), 0);
    snprintf(path, sizeof path, "%s/yaml_readers.yaml", folder);
    assert_int_equal(avcl_store_publish(path, doc, 1, NULL), AVCL_OK);
    avcl_doc_free(doc);
}

/* ---- floats ---------------------------------------------------------------------- */
static void test_float__known_texts(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {1e-3, "1.0e-03"},
        {61.2345, "6.12345e+01"},
        {0, "0.0e+00"},
        {-0.0, "-0.0e+00"},
        {1, "1.0e+00"},
        {0.1 + 0.2, "3.0000000000000004e-01"},
        {1.0 / 3, "3.333333333333333e-01"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {5e-324, "4.9e-324"},
        {INFINITY, ".inf"},
        {-INFINITY, "-.inf"},
        {NAN, ".nan"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[32];
        avcl_float_text(rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_float__every_bit_pattern_comes_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u; /* xorshift64 */
    avcl_doc *doc = avcl_doc_new();
    int32_t list = avcl_doc_add(doc, -1, NULL, AVCL_DOC_LIST);
    enum { N = 20000 };
    static double values[N];
    for (int i = 0; i < N; i++) {
        do {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(&values[i], &x, sizeof x);
        } while (isnan(values[i]));
        avcl_doc_set_float(doc, avcl_doc_add(doc, list, NULL, AVCL_DOC_FLOAT), values[i]);
    }
    char *text = avcl_doc_text(doc, NULL);
    avcl_doc *back = parse(text);
    for (int i = 0; i < N; i++) {
        int32_t node = avcl_doc_child(back, 0, i);
        double value = avcl_doc_get_float(back, node);
        assert_int_equal(avcl_doc_get_kind(back, node), AVCL_DOC_FLOAT);
        assert_memory_equal(&value, &values[i], sizeof value);
    }
    avcl_text_free(text);
    avcl_doc_free(back);
    avcl_doc_free(doc);
}

static void test_float__locale_does_not_matter(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) skip();
    char text[32];
    avcl_float_text(61.2345, text);
    avcl_doc *doc = parse("a: 1.5");
    double value = avcl_doc_get_float(doc, at(doc, "a"));
    avcl_doc_free(doc);
    setlocale(LC_ALL, "C");
    assert_string_equal(text, "6.12345e+01");
    assert_true(value == 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doc__core_schema_decides_plain_words),
        cmocka_unit_test(test_doc__refuses_what_two_readers_could_see_differently),
        cmocka_unit_test(test_doc__nesting_is_bounded),
        cmocka_unit_test(test_doc__build_refuses_wrong_places),
        cmocka_unit_test(test_doc__long_maps_keep_order_and_find),
        cmocka_unit_test(test_doc__strings_survive),
        cmocka_unit_test(test_doc__text_has_the_documented_shape),
        cmocka_unit_test(test_doc__text_is_refused_when_it_cannot_be_read_back),
        cmocka_unit_test(test_doc__json_canonical_ignores_order_only),
        cmocka_unit_test(test_doc__writes_a_file_for_a_second_reader),
        cmocka_unit_test(test_float__known_texts),
        cmocka_unit_test(test_float__every_bit_pattern_comes_back),
        cmocka_unit_test(test_float__locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
