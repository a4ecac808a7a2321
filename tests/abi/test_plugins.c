/*
 * test_plugins.c - bad plugin files of every kind: the right state, a reason that helps.
 *
 * None may take the process down, and nothing of a file refused by its manifest may run.
 */
#define _XOPEN_SOURCE 700 /* mkfifo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/host.h"
#include "plugin/manifest.h"
#include "plugin_fixture.h"

/* ---- refused before any code of theirs runs
 * ------------------------------------------------- */
static void test_plugin__wrong_abi_never_runs(void **state)
{
    plugin_fixture *f = *state;
    char witness[PATH + 64];
    static const char *const minors[] = {"9", "0", "1"};
    static const int majors[] = {1, 3, 0};
    snprintf(witness, sizeof witness, "%s/ran", f->dir);
    for (int i = 0; i < 3; i++) { /* headers of other times */
        char source[PATH + 64];
        char command[6 * PATH];
        snprintf(source, sizeof source, "%s/other%s.c", f->dir, minors[i]);
        FILE *c = fopen(source, "w");
        assert_non_null(c);
        fprintf(c,
                "#include \"avcl/plugin.h\"\n#undef AVCL_ABI_MINOR\n"
                "#define AVCL_ABI_MINOR %s\n#undef AVCL_ABI_MAJOR\n"
                "#define AVCL_ABI_MAJOR %d\n%s",
                minors[i], majors[i], plugin_source);
        fclose(c);
        snprintf(command, sizeof command,
                 "cc -std=c11 -shared -fPIC -fvisibility=hidden -DWITNESS='\"%s\"' "
                 "-I\"$AVCL_SOURCE_DIR/core/include\" '%s' -o '%s/other%s.avcl.so'",
                 witness, source, f->dir, minors[i]);
        assert_int_equal(system(command), 0);
    }
    plugin_expect(f, "other9", AVCL_PLUGIN_REFUSED,
                  "needs plugin ABI 1.9, this host has 1.0 (that is not the program's "
                  "version): update avcl, or rebuild it with -DAVCL_ABI_MINOR=0");
    plugin_expect(f, "other0", AVCL_PLUGIN_REFUSED,
                  "needs plugin ABI 3.0, this host has 1.0");
    plugin_expect(f, "other1", AVCL_PLUGIN_REFUSED,
                  "needs plugin ABI 0.1, this host has 1.0 (that is not the program's "
                  "version): rebuild it");
    assert_int_equal(access(witness, F_OK), -1);
    char flags[2 * PATH]; /* and the witness would have told: a fitting file leaves one */
    snprintf(flags, sizeof flags, "-DWITNESS='\"%s\"'", witness);
    plugin_compile(f, "fits", flags);
    avcl_host_free(f->host);
    f->host = NULL;
    plugin_expect(f, "fits", AVCL_PLUGIN_LOADED, "");
    assert_int_equal(access(witness, F_OK), 0);
}

