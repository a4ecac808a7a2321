/*
 * plugin_fixture.h - plugin files compiled by a test, in a folder of its own.
 *
 * The source is one whole backbone, of which a test changes one thing by a -D flag. Every
 * helper fails the running cmocka test when something is wrong.
 */
#ifndef AVCL_TEST_PLUGIN_FIXTURE_H
#define AVCL_TEST_PLUGIN_FIXTURE_H

#include "avcl/host.h"

enum { PATH = 512 };

typedef struct plugin_fixture {
    char dir[PATH]; /* fresh for every test, removed with it */
    avcl_host *host;
    char log[4096]; /* lines the host logged */
} plugin_fixture;

int plugin_set_up(void **state);
int plugin_tear_down(void **state);
#define PLUGIN_TEST(name)                                                                \
    cmocka_unit_test_setup_teardown(name, plugin_set_up, plugin_tear_down)

extern const char plugin_source[];
/* dir/NAME.avcl.so from one .c file by one cc line. */
void plugin_compile(const plugin_fixture *f, const char *name, const char *flags);
void plugin_put(const char *path, const void *data, size_t n);
char *plugin_take(const char *path, size_t *n);
void plugin_keep_log(void *fixture, int32_t level, const char *text);
/* A host that searches `dir` alone. */
avcl_host *plugin_host(plugin_fixture *f);
avcl_plugin_info plugin_info(avcl_host *host, const char *name);
/* Loads everything; file NAME must be in `state` for a reason that contains `reason`. */
void plugin_expect(plugin_fixture *f, const char *name, avcl_plugin_state state,
                   const char *reason);

#endif
