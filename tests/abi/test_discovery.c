/*
 * test_discovery.c - good plugin files: where they are looked for, and by what names
 * found.
 */
#define _XOPEN_SOURCE 700 /* setenv */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <cmocka.h>

#include "avcl/host.h"
#include "plugin_fixture.h"

/* ---- good ones
 * ------------------------------------------------------------------------------ */
static void test_plugin__one_c_file_is_a_backbone(void **state)
{
    plugin_fixture *f = *state;
    avcl_error err = {0};
    plugin_compile(f, "tiny", "");
    avcl_host *host = plugin_host(f);
    assert_int_equal(plugin_info(host, "tiny").state, AVCL_PLUGIN_OK);
    assert_int_equal(avcl_host_n_modules(host), 0); /* nothing loads before it is named */
    const avcl_module *m = avcl_host_find(host, AVCL_KIND_BACKBONE, "tiny", &err);
    if (!m) fail_msg("%s", err.message);
    assert_ptr_equal(m, avcl_host_find(host, NULL, "org.test.tiny/tiny", NULL));
    avcl_plugin_info info = plugin_info(host, "tiny");
    assert_int_equal(info.state, AVCL_PLUGIN_LOADED);
    assert_int_equal(info.n_modules, 1);
    assert_string_equal(info.id, "org.test.tiny");
    assert_int_equal(strlen(info.sha256), 64);
    assert_null(info.reason);
    uint32_t from = 9;
    assert_ptr_equal(avcl_host_get_module(host, 0, &from), m);
    assert_int_equal(from, 0);
    assert_null(avcl_host_get_module(host, 1, NULL));
}

static void test_plugin__environment_names_folders(void **state)
{
    plugin_fixture *f = *state;
    char list[2 * PATH];
    plugin_compile(f, "tiny", "");
    snprintf(list, sizeof list, ":relative::/nowhere:%s:", f->dir);
    setenv("AVCL_PLUGIN_PATH_ONLY", "1", 1);
    setenv("AVCL_PLUGIN_PATH", list, 1);
    avcl_host_options o = {.log = plugin_keep_log, .log_arg = f};
    f->host = avcl_host_new(&o, NULL);
    assert_non_null(f->host);
    assert_int_equal(avcl_host_n_plugins(f->host), 1);
    assert_non_null(strstr(f->log, "'relative' is skipped, not absolute"));
}

static void test_plugin__never_from_the_current_directory(void **state)
{
    plugin_fixture *f = *state;
    char before[PATH];
    plugin_compile(f, "tiny", "");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->dir), 0);
    setenv("AVCL_PLUGIN_PATH_ONLY", "1", 1);
    setenv("AVCL_PLUGIN_PATH", ":.:", 1);
    f->host = avcl_host_new(NULL, NULL);
    assert_int_equal(chdir(before), 0);
    assert_non_null(f->host);
    assert_int_equal(avcl_host_n_plugins(f->host), 0);
}

static void test_plugin__user_folder_and_bundles_are_searched(void **state)
{
    plugin_fixture *f = *state;
    char folder[2 * PATH];
    char command[4 * PATH];
    plugin_compile(f, "tiny", "");
    snprintf(folder, sizeof folder, "%s/data", f->dir);
    snprintf(command, sizeof command,
             "d='%s/avcl/plugins-1/x.avclplugin' && mkdir -p \"$d\" && "
             "mv '%s/tiny.avcl.so' \"$d\"",
             folder, f->dir);
    assert_int_equal(system(command), 0);
    setenv("XDG_DATA_HOME", folder, 1);
    setenv("AVCL_PLUGIN_PATH", "", 1);
    unsetenv("AVCL_PLUGIN_PATH_ONLY");
    f->host = avcl_host_new(NULL, NULL);
    unsetenv("XDG_DATA_HOME");
    assert_non_null(f->host);
    assert_int_equal(plugin_info(f->host, "tiny").state, AVCL_PLUGIN_OK);
}

static void test_plugin__helper_libraries_are_no_candidates(void **state)
{
    plugin_fixture *f = *state;
    char from[PATH + 64];
    char to[PATH + 64];
    plugin_compile(f, "tiny", "");
    snprintf(from, sizeof from, "%s/tiny.avcl.so", f->dir);
    snprintf(to, sizeof to, "%s/helper.so", f->dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(avcl_host_n_plugins(plugin_host(f)), 0);
    avcl_error err = {0};
    assert_int_equal(avcl_host_load(f->host, to, &err), AVCL_OK); /* unless named */
    assert_non_null(avcl_host_find(f->host, NULL, "tiny", NULL));
    assert_int_equal(avcl_host_load(f->host, from, &err), AVCL_E_NOT_FOUND);
}

static void test_plugin__a_longer_struct_of_zeros_is_fine(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "grown", "-DTAIL=0");
    plugin_expect(f, "grown", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__unknown_kind_hides_only_that_module(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "two", "-DNAME2='\"other\"' -DKIND='\"org.lab.thing/1\"'");
    plugin_expect(f, "two", AVCL_PLUGIN_LOADED,
                  "'other' is hidden: kind 'org.lab.thing/1'");
    assert_int_equal(avcl_host_n_modules(f->host), 1);
    assert_non_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "tiny", NULL));
    assert_null(avcl_host_find(f->host, NULL, "other", NULL));
}

