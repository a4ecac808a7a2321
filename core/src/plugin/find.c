/*
 * find.c - modules by name, loading as little as will do.
 *
 * "id/module" loads that plugin. A short name belongs to the plugins whose id ends in it
 * (avcl.r3d owns r3d); only when none has it are all others loaded and searched. So what
 * a name means depends on the files there are, not on what was loaded before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "plugin/host_impl.h"

/* Names that one message lists at most. */
enum { MAX_LISTED = 6 };

typedef struct query {
    const char *kind; /* NULL = any */
    const char *name;
} query;

/* "avcl.backbone/1" -> "backbone" */
static void kind_word(const char *kind, char out[32])
{
    const char *dot = kind ? strchr(kind, '.') : NULL;
    snprintf(out, 32, "%s", dot ? dot + 1 : kind ? kind : "module");
    out[strcspn(out, "/")] = '\0';
}

static int is_kind(const query *q, const avcl_host_module *m)
{
    return !q->kind || strcmp(m->module.kind, q->kind) == 0;
}

/* ---- matching
 * --------------------------------------------------------------------------- */
/* "org.lab.net" owns the short name "net". */
static int owns(const avcl_host_file *file, const char *name)
{
    const char *dot = strrchr(file->id, '.');
    return strcmp(dot ? dot + 1 : file->id, name) == 0;
}

/* Modules of that short name: of owners only, or of anybody. Returns how many. */
static uint32_t match(avcl_host *host, const query *q, int owners_only,
                      const avcl_host_module **first)
{
    uint32_t n = 0;
    for (const avcl_host_module *m = host->modules; m; m = m->next) {
        if (strcmp(m->module.name, q->name) != 0 || !is_kind(q, m)) continue;
        if (owners_only && !owns(m->file, q->name)) continue;
        if (n++ == 0) *first = m;
    }
    return n;
}

static const avcl_host_module *find_full(avcl_host *host, const query *q)
{
    size_t n = (size_t)(strrchr(q->name, '/') - q->name);
    for (avcl_host_file *f = host->files; f; f = f->next)
        if (strlen(f->id) == n && strncmp(f->id, q->name, n) == 0)
            avcl__host_load_file(host, f);
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        if (strcmp(m->full_name, q->name) == 0 && is_kind(q, m)) return m;
    return NULL;
}

static uint32_t find_short(avcl_host *host, const query *q,
                           const avcl_host_module **first)
{
    for (avcl_host_file *f = host->files; f; f = f->next)
        if (owns(f, q->name)) avcl__host_load_file(host, f);
    uint32_t n = match(host, q, 1, first);
    if (n) return n;
    avcl_host_load_all(host);
    return match(host, q, 0, first);
}

/* ---- messages
 * ------------------------------------------------------------------------------ */
typedef struct message {
    char text[900]; /* what does not fit is cut; avcl_error holds little more */
    size_t n;
} message;

__attribute__((format(printf, 2, 3))) static void say(message *m, const char *fmt, ...);

static void say(message *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(m->text + m->n, sizeof m->text - m->n, fmt, ap);
    va_end(ap);
    if (n > 0) m->n += (size_t)n;
    if (m->n >= sizeof m->text) m->n = sizeof m->text - 1;
}

static avcl_status refuse_ambiguous(avcl_host *host, const query *q, avcl_error *err)
{
    message m = {.n = 0};
    char word[32];
    kind_word(q->kind, word);
    say(&m, "%s '%s' is ambiguous: ", word, q->name);
    const char *comma = "";
    for (const avcl_host_module *o = host->modules; o; o = o->next)
        if (strcmp(o->module.name, q->name) == 0 && is_kind(q, o)) {
            say(&m, "%s%s", comma, o->full_name);
            comma = ", ";
        }
    return avcl_error_set(err, AVCL_E_INVALID, "%s", m.text);
}

/* Same name, another kind: the likeliest slip of all. */
static const avcl_host_module *find_other_kind(avcl_host *host, const query *q)
{
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        if (strcmp(m->module.name, q->name) == 0 || strcmp(m->full_name, q->name) == 0)
            return m;
    return NULL;
}

static int is_near(const query *q, const avcl_host_module *m)
{
    const char *names[2] = {m->module.name, m->full_name};
    const char *slash = strrchr(q->name, '/');
    return avcl__nearest(q->name, names, 2) >= 0 ||
           (slash && slash[1] && avcl__nearest(slash + 1, names, 1) >= 0) ||
           (slash && strcmp(slash + 1, m->module.name) == 0);
}

