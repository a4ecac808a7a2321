/* plugin_fixture.c - see plugin_fixture.h. */
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

#include <cmocka.h>

#include "plugin_fixture.h"

/* ---- sources
 * --------------------------------------------------------------------------- */
/* A whole backbone; each test changes one thing by a macro. */
const char plugin_source[] =
    "#include \"avcl/build.h\"\n"
    "#ifndef ID\n#define ID \"org.test.tiny\"\n#endif\n"
    "#ifndef TAP\n#define TAP \"pool\"\n#endif\n"
    "#ifndef KIND\n#define KIND AVCL_KIND_BACKBONE\n#endif\n"
    "#ifndef NAME2\n#define NAME2 \"tiny\"\n#define N_MODULES 1\n#else\n#define "
    "N_MODULES 2\n"
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
    "static const avcl_param params[] = {{.name = \"width\", .doc = DOC, .type = "
    "AVCL_INT,\n"
    "    .flags = AVCL_P_MIN, .min = 1, .def_int = DEFAULT, .offset = OFFSET}};\n"
    "static const avcl_port in[] = {{.name = \"clip\", .layout = \"NCTHW\", .doc = "
    "\"d\"}};\n"
    "static const avcl_port out[] = {{.name = TAP, .layout = \"NC\", .doc = \"d\"}};\n"
    "static const avcl_builder iface = {sizeof iface, 1, 1, sizeof(avcl_port), in, out, "
    "build};\n"
    "static const avcl_module m = {sizeof m, sizeof(avcl_param), 1, 8, 1, 0,\n"
    "    AVCL_KIND_BACKBONE, \"tiny\", \"s\", 0, params, &iface};\n"
    "static const avcl_module m2 = {sizeof m, sizeof(avcl_param), 1, 8, 1, 0, KIND, "
    "NAME2,\n"
    "    \"s\", 0, params, &iface};\n"
    "static const avcl_module *const modules[] = {N_MODULES == 1 ? &m2 : &m, &m2};\n"
    "#ifndef INIT\n#define INIT 0\n#else\n"
    "static avcl_status start(const avcl_host_api *h, avcl_call *c)\n"
    "{ (void)h; (void)c; INIT }\n#undef INIT\n#define INIT start\n#endif\n"
    "#ifdef MISSING\nint not_there(void); int use(void); int use(void) "
    "{ return not_there(); }\n__attribute__((visibility(\"default\"))) int (*keep)(void) "
    "= use;\n"
    "#endif\n"
    "#ifdef WITNESS\n#include <stdio.h>\n__attribute__((constructor)) static void "
    "ran(void)\n"
    "{ FILE *f = fopen(WITNESS, \"w\"); if (f) fclose(f); }\n#endif\n"
    "#ifdef DAZ\n#include <xmmintrin.h>\n__attribute__((constructor)) static void "
    "fast(void)\n"
    "{ _mm_setcsr(_mm_getcsr() | 0x8040); }\n#endif\n"
    "#ifdef CTOR\n#include <signal.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    "__attribute__((constructor)) static void early(void) { CTOR }\n#endif\n"
    "#ifndef NO_ENTRY\n"
    "#ifdef TAIL\n"
    "extern const struct grown { avcl_plugin p; unsigned long tail; } grown\n"
    "    __asm__(\"avcl_plugin_v1\") __attribute__((visibility(\"default\")));\n"
    "const struct grown grown = {{sizeof grown, AVCL_ABI_MAJOR, AVCL_ABI_MINOR, 1, ID, "
    "VERSION,\n"
    "    \"MIT\", \"s\", avcl_manifest_, modules, INIT}, TAIL};\n"
    "#else\n"
    "const avcl_plugin avcl_plugin_v1 = {SIZE, AVCL_ABI_MAJOR, AVCL_ABI_MINOR, "
    "N_MODULES,\n"
    "    ID, VERSION, \"MIT\", \"s\", avcl_manifest_, modules, INIT};\n"
    "#endif\n#endif\n";

/* ---- tools
 * ------------------------------------------------------------------------------- */
void plugin_put(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

char *plugin_take(const char *path, size_t *n)
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
void plugin_compile(const plugin_fixture *f, const char *name, const char *flags)
{
    char source[PATH + 64];
    char command[4 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    assert_non_null(root);
    snprintf(source, sizeof source, "%s/%s.c", f->dir, name);
    plugin_put(source, plugin_source, sizeof plugin_source - 1);
    snprintf(command, sizeof command,
             "cc -std=c11 -shared -fPIC -fvisibility=hidden %s -I'%s/core/include' '%s' "
             "-o '%s/%s.avcl.so' 2>'%s/cc.log'",
             flags, root, source, f->dir, name, f->dir);
    if (system(command)) fail_msg("cc: see %s (%s)", f->dir, command);
}

void plugin_keep_log(void *arg, int32_t level, const char *text)
{
    plugin_fixture *f = arg;
    (void)level;
    size_t n = strlen(f->log);
    snprintf(f->log + n, sizeof f->log - n, "%s\n", text);
}

avcl_host *plugin_host(plugin_fixture *f)
{
    avcl_error err = {0};
    avcl_host_options o = {.plugin_path = f->dir, .log = plugin_keep_log, .log_arg = f};
    setenv("AVCL_PLUGIN_PATH_ONLY", "1", 1);
    setenv("AVCL_PLUGIN_PATH", "", 1);
    f->host = avcl_host_new(&o, &err);
    if (!f->host) fail_msg("%s", err.message);
    return f->host;
}

avcl_plugin_info plugin_info(avcl_host *host, const char *name)
{
    avcl_plugin_info info;
    char tail[PATH];
    snprintf(tail, sizeof tail, "/%s.avcl.so", name);
    for (uint32_t i = 0; i < avcl_host_n_plugins(host); i++) {
        assert_int_equal(avcl_host_get_plugin(host, i, &info), AVCL_OK);
        size_t n = strlen(info.path);
        if (n > strlen(tail) && strcmp(info.path + n - strlen(tail), tail) == 0)
            return info;
    }
    fail_msg("no candidate %s", name);
    return info;
}

void plugin_expect(plugin_fixture *f, const char *name, avcl_plugin_state state,
                   const char *reason)
{
    avcl_host *host = f->host ? f->host : plugin_host(f);
    avcl_host_load_all(host);
    avcl_plugin_info info = plugin_info(host, name);
    if (info.state != state || !strstr(info.reason ? info.reason : "", reason))
        fail_msg("%s: state %d, reason '%s', wanted %d, '%s'", name, (int)info.state,
                 info.reason ? info.reason : "", (int)state, reason);
}

int plugin_set_up(void **state)
{
    plugin_fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/avcl-plugins-XXXXXX");
    *state = f;
    if (!mkdtemp(f->dir)) return -1;
    char cache[PATH + 8];
    snprintf(cache, sizeof cache, "%s/cache", f->dir); /* nothing is known at first */
    return setenv("XDG_CACHE_HOME", cache, 1);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int plugin_tear_down(void **state)
{
    plugin_fixture *f = *state;
    avcl_host_free(f->host);
    chmod(f->dir, 0700);
    int rc = nftw(f->dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}
