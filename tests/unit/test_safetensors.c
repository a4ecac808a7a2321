/* test_safetensors.c - byte-exact files, round trips, and files that lie. */
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

static int make_path(void **state)
{
    char *path = strdup("/tmp/avcl-st-XXXXXX");
    int fd = path ? mkstemp(path) : -1;
    *state = path;
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

/* Length, header, data: a file as the format describes it. */
static void write_file(const char *path, uint64_t length, const char *header,
                       const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> (8 * i) & 0xff), file);
    fputs(header, file);
    if (n) fwrite(data, 1, n, file);
    fclose(file);
}

static avcl_tensor tensor(void *data, avcl_dtype dtype, uint64_t nbytes, int32_t ndim,
                          int64_t a, int64_t b)
{
    avcl_tensor t = {.data = data, .dtype = dtype, .ndim = ndim, .nbytes = nbytes};
    t.shape[0] = a;
    t.shape[1] = b;
    return t;
}

static void test_safetensors__writes_the_format_byte_for_byte(void **state)
{
    avcl_safetensors *st = avcl_safetensors_new();
    float values[2] = {1.0f, -2.0f};
    uint8_t bytes[3] = {7, 8, 9};
    avcl_tensor narrow = tensor(bytes, AVCL_U8, 3, 1, 3, 0);
    avcl_tensor wide = tensor(values, AVCL_F32, 8, 2, 1, 2);
    assert_int_equal(avcl_safetensors_put_text(st, "epoch", "3", NULL), AVCL_OK);
    assert_int_equal(avcl_safetensors_put(st, "b", &narrow, NULL), AVCL_OK);
    assert_int_equal(avcl_safetensors_put(st, "w", &wide, NULL), AVCL_OK);
    assert_int_equal(avcl_safetensors_save(st, *state, NULL), AVCL_OK);
    avcl_safetensors_free(st);
    char header[512];
    int n =
        snprintf(header, sizeof header,
                 "{\"__metadata__\":{\"epoch\":\"3\",\"crc32c/w\":\"%08x\","
                 "\"crc32c/b\":\"%08x\"},"
                 "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                 "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}",
                 (unsigned)avcl_crc32c(0, values, 8), (unsigned)avcl_crc32c(0, bytes, 3));
    while (n % 8)
        header[n++] = ' ';
    unsigned char file[1024];
    FILE *f = fopen(*state, "rb");
    size_t size = fread(file, 1, sizeof file, f);
    fclose(f);
    assert_int_equal(size, 8 + n + 11);
    assert_int_equal(file[0] | file[1] << 8, n);
    assert_memory_equal(file + 2, "\0\0\0\0\0\0", 6);
    assert_memory_equal(file + 8, header, n);
    assert_memory_equal(file + 8 + n, "\0\0\x80\x3f\0\0\0\xc0\7\10\11", 11);
}

static void test_safetensors__reads_a_foreign_file(void **state)
{
    static const char header[] =
        "{\"b\":{\"data_offsets\":[2,6],\"shape\":[2,1],"
        "\"dtype\":\"F16\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[],"
        "\"data_offsets\":[0,2]},\"e\":{\"dtype\":\"F32\","
        "\"shape\":[0,4],\"data_offsets\":[2,2]}}   ";
    write_file(*state, strlen(header), header, "\x80\x3f\x00\x3c\x00\xc0", 6);
    avcl_error err = {0};
    avcl_safetensors *st = avcl_safetensors_open(*state, &err);
    if (!st) fail_msg("%s", err.message);
    assert_int_equal(avcl_safetensors_count(st), 3);
    assert_string_equal(avcl_safetensors_name(st, 0), "a");
    assert_null(avcl_safetensors_name(st, 3));
    avcl_tensor t;
    assert_int_equal(avcl_safetensors_get(st, "b", &t, NULL), AVCL_OK);
    assert_int_equal(t.dtype, AVCL_F16);
    assert_int_equal(t.shape[0] * 10 + t.shape[1], 21);
    assert_memory_equal(t.data, "\x00\x3c\x00\xc0", 4);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    assert_int_equal(avcl_safetensors_get(st, "a", &t, NULL), AVCL_OK);
    assert_int_equal(t.ndim, 0);
    assert_int_equal(t.nbytes, 2);
    assert_int_equal(avcl_safetensors_get(st, "e", &t, NULL), AVCL_OK);
    assert_int_equal(t.nbytes, 0);
    assert_int_equal(avcl_safetensors_get(st, "c", &t, &err), AVCL_E_NOT_FOUND);
    assert_null(avcl_safetensors_get_text(st, "none"));
    avcl_safetensors_free(st);
}