static void test_plugin__float_mode_is_restored(void **state)
{
#if defined(__SSE__)
    plugin_fixture *f = *state;
    unsigned before = _mm_getcsr() & ~0x3fU;
    plugin_compile(f, "fast", "-DDAZ");
    plugin_expect(f, "fast", AVCL_PLUGIN_LOADED, "floating-point mode (MXCSR");
    assert_int_equal(_mm_getcsr() & ~0x3fU, before);
    assert_non_null(strstr(f->log, "restored"));
#else
    (void)state;
    skip();
#endif
}

/* ---- names
 * ------------------------------------------------------------------------------------ */
static void test_find__first_of_an_id_wins(void **state)
{
    plugin_fixture *f = *state;
    char path[PATH + 64];
    plugin_compile(f, "a", "");
    plugin_compile(f, "b", "-O1 -DDEFAULT=5");
    plugin_expect(f, "a", AVCL_PLUGIN_LOADED, "");
    plugin_expect(f, "b", AVCL_PLUGIN_REFUSED,
                  "a.avcl.so has the same id 'org.test.tiny'");
    assert_non_null(strstr(f->log, "b.avcl.so is shadowed"));
    avcl_host_free(f->host);
    plugin_host(f);
    snprintf(path, sizeof path, "%s/b.avcl.so",
             f->dir); /* named, and nothing loaded yet */
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_OK);
    plugin_expect(f, "a", AVCL_PLUGIN_REFUSED, "b.avcl.so has the same id");
    assert_int_equal(avcl_host_find(f->host, NULL, "tiny", NULL)->params[0].def_int, 5);
    snprintf(path, sizeof path, "%s/a.avcl.so", f->dir); /* too late */
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_E_ABI);
}

static void test_find__equal_copies_are_silent(void **state)
{
    plugin_fixture *f = *state;
    size_t n = 0;
    char path[PATH + 64];
    plugin_compile(f, "a", "");
    snprintf(path, sizeof path, "%s/a.avcl.so", f->dir);
    char *elf = plugin_take(path, &n);
    snprintf(path, sizeof path, "%s/b.avcl.so", f->dir);
    plugin_put(path, elf, n);
    free(elf);
    plugin_host(f);
    assert_string_equal(f->log, "");
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_OK);
    assert_int_equal(avcl_host_n_modules(f->host), 1);
}

static void test_find__ambiguous_names_are_listed(void **state)
{
    plugin_fixture *f = *state;
    avcl_error err = {0};
    plugin_compile(f, "a", "-DID='\"org.one\"'");
    plugin_compile(f, "b", "-DID='\"org.two\"'");
    plugin_host(f);
    assert_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "tiny", &err));
    assert_int_equal(err.code, AVCL_E_INVALID);
    assert_string_equal(err.message,
                        "backbone 'tiny' is ambiguous: org.one/tiny, org.two/tiny");
    assert_non_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "org.two/tiny", NULL));
}

/* What a short name means must not depend on what was loaded before. */
static void test_find__the_owner_has_the_short_name(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "a", "-DID='\"org.zoo\"' -DDEFAULT=7");
    plugin_compile(f, "b", "-DID='\"org.tiny\"' -DDEFAULT=8");
    plugin_host(f);
    const avcl_module *m = avcl_host_find(f->host, NULL, "tiny", NULL);
    assert_non_null(m);
    assert_int_equal(m->params[0].def_int, 8);
    avcl_host_load_all(f->host);
    assert_ptr_equal(avcl_host_find(f->host, NULL, "tiny", NULL), m);
}

static void test_find__unknown_names_are_explained(void **state)
{
    plugin_fixture *f = *state;
    avcl_error err = {0};
    plugin_compile(f, "tiny", "");
    plugin_compile(f, "bad", "-DID='\"org.bad\"' -DTAP='\"x\"'");
    plugin_host(f);
    assert_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "tinny", &err));
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
    char want[3 * PATH];
    snprintf(want, sizeof want,
             "no backbone 'tinny'; similar: org.test.tiny/tiny; 1 file was refused: "
             "%s/bad.avcl.so (module 'tiny': its kind must have the output 'pool')",
             f->dir);
    assert_string_equal(err.message, want);
    memset(&err, 0, sizeof err);
    assert_null(avcl_host_find(f->host, AVCL_KIND_LOSS, "tiny", &err));
    assert_non_null(
        strstr(err.message, "no loss 'tiny'; org.test.tiny/tiny is of kind backbone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_plugin__one_c_file_is_a_backbone),
        PLUGIN_TEST(test_plugin__environment_names_folders),
        PLUGIN_TEST(test_plugin__never_from_the_current_directory),
        PLUGIN_TEST(test_plugin__user_folder_and_bundles_are_searched),
        PLUGIN_TEST(test_plugin__helper_libraries_are_no_candidates),
        PLUGIN_TEST(test_plugin__a_longer_struct_of_zeros_is_fine),
        PLUGIN_TEST(test_plugin__unknown_kind_hides_only_that_module),
        PLUGIN_TEST(test_plugin__float_mode_is_restored),
        PLUGIN_TEST(test_find__first_of_an_id_wins),
        PLUGIN_TEST(test_find__equal_copies_are_silent),
        PLUGIN_TEST(test_find__ambiguous_names_are_listed),
        PLUGIN_TEST(test_find__the_owner_has_the_short_name),
        PLUGIN_TEST(test_find__unknown_names_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
