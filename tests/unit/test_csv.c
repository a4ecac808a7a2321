/* test_csv.c - RFC 4180 records, the leniences and every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/csv.h"

/* All records as "line[a|b|c]", or the message of the first error. */
static void read_all(const char *text, size_t n, char out[1024])
{
    char *copy =
        malloc(n + 1); /* exactly as much as promised: a sanitizer sees overreads */
    memcpy(copy, text, n);
    avcl_csv csv;
    avcl_csv_record record;
    avcl_error err = {0};
    avcl_status status;
    size_t at = 0;
    avcl__csv_init(&csv, copy, n);
    out[0] = '\0';
    while ((status = avcl__csv_next(&csv, &record, &err)) == AVCL_OK) {
        at += (size_t)snprintf(out + at, 1024 - at, "%lld[", (long long)record.line);
        for (int i = 0; i < record.n; i++)
            at += (size_t)snprintf(out + at, 1024 - at, "%s%s", i ? "|" : "",
                                   record.field[i]);
        at += (size_t)snprintf(out + at, 1024 - at, "]");
    }
    if (status != AVCL_END) snprintf(out, 1024, "%s", err.message);
    free(copy);
}

static void expect(const char *text, const char *wanted)
{
    char out[1024];
    read_all(text, strlen(text), out);
    assert_string_equal(out, wanted);
}

static void test_csv__splits_fields(void **state)
{
    (void)state;
    expect("a,b,c\nd,,\n", "1[a|b|c]2[d||]");
    expect("a,b", "1[a|b]");
    expect("a,", "1[a|]");
    expect(",", "1[|]");
    expect("", "");
}

static void test_csv__unquotes(void **state)
{
    (void)state;
    expect("\"a,b\",c\n", "1[a,b|c]");
    expect("\"say \"\"hi\"\"\",\"\"\n", "1[say \"hi\"|]");
    expect("\"two\nlines\",x\ny,z\n", "1[two\nlines|x]3[y|z]");
    expect(" \" kept \" , cut \n", "1[ kept |cut]");
    expect("\"a\"", "1[a]");
}

static void test_csv__accepts_crlf_bom_blank_lines_and_comments(void **state)
{
    (void)state;
    expect("\xEF\xBB\xBFpath,label\r\n\r\n# note, \"odd\r\n  \na,b\r\n",
           "1[path|label]5[a|b]");
    expect("a,b\r", "1[a|b]");
    expect("a\r\n\"#b\"\r\n#c", "1[a]2[#b]");
}

static void test_csv__refuses_with_the_line(void **state)
{
    (void)state;
    expect("a,b\n\n\"c,d\ne", "line 3: a quote is never closed");
    expect("a\n\"b\"c\n", "line 2: 'c' after a closing quote, expected a comma");
    expect("a\nb\"c\n", "line 2: a quote inside an unquoted field");
    expect(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", "line 1: more than 32 columns");
}

/* Any bytes: an end or an error, never a crash or an endless loop. */
static void test_csv__survives_noise(void **state)
{
    (void)state;
    static const char alphabet[] = "a,\"\n\r# \t";
    uint32_t x = 1;
    for (int round = 0; round < 20000; round++) {
        char text[12];
        char out[1024];
        size_t n = (size_t)round % sizeof text;
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525u + 1013904223u;
            text[i] = alphabet[(x >> 24) % (sizeof alphabet - 1)];
        }
        read_all(text, n, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv__splits_fields),
        cmocka_unit_test(test_csv__unquotes),
        cmocka_unit_test(test_csv__accepts_crlf_bom_blank_lines_and_comments),
        cmocka_unit_test(test_csv__refuses_with_the_line),
        cmocka_unit_test(test_csv__survives_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