static void test_safetensors__every_type_comes_back(void **state)
{
    static const struct {
        avcl_dtype dtype;
        int size;
        const char *name;
    } rows[] = {{AVCL_U8, 1, "u8"},
                {AVCL_F16, 2, "f16"},
                {AVCL_F32, 4, "f32"},
                {AVCL_BF16, 2, "bf16"},
                {AVCL_I32, 4, "i32"},
                {AVCL_F64, 8, "f64"},
                {AVCL_I64, 8, "a/b\"\\\xc3\xa4"}};
    unsigned char data[24];
    for (int i = 0; i < 24; i++)
        data[i] = (unsigned char)(i * 31);
    avcl_safetensors *st = avcl_safetensors_new();
    for (size_t i = 0; i < 7; i++) {
        avcl_tensor t = tensor(data, rows[i].dtype, 3u * (unsigned)rows[i].size, 1, 3, 0);
        assert_int_equal(avcl_safetensors_put(st, rows[i].name, &t, NULL), AVCL_OK);
    }
    avcl_safetensors_put_text(st, "note", "a \"quoted\" \xe2\x89\xa5 line\n", NULL);
    assert_int_equal(avcl_safetensors_save(st, *state, NULL), AVCL_OK);
    avcl_safetensors_free(st);
    st = avcl_safetensors_open(*state, NULL);
    assert_non_null(st);
    assert_string_equal(avcl_safetensors_get_text(st, "note"),
                        "a \"quoted\" \xe2\x89\xa5 line\n");
    for (size_t i = 0; i < 7; i++) {
        avcl_tensor t;
        assert_int_equal(avcl_safetensors_get(st, rows[i].name, &t, NULL), AVCL_OK);
        assert_int_equal(t.dtype, rows[i].dtype);
        assert_memory_equal(t.data, data, 3u * (unsigned)rows[i].size);
    }
    avcl_safetensors_free(st);
}

static void test_safetensors__put_refuses_nonsense(void **state)
{
    float x[2] = {0};
    avcl_error err = {0};
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_tensor good = tensor(x, AVCL_F32, 8, 1, 2, 0);
    avcl_tensor wrong = tensor(x, AVCL_F32, 8, 1, 3, 0);
    avcl_tensor negative = tensor(x, AVCL_F32, 8, 2, -1, -2);
    assert_int_equal(avcl_safetensors_put(st, "x", &good, NULL), AVCL_OK);
    assert_int_equal(avcl_safetensors_put(st, "x", &good, &err), AVCL_E_EXISTS);
    assert_int_equal(avcl_safetensors_put(st, "y", &wrong, NULL), AVCL_E_SHAPE);
    assert_int_equal(avcl_safetensors_put(st, "y", &negative, NULL), AVCL_E_SHAPE);
    assert_int_equal(avcl_safetensors_put(st, "__metadata__", &good, NULL),
                     AVCL_E_INVALID);
    assert_int_equal(avcl_safetensors_put_text(st, "crc32c/x", "0", NULL),
                     AVCL_E_INVALID);
    assert_int_equal(avcl_safetensors_put_text(st, "k", "\xff", NULL), AVCL_E_INVALID);
    assert_int_equal(avcl_safetensors_count(st), 1);
    assert_int_equal(avcl_safetensors_save(st, "/nowhere/x", NULL), AVCL_E_IO);
    avcl_safetensors_free(st);
    (void)state;
}

static void refused(const char *path, avcl_status code, const char *what)
{
    avcl_error err = {0};
    avcl_safetensors *st = avcl_safetensors_open(path, &err);
    if (st || err.code != code) fail_msg("%s: %s", what, st ? "accepted" : err.message);
    assert_non_null(strstr(err.message, path));
}

