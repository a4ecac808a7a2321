/*
 * test_steps.c - a training step calls into no plugin but for custom kernels.
 *
 * The plugin's code is made impossible to run once the session stands: whoever calls it
 * then dies.
 */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/session.h"
#include "plugin_fixture.h"

enum { STEPS = 5, N = 2 * 3 * 4 * 16 * 16 };

static void compile_file(const plugin_fixture *f, const char *source, const char *name)
{
    char command[4 * PATH];
    const char *root = getenv("AVCL_SOURCE_DIR");
    snprintf(
        command, sizeof command,
        "cc -O1 -shared -fPIC -fvisibility=hidden -I'%s/core/include' '%s/plugins/%s' "
        "-o '%s/%s.avcl.so'",
        root, root, source, f->dir, name);
    if (system(command)) fail_msg("%s", command);
}

static struct {
    void *from;
    size_t n;
} code; /* of the plugin that is looked at */

/* Finds it and takes the right to run it away. */
static int forbid(const char *file)
{
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    code.n = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long from = 0;
        unsigned long to = 0;
        char rights[8] = "";
        if (!strstr(line, file) || sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 ||
            rights[2] != 'x')
            continue;
        code.from = (void *)from; /* NOLINT */
        code.n = to - from;
    }
    if (maps) fclose(maps);
    return code.n > 0 && mprotect(code.from, code.n, PROT_READ) == 0;
}

/* The linker runs something of it when the process ends. */
static void allow(void)
{
    assert_int_equal(mprotect(code.from, code.n, PROT_READ | PROT_EXEC), 0);
}

static avcl_session *open_session(plugin_fixture *f, int with_kernel, avcl_graph **out)
{
    avcl_error err = {0};
    static float x[N];
    setenv("AVCL_PLUGIN_PATH_ONLY", "0", 1);
    setenv("AVCL_PLUGIN_PATH", getenv("AVCL_MODULES"), 1);
    avcl_host_options o = {.plugin_path = f->dir};
    f->host = avcl_host_new(&o, &err);
    avcl_graph *g = f->host ? avcl_graph_new(f->host, &err) : NULL;
    if (!g) fail_msg("%s", err.message);
    const int64_t shape[5] = {2, 3, 4, 16, 16};
    avcl_node clip = avcl_graph_input(g, "x", AVCL_F32, shape, 5);
    if (with_kernel)
        clip = avcl_graph_op(g, "org.example.shift/shift", &clip, 1, NULL, 0);
    avcl_node taps[3] = {0};
    avcl_instance m = avcl_graph_instance(g, AVCL_KIND_BACKBONE, "org.example.tiny/tiny",
                                          NULL, 0, "net");
    avcl_graph_apply(g, m, &clip, 1, taps, 3);
    avcl_node square = avcl_graph_op(g, "square", &taps[2], 1, NULL, 0);
    avcl_graph_minimize(g, 1, avcl_graph_op(g, "mean", &square, 1, NULL, 0));
    if (avcl_graph_status(g, &err)) fail_msg("%s", err.message);
    *out = g;
    avcl_session_options so = {.device = "cpu"};
    avcl_session *s = avcl_session_new(g, &so, &err);
    if (!s) fail_msg("%s", err.message);
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 17) / 17;
    assert_int_equal(avcl_session_write(s, "x", x, sizeof x, &err), AVCL_OK);
    return s;
}

static int take_steps(avcl_session *s)
{
    avcl_error err = {0};
    for (int i = 0; i < STEPS; i++)
        if (avcl_session_run(s, AVCL_TRAIN, &err) || avcl_session_commit(s, &err) ||
            avcl_session_update(s, &err))
            return 0;
    return avcl_session_run(s, AVCL_EVAL, &err) == AVCL_OK;
}

static void test_steps__run_no_code_of_builders(void **state)
{
    plugin_fixture *f = *state;
    compile_file(f, "template/backbone.c", "steps_tiny");
    avcl_graph *g = NULL;
    avcl_session *s = open_session(f, 0, &g);
    assert_true(forbid("steps_tiny.avcl.so"));
    int done = take_steps(s);
    allow();
    assert_true(done);
    avcl_session_free(s);
    avcl_graph_free(g);
}

/* The same way of looking sees a kernel: it is called, and the process dies of it. */
static void test_steps__run_kernels(void **state)
{
    plugin_fixture *f = *state;
    int status = 0;
    compile_file(f, "template/backbone.c", "other_tiny");
    compile_file(f, "shift/shift.c", "steps_shift");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        avcl_graph *g = NULL;
        avcl_session *s = open_session(f, 1, &g);
        if (!forbid("steps_shift.avcl.so")) _exit(3);
        _exit(take_steps(s) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(status != 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 3));
}

int main(void)
{
    setenv("AVCL_MODULES", getenv("AVCL_PLUGIN_PATH"), 1);
    const struct CMUnitTest tests[] = {
        PLUGIN_TEST(test_steps__run_no_code_of_builders),
        PLUGIN_TEST(test_steps__run_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
