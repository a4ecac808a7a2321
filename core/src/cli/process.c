/* process.c - fork, talk, reap, confine. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/process.h"

#define EXPORT __attribute__((visibility("default")))

static int has_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = 0;
    if (!tasks) return 0;
    for (struct dirent *e; (e = readdir(tasks));)
        n += e->d_name[0] != '.';
    closedir(tasks);
    return n > 1;
}

/* Dying with the parent makes "its runner was killed" one case instead of two: no orphan
 * goes on with a run that the next runner takes over. */
static void become_worker(int parent)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it died before we asked */
}

EXPORT int avcl_cli_fork(int *fd)
{
    int ends[2];
    int parent = getpid();
    if (has_threads()) return -2;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -1;
    fflush(NULL);
    int pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    close(ends[pid ? 1 : 0]);
    *fd = ends[pid ? 0 : 1];
    if (pid == 0) become_worker(parent);
    return pid;
}

EXPORT int avcl_cli_send(int fd, const char *text, uint64_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, text, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -1;
        text += done;
        n -= (uint64_t)done;
    }
    return 0;
}

EXPORT int64_t avcl_cli_receive(int fd, char *out, uint64_t room, int wait)
{
    return recv(fd, out, room, wait ? 0 : MSG_DONTWAIT);
}

EXPORT void avcl_cli_close(int fd)
{
    close(fd);
}

EXPORT int avcl_cli_poll(const int *fds, int *ready, uint32_t n, int timeout_ms)
{
    struct pollfd *list = calloc(n + 1, sizeof *list);
    if (!list) return -1;
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    int found = poll(list, n, timeout_ms);
    for (uint32_t i = 0; i < n; i++)
        ready[i] = found > 0 && list[i].revents != 0;
    free(list);
    return found;
}

EXPORT int avcl_cli_reap(int pid, int *code)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid) return 0;
    *code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return 1;
}

EXPORT void avcl_cli_kill(int pid, int number)
{
    kill(pid, number);
}

EXPORT const char *avcl_cli_signal_name(int number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
                 {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"}, {SIGKILL, "SIGKILL"},
                 {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}, {SIGSYS, "SIGSYS"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number) return names[i].name;
    return "a signal";
}

/* ---- streams ---------------------------------------------------------------------- */
static int point_at(int fd)
{
    fflush(stdout);
    fflush(stderr);
    return dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 ? -1 : 0;
}

/* The way back is kept on a high descriptor while the streams go to a file. */
EXPORT int avcl_cli_redirect(const char *path)
{
    enum { KEPT = 100 };
    if (!path) {
        if (fcntl(KEPT, F_GETFD) < 0) return 0;
        int rc = point_at(KEPT);
        close(KEPT);
        return rc;
    }
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    if (fcntl(KEPT, F_GETFD) < 0 && dup2(STDERR_FILENO, KEPT) == KEPT)
        fcntl(KEPT, F_SETFD, FD_CLOEXEC);
    int rc = point_at(fd);
    close(fd);
    return rc;
}

EXPORT int avcl_cli_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* ---- the machine --------------------------------------------------------------------
 */
EXPORT uint32_t avcl_cli_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    return (uint32_t)CPU_COUNT(&set);
}

/* Parts are equal when n divides the cores; with more parts than cores they share. */
EXPORT int avcl_cli_pin(uint32_t index, uint32_t n)
{
    cpu_set_t all;
    cpu_set_t part;
    if (n < 2) return 0;
    if (sched_getaffinity(0, sizeof all, &all)) return -1;
    uint32_t cores = (uint32_t)CPU_COUNT(&all);
    uint32_t begin = n >= cores ? index % cores : cores * index / n;
    uint32_t end = n >= cores ? begin + 1 : cores * (index + 1) / n;
    uint32_t at = 0;
    CPU_ZERO(&part);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        if (at >= begin && at < end) CPU_SET(cpu, &part);
        at++;
    }
    return sched_setaffinity(0, sizeof part, &part);
}

EXPORT int avcl_cli_nice(int increment)
{
    errno = 0;
    return nice(increment) == -1 && errno ? -1 : 0;
}

EXPORT void avcl_cli_leave(int code)
{
    fflush(NULL);
    _exit(code);
}
