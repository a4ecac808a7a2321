/*
 * test_frozen.c - what was compiled against the headers of ABI 1.0 loads and works, in
 * this host and in one that has grown since.
 */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "avcl/check.h"
#include "plugin_fixture.h"

/* What 1.0 has of each. */
static const char *const kinds[] = {
    "avcl.backbone/1", "avcl.fusion/1",  "avcl.alignment/1",
    "avcl.loss/1",     "avcl.method/1",  "avcl.op/1",
    "avcl.kernel/1",   "avcl.dataset/1", "avcl.transform/1"};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void sh(const char *fmt, ...)
{
    char command[8 * PATH];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_true(n > 0 && (size_t)n < sizeof command);
    if (system(command)) fail_msg("%s", command);
}

static void compile_frozen(const plugin_fixture *f)
{
    const char *root = getenv("AVCL_SOURCE_DIR");
    sh("cc -std=c11 -Wall -Wextra -Wpedantic -Werror -O1 -shared -fPIC "
       "-fvisibility=hidden -I'%s/tests/abi/1.0' '%s/tests/abi/1.0/fixture.c' "
       "-o '%s/frozen.avcl.so'",
       root, root, f->dir);
}

static void test_frozen__offers_every_kind(void **state)
{
    plugin_fixture *f = *state;
    compile_frozen(f);
    plugin_expect(f, "frozen", AVCL_PLUGIN_LOADED, "");
    assert_int_equal(avcl_host_n_modules(f->host), N_KINDS);
    for (int i = 0; i < N_KINDS; i++) {
        int found = 0;
        for (uint32_t k = 0; k < N_KINDS; k++)
            found += !strcmp(avcl_host_get_module(f->host, k, NULL)->kind, kinds[i]);
        assert_int_equal(found, 1);
    }
}

/* The whole conformance test runs every one of its functions in this host. */
static void test_frozen__passes_its_check(void **state)
{
    plugin_fixture *f = *state;
    char path[PATH + 32];
    avcl_error err = {0};
    avcl_check_result r;
    int n = 0;
    compile_frozen(f);
    snprintf(path, sizeof path, "%s/frozen.avcl.so", f->dir);
    avcl_check_options o = {
        .file = path, .plugin_path = getenv("AVCL_MODULES"), .seed = 1, .seconds = 120};
    avcl_check *c = avcl_check_new(&o, &err);
    if (!c) fail_msg("%s", err.message);
    for (; avcl_check_next(c, &r); n++)
        if (r.verdict >= AVCL_CHECK_WARN) fail_msg("%s %s: %s", r.module, r.test, r.text);
    avcl_check_free(c);
    assert_true(n > 100);
}

/* A host of ABI 1.7: every struct that may grow has a field more, at its end. */
static void test_frozen__loads_in_a_host_that_has_grown(void **state)
{
    plugin_fixture *f = *state;
    const char *root = getenv("AVCL_SOURCE_DIR");
    char path[PATH + 32];
    char line[1200];
    int n_modules = 0;
    int is_ok = 0;
    compile_frozen(f);
    sh("cd '%s' && cp -r '%s/core/include' include && "
       "for s in avcl_plugin avcl_module avcl_port avcl_builder avcl_method avcl_param "
       "avcl_custom_op avcl_custom_kernel avcl_custom_dataset avcl_custom_transform "
       "avcl_host_api avcl_graph_api; do "
       "sed -i \"s/^} $s;/    const void *of_later;\\n} $s;/\" include/avcl/*.h; "
       "grep -q of_later include/avcl/plugin.h || exit 1; done && "
       "sed -i 's/AVCL_ABI_NEWEST 0/AVCL_ABI_NEWEST 7/' include/avcl/plugin.h",
       f->dir, root);
    sh("cd '%s' && p='%s/core/src' && cc -std=gnu11 -w -D_XOPEN_SOURCE=700 "
       "-DAVCL_BUILD_ID='\"other\"' -Iinclude -I$p $p/scan/main.c $p/plugin/describe.c "
       "$p/plugin/descriptor.c $p/plugin/elf.c $p/plugin/manifest.c $p/plugin/params.c "
       "$p/plugin/params_check.c $p/base/arena.c $p/base/error.c $p/base/nearest.c "
       "-o later -lm -ldl",
       f->dir, root);
    sh("cd '%s' && ./later \"$PWD/frozen.avcl.so\" 3>said", f->dir);
    snprintf(path, sizeof path, "%s/said", f->dir);
    FILE *said = fopen(path, "r");
    assert_non_null(said);
    while (fgets(line, sizeof line, said)) {
        n_modules += strncmp(line, "module\t", 7) == 0;
        is_ok |= strncmp(line, "ok", 2) == 0;
        assert_int_not_equal(strncmp(line, "refused", 7), 0);
    }
    fclose(said);
    assert_int_equal(n_modules, N_KINDS);
    assert_true(is_ok);
}

