/* test_inspect.c - plugins that crash or hang are found out by a child, and remembered.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "base/crumb.h"
#include "plugin/host_impl.h"
#include "plugin/scan.h"
#include "plugin_fixture.h"

static avcl_host *new_host(plugin_fixture *f)
{
    avcl_host_free(f->host);
    f->host = NULL;
    return plugin_host(f);
}

static int exists(const plugin_fixture *f, const char *name)
{
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static void compile_with_witness(plugin_fixture *f, const char *name, const char *flags)
{
    char all[3 * PATH];
    snprintf(all, sizeof all, "%s '-DWITNESS=\"%s/ran\"'", flags, f->dir);
    plugin_compile(f, name, all);
}

static void forget_witness(const plugin_fixture *f)
{
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/ran", f->dir);
    unlink(path);
}

/* ---- in a child -------------------------------------------------------------------- */
static void test_inspect__a_crash_hurts_nobody_else(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "bad", "'-DID=\"org.test.bad\"' '-DCTOR=raise(SIGABRT);'");
    plugin_compile(f, "exits", "'-DID=\"org.test.exits\"' '-DCTOR=_exit(7);'");
    plugin_compile(f, "tiny", "");
    avcl_host *host = plugin_host(f);
    avcl_host_inspect(host);
    avcl_plugin_info info = plugin_info(host, "bad");
    assert_int_equal(info.state, AVCL_PLUGIN_QUARANTINED);
    assert_non_null(strstr(info.reason, "SIGABRT"));
    assert_non_null(strstr(info.reason, "while it was loaded"));
    info = plugin_info(host, "exits");
    assert_int_equal(info.state, AVCL_PLUGIN_QUARANTINED);
    assert_non_null(strstr(info.reason, "status 7"));
    assert_int_equal(plugin_info(host, "tiny").state, AVCL_PLUGIN_OK);
    assert_non_null(avcl_host_find(host, AVCL_KIND_BACKBONE, "tiny", NULL));
}

static void test_inspect__quarantine_lasts_until_the_file_changes(void **state)
{
    plugin_fixture *f = *state;
    compile_with_witness(f, "tiny", "'-DCTOR=raise(SIGABRT);'");
    avcl_host_inspect(plugin_host(f));
    assert_true(exists(f, "ran"));
    forget_witness(f);
    avcl_host_inspect(new_host(f));
    assert_int_equal(plugin_info(f->host, "tiny").state, AVCL_PLUGIN_QUARANTINED);
    assert_false(exists(f, "ran")); /* remembered, not run again */
    plugin_compile(f, "tiny", "");
    avcl_host_inspect(new_host(f));
    assert_int_equal(plugin_info(f->host, "tiny").state, AVCL_PLUGIN_OK);
}

static void test_inspect__naming_a_file_gives_it_another_chance(void **state)
{
    plugin_fixture *f = *state;
    char path[2 * PATH];
    compile_with_witness(f, "tiny", "'-DCTOR=raise(SIGABRT);'");
    avcl_host_inspect(plugin_host(f));
    forget_witness(f);
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    avcl_error err = {0};
    assert_int_equal(avcl_host_load(new_host(f), path, &err), AVCL_E_ABI);
    assert_true(exists(f, "ran"));
    assert_non_null(strstr(err.message, "it crashed (SIGABRT)"));
}

static void test_inspect__what_will_not_link_is_never_remembered(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "tiny", "-DMISSING");
    avcl_host_inspect(plugin_host(f));
    avcl_plugin_info info = plugin_info(f->host, "tiny");
    assert_int_equal(info.state, AVCL_PLUGIN_UNLOADABLE);
    assert_non_null(strstr(info.reason, "not_there"));
    avcl__registry_save(&f->host->registry);
    assert_null(json_object_get(f->host->registry.files, info.path));
}

