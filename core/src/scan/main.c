/*
 * main.c - avcl-scan FILE...: loads each plugin here, where a crash hurts nobody.
 *
 * Lines on descriptor 3, fields separated by tabs: what happens next (so that after a
 * crash the last line tells where), the modules, a verdict. Links libdl and nothing of
 * avcl's but the reading of descriptors. The host limits the time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/float_mode.h"
#include "plugin/descriptor.h"

enum { OUT = 3 };

/* Texts go out as one field of one line. */
static const char *field(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    for (; text && *text && n + 1 < cap; text++)
        out[n++] = *text == '\t' || *text == '\n' || *text == '\r' ? ' ' : *text;
    out[n] = '\0';
    return out;
}

static void say(const char *word, const char *text)
{
    char line[1200];
    dprintf(OUT, "%s\t%s\n", word, field(text, line, sizeof line));
}

static void say_module(const avcl_described *m)
{
    char summary[400];
    dprintf(OUT, "module\t%s\t%s\t%u\t%d\t%s\n", m->module.kind, m->module.name,
            m->module.numerics, m->known,
            field(m->module.summary, summary, sizeof summary));
}

static void compare_float_mode(unsigned before)
{
    unsigned after = avcl__float_mode();
    avcl__float_mode_set(before);
    char text[160];
    snprintf(text, sizeof text,
             "it changes the floating-point mode (MXCSR 0x%x to 0x%x, as code linked "
             "with -ffast-math does)",
             before, after);
    if (after != before) say("note", text);
}

static void scan(const char *path)
{
    avcl_plugin_manifest manifest;
    avcl_descriptor d;
    avcl_arena arena = {0};
    avcl_error err = {0};
    if (avcl__plugin_manifest_read(path, &manifest, &err)) {
        say("refused", err.message);
        return;
    }
    say("step", "while it was loaded (in a constructor?)");
    unsigned mode = avcl__float_mode();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    compare_float_mode(mode);
    if (!library) {
        const char *why = dlerror();
        say("unloadable", why ? why : "dlopen failed");
        return;
    }
    say("step", "while its descriptor was read");
    if (avcl__descriptor_read(library, &manifest, &arena, &d, &err)) {
        say("refused", err.message);
        return;
    }
    for (uint32_t i = 0; i < d.plugin.n_modules; i++)
        say_module(&d.modules[i]);
    say("ok", "");
    avcl__arena_release(&arena);
}

int main(int argc, char **argv)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fcntl(OUT, F_SETFD, FD_CLOEXEC);
    for (int i = 1; i < argc; i++) {
        dprintf(OUT, "file\t%d\n", i - 1);
        scan(argv[i]);
    }
    _exit(0); /* plugins' destructors have nothing to say */
}