/* The other way round: a plugin that asks for nothing new loads in the older host though
 * it was built with newer headers; one that asks is refused. */
static void test_frozen__newer_headers_in_an_older_host(void **state)
{
    plugin_fixture *f = *state;
    const char *root = getenv("AVCL_SOURCE_DIR");
    sh("cd '%s' && cp -r '%s/core/include' include && "
       "sed -i 's/^} avcl_plugin;/    const void *of_later;\\n} avcl_plugin;/; "
       "s/^} avcl_module;/    const void *of_later;\\n} avcl_module;/; "
       "s/^} avcl_port;/    const void *of_later;\\n} avcl_port;/; "
       "s/AVCL_ABI_NEWEST 0/AVCL_ABI_NEWEST 7/' include/avcl/plugin.h",
       f->dir, root);
    for (int minor = 0; minor < 8; minor += 7)
        sh("cd '%s' && sed 's/org.example.frozen/org.example.later%d/' "
           "'%s/tests/abi/1.0/fixture.c' >later.c && cc -std=c11 -w -shared -fPIC "
           "-fvisibility=hidden -DAVCL_ABI_MINOR=%d -Iinclude later.c -o later%d.avcl.so",
           f->dir, minor, root, minor, minor);
    plugin_expect(f, "later0", AVCL_PLUGIN_LOADED, "");
    plugin_expect(f, "later7", AVCL_PLUGIN_REFUSED,
                  "needs plugin ABI 1.7, this host has 1.0");
}

/* Status codes, types, flags, names of kinds: numbers and texts that plugins hold. */
static void test_frozen__constants_are_what_they_were(void **state)
{
    plugin_fixture *f = *state;
    const char *root = getenv("AVCL_SOURCE_DIR");
    sh("cd '%s' && { echo '#include <stdio.h>'; echo '#include \"avcl/build.h\"'; "
       "echo 'int main(void) {'; "
       "grep -ohE '\\bAVCL_[A-Z0-9_]+ = ' '%s'/tests/abi/1.0/avcl/*.h | cut -d' ' -f1 | "
       "sed 's/.*/printf(\"& %%lld\\\\n\", (long long)&);/'; "
       "grep -ohE '#define AVCL_(KIND_[A-Z]+|ENTRY_SYMBOL)' '%s'/tests/abi/1.0/avcl/*.h "
       "| "
       "cut -d' ' -f2 | sed 's/.*/printf(\"& %%s\\\\n\", &);/'; "
       "echo 'return 0; }'; } >constants.c && test $(wc -l <constants.c) -gt 60",
       f->dir, root, root);
    sh("cd '%s' && cc -w -I'%s/tests/abi/1.0' constants.c -o then && ./then >then.txt && "
       "cc -w -I'%s/core/include' constants.c -o now && ./now >now.txt && "
       "cmp then.txt now.txt",
       f->dir, root, root);
}

int main(void)
{
    setenv("AVCL_MODULES", getenv("AVCL_PLUGIN_PATH"), 1);
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_frozen__offers_every_kind),
        PLUGIN_TEST(test_frozen__passes_its_check),
        PLUGIN_TEST(test_frozen__constants_are_what_they_were),
        PLUGIN_TEST(test_frozen__loads_in_a_host_that_has_grown),
        PLUGIN_TEST(test_frozen__newer_headers_in_an_older_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