static void test_inspect__offers_are_known_before_anything_is_loaded(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "tiny", "");
    avcl_host *host = plugin_host(f);
    avcl_offer offer;
    avcl_host_inspect(host);
    assert_int_equal(avcl_host_get_offer(host, 0, &offer), AVCL_OK);
    assert_string_equal(offer.full_name, "org.test.tiny/tiny");
    assert_string_equal(offer.kind, AVCL_KIND_BACKBONE);
    assert_int_equal(offer.numerics, 1);
    assert_int_equal(avcl_host_get_offer(host, 1, &offer), AVCL_E_NOT_FOUND);
    assert_int_equal(avcl_host_n_modules(host), 0);
}

typedef struct verdict {
    char state[16];
    char reason[300];
} verdict;

static void keep_verdict(void *arg, uint32_t file, json_t *entry)
{
    verdict *v = (verdict *)arg + file;
    const char *reason = json_string_value(json_object_get(entry, "reason"));
    snprintf(v->state, sizeof v->state, "%s",
             json_string_value(json_object_get(entry, "state")));
    snprintf(v->reason, sizeof v->reason, "%s", reason ? reason : "");
    json_decref(entry);
}

static void test_scan__a_hang_is_cut_short(void **state)
{
    plugin_fixture *f = *state;
    char paths[3][2 * PATH];
    char program[PATH];
    verdict verdicts[3];
    plugin_compile(f, "hang", "'-DID=\"org.test.hang\"' '-DCTOR=for(;;) pause();'");
    plugin_compile(f, "tiny", "");
    snprintf(paths[0], sizeof paths[0], "%s/tiny.avcl.so", f->dir);
    snprintf(paths[1], sizeof paths[1], "%s/hang.avcl.so", f->dir);
    snprintf(paths[2], sizeof paths[2], "%s/tiny.avcl.so", f->dir);
    snprintf(program, sizeof program, "%s/lib/avcl/avcl-scan", getenv("AVCL_BUILD_DIR"));
    const char *files[] = {paths[0], paths[1], paths[2]};
    avcl_scan_request request = {program, files, 3, 2.0, keep_verdict, verdicts};
    avcl__scan_files(&request);
    assert_string_equal(verdicts[0].state, "ok");
    assert_string_equal(verdicts[1].state, "quarantined");
    assert_non_null(strstr(verdicts[1].reason, "more than 2 s"));
    assert_string_equal(verdicts[2].state, "ok"); /* behind it, by another child */
}

/* ---- what may not come in ---------------------------------------------------------- */
static void test_inspect__a_second_openmp_runtime_is_named(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "tiny", "-Wl,--no-as-needed -l:libgomp.so.1");
    avcl_host_inspect(plugin_host(f));
    avcl_plugin_info info = plugin_info(f->host, "tiny");
    assert_int_equal(info.state, AVCL_PLUGIN_OK); /* a warning: `check` fails it */
    assert_non_null(info.reason);
    assert_non_null(strstr(info.reason, "libgomp.so.1"));
}

static void test_load__a_lock_takes_nothing_else(void **state)
{
    plugin_fixture *f = *state;
    avcl_error err = {0};
    plugin_compile(f, "tiny", "");
    setenv("AVCL_PLUGIN_PATH", f->dir, 1);
    avcl_host_options o = {.lock = "org.test.tiny 00\n"};
    f->host = avcl_host_new(&o, &err);
    assert_non_null(f->host);
    assert_null(avcl_host_find(f->host, NULL, "tiny", &err));
    assert_non_null(strstr(err.message, "not what the lock holds"));
    char lock[200];
    char hex[65];
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    assert_int_equal(avcl_sha256_file(path, hex, NULL), AVCL_OK);
    snprintf(lock, sizeof lock, "a.b 11\norg.test.tiny %s\n", hex);
    avcl_host_free(f->host);
    o.lock = lock;
    f->host = avcl_host_new(&o, NULL);
    assert_non_null(avcl_host_find(f->host, NULL, "tiny", NULL));
}

