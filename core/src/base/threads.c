/* threads.c - pthreads that take no signals of others; CLOCK_MONOTONIC throughout. */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/threads.h"

/* All but those that a thread's own fault raises: blocked, they would end the process
 * before any handler could say whose fault it was. */
static void fill_foreign(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(set, own[i]);
}

int32_t avcl__threads_start(pthread_t *threads, int64_t n, void *(*fn)(void *), void *arg,
                            const char *what, avcl_error *err)
{
    sigset_t foreign;
    sigset_t before;
    int32_t started = 0;
    int code = 0;
    fill_foreign(&foreign);
    pthread_sigmask(SIG_SETMASK, &foreign, &before);
    while (started < n && !code) {
        code = pthread_create(&threads[started], NULL, fn, arg);
        if (!code) started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started || n < 1) return started;
    char text[128] = "unknown error";
    (void)!strerror_r(code, text, sizeof text);
    avcl_error_set(err, AVCL_E_IO, "%s: cannot start a thread: %s", what, text);
    return 0;
}

void avcl__steady_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec avcl__time_after(double seconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double wait = fmin(fmax(seconds, 0.0), 86400.0);
    t.tv_sec += (time_t)wait;
    t.tv_nsec += (long)((wait - (double)(time_t)wait) * 1e9);
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}
