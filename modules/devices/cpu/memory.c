/*
 * memory.c - the device's memory: large blocks on huge pages, touched before they are
 * handed out.
 *
 * A step sweeps through gigabytes. On pages of 4 KiB the first one would spend seconds in
 * the kernel, and every one would miss the TLB; so large blocks are asked for in pages of
 * 2 MiB, and all threads touch them here, where nobody measures a step.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu.h"

enum {
    HUGE_PAGE = 2 << 20,
    PAGE = 4096,
    LARGE = 2 * HUGE_PAGE, /* below, rounding up would waste more than it gains */
};

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static void touch_some(void *arg, int64_t begin, int64_t end)
{
    volatile char *base = arg;
    for (int64_t i = begin; i < end; i++)
        for (int64_t at = 0; at < HUGE_PAGE; at += PAGE)
            base[i * HUGE_PAGE + at] = 0;
}

/* Zeroed by the kernel, at a multiple of 2 MiB: mapped with room to spare, then trimmed.
 */
static void *map_huge(uint64_t size)
{
    char *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    uint64_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (head) munmap(p, head);
    if (HUGE_PAGE - head) munmap(p + head + size, HUGE_PAGE - head);
    madvise(p + head, size, MADV_HUGEPAGE); /* refused: small pages do */
    return p + head;
}

void *avcl__cpu_alloc(avcl_device *device, uint64_t bytes)
{
    if (bytes < LARGE) return avcl__aligned_alloc(bytes);
    uint64_t size = round_up(bytes);
    void *p = map_huge(size);
    if (p) avcl__cpu_for(device, (int64_t)(size / HUGE_PAGE), 1, touch_some, p);
    return p;
}

void avcl__cpu_free(avcl_device *device, void *p, uint64_t bytes)
{
    (void)device;
    if (p && bytes >= LARGE)
        munmap(p, round_up(bytes));
    else
        free(p);
}