static void say_similar(avcl_host *host, const query *q, message *out)
{
    uint32_t n = 0;
    for (const avcl_host_module *m = host->modules; m && n < MAX_LISTED; m = m->next)
        if (is_kind(q, m) && is_near(q, m))
            say(out, "%s%s", n++ ? ", " : "; similar: ", m->full_name);
    if (n) return;
    for (const avcl_host_module *m = host->modules; m && n < MAX_LISTED; m = m->next)
        if (is_kind(q, m)) say(out, "%s%s", n++ ? ", " : "; there is: ", m->full_name);
}

static int was_refused(const avcl_host_file *f)
{
    return !f->winner &&
           (f->state == AVCL_PLUGIN_REFUSED || f->state == AVCL_PLUGIN_UNLOADABLE);
}

static void say_refused(avcl_host *host, message *out)
{
    uint32_t n = 0;
    for (const avcl_host_file *f = host->files; f; f = f->next)
        n += (uint32_t)was_refused(f);
    if (n == 0) return;
    say(out, n == 1 ? "; 1 file was refused: " : "; %u files were refused: ", n);
    uint32_t shown = 0;
    for (const avcl_host_file *f = host->files; f && shown < MAX_LISTED; f = f->next)
        if (was_refused(f))
            say(out, "%s%s (%s)", shown++ ? ", " : "", f->path,
                f->reason ? f->reason : "?");
}

static avcl_status refuse_unknown(avcl_host *host, const query *q, avcl_error *err)
{
    message m = {.n = 0};
    char word[32];
    kind_word(q->kind, word);
    say(&m, "no %s '%s'", word, q->name);
    const avcl_host_module *other = find_other_kind(host, q);
    if (other) {
        kind_word(other->module.kind, word);
        say(&m, "; %s is of kind %s", other->full_name, word);
    } else {
        say_similar(host, q, &m);
    }
    say_refused(host, &m);
    return avcl_error_set(err, AVCL_E_NOT_FOUND, "%s", m.text);
}

/* ---- public
 * ------------------------------------------------------------------------------------ */
const avcl_module *avcl_host_find(avcl_host *host, const char *kind, const char *name,
                                  avcl_error *err)
{
    query q = {kind, name};
    const avcl_host_module *found = NULL;
    uint32_t n = 0;
    if (strchr(name, '/')) {
        found = find_full(host, &q);
        n = found != NULL;
    } else {
        n = find_short(host, &q, &found);
    }
    if (n == 1) return &found->module;
    if (n > 1) {
        refuse_ambiguous(host, &q, err);
        return NULL;
    }
    avcl_host_load_all(host); /* what else is there, to say so */
    refuse_unknown(host, &q, err);
    return NULL;
}

avcl_status avcl_host_load(avcl_host *host, const char *path, avcl_error *err)
{
    avcl_error own = {0};
    avcl_host_file *file = avcl__host_add_file(host, path, 1, &own);
    if (!file) return avcl_error_set(err, own.code, "%s", own.message);
    avcl__host_load_file(host, file);
    if (file->state == AVCL_PLUGIN_LOADED) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_ABI, "plugin %s: %s", file->path,
                          file->reason ? file->reason : "was not loaded");
}

void avcl_host_load_all(avcl_host *host)
{
    for (avcl_host_file *f = host->files; f; f = f->next)
        avcl__host_load_file(host, f);
}

uint32_t avcl_host_n_plugins(avcl_host *host)
{
    return host->n_files;
}

avcl_status avcl_host_get_plugin(avcl_host *host, uint32_t index, avcl_plugin_info *out)
{
    const avcl_host_file *f = host->files;
    while (f && f->index != index)
        f = f->next;
    if (!f) return AVCL_E_NOT_FOUND;
    *out = (avcl_plugin_info){
        .state = f->state,
        .n_modules = f->n_modules,
        .path = f->path,
        .id = f->id,
        .version = f->version,
        .reason = f->reason,
        .sha256 = f->state == AVCL_PLUGIN_LOADED ? f->sha256 : NULL,
    };
    return AVCL_OK;
}

uint32_t avcl_host_n_modules(avcl_host *host)
{
    return host->n_modules;
}

const avcl_module *avcl_host_get_module(avcl_host *host, uint32_t index,
                                        uint32_t *plugin_index)
{
    const avcl_host_module *m = host->modules;
    while (m && index--)
        m = m->next;
    if (!m) return NULL;
    if (plugin_index) *plugin_index = m->file->index;
    return &m->module;
}
