/*
 * scan.c - runs avcl-scan over files and turns what it says into registry entries.
 *
 * The child is restarted behind a file that killed it or that took too long; the last
 * step it announced tells where.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugin/scan.h"

extern char **environ;

enum { OUT = 3, LINE = 2048, MAX_FIELDS = 6, MAX_FILES = 512 };

typedef struct scanning {
    const avcl_scan_request *request;
    uint32_t first;  /* of the files this child was given */
    uint32_t n_done; /* files that have a verdict */
    json_t *entry;   /* of the file it is at */
    char step[256];
    char line[LINE];
    size_t n_line;
} scanning;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- entries ----------------------------------------------------------------------- */
static void set_text(json_t *entry, const char *key, const char *text)
{
    json_object_set_new(entry, key, json_string(text));
}

static void finish(scanning *s, const char *state, const char *reason)
{
    if (!s->entry) s->entry = json_object();
    set_text(s->entry, "state", state);
    if (*reason) set_text(s->entry, "reason", reason);
    s->request->done(s->request->arg, s->first + s->n_done, s->entry);
    s->entry = NULL;
    s->n_done++;
}

static void add_module(json_t *entry, char *const *field)
{
    json_t *modules = json_object_get(entry, "modules");
    if (!modules) {
        modules = json_array();
        json_object_set_new(entry, "modules", modules);
    }
    json_array_append_new(modules,
                          json_pack("{s:s, s:s, s:i, s:b, s:s}", "kind", field[1], "name",
                                    field[2], "numerics", atoi(field[3]), "known",
                                    atoi(field[4]), "summary", field[5]));
}

static void take_line(scanning *s)
{
    char *field[MAX_FIELDS] = {s->line, "", "", "", "", ""};
    for (int i = 1; i < MAX_FIELDS; i++) {
        char *tab = strchr(field[i - 1], '\t');
        if (!tab) break;
        *tab = '\0';
        field[i] = tab + 1;
    }
    const char *word = field[0];
    if (strcmp(word, "file") == 0) {
        json_decref(s->entry);
        s->entry = json_object();
        snprintf(s->step, sizeof s->step, "before it was loaded");
    } else if (strcmp(word, "step") == 0) {
        snprintf(s->step, sizeof s->step, "%s", field[1]);
    } else if (strcmp(word, "module") == 0) {
        add_module(s->entry, field);
    } else if (strcmp(word, "note") == 0) {
        set_text(s->entry, "note", field[1]);
    } else {
        finish(s, word, field[1]);
    }
}

static void take(scanning *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (s->n_line + 1 < sizeof s->line) s->line[s->n_line++] = bytes[i];
            continue;
        }
        s->line[s->n_line] = '\0';
        s->n_line = 0;
        if (s->first + s->n_done < s->request->n_files) take_line(s);
    }
}

/* ---- the child --------------------------------------------------------------------- */
static int spawn(const avcl_scan_request *request, uint32_t first, uint32_t n, pid_t *pid,
                 int *out)
{
    const char *argv[MAX_FILES + 2] = {request->program};
    for (uint32_t i = 0; i < n; i++)
        argv[1 + i] = request->files[first + i];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return errno;
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], OUT);
        error = posix_spawn(pid, request->program, &actions, NULL, (char *const *)argv,
                            environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    *out = ends[0];
    if (error) close(ends[0]);
    return error;
}

/* Reads until the child ends or a file takes too long; 1 = it was killed for that. */
static int listen_to(scanning *s, int fd, pid_t pid)
{
    uint32_t at = s->n_done;
    double until = seconds_now() + s->request->seconds;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (s->n_done != at) until = seconds_now() + s->request->seconds;
        at = s->n_done;
        double left = until - seconds_now();
        if (left <= 0) {
            kill(pid, SIGKILL);
            return 1;
        }
        int n = poll(&p, 1, (int)(left * 1e3) + 1);
        if (n < 0 && errno != EINTR) return 0;
        if (n <= 0) continue;
        char bytes[4096];
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        take(s, bytes, (size_t)got);
    }
}

static void explain(scanning *s, int late, int status)
{
    char reason[512];
    if (late)
        snprintf(reason, sizeof reason, "it took more than %g s %s", s->request->seconds,
                 s->step);
    else if (WIFSIGNALED(status))
        snprintf(reason, sizeof reason, "it crashed (SIG%s) %s",
                 sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?",
                 s->step);
    else
        snprintf(reason, sizeof reason, "it ended the process with status %d %s",
                 WEXITSTATUS(status), s->step);
    finish(s, "quarantined", reason);
}

/* One child on files [first, …); how many of them have a verdict then. */
static uint32_t run_child(const avcl_scan_request *request, uint32_t first)
{
    scanning s = {.request = request, .first = first};
    uint32_t n = request->n_files - first;
    if (n > MAX_FILES) n = MAX_FILES;
    pid_t pid = 0;
    int fd = -1;
    int error = spawn(request, first, n, &pid, &fd);
    if (error) {
        char reason[PATH_MAX + 128];
        snprintf(reason, sizeof reason, "it could not be inspected: %s: %s",
                 request->program, strerror(error));
        finish(&s, "unloadable", reason);
        return 1;
    }
    int late = listen_to(&s, fd, pid);
    close(fd);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (s.n_done < n) explain(&s, late, status);
    json_decref(s.entry);
    return s.n_done;
}

void avcl__scan_files(const avcl_scan_request *request)
{
    for (uint32_t first = 0; first < request->n_files;)
        first += run_child(request, first);
}
