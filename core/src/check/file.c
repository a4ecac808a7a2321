/* file.c - tests of the file as a whole: what loading it does to the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/float_mode.h"
#include "check/check.h"
#include "plugin/elf.h"

extern char **environ;

static const double slow_load_s = 0.1;

/* ---- as it lies there
 * ------------------------------------------------------------------ */
void check_file(check *c)
{
    const avcl_host_file *f = c->file;
    int is_good = f->state == AVCL_PLUGIN_OK || f->state == AVCL_PLUGIN_LOADED;
    if (!is_good)
        check_say(c, AVCL_CHECK_FAIL, "%s", f->reason ? f->reason : "it is refused");
    else if (f->reason && strstr(f->reason, "it links"))
        check_say(c, AVCL_CHECK_OK, "%s", ""); /* load/libraries says it */
    else if (f->reason)
        check_say(c, AVCL_CHECK_FAIL, "%s", f->reason);
    if (f->stat.st_mode & S_IWGRP)
        check_say(c, AVCL_CHECK_WARN, "its group may write to it (chmod g-w '%s')",
                  f->path);
}

static int is_offered(const check *c, const char *kind)
{
    for (const avcl_host_module *m = c->scanned->modules; m; m = m->next)
        if (m->file == c->file && strcmp(m->kind, kind) == 0) return 1;
    return 0;
}

void check_libraries(check *c)
{
    const char *at = c->file->reason ? strstr(c->file->reason, "it links") : NULL;
    if (is_offered(c, AVCL_KIND_DEVICE))
        check_say(c, AVCL_CHECK_SKIP, "devices may link what they are made of");
    else if (at)
        check_say(c, AVCL_CHECK_FAIL, "%s", at);
}

void check_exports(check *c)
{
    avcl_elf f;
    if (avcl__elf_open(&f, c->file->path, NULL)) return;
    const Elf64_Shdr *table = avcl__elf_find(&f, ".dynsym", SHT_DYNSYM);
    for (uint64_t i = 0; table && i < table->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        char name[128] = "";
        if (avcl__elf_read(&f, table, i * sizeof symbol, &symbol, sizeof symbol) < 0)
            break;
        int bind = ELF64_ST_BIND(symbol.st_info);
        if (symbol.st_shndx == SHN_UNDEF || bind == STB_LOCAL) continue;
        if (table->sh_link >= f.head.e_shnum) break;
        avcl__elf_read(&f, &f.sections[table->sh_link], symbol.st_name, name,
                       sizeof name - 1);
        /* gcc's C++ type information is weak and harmless. */
        if (strcmp(name, AVCL_ENTRY_SYMBOL) == 0 || bind == STB_WEAK) continue;
        check_say(c, AVCL_CHECK_FAIL,
                  "it exports '%s': compile with -fvisibility=hidden, the entry is all "
                  "that others may see",
                  name);
    }
    avcl__elf_close(&f);
}

void check_constructors(check *c)
{
    avcl_elf f;
    if (is_offered(c, AVCL_KIND_DEVICE)) {
        check_say(c, AVCL_CHECK_SKIP, "devices may be built with more than ours");
        return;
    }
    if (avcl__elf_open(&f, c->file->path, NULL)) return;
    const Elf64_Shdr *table = avcl__elf_find(&f, ".init_array", SHT_INIT_ARRAY);
    if (table && table->sh_size > 8) /* the compiler's own is one */
        check_say(c, AVCL_CHECK_WARN, "%llu constructors run when it is loaded",
                  (unsigned long long)table->sh_size / 8 - 1);
    avcl__elf_close(&f);
}

void check_descriptor(check *c)
{
    for (const avcl_host_module *m = c->scanned->modules; m; m = m->next)
        if (m->file == c->file && m->hidden)
            check_say(c, AVCL_CHECK_FAIL, "module '%s' is of kind '%s', not known here",
                      m->name, m->kind);
    if (!strchr(c->file->id, '.'))
        check_say(c, AVCL_CHECK_FAIL, "its id '%s' is not reverse DNS (org.lab.net)",
                  c->file->id);
}

/* ---- what loading does
 * ----------------------------------------------------------------- */
typedef struct process_state {
    unsigned float_mode;
    int n_fds;
    int n_threads;
    int n_environ;
    char folder[4096];
    char locale[256];
    struct sigaction actions[32];
} process_state;

static void look(process_state *p)
{
    memset(p, 0, sizeof *p);
    p->float_mode = avcl__float_mode();
    p->n_fds = check_count_entries("/proc/self/fd");
    p->n_threads = check_count_entries("/proc/self/task");
    while (environ[p->n_environ])
        p->n_environ++;
    if (!getcwd(p->folder, sizeof p->folder)) p->folder[0] = '\0';
    snprintf(p->locale, sizeof p->locale, "%s", setlocale(LC_ALL, NULL));
    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &p->actions[i]);
}

static void compare(check *c, const process_state *a, const process_state *b)
{
    if (a->float_mode != b->float_mode)
        check_say(c, AVCL_CHECK_FAIL,
                  "loading changes the floating-point mode (MXCSR 0x%x to 0x%x): link "
                  "without -ffast-math",
                  a->float_mode, b->float_mode);
    if (a->n_fds != b->n_fds) check_say(c, AVCL_CHECK_FAIL, "loading leaves a file open");
    if (a->n_threads != b->n_threads)
        check_say(c, AVCL_CHECK_FAIL, "loading starts a thread: use parallel_for");
    if (a->n_environ != b->n_environ)
        check_say(c, AVCL_CHECK_FAIL, "loading changes the environment");
    if (strcmp(a->folder, b->folder) != 0)
        check_say(c, AVCL_CHECK_FAIL, "loading changes the current folder");
    if (strcmp(a->locale, b->locale) != 0)
        check_say(c, AVCL_CHECK_FAIL, "loading changes the locale");
    for (int i = 1; i < 32; i++)
        if (a->actions[i].sa_handler != b->actions[i].sa_handler)
            check_say(c, AVCL_CHECK_FAIL, "loading changes the handler of SIG%s",
                      sigabbrev_np(i));
}

/* What it prints goes into a pipe instead; 1 = it printed. */
static int load_quietly(const char *path)
{
    int ends[2];
    char byte;
    fflush(stdout);
    int kept = dup(1);
    if (kept < 0 || pipe2(ends, O_NONBLOCK)) return 0;
    dup2(ends[1], 1);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    fflush(stdout);
    dup2(kept, 1);
    int printed = library && read(ends[0], &byte, 1) == 1;
    close(kept);
    close(ends[0]);
    close(ends[1]);
    return printed;
}

void check_process(check *c)
{
    process_state before;
    process_state after;
    struct timespec from;
    struct timespec to;
    if (is_offered(c, AVCL_KIND_DEVICE)) {
        check_say(c, AVCL_CHECK_SKIP, "devices bring libraries that start things");
        return;
    }
    look(&before);
    clock_gettime(CLOCK_MONOTONIC, &from);
    int printed = load_quietly(c->file->path);
    clock_gettime(CLOCK_MONOTONIC, &to);
    look(&after);
    avcl__float_mode_set(before.float_mode);
    compare(c, &before, &after);
    double s =
        (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    if (printed) check_say(c, AVCL_CHECK_FAIL, "loading prints");
    if (s > slow_load_s) check_say(c, AVCL_CHECK_WARN, "loading takes %.0f ms", 1e3 * s);
}
