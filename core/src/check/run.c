/*
 * run.c - one test after the other, each in a child with a time limit.
 *
 * What modules there are is asked of avcl-scan: the process that runs the tests never
 * loads the plugin. The child sends its result through a pipe; when it dies before that,
 * how it died is the result.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check/check.h"

static const double default_seconds = 60;

struct avcl_check {
    avcl_check_options options;
    avcl_arena arena;
    avcl_host *host;
    const avcl_host_file *file;
    avcl_host_module *module; /* NULL = the file's own tests */
    uint32_t test;
    char folder[64]; /* of the tests' own files; goes with this */
};

/* ---- verdicts ---------------------------------------------------------------------- */
void check_say(check *c, int32_t verdict, const char *fmt, ...)
{
    va_list ap;
    if (verdict < c->result->verdict ||
        (verdict == c->result->verdict && *c->result->text))
        return;
    c->result->verdict = verdict;
    va_start(ap, fmt);
    vsnprintf(c->result->text, sizeof c->result->text, fmt, ap);
    va_end(ap);
}

double check_unit(check *c)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(c->random >> 11) * 0x1p-53;
}

/* ---- new ----------------------------------------------------------------------------
 */
static avcl_status open_file(avcl_check *c, avcl_error *err)
{
    avcl_host_options o = {.plugin_path = c->options.plugin_path};
    c->host = avcl_host_new(&o, err);
    if (!c->host) return AVCL_E_NOMEM;
    avcl_host_file *file = avcl__host_add_file(c->host, c->options.file, 1, err);
    if (!file) return AVCL_E_NOT_FOUND;
    if (file->state == AVCL_PLUGIN_OK || file->state == AVCL_PLUGIN_QUARANTINED)
        avcl__host_reinspect(c->host, file);
    c->file = file;
    if (!c->options.module) return AVCL_OK;
    for (avcl_host_module *m = c->host->modules; m; m = m->next)
        if (m->file == file && strcmp(m->name, c->options.module) == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOT_FOUND, "%s has no module '%s'", file->path,
                          c->options.module);
}

static const char *keep(avcl_check *c, const char *text)
{
    return text ? avcl__arena_copy(&c->arena, text) : NULL;
}

avcl_check *avcl_check_new(const avcl_check_options *options, avcl_error *err)
{
    avcl_check *c = calloc(1, sizeof *c);
    if (!c) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a check");
        return NULL;
    }
    c->options = *options;
    c->options.file = keep(c, options->file);
    c->options.module = keep(c, options->module);
    c->options.only = keep(c, options->only);
    c->options.plugin_path = keep(c, options->plugin_path);
    snprintf(c->folder, sizeof c->folder, "/tmp/avcl-check-XXXXXX");
    if (!mkdtemp(c->folder)) c->folder[0] = '\0';
    if (c->options.seconds <= 0) c->options.seconds = default_seconds;
    if (open_file(c, err) == AVCL_OK) return c;
    avcl_check_free(c);
    return NULL;
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void avcl_check_free(avcl_check *c)
{
    if (!c) return;
    if (*c->folder) nftw(c->folder, drop, 8, FTW_DEPTH | FTW_PHYS);
    avcl_host_free(c->host);
    avcl__arena_release(&c->arena);
    free(c);
}

/* ---- in the child -------------------------------------------------------------------
 */
static int load(check *c, const avcl_host_module *m)
{
    avcl_error err = {0};
    avcl_host_options o = {.plugin_path = c->options->plugin_path,
                           .n_threads = 2,
                           .flags = AVCL_HOST_FORGET_CRASHES};
    c->host = avcl_host_new(&o, &err);
    if (c->host && !avcl_host_load(c->host, c->options->file, &err))
        c->module = avcl_host_find(c->host, m->kind, m->full_name, &err);
    if (c->module) return 1;
    check_say(c, AVCL_CHECK_FAIL, "%s", err.message);
    return 0;
}

static void run_here(const avcl_check *all, const check_test *t, avcl_check_result *out,
                     int fd)
{
    const avcl_host_module *m = all->module;
    check c = {.options = &all->options,
               .result = out,
               .random = all->options.seed,
               .result_fd = fd};
    c.file = all->file;
    c.folder = all->folder;
    c.scanned = all->host;
    c.name = m ? m->name : NULL;
    c.kind = m ? m->kind : NULL;
    if (!m || load(&c, m)) t->run(&c);
    avcl_host_free(c.host);
}

