/*
 * test_plugins.c - good and bad plugin files, built here as a stranger would build them.
 *
 * Every bad one must end in the right state with a reason that says what to do, and must
 * not take the process down. Nothing of a file refused by its manifest may run.
 */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
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
#include "plugin/manifest.h"

enum { PATH = 512 };

typedef struct fixture {
    char dir[PATH]; /* fresh for every test, removed with it */
    avcl_host *host;
    char log[4096];
} fixture;

/* ---- sources --------------------------------------------------------------------------- */
/* A whole backbone; each test changes one thing by a macro. */
static const char good[] =
    "#include \"avcl/build.h\"\n"
    "#ifndef ID\n#define ID \"org.test.tiny\"\n#endif\n"
    "#ifndef TAP\n#define TAP \"pool\"\n#endif\n"
    "#ifndef KIND\n#define KIND AVCL_KIND_BACKBONE\n#endif\n"
    "#ifndef NAME2\n#define NAME2 \"tiny\"\n#define N_MODULES 1\n#else\n#define N_MODULES 2\n"
    "#endif\n"
    "#ifndef DEFAULT\n#define DEFAULT 4\n#endif\n"
    "#ifndef SIZE\n#define SIZE sizeof(avcl_plugin)\n#endif\n"
    "#ifndef VERSION\n#define VERSION \"1.0\"\n#endif\n"
    "#ifndef OFFSET\n#define OFFSET 0\n#endif\n"
    "#ifndef DOC\n#define DOC \"Width.\"\n#endif\n"
    "#ifndef NO_MANIFEST\nAVCL_PLUGIN_MANIFEST(ID, \"1.0\");\n"
    "#else\nstatic const char avcl_manifest_[] = \"\";\n#endif\n"
    "static avcl_status build(const avcl_build *b, const void *p, const avcl_node *in,\n"
    "    avcl_node *out) { (void)p; out[0] = avcl_b_global_avg_pool(b, in[0]);\n"
    "    return avcl_b_status(b); }\n"
    "static const avcl_param params[] = {{.name = \"width\", .doc = DOC, .type = AVCL_INT,\n"
    "    .flags = AVCL_P_MIN, .min = 1, .def_int = DEFAULT, .offset = OFFSET}};\n"
    "static const avcl_port in[] = {{.name = \"clip\", .layout = \"NCTHW\", .doc = \"d\"}};\n"
    "static const avcl_port out[] = {{.name = TAP, .layout = \"NC\", .doc = \"d\"}};\n"
    "static const avcl_builder iface = {sizeof iface, 1, 1, sizeof(avcl_port), in, out, build};\n"
    "static const avcl_module m = {sizeof m, sizeof(avcl_param), 1, 8, 1, 0,\n"
    "    AVCL_KIND_BACKBONE, \"tiny\", \"s\", 0, params, &iface};\n"
    "static const avcl_module m2 = {sizeof m, sizeof(avcl_param), 1, 8, 1, 0, KIND, NAME2,\n"
    "    \"s\", 0, params, &iface};\n"
    "static const avcl_module *const modules[] = {N_MODULES == 1 ? &m2 : &m, &m2};\n"
    "#ifndef INIT\n#define INIT 0\n#else\n"
    "static avcl_status start(const avcl_host_api *h, avcl_call *c)\n"
    "{ (void)h; (void)c; INIT }\n#undef INIT\n#define INIT start\n#endif\n"
    "#ifdef MISSING\nint not_there(void); int use(void); int use(void) "
    "{ return not_there(); }\n__attribute__((visibility(\"default\"))) int (*keep)(void) = use;\n"
    "#endif\n"
    "#ifdef WITNESS\n#include <stdio.h>\n__attribute__((constructor)) static void ran(void)\n"
    "{ FILE *f = fopen(WITNESS, \"w\"); if (f) fclose(f); }\n#endif\n"
    "#ifdef DAZ\n#include <xmmintrin.h>\n__attribute__((constructor)) static void fast(void)\n"
    "{ _mm_setcsr(_mm_getcsr() | 0x8040); }\n#endif\n"
    "#ifndef NO_ENTRY\n"
    "#ifdef TAIL\n"
    "extern const struct grown { avcl_plugin p; unsigned long tail; } grown\n"
    "    __asm__(\"avcl_plugin_v0\") __attribute__((visibility(\"default\")));\n"
    "const struct grown grown = {{sizeof grown, AVCL_ABI_MAJOR, AVCL_ABI_MINOR, 1, ID, VERSION,\n"
    "    \"MIT\", \"s\", avcl_manifest_, modules, INIT}, TAIL};\n"
    "#else\n"
    "const avcl_plugin avcl_plugin_v0 = {SIZE, AVCL_ABI_MAJOR, AVCL_ABI_MINOR, N_MODULES,\n"
    "    ID, VERSION, \"MIT\", \"s\", avcl_manifest_, modules, INIT};\n"
    "#endif\n#endif\n";