static void test_safetensors__hostile_headers(void **state)
{
    static const struct {
        const char *header;
        avcl_status code;
    } rows[] = {
        {"", AVCL_E_CORRUPT},
        {"[]", AVCL_E_CORRUPT},
        {" {}", AVCL_E_CORRUPT},
        {"{", AVCL_E_CORRUPT},
        {"{}x", AVCL_E_CORRUPT},
        {"{}", AVCL_E_CORRUPT}, /* eight bytes of data are nobody's */
        {"{'a':1}", AVCL_E_CORRUPT},
        {"{'a':{}}", AVCL_E_CORRUPT},
        {"{'__metadata__':[]}", AVCL_E_CORRUPT},
        {"{'__metadata__':{'a':1},'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F99','shape':[2],'data_offsets':[0,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'I8','shape':[8],'data_offsets':[0,8]}}", AVCL_E_UNSUPPORTED},
        {"{'a':{'dtype':'U8','shape':[1,1,1,1,1,1,1,1,8],'data_offsets':[0,8]}}",
         AVCL_E_UNSUPPORTED},
        {"{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':'2','data_offsets':[0,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[8,0]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[-8,0]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[4],'data_offsets':[0,16]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}", AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
         "'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
         "'b':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}}",
         AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[4611686018427387905,2],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[4294967296,4294967296,0],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
        {"{'a':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
        {"{'__metadata__':{'crc32c/a':'00000000'},"
         "'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}",
         AVCL_E_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char header[512];
        snprintf(header, sizeof header, "%s", rows[i].header);
        for (char *p = header; *p; p++)
            if (*p == '\'') *p = '"';
        write_file(*state, strlen(header), header, "\1\2\3\4\5\6\7\10", 8);
        refused(*state, rows[i].code, header);
    }
}

static void test_safetensors__hostile_lengths(void **state)
{
    static const uint64_t lengths[] = {3,           1000,       100 * 1000 * 1000 + 1,
                                       INT64_MAX,   UINT64_MAX, UINT64_MAX - 7,
                                       1ull << 63u, 1ull << 32u};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_file(*state, lengths[i], "{}", NULL, 0);
        refused(*state, AVCL_E_CORRUPT, "length");
    }
    write_file(*state, 2, "{}", NULL, 0);
    avcl_safetensors *empty = avcl_safetensors_open(*state, NULL);
    assert_non_null(empty);
    assert_int_equal(avcl_safetensors_count(empty), 0);
    avcl_safetensors_free(empty);
    avcl_error err = {0};
    assert_null(avcl_safetensors_open("/nowhere/x", &err));
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
    assert_null(avcl_safetensors_open("/tmp", NULL));
}

/* Cut anywhere, a file is refused; with any bit changed it gives the same data or none.
 */
static void test_safetensors__damage_is_noticed(void **state)
{
    float values[4] = {1, 2, 3, 4};
    avcl_tensor t = tensor(values, AVCL_F32, 16, 1, 4, 0);
    avcl_safetensors *st = avcl_safetensors_new();
    avcl_safetensors_put(st, "w", &t, NULL);
    avcl_safetensors_save(st, *state, NULL);
    avcl_safetensors_free(st);
    unsigned char file[512];
    FILE *f = fopen(*state, "rb");
    size_t n = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        f = fopen(*state, "wb");
        fwrite(file, 1, i, f);
        fclose(f);
        refused(*state, AVCL_E_CORRUPT, "cut");
    }
    size_t data_begins = n - 16;
    for (size_t i = 0; i < n * 8; i++) {
        file[i / 8] ^= (unsigned char)(1u << i % 8);
        f = fopen(*state, "wb");
        fwrite(file, 1, n, f);
        fclose(f);
        file[i / 8] ^= (unsigned char)(1u << i % 8);
        st = avcl_safetensors_open(*state, NULL);
        if (i / 8 >= data_begins) assert_null(st);
        if (st && avcl_safetensors_get(st, "w", &t, NULL) == AVCL_OK)
            assert_memory_equal(t.data, values, 16);
        avcl_safetensors_free(st);
    }
}

#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PATH(test_safetensors__writes_the_format_byte_for_byte),
        WITH_PATH(test_safetensors__reads_a_foreign_file),
        WITH_PATH(test_safetensors__every_type_comes_back),
        WITH_PATH(test_safetensors__put_refuses_nonsense),
        WITH_PATH(test_safetensors__hostile_headers),
        WITH_PATH(test_safetensors__hostile_lengths),
        WITH_PATH(test_safetensors__damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
