/* signals.c - one handler; it sets a number and calls what was registered. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/signals.h"

#define EXPORT __attribute__((visibility("default")))
enum { EXIT_SIGNAL = 128 };

static atomic_int held;
static atomic_int requested;
static void (*_Atomic stop_call)(void *arg);
static void *_Atomic stop_arg;

static void call_stop(void)
{
    void (*stop)(void *) = atomic_load(&stop_call);
    if (stop) stop(atomic_load(&stop_arg));
}

static void handle(int number)
{
    if (!atomic_load(&held)) _exit(EXIT_SIGNAL + number);
    int before = 0;
    if (!atomic_compare_exchange_strong(&requested, &before, number)) {
        if (number == SIGINT) _exit(EXIT_SIGNAL + SIGINT);
        return;
    }
    call_stop();
}

void avcl__signals_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        /* nohup and `&` in a script ignore signals on purpose: keep it so. */
        if (sigaction(numbers[i], NULL, &old) || old.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &action, NULL);
    }
}

EXPORT void avcl_cli_hold_signals(int on)
{
    struct sigaction action = {.sa_handler = on ? SIG_IGN : SIG_DFL};
    sigaction(SIGPIPE, &action, NULL);
    atomic_store(&held, on);
}

EXPORT int avcl_cli_stop_requested(void)
{
    return atomic_load(&requested);
}

EXPORT void avcl_cli_on_stop(void (*stop)(void *arg), void *arg)
{
    atomic_store(&stop_call, NULL);
    atomic_store(&stop_arg, arg);
    atomic_store(&stop_call, stop);
    if (stop && atomic_load(&requested)) call_stop();
}