/* ---- tools ------------------------------------------------------------------------------- */
static void put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static char *take(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*n);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *n, f), *n);
    fclose(f);
    return data;
}

/* One .c file, one cc line. */
static void compile(const fixture *f, const char *name, const char *flags)
{
    char source[PATH + 64];
    char command[4 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    assert_non_null(root);
    snprintf(source, sizeof source, "%s/%s.c", f->dir, name);
    put(source, good, sizeof good - 1);
    snprintf(command, sizeof command,
             "cc -std=c11 -shared -fPIC -fvisibility=hidden %s -I'%s/core/include' '%s' "
             "-o '%s/%s.avcl.so' 2>'%s/cc.log'",
             flags, root, source, f->dir, name, f->dir);
    if (system(command)) fail_msg("cc: see %s (%s)", f->dir, command);
}

static void keep_log(void *arg, int32_t level, const char *text)
{
    fixture *f = arg;
    (void)level;
    size_t n = strlen(f->log);
    snprintf(f->log + n, sizeof f->log - n, "%s\n", text);
}

static avcl_host *open_host(fixture *f)
{
    avcl_error err = {0};
    avcl_host_options o = {.plugin_path = f->dir, .log = keep_log, .log_arg = f};
    setenv("AVCL_PLUGIN_PATH_ONLY", "1", 1);
    setenv("AVCL_PLUGIN_PATH", "", 1);
    f->host = avcl_host_new(&o, &err);
    if (!f->host) fail_msg("%s", err.message);
    return f->host;
}

static avcl_plugin_info info_of(avcl_host *host, const char *name)
{
    avcl_plugin_info info;
    char tail[PATH];
    snprintf(tail, sizeof tail, "/%s.avcl.so", name);
    for (uint32_t i = 0; i < avcl_host_n_plugins(host); i++) {
        assert_int_equal(avcl_host_get_plugin(host, i, &info), AVCL_OK);
        size_t n = strlen(info.path);
        if (n > strlen(tail) && strcmp(info.path + n - strlen(tail), tail) == 0) return info;
    }
    fail_msg("no candidate %s", name);
    return info;
}

static void expect(fixture *f, const char *name, avcl_plugin_state state, const char *reason)
{
    avcl_host *host = f->host ? f->host : open_host(f);
    avcl_host_load_all(host);
    avcl_plugin_info info = info_of(host, name);
    if (info.state != state || !strstr(info.reason ? info.reason : "", reason))
        fail_msg("%s: state %d, reason '%s', wanted %d, '%s'", name, (int)info.state,
                 info.reason ? info.reason : "", (int)state, reason);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/avcl-plugins-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    avcl_host_free(f->host);
    chmod(f->dir, 0700);
    int rc = nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

/* ---- good ones ------------------------------------------------------------------------------ */
static void test_plugin__one_c_file_is_a_backbone(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    compile(f, "tiny", "");
    avcl_host *host = open_host(f);
    assert_int_equal(info_of(host, "tiny").state, AVCL_PLUGIN_OK);
    assert_int_equal(avcl_host_n_modules(host), 0); /* nothing loads before it is named */
    const avcl_module *m = avcl_host_find(host, AVCL_KIND_BACKBONE, "tiny", &err);
    if (!m) fail_msg("%s", err.message);
    assert_ptr_equal(m, avcl_host_find(host, NULL, "org.test.tiny/tiny", NULL));
    avcl_plugin_info info = info_of(host, "tiny");
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
    fixture *f = *state;
    char list[2 * PATH];
    compile(f, "tiny", "");
    snprintf(list, sizeof list, ":relative::/nowhere:%s:", f->dir);
    setenv("AVCL_PLUGIN_PATH_ONLY", "1", 1);
    setenv("AVCL_PLUGIN_PATH", list, 1);
    avcl_host_options o = {.log = keep_log, .log_arg = f};
    f->host = avcl_host_new(&o, NULL);
    assert_non_null(f->host);
    assert_int_equal(avcl_host_n_plugins(f->host), 1);
    assert_non_null(strstr(f->log, "'relative' is skipped, not absolute"));
}

static void test_plugin__never_from_the_current_directory(void **state)
{
    fixture *f = *state;
    char before[PATH];
    compile(f, "tiny", "");
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
    fixture *f = *state;
    char folder[2 * PATH];
    char command[4 * PATH];
    compile(f, "tiny", "");
    snprintf(folder, sizeof folder, "%s/data", f->dir);
    snprintf(command, sizeof command,
             "d='%s/avcl/plugins-0/x.avclplugin' && mkdir -p \"$d\" && "
             "mv '%s/tiny.avcl.so' \"$d\"",
             folder, f->dir);
    assert_int_equal(system(command), 0);
    setenv("XDG_DATA_HOME", folder, 1);
    setenv("AVCL_PLUGIN_PATH", "", 1);
    unsetenv("AVCL_PLUGIN_PATH_ONLY");
    f->host = avcl_host_new(NULL, NULL);
    unsetenv("XDG_DATA_HOME");
    assert_non_null(f->host);
    assert_int_equal(info_of(f->host, "tiny").state, AVCL_PLUGIN_OK);
}

static void test_plugin__helper_libraries_are_no_candidates(void **state)
{
    fixture *f = *state;
    char from[PATH + 64];
    char to[PATH + 64];
    compile(f, "tiny", "");
    snprintf(from, sizeof from, "%s/tiny.avcl.so", f->dir);
    snprintf(to, sizeof to, "%s/helper.so", f->dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(avcl_host_n_plugins(open_host(f)), 0);
    avcl_error err = {0};
    assert_int_equal(avcl_host_load(f->host, to, &err), AVCL_OK); /* unless named */
    assert_non_null(avcl_host_find(f->host, NULL, "tiny", NULL));
    assert_int_equal(avcl_host_load(f->host, from, &err), AVCL_E_NOT_FOUND);
}

static void test_plugin__a_longer_struct_of_zeros_is_fine(void **state)
{
    fixture *f = *state;
    compile(f, "grown", "-DTAIL=0");
    expect(f, "grown", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__unknown_kind_hides_only_that_module(void **state)
{
    fixture *f = *state;
    compile(f, "two", "-DNAME2='\"other\"' -DKIND='\"org.lab.thing/1\"'");
    expect(f, "two", AVCL_PLUGIN_LOADED, "'other' is hidden: kind 'org.lab.thing/1'");
    assert_int_equal(avcl_host_n_modules(f->host), 1);
    assert_non_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "tiny", NULL));
    assert_null(avcl_host_find(f->host, NULL, "other", NULL));
}

static void test_plugin__float_mode_is_restored(void **state)
{
#if defined(__SSE__)
    fixture *f = *state;
    unsigned before = _mm_getcsr() & ~0x3fU;
    compile(f, "fast", "-DDAZ");
    expect(f, "fast", AVCL_PLUGIN_LOADED, "floating-point mode (MXCSR");
    assert_int_equal(_mm_getcsr() & ~0x3fU, before);
    assert_non_null(strstr(f->log, "restored"));
#else
    (void)state;
    skip();
#endif
}

/* ---- refused before any code of theirs runs ------------------------------------------------- */
static void test_plugin__wrong_abi_never_runs(void **state)
{
    fixture *f = *state;
    char witness[PATH + 64];
    static const char *const minors[] = {"9", "0"};
    snprintf(witness, sizeof witness, "%s/ran", f->dir);
    for (int i = 0; i < 2; i++) { /* headers of other times */
        char source[PATH + 64];
        char command[6 * PATH];
        snprintf(source, sizeof source, "%s/other%s.c", f->dir, minors[i]);
        FILE *c = fopen(source, "w");
        assert_non_null(c);
        fprintf(c, "#include \"avcl/plugin.h\"\n#undef AVCL_ABI_MINOR\n"
                   "#define AVCL_ABI_MINOR %s\n#undef AVCL_ABI_MAJOR\n"
                   "#define AVCL_ABI_MAJOR %d\n%s", minors[i], i ? 3 : 0, good);
        fclose(c);
        snprintf(command, sizeof command,
                 "cc -std=c11 -shared -fPIC -fvisibility=hidden -DWITNESS='\"%s\"' "
                 "-I\"$AVCL_SOURCE_DIR/core/include\" '%s' -o '%s/other%s.avcl.so'",
                 witness, source, f->dir, minors[i]);
        assert_int_equal(system(command), 0);
    }
    expect(f, "other9", AVCL_PLUGIN_REFUSED, "needs plugin ABI 0.9, this host has 0.");
    expect(f, "other0", AVCL_PLUGIN_REFUSED, "needs plugin ABI 3.0, this host has 0.");
    assert_int_equal(access(witness, F_OK), -1);
    char flags[2 * PATH]; /* and the witness would have told: a fitting file leaves one */
    snprintf(flags, sizeof flags, "-DWITNESS='\"%s\"'", witness);
    compile(f, "fits", flags);
    avcl_host_free(f->host);
    f->host = NULL;
    expect(f, "fits", AVCL_PLUGIN_LOADED, "");
    assert_int_equal(access(witness, F_OK), 0);
}

static void test_plugin__files_that_are_no_plugins(void **state)
{
    fixture *f = *state;
    char path[PATH + 64];
    size_t n = 0;
    compile(f, "plain", "-DNO_MANIFEST");
    compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    char *elf = take(path, &n);
    snprintf(path, sizeof path, "%s/torn.avcl.so", f->dir);
    put(path, elf, n / 2);
    snprintf(path, sizeof path, "%s/head.avcl.so", f->dir);
    put(path, elf, 40);
    snprintf(path, sizeof path, "%s/empty.avcl.so", f->dir);
    put(path, elf, 0);
    snprintf(path, sizeof path, "%s/text.avcl.so", f->dir);
    put(path, "AVCP abi=0.1 id=a version=1", 27);
    elf[18] ^= 0x55; /* e_machine */
    snprintf(path, sizeof path, "%s/machine.avcl.so", f->dir);
    put(path, elf, n);
    elf[18] ^= 0x55;
    elf[4] = 1; /* ELFCLASS32 */
    snprintf(path, sizeof path, "%s/narrow.avcl.so", f->dir);
    put(path, elf, n);
    free(elf);
    snprintf(path, sizeof path, "%s/folder.avcl.so", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/pipe.avcl.so", f->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(f, "plain", AVCL_PLUGIN_REFUSED, "no section .avcl_plugin");
    expect(f, "torn", AVCL_PLUGIN_REFUSED, "not a plugin: its section table lies outside");
    expect(f, "head", AVCL_PLUGIN_REFUSED, "not an ELF file");
    expect(f, "empty", AVCL_PLUGIN_REFUSED, "not an ELF file");
    expect(f, "text", AVCL_PLUGIN_REFUSED, "not an ELF file");
    expect(f, "machine", AVCL_PLUGIN_REFUSED, "built for ELF machine");
    expect(f, "narrow", AVCL_PLUGIN_REFUSED, "not a 64-bit file");
    expect(f, "folder", AVCL_PLUGIN_REFUSED, "not a regular file");
    expect(f, "pipe", AVCL_PLUGIN_REFUSED, "not a regular file");
    expect(f, "tiny", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__others_may_not_write(void **state)
{
    fixture *f = *state;
    char path[PATH + 64];
    compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    assert_int_equal(chmod(path, 0666), 0);
    expect(f, "tiny", AVCL_PLUGIN_REFUSED, "is writable by everyone (chmod o-w '/tmp/avcl");
    avcl_host_free(f->host);
    f->host = NULL;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chmod(f->dir, 0777), 0);
    expect(f, "tiny", AVCL_PLUGIN_REFUSED, "is writable by everyone");
    avcl_host_free(f->host);
    avcl_host_options o = {.plugin_path = f->dir, .flags = AVCL_HOST_INSECURE_PLUGINS};
    f->host = avcl_host_new(&o, NULL);
    expect(f, "tiny", AVCL_PLUGIN_LOADED, "");
}

static void test_plugin__foreign_owner_is_refused(void **state)
{
    fixture *f = *state;
    char path[PATH + 64];
    compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    if (geteuid() != 0 || chown(path, 12345, (gid_t)-1)) skip();
    expect(f, "tiny", AVCL_PLUGIN_REFUSED, "belongs to user 12345");
}

/* Flipped, zeroed and cut bytes: any verdict will do, but there must be one. */
static void test_manifest__survives_mutations(void **state)
{
    fixture *f = *state;
    enum { N_MUTATIONS = 500 };
    char path[PATH + 64];
    size_t n = 0;
    uint64_t seed = 42;
    int n_refused = 0;
    compile(f, "tiny", "");
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    char *elf = take(path, &n);
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
        put(path, bad, i % 10 == 9 ? (size_t)(seed >> 20) % n : n);
        avcl_manifest m = {0};
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
    avcl_manifest m = {0};
    assert_int_equal(avcl__manifest_parse("AVCP abi=0.1 id=a.b version=2.0-rc1", &m, NULL),
                     AVCL_OK);
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

/* ---- refused after loading ------------------------------------------------------------------- */
static void test_plugin__broken_descriptors_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        const char *flags;
        const char *reason;
    } cases[] = {
        {"short", "-DSIZE=24", "struct avcl_plugin has 24 bytes"},
        {"tail", "-DTAIL=7", "struct avcl_plugin uses a field that this host does not know"},
        {"entry", "-DNO_ENTRY", "has a manifest but does not export avcl_plugin_v0"},
        {"stale", "-DVERSION='\"2.0\"'", "a stale object is linked in"},
        {"twice", "-DNAME2='\"tiny\"'", "module 'tiny' stands twice"},
        {"range", "-DDEFAULT=0",
         "module 'tiny': parameter 'width': its default: width = 0 is below 1"},
        {"offset", "-DOFFSET=1", "its offset 1 is outside the 8 bytes of params"},
        {"doc", "-DDOC='\"\"'", "parameter 'width': it has no doc sentence"},
        {"tap", "-DTAP='\"conv5\"'", "module 'tiny': its kind must have the output 'pool'"},
        {"name", "-DNAME2='\"Tiny\"'", "'Tiny' is not a name"},
        {"kind", "-DNAME2='\"b\"' -DKIND=AVCL_KIND_FUSION", "must have the input 'video'"},
        {"device", "-DNAME2='\"b\"' -DKIND=AVCL_KIND_DEVICE", "module 'b': its struct avcl_device_api has"},
        {"init", "-DINIT='return h->report(c, AVCL_E_UNSUPPORTED, \"no AVX-512\");'",
         "its init failed: no AVX-512"},
        {"mute", "-DINIT='return AVCL_E_IO;'", "its init failed: no reason given"},
    };
    enum { N = sizeof cases / sizeof *cases };
    for (int i = 0; i < N; i++) {
        char flags[PATH];
        snprintf(flags, sizeof flags, "-DID='\"org.test.%s\"' %s", cases[i].name,
                 cases[i].flags);
        compile(f, cases[i].name, flags);
    }
    for (int i = 0; i < N; i++)
        expect(f, cases[i].name, AVCL_PLUGIN_REFUSED, cases[i].reason);
    assert_int_equal(avcl_host_n_modules(f->host), 0); /* nothing half-registered */
}

static void test_plugin__undefined_symbol_is_unloadable_and_retried(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    char path[PATH + 64];
    compile(f, "lacking", "-DMISSING");
    expect(f, "lacking", AVCL_PLUGIN_UNLOADABLE, "not_there");
    snprintf(path, sizeof path, "%s/lacking.avcl.so", f->dir);
    assert_int_equal(avcl_host_load(f->host, path, &err), AVCL_E_ABI);
    assert_non_null(strstr(err.message, "not_there"));
    char whole[PATH + 64];
    compile(f, "whole", "");
    snprintf(whole, sizeof whole, "%s/whole.avcl.so", f->dir);
    assert_int_equal(rename(whole, path), 0); /* the missing part was installed */
    expect(f, "lacking", AVCL_PLUGIN_LOADED, "");
}

/* ---- names ------------------------------------------------------------------------------------ */
static void test_find__first_of_an_id_wins(void **state)
{
    fixture *f = *state;
    char path[PATH + 64];
    compile(f, "a", "");
    compile(f, "b", "-O1 -DDEFAULT=5");
    expect(f, "a", AVCL_PLUGIN_LOADED, "");
    expect(f, "b", AVCL_PLUGIN_REFUSED, "a.avcl.so has the same id 'org.test.tiny'");
    assert_non_null(strstr(f->log, "b.avcl.so is shadowed"));
    avcl_host_free(f->host);
    open_host(f);
    snprintf(path, sizeof path, "%s/b.avcl.so", f->dir); /* named, and nothing loaded yet */
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_OK);
    expect(f, "a", AVCL_PLUGIN_REFUSED, "b.avcl.so has the same id");
    assert_int_equal(avcl_host_find(f->host, NULL, "tiny", NULL)->params[0].def_int, 5);
    snprintf(path, sizeof path, "%s/a.avcl.so", f->dir); /* too late */
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_E_ABI);
}

static void test_find__equal_copies_are_silent(void **state)
{
    fixture *f = *state;
    size_t n = 0;
    char path[PATH + 64];
    compile(f, "a", "");
    snprintf(path, sizeof path, "%s/a.avcl.so", f->dir);
    char *elf = take(path, &n);
    snprintf(path, sizeof path, "%s/b.avcl.so", f->dir);
    put(path, elf, n);
    free(elf);
    open_host(f);
    assert_string_equal(f->log, "");
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_OK);
    assert_int_equal(avcl_host_n_modules(f->host), 1);
}

static void test_find__ambiguous_names_are_listed(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    compile(f, "a", "-DID='\"org.one\"'");
    compile(f, "b", "-DID='\"org.two\"'");
    open_host(f);
    assert_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "tiny", &err));
    assert_int_equal(err.code, AVCL_E_INVALID);
    assert_string_equal(err.message, "backbone 'tiny' is ambiguous: org.one/tiny, org.two/tiny");
    assert_non_null(avcl_host_find(f->host, AVCL_KIND_BACKBONE, "org.two/tiny", NULL));
}

