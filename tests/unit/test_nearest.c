/* test_nearest.c - edit distances by hand, and when a suggestion is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/host.h"
#include "base/nearest.h"

static void test_nearest__distances(void **state)
{
    (void)state;
    assert_int_equal(avcl__edit_distance("", ""), 0);
    assert_int_equal(avcl__edit_distance("", "abc"), 3);
    assert_int_equal(avcl__edit_distance("width", "width"), 0);
    assert_int_equal(avcl__edit_distance("witdh", "width"), 1); /* neighbours swapped */
    assert_int_equal(avcl__edit_distance("widht", "width"), 1);
    assert_int_equal(avcl__edit_distance("kitten", "sitting"), 3);
    assert_int_equal(avcl__edit_distance("sitting", "kitten"), 3);
    assert_int_equal(avcl__edit_distance("WIDTH", "width"), 0);
    /* Restricted: no letter takes part twice, so not 2. */
    assert_int_equal(avcl__edit_distance("ca", "abc"), 3);
}

static void test_nearest__is_symmetric_and_triangular(void **state)
{
    (void)state;
    static const char *const words[] = {"conv", "convex", "cnov", "vnoc",
                                        "pool", "",       "loop"};
    enum { N = sizeof words / sizeof *words };
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            uint32_t d = avcl__edit_distance(words[i], words[j]);
            size_t a = strlen(words[i]);
            size_t b = strlen(words[j]);
            assert_int_equal(d, avcl__edit_distance(words[j], words[i]));
            assert_true(d >= (a > b ? a - b : b - a) && d <= (a > b ? a : b));
        }
}

static void test_nearest__suggests_slips_only(void **state)
{
    (void)state;
    static const char *const names[] = {"width", NULL, "stem", "lambda", "tau"};
    assert_int_equal(avcl_nearest("witdh", names, 5), 0);
    assert_int_equal(avcl_nearest("lamda", names, 5), 3);
    assert_int_equal(avcl_nearest("stme", names, 5), 2);
    assert_int_equal(avcl_nearest("tau", names, 5), 4);
    assert_int_equal(avcl_nearest("height", names, 5), -1);
    assert_int_equal(avcl_nearest("x", names, 5), -1);
    assert_int_equal(avcl_nearest("", names, 5), -1);
    assert_int_equal(avcl_nearest("width", NULL, 0), -1);
}

static void test_nearest__takes_the_nearer_then_the_first(void **state)
{
    (void)state;
    static const char *const names[] = {"conv2", "conv3", "conv33"};
    assert_int_equal(avcl_nearest("conv33", names, 3), 2);
    assert_int_equal(avcl_nearest("conv", names, 3), 0);
}

static void test_nearest__long_words_stay_in_bounds(void **state)
{
    (void)state;
    char a[300];
    memset(a, 'a', sizeof a - 1);
    a[sizeof a - 1] = '\0';
    assert_int_equal(avcl__edit_distance(a, ""), 64);
    assert_int_equal(avcl__edit_distance(a, a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest__distances),
        cmocka_unit_test(test_nearest__is_symmetric_and_triangular),
        cmocka_unit_test(test_nearest__suggests_slips_only),
        cmocka_unit_test(test_nearest__takes_the_nearer_then_the_first),
        cmocka_unit_test(test_nearest__long_words_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