static void test_plugin__files_that_are_no_plugins(void **state)
{
    plugin_fixture *f = *state;
    char path[PATH + 64];
    size_t n = 0;
    plugin_compile(f, "plain", "-DNO_MANIFEST");
    plugin_compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    char *elf = plugin_take(path, &n);
    snprintf(path, sizeof path, "%s/torn.avcl.so", f->dir);
    plugin_put(path, elf, n / 2);
    snprintf(path, sizeof path, "%s/head.avcl.so", f->dir);
    plugin_put(path, elf, 40);
    snprintf(path, sizeof path, "%s/empty.avcl.so", f->dir);
    plugin_put(path, elf, 0);
    snprintf(path, sizeof path, "%s/text.avcl.so", f->dir);
    plugin_put(path, "AVCP abi=0.1 id=a version=1", 27);
    elf[18] ^= 0x55; /* e_machine */
    snprintf(path, sizeof path, "%s/machine.avcl.so", f->dir);
    plugin_put(path, elf, n);
    elf[18] ^= 0x55;
    elf[4] = 1; /* ELFCLASS32 */
    snprintf(path, sizeof path, "%s/narrow.avcl.so", f->dir);
    plugin_put(path, elf, n);
    free(elf);
    snprintf(path, sizeof path, "%s/folder.avcl.so", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/pipe.avcl.so", f->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    plugin_expect(f, "plain", AVCL_PLUGIN_REFUSED, "no section .avcl_plugin");
    plugin_expect(f, "torn", AVCL_PLUGIN_REFUSED,
                  "not a plugin: its section table lies outside");
    plugin_expect(f, "head", AVCL_PLUGIN_REFUSED, "not an ELF file");
    plugin_expect(f, "empty", AVCL_PLUGIN_REFUSED, "not an ELF file");
    plugin_expect(f, "text", AVCL_PLUGIN_REFUSED, "not an ELF file");
    plugin_expect(f, "machine", AVCL_PLUGIN_REFUSED, "built for ELF machine");
    plugin_expect(f, "narrow", AVCL_PLUGIN_REFUSED, "not a 64-bit file");
    plugin_expect(f, "folder", AVCL_PLUGIN_REFUSED, "not a regular file");
    plugin_expect(f, "pipe", AVCL_PLUGIN_REFUSED, "not a regular file");
    plugin_expect(f, "tiny", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__others_may_not_write(void **state)
{
    plugin_fixture *f = *state;
    char path[PATH + 64];
    plugin_compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    assert_int_equal(chmod(path, 0666), 0);
    plugin_expect(f, "tiny", AVCL_PLUGIN_REFUSED,
                  "is writable by everyone (chmod o-w '/tmp/avcl");
    avcl_host_free(f->host);
    f->host = NULL;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(f->dir, 0777), 0);
    plugin_expect(f, "tiny", AVCL_PLUGIN_REFUSED, "is writable by everyone");
    avcl_host_free(f->host);
    avcl_host_options o = {.plugin_path = f->dir, .flags = AVCL_HOST_INSECURE_PLUGINS};
    f->host = avcl_host_new(&o, NULL);
    plugin_expect(f, "tiny", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__foreign_owner_is_refused(void **state)
{
    plugin_fixture *f = *state;
    char path[PATH + 64];
    plugin_compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    if (geteuid() != 0 || chown(path, 12345, (gid_t)-1)) skip();
    plugin_expect(f, "tiny", AVCL_PLUGIN_REFUSED, "belongs to user 12345");
}

/* Flipped, zeroed and cut bytes: any verdict will do, but there must be one. */
static void test_manifest__survives_mutations(void **state)
{
    plugin_fixture *f = *state;
    enum { N_MUTATIONS = 500 };
    char path[PATH + 64];
    size_t n = 0;
    uint64_t seed = 42;
    int n_refused = 0;
    plugin_compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    char *elf = plugin_take(path, &n);
    char *bad = malloc(n);
    assert_non_null(bad);
    /* Most hits in what the scan reads: the header, and the section table at the end. */
    for (int i = 0; i < N_MUTATIONS; i++) {
        memcpy(bad, elf, n);
        for (int k = 0; k < 4; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t r = (size_t)(seed >> 16);
            size_t at = i % 3 == 0 ? r % 64 : i % 3 == 1 ? n - 1 - r % 2048 : r % n;
            bad[at] = (char)(k % 2 ? seed >> 56 : 0xff);
        }
        plugin_put(path, bad, i % 10 == 9 ? (size_t)(seed >> 20) % n : n);
        avcl_plugin_manifest m = {0};
        avcl_error err = {0};
        avcl_status rc = avcl__plugin_manifest_read(path, &m, &err);
        assert_int_equal(rc, err.code);
        assert_true((rc == AVCL_OK) == (m.id[0] != '\0'));
        n_refused += rc != AVCL_OK;
    }
    assert_true(n_refused > N_MUTATIONS / 4);
    free(bad);
    free(elf);
}

static void test_manifest__parse_is_strict(void **state)
{
    (void)state;
    avcl_plugin_manifest m = {0};
    assert_int_equal(
        avcl__manifest_parse("AVCP abi=0.1 id=a.b version=2.0-rc1", &m, NULL), AVCL_OK);
    assert_int_equal(m.abi_minor, 1);
    assert_string_equal(m.id, "a.b");
    assert_string_equal(m.version, "2.0-rc1");
    static const char *const bad[] = {
        "",
        "AVCP abi=0.1 id=a",
        "AVCP abi=0 id=a version=1",
        "AVCP abi=-1.0 id=a version=1",
        "AVCP abi=9999999.1 id=a version=1",
        "AVCP abi=0.1 id= version=1",
        "AVCP abi=0.1 id=a/b version=1",
        "AVCP abi=0.1 id=a version=1 more",
        "avcp abi=0.1 id=a version=1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(avcl__manifest_parse(bad[i], &m, NULL), AVCL_E_ABI);
    assert_string_equal(m.id, "a.b"); /* untouched on failure */
}

/* ---- refused after loading
 * ------------------------------------------------------------------- */
static void test_plugin__broken_descriptors_are_refused(void **state)
{
    plugin_fixture *f = *state;
    static const struct {
        const char *name;
        const char *flags;
        const char *reason;
    } cases[] = {
        {"short", "-DSIZE=24", "struct avcl_plugin has 24 bytes"},
        {"tail", "-DTAIL=7",
         "struct avcl_plugin uses a field that this host does not know"},
        {"entry", "-DNO_ENTRY", "has a manifest but does not export avcl_plugin_v1"},
        {"stale", "-DVERSION='\"2.0\"'", "a stale object is linked in"},
        {"twice", "-DNAME2='\"tiny\"'", "module 'tiny' stands twice"},
        {"range", "-DDEFAULT=0",
         "module 'tiny': parameter 'width': its default: width = 0 is below 1"},
        {"offset", "-DOFFSET=1", "its offset 1 is outside the 8 bytes of params"},
        {"doc", "-DDOC='\"\"'", "parameter 'width': it has no doc sentence"},
        {"tap", "-DTAP='\"conv5\"'",
         "module 'tiny': its kind must have the output 'pool'"},
        {"name", "-DNAME2='\"Tiny\"'", "'Tiny' is not a name"},
        {"kind", "-DNAME2='\"b\"' -DKIND=AVCL_KIND_FUSION",
         "must have the input 'video'"},
        {"device", "-DNAME2='\"b\"' -DKIND=AVCL_KIND_DEVICE",
         "module 'b': its struct avcl_device_api has"},
        {"init", "-DINIT='return h->report(c, AVCL_E_UNSUPPORTED, \"no AVX-512\");'",
         "its init failed: no AVX-512"},
        {"mute", "-DINIT='return AVCL_E_IO;'", "its init failed: no reason given"},
    };
    enum { N = sizeof cases / sizeof *cases };
    for (int i = 0; i < N; i++) {
        char flags[PATH];
        snprintf(flags, sizeof flags, "-DID='\"org.test.%s\"' %s", cases[i].name,
                 cases[i].flags);
        plugin_compile(f, cases[i].name, flags);
    }
    for (int i = 0; i < N; i++)
        plugin_expect(f, cases[i].name, AVCL_PLUGIN_REFUSED, cases[i].reason);
    assert_int_equal(avcl_host_n_modules(f->host), 0); /* nothing half-registered */
}

static void test_plugin__undefined_symbol_is_unloadable_and_retried(void **state)
{
    plugin_fixture *f = *state;
    avcl_error err = {0};
    char path[PATH + 64];
    plugin_compile(f, "lacking", "-DMISSING");
    plugin_expect(f, "lacking", AVCL_PLUGIN_UNLOADABLE, "not_there");
    snprintf(path, sizeof path, "%s/lacking.avcl.so", f->dir);
    assert_int_equal(avcl_host_load(f->host, path, &err), AVCL_E_ABI);
    assert_non_null(strstr(err.message, "not_there"));
    char whole[PATH + 64];
    plugin_compile(f, "whole", "");
    snprintf(whole, sizeof whole, "%s/whole.avcl.so", f->dir);
    assert_int_equal(rename(whole, path), 0); /* the missing part was installed */
    plugin_expect(f, "lacking", AVCL_PLUGIN_LOADED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_plugin__wrong_abi_never_runs),
        PLUGIN_TEST(test_plugin__files_that_are_no_plugins),
        PLUGIN_TEST(test_plugin__others_may_not_write),
        PLUGIN_TEST(test_plugin__foreign_owner_is_refused),
        PLUGIN_TEST(test_manifest__survives_mutations),
        PLUGIN_TEST(test_manifest__parse_is_strict),
        PLUGIN_TEST(test_plugin__broken_descriptors_are_refused),
        PLUGIN_TEST(test_plugin__undefined_symbol_is_unloadable_and_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
