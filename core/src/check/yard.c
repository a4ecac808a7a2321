/* yard.c - fenced memory and the handler that names the fence. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check/yard.h"

enum { MAX_FENCES = 64 };

typedef struct fence {
    char *pages;  /* one that is not there, the piece's, one that is not there */
    size_t bytes; /* of the middle */
    size_t used;
    char name[32];
} fence;

/* Read by the signal handler of the child that a test runs in. */
static struct {
    fence fences[MAX_FENCES];
    uint32_t n;
    const char *doing;
    check *c;
} yard;

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void yard_doing(const char *what)
{
    yard.doing = what;
}

const char *yard_what(void)
{
    return yard.doing;
}

/* Elements of eight bytes stay aligned. */
static size_t gap_of(const fence *f, int at_start)
{
    return at_start ? 0 : (f->bytes - f->used) & ~(size_t)7;
}

void *yard_enclose(size_t used, const char *name, int at_start)
{
    size_t page = page_size();
    size_t bytes = (used + 64 + page - 1) / page * page;
    if (yard.n == MAX_FENCES) return NULL;
    fence *f = &yard.fences[yard.n];
    f->pages =
        mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->pages == MAP_FAILED) return NULL;
    yard.n++;
    mprotect(f->pages + page, bytes, PROT_READ | PROT_WRITE);
    f->bytes = bytes;
    f->used = used;
    snprintf(f->name, sizeof f->name, "%s", name);
    memset(f->pages + page, 0xff, bytes);
    return f->pages + page + gap_of(f, at_start);
}

void yard_release(void)
{
    for (uint32_t i = 0; i < yard.n; i++)
        munmap(yard.fences[i].pages, yard.fences[i].bytes + 2 * page_size());
    yard.n = 0;
}

static const fence *find(const char *at)
{
    for (uint32_t i = 0; i < yard.n; i++) {
        const fence *f = &yard.fences[i];
        if (at >= f->pages && at < f->pages + f->bytes + 2 * page_size()) return f;
    }
    return NULL;
}

static void name_fault(int number, siginfo_t *info, void *context)
{
    const char *at = info->si_addr;
    const fence *f = find(at);
    (void)number;
    (void)context;
    if (f) {
        const char *first = f->pages + page_size();
        check_say(yard.c, AVCL_CHECK_FAIL, "%s %s %s", yard.doing,
                  at >= first && at < first + f->bytes ? "writes to" : "reaches outside",
                  f->name);
    } else { /* NULL is what was not saved */
        check_say(yard.c, AVCL_CHECK_FAIL,
                  at < (const char *)4096
                      ? "%s reads what the op does not save (save_in, "
                        "save_out), or a gradient nobody wants"
                      : "%s reaches into memory that is not its own",
                  yard.doing);
    }
    ssize_t n = write(yard.c->result_fd, yard.c->result, sizeof *yard.c->result);
    _exit(n > 0 ? 0 : 1);
}

void yard_watch(check *c)
{
    struct sigaction action = {.sa_sigaction = name_fault, .sa_flags = SA_SIGINFO};
    yard.c = c;
    if (c->result_fd < 0) return; /* a debugger wants to see it */
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void yard_protect(const void *data, int writable)
{
    const fence *f = find(data);
    if (f)
        mprotect(f->pages + page_size(), f->bytes,
                 writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

void yard_check_canaries(check *c, int at_start)
{
    for (uint32_t i = 0; i < yard.n; i++) {
        const fence *f = &yard.fences[i];
        const unsigned char *first = (const unsigned char *)f->pages + page_size();
        size_t gap = gap_of(f, at_start);
        for (size_t k = 0; k < f->bytes; k++)
            if ((k < gap || k >= gap + f->used) && first[k] != 0xff) {
                check_say(c, AVCL_CHECK_FAIL, "%s writes outside %s", yard.doing,
                          f->name);
                return;
            }
    }
}