/* What a short name means must not depend on what was loaded before. */
static void test_find__the_owner_has_the_short_name(void **state)
{
    fixture *f = *state;
    compile(f, "a", "-DID='\"org.zoo\"' -DDEFAULT=7");
    compile(f, "b", "-DID='\"org.tiny\"' -DDEFAULT=8");
    open_host(f);
    const avcl_module *m = avcl_host_find(f->host, NULL, "tiny", NULL);
    assert_non_null(m);
    assert_int_equal(m->params[0].def_int, 8);
    avcl_host_load_all(f->host);
    assert_ptr_equal(avcl_host_find(f->host, NULL, "tiny", NULL), m);
}

static void test_find__unknown_names_are_explained(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    compile(f, "tiny", "");
    compile(f, "bad", "-DID='\"org.bad\"' -DTAP='\"x\"'");
    open_host(f);
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
    assert_non_null(strstr(err.message, "no loss 'tiny'; org.test.tiny/tiny is of kind backbone"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plugin__one_c_file_is_a_backbone),
        TEST(test_plugin__environment_names_folders),
        TEST(test_plugin__never_from_the_current_directory),
        TEST(test_plugin__user_folder_and_bundles_are_searched),
        TEST(test_plugin__helper_libraries_are_no_candidates),
        TEST(test_plugin__a_longer_struct_of_zeros_is_fine),
        TEST(test_plugin__unknown_kind_hides_only_that_module),
        TEST(test_plugin__float_mode_is_restored),
        TEST(test_plugin__wrong_abi_never_runs),
        TEST(test_plugin__files_that_are_no_plugins),
        TEST(test_plugin__others_may_not_write),
        TEST(test_plugin__foreign_owner_is_refused),
        TEST(test_manifest__survives_mutations),
        TEST(test_manifest__parse_is_strict),
        TEST(test_plugin__broken_descriptors_are_refused),
        TEST(test_plugin__undefined_symbol_is_unloadable_and_retried),
        TEST(test_find__first_of_an_id_wins),
        TEST(test_find__equal_copies_are_silent),
        TEST(test_find__ambiguous_names_are_listed),
        TEST(test_find__the_owner_has_the_short_name),
        TEST(test_find__unknown_names_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
