/* test_hash.c - checksums against published values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"

/* CRC-32C: the catalogue's check value, and the four vectors of RFC 3720, B.4. */
static void test_crc32c__published_values(void **state)
{
    (void)state;
    unsigned char block[32] = {0};
    assert_int_equal(avcl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(avcl_crc32c(0, "", 0), 0);
    assert_int_equal(avcl_crc32c(0, block, 32), 0x8a9136aa);
    memset(block, 0xff, 32);
    assert_int_equal(avcl_crc32c(0, block, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        block[i] = (unsigned char)i;
    assert_int_equal(avcl_crc32c(0, block, 32), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        block[i] = (unsigned char)(31 - i);
    assert_int_equal(avcl_crc32c(0, block, 32), 0x113fdb5c);
}

/* The definition, bit by bit, against every length, offset and way of cutting. */
static void test_crc32c__equals_its_definition_in_pieces(void **state)
{
    (void)state;
    unsigned char data[80];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++) {
        uint32_t crc = ~0u;
        for (size_t n = 1; from + n <= sizeof data; n++) {
            crc ^= data[from + n - 1];
            for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
            assert_int_equal(avcl_crc32c(0, data + from, n), ~crc);
            uint32_t part = avcl_crc32c(0, data + from, n / 3);
            assert_int_equal(avcl_crc32c(part, data + from + n / 3, n - n / 3), ~crc);
        }
    }
}

/* FIPS 180-2, appendix B. */
static void test_sha256__published_values(void **state)
{
    (void)state;
    char hex[65];
    avcl_sha256_hex("abc", 3, hex);
    assert_string_equal(
        hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    avcl_sha256_hex(NULL, 0, hex);
    assert_string_equal(
        hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_sha256__file_equals_memory(void **state)
{
    (void)state;
    static char data[100001];
    char path[] = "/tmp/avcl-hash-XXXXXX";
    char a[65];
    char b[65];
    memset(data, 'x', sizeof data);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, data, sizeof data), sizeof data);
    close(fd);
    avcl_sha256_hex(data, sizeof data, a);
    assert_int_equal(avcl_sha256_file(path, b, NULL), AVCL_OK);
    assert_string_equal(a, b);
    unlink(path);
    avcl_error err = {0};
    assert_int_equal(avcl_sha256_file(path, b, &err), AVCL_E_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(avcl_sha256_file("/tmp", b, NULL), AVCL_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c__published_values),
        cmocka_unit_test(test_crc32c__equals_its_definition_in_pieces),
        cmocka_unit_test(test_sha256__published_values),
        cmocka_unit_test(test_sha256__file_equals_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