static void be_child(const avcl_check *all, const check_test *t, avcl_check_result *out,
                     int fd, int last_words)
{
    struct rlimit none = {0, 0};
    char report[64];
    setrlimit(RLIMIT_CORE, &none);
    snprintf(report, sizeof report, "/proc/self/fd/%d", last_words);
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL); /* not the caller's idea of a crash */
    avcl_crash_report_to(report);
    avcl_crash_watch();
    if (!freopen("/dev/null", "w", stderr)) _exit(1);
    run_here(all, t, out, fd);
    ssize_t n = write(fd, out, sizeof *out);
    _exit(n == sizeof *out ? 0 : 1);
}

/* ---- in the parent ------------------------------------------------------------------
 */
static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* 1 = the whole result came; 0 = the child ended without; -1 = it took too long. */
static int receive(int fd, double limit, avcl_check_result *out)
{
    double until = seconds_now() + limit;
    size_t n = 0;
    while (n < sizeof *out) {
        double left = until - seconds_now();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0) return -1;
        int ready = poll(&p, 1, (int)(left * 1e3) + 1);
        if (ready <= 0) continue;
        ssize_t got = read(fd, (char *)out + n, sizeof *out - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        n += (size_t)got;
    }
    return 1;
}

static void explain(avcl_check_result *out, int how, int status, double limit, int words)
{
    out->verdict = AVCL_CHECK_FAIL;
    ssize_t n = how < 0 ? 0 : read(words, out->text, sizeof out->text - 1);
    out->text[n > 0 ? n : 0] = '\0';
    out->text[strcspn(out->text, "\n")] = '\0';
    if (*out->text) return; /* "crashed in org.lab.net/net build (SIGSEGV)" */
    if (how < 0)
        snprintf(out->text, sizeof out->text, "it took more than %g s", limit);
    else if (WIFSIGNALED(status))
        snprintf(out->text, sizeof out->text, "it crashed (SIG%s)",
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    else
        snprintf(out->text, sizeof out->text, "it ended the process with status %d",
                 WEXITSTATUS(status));
}

static void run_child(const avcl_check *all, const check_test *t, avcl_check_result *out)
{
    int ends[2];
    int words[2] = {-1, -1};
    avcl_check_result sent;
    if (pipe(ends) || pipe(words)) {
        out->verdict = AVCL_CHECK_FAIL;
        snprintf(out->text, sizeof out->text, "no pipe: %s", strerror(errno));
        return;
    }
    fflush(NULL); /* or the child would print it again */
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_child(all, t, out, ends[1], words[1]);
    }
    close(ends[1]);
    close(words[1]);
    int how = pid > 0 ? receive(ends[0], all->options.seconds, &sent) : 0;
    close(ends[0]);
    if (how < 0) kill(pid, SIGKILL);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (how > 0)
        *out = sent;
    else
        explain(out, how, status, all->options.seconds, words[0]);
    close(words[0]);
}

/* ---- next ---------------------------------------------------------------------------
 */
static avcl_host_module *next_module(const avcl_check *c)
{
    avcl_host_module *m = c->module ? c->module->next : c->host->modules;
    while (m && (m->file != c->file || m->hidden ||
                 (c->options.module && strcmp(m->name, c->options.module) != 0)))
        m = m->next;
    return m;
}

static int applies(const avcl_check *c, const check_test *t)
{
    unsigned kinds = c->module ? check_kinds(c->module->kind) : (unsigned)FOR_FILE;
    if (!(t->kinds & kinds)) return 0;
    return !c->options.only || strstr(t->name, c->options.only) != NULL;
}

int32_t avcl_check_next(avcl_check *c, avcl_check_result *out)
{
    for (;; c->test++) {
        if (c->test == n_check_tests) {
            int usable =
                c->file->state == AVCL_PLUGIN_OK || c->file->state == AVCL_PLUGIN_LOADED;
            avcl_host_module *m = usable ? next_module(c) : NULL;
            if (!m) return 0;
            c->module = m;
            c->test = 0;
        }
        if (applies(c, &check_tests[c->test])) break;
    }
    const check_test *t = &check_tests[c->test++];
    *out = (avcl_check_result){.verdict = AVCL_CHECK_OK};
    snprintf(out->test, sizeof out->test, "%s", t->name);
    snprintf(out->module, sizeof out->module, "%s",
             c->module ? c->module->full_name : "");
    double started = seconds_now();
    if (c->options.in_process)
        run_here(c, t, out, -1);
    else
        run_child(c, t, out);
    out->seconds = seconds_now() - started;
    return 1;
}
