/*
 * crumb.c - the crumb, and the handler of fatal signals that reads it.
 *
 * State of the process, as signal handlers are. In the handler only write, open and
 * their like; then the signal takes its course.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "avcl/host.h"
#include "base/crumb.h"

enum { PATH_ROOM = 4096, ROOM_FOR_NUMBERS = 64 };

static _Thread_local const avcl_crumb *mine;
static const avcl_crumb *_Atomic latest;
static char marker[PATH_ROOM];
static char report[PATH_ROOM];

const avcl_crumb *avcl__crumb_set_own(const avcl_crumb *crumb)
{
    const avcl_crumb *before = mine;
    mine = crumb;
    return before;
}

const avcl_crumb *avcl__crumb_set(const avcl_crumb *crumb)
{
    const avcl_crumb *before = avcl__crumb_set_own(crumb);
    atomic_store_explicit(&latest, crumb, memory_order_relaxed);
    return before;
}

void avcl__crumb_mark_in(const char *folder)
{
    marker[0] = '\0';
    if (folder) snprintf(marker, sizeof marker - ROOM_FOR_NUMBERS, "%s/", folder);
}

void avcl_crash_report_to(const char *path)
{
    report[0] = '\0';
    if (path) snprintf(report, sizeof report, "%s", path);
}

/* ---- in the handler ---------------------------------------------------------------- */
static void put(int fd, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    while (n > 0) {
        ssize_t done = write(fd, text, n);
        if (done <= 0) return;
        text += done;
        n -= (size_t)done;
    }
}

static const char *name_of(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"},
                 {SIGBUS, "SIGBUS"},
                 {SIGFPE, "SIGFPE"},
                 {SIGILL, "SIGILL"},
                 {SIGABRT, "SIGABRT"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number) return names[i].name;
    return "a signal";
}

static void put_sentence(int fd, const avcl_crumb *c, int number)
{
    put(fd, "crashed in ");
    put(fd, c ? c->who : "avcl");
    if (c) put(fd, " ");
    put(fd, c ? c->doing : "");
    put(fd, " (");
    put(fd, name_of(number));
    put(fd, ")\n");
}

/* Decimal digits at the end of the marker's name. */
static void add_number(unsigned long value)
{
    char digits[24];
    size_t n = sizeof digits - 1;
    digits[n] = '\0';
    do
        digits[--n] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    strcat(marker, digits + n);
}

/* Named when it happens: a process forked since has a number of its own. */
static void put_marker(const avcl_crumb *c, int number)
{
    add_number((unsigned long)getpid());
    strcat(marker, "-");
    add_number((unsigned long)time(NULL));
    int fd = open(marker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *lines[] = {c->path, c->stamp, c->who, c->doing, name_of(number)};
    if (fd < 0) return;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put(fd, lines[i]);
        put(fd, "\n");
    }
    close(fd);
}

static void handle(int number)
{
    const avcl_crumb *c =
        mine ? mine : atomic_load_explicit(&latest, memory_order_relaxed);
    put(2, "avcl: ");
    put_sentence(2, c, number);
    int fd =
        report[0] ? open(report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd >= 0) {
        put_sentence(fd, c, number);
        close(fd);
    }
    if (marker[0] && c && c->path) put_marker(c, number);
    signal(number, SIG_DFL);
    raise(number);
}

void avcl_crash_watch(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    static char stack[1 << 16]; /* a stack that overflowed cannot hold a handler */
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        /* A sanitizer or a debugger was here first. */
        if (sigaction(numbers[i], NULL, &old) || old.sa_handler != SIG_DFL) continue;
        sigaction(numbers[i], &action, NULL);
    }
}