static void test_load__a_file_replaced_meanwhile_is_noticed(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "tiny", "");
    avcl_host *host = plugin_host(f);
    assert_non_null(avcl_host_find(host, NULL, "tiny", NULL));
    assert_null(plugin_info(host, "tiny").reason);
    char hex[65];
    snprintf(hex, sizeof hex, "%s", plugin_info(host, "tiny").sha256);
    plugin_compile(f, "new", "-DDEFAULT=7");
    char from[2 * PATH];
    char to[2 * PATH];
    snprintf(from, sizeof from, "%s/new.avcl.so", f->dir);
    snprintf(to, sizeof to, "%s/tiny.avcl.so", f->dir);
    assert_int_equal(rename(from, to), 0);
    avcl_plugin_info info = plugin_info(host, "tiny");
    assert_int_equal(info.state, AVCL_PLUGIN_LOADED);
    assert_non_null(strstr(info.reason, "replaced after it was loaded"));
    assert_string_equal(info.sha256, hex); /* of what runs */
}

/* ---- crashes of this process ------------------------------------------------------- */
/* A process that crashes while `who` of the plugin is `doing` something. */
static void crash_once(plugin_fixture *f, const char *doing)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka has a handler of its own */
        avcl_host *host = plugin_host(f);
        const avcl_module *m = avcl_host_find(host, NULL, "tiny", NULL);
        if (!freopen("/dev/null", "w", stderr) || !m) _exit(1);
        avcl_crash_watch();
        avcl_crumb crumb = avcl__host_crumb(avcl__host_module_of(host, m), doing);
        avcl__crumb_set(&crumb);
        raise(SIGSEGV);
        _exit(2);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void test_crash__three_times_and_it_is_out(void **state)
{
    plugin_fixture *f = *state;
    plugin_compile(f, "tiny", "");
    for (int i = 0; i < 3; i++) {
        crash_once(f, "forward");
        avcl_plugin_info info = plugin_info(new_host(f), "tiny");
        assert_int_equal(info.state, i < 2 ? AVCL_PLUGIN_OK : AVCL_PLUGIN_QUARANTINED);
        avcl_host_free(f->host);
        f->host = NULL;
    }
    avcl_plugin_info info = plugin_info(new_host(f), "tiny");
    assert_string_equal(info.reason, "it crashed 3 times, the last time in "
                                     "org.test.tiny/tiny forward (SIGSEGV)");
    plugin_compile(f, "tiny", "-DDEFAULT=5"); /* repaired */
    assert_int_equal(plugin_info(new_host(f), "tiny").state, AVCL_PLUGIN_OK);
}

static void test_crash__once_in_load_is_enough_and_naming_forgives(void **state)
{
    plugin_fixture *f = *state;
    char path[2 * PATH];
    plugin_compile(f, "tiny", "");
    crash_once(f, "load");
    assert_int_equal(plugin_info(new_host(f), "tiny").state, AVCL_PLUGIN_QUARANTINED);
    snprintf(path, sizeof path, "%s/tiny.avcl.so", f->dir);
    assert_int_equal(avcl_host_load(f->host, path, NULL), AVCL_OK);
    assert_int_equal(plugin_info(new_host(f), "tiny").state, AVCL_PLUGIN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_inspect__a_crash_hurts_nobody_else),
        PLUGIN_TEST(test_inspect__quarantine_lasts_until_the_file_changes),
        PLUGIN_TEST(test_inspect__naming_a_file_gives_it_another_chance),
        PLUGIN_TEST(test_inspect__what_will_not_link_is_never_remembered),
        PLUGIN_TEST(test_inspect__offers_are_known_before_anything_is_loaded),
        PLUGIN_TEST(test_scan__a_hang_is_cut_short),
        PLUGIN_TEST(test_inspect__a_second_openmp_runtime_is_named),
        PLUGIN_TEST(test_load__a_lock_takes_nothing_else),
        PLUGIN_TEST(test_load__a_file_replaced_meanwhile_is_noticed),
        PLUGIN_TEST(test_crash__three_times_and_it_is_out),
        PLUGIN_TEST(test_crash__once_in_load_is_enough_and_naming_forgives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
