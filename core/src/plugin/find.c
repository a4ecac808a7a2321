/*
 * find.c - modules by name, loading the one plugin that has it.
 *
 * "id/module" names one plugin. A short name belongs to the modules that come with avcl,
 * then to plugins whose id ends in it (org.lab.net owns net), then to anybody; two of the
 * same rank are ambiguous. So what a name means depends on the files there are, not on
 * what was loaded before.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "plugin/elf.h"
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
    return !m->hidden && (!q->kind || strcmp(m->kind, q->kind) == 0);
}

/* ---- matching ---------------------------------------------------------------------- */
/* "org.lab.net" owns the short name "net". */
static int owns(const avcl_host_file *file, const char *name)
{
    const char *dot = strrchr(file->id, '.');
    return strcmp(dot ? dot + 1 : file->id, name) == 0;
}

static int is_owner(const avcl_host_file *file, const void *name)
{
    return owns(file, name);
}

static int has_id_of(const avcl_host_file *file, const void *full_name)
{
    const char *name = full_name;
    size_t n = (size_t)(strrchr(name, '/') - name);
    return strlen(file->id) == n && strncmp(file->id, name, n) == 0;
}

typedef int32_t rank;
enum { BUILTIN, OWNER, ANYBODY, N_RANKS };

static int has_rank(const query *q, const avcl_host_module *m, rank r)
{
    if (r == BUILTIN) return m->file->is_builtin;
    return r == ANYBODY || owns(m->file, q->name);
}

/* A file that is of no use now offers nothing. */
static int is_usable(const avcl_host_file *f)
{
    return f->state == AVCL_PLUGIN_OK || f->state == AVCL_PLUGIN_LOADED;
}

static uint32_t match(avcl_host *host, const query *q, rank r, avcl_host_module **first)
{
    uint32_t n = 0;
    for (avcl_host_module *m = host->modules; m; m = m->next)
        if (is_usable(m->file) && is_kind(q, m) && has_rank(q, m, r) &&
            strcmp(m->name, q->name) == 0 && n++ == 0)
            *first = m;
    return n;
}

static avcl_host_module *find_full(avcl_host *host, const query *q)
{
    avcl__host_inspect(host, has_id_of, q->name);
    for (avcl_host_module *m = host->modules; m; m = m->next)
        if (is_usable(m->file) && is_kind(q, m) && strcmp(m->full_name, q->name) == 0)
            return m;
    return NULL;
}

static uint32_t find_short(avcl_host *host, const query *q, avcl_host_module **first)
{
    avcl__host_inspect(host, is_owner, q->name);
    uint32_t n = match(host, q, BUILTIN, first);
    if (n) return n; /* without a look at all the others */
    avcl__host_inspect(host, NULL, NULL);
    for (rank r = BUILTIN; n == 0 && r < N_RANKS; r++)
        n = match(host, q, r, first);
    return n;
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
        if (strcmp(o->name, q->name) == 0 && is_kind(q, o)) {
            say(&m, "%s%s", comma, o->full_name);
            comma = ", ";
        }
    return avcl_error_set(err, AVCL_E_INVALID, "%s", m.text);
}

/* Same name, another kind: the likeliest slip of all. */
static const avcl_host_module *find_other_kind(avcl_host *host, const query *q)
{
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        if (!m->hidden &&
            (strcmp(m->name, q->name) == 0 || strcmp(m->full_name, q->name) == 0))
            return m;
    return NULL;
}

static int is_near(const query *q, const avcl_host_module *m)
{
    const char *names[2] = {m->name, m->full_name};
    const char *slash = strrchr(q->name, '/');
    return avcl__nearest(q->name, names, 2) >= 0 ||
           (slash && slash[1] && avcl__nearest(slash + 1, names, 1) >= 0) ||
           (slash && strcmp(slash + 1, m->name) == 0);
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
    return !f->winner && !is_usable(f);
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
        kind_word(other->kind, word);
        say(&m, "; %s is of kind %s", other->full_name, word);
    } else {
        say_similar(host, q, &m);
    }
    say_refused(host, &m);
    return avcl_error_set(err, AVCL_E_NOT_FOUND, "%s", m.text);
}

/* ---- public
 * ------------------------------------------------------------------------------------ */
/* Its plugin may still refuse to load; then the reason is the answer. */
static const avcl_module *bring_in(avcl_host *host, const query *q, avcl_host_module *m,
                                   avcl_error *err)
{
    avcl__host_load_file(host, m->file);
    if (m->file->state == AVCL_PLUGIN_LOADED && m->module) return m->module;
    char word[32];
    kind_word(q->kind, word);
    avcl_error_set(err, AVCL_E_ABI, "%s '%s': plugin %s: %s", word, q->name,
                   m->file->path, m->file->reason ? m->file->reason : "was not loaded");
    return NULL;
}

const avcl_module *avcl_host_find(avcl_host *host, const char *kind, const char *name,
                                  avcl_error *err)
{
    query q = {kind, name};
    avcl_host_module *found = NULL;
    uint32_t n = 0;
    if (strchr(name, '/')) {
        found = find_full(host, &q);
        n = found != NULL;
    } else {
        n = find_short(host, &q, &found);
    }
    if (n == 1) return bring_in(host, &q, found, err);
    if (n > 1) {
        refuse_ambiguous(host, &q, err);
        return NULL;
    }
    avcl__host_inspect(host, NULL, NULL); /* what else is there, to say so */
    refuse_unknown(host, &q, err);
    return NULL;
}

avcl_status avcl_host_load(avcl_host *host, const char *path, avcl_error *err)
{
    avcl_error own = {0};
    avcl_host_file *file = avcl__host_add_file(host, path, 1, &own);
    if (!file) return avcl_error_set(err, own.code, "%s", own.message);
    avcl__host_load_file(host, file);
    if (file->state == AVCL_PLUGIN_QUARANTINED) { /* named: it gets another chance */
        avcl__host_forgive(host, file);
        avcl__host_reinspect(host, file);
        avcl__host_load_file(host, file);
    }
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
    avcl_host_file *f = host->files;
    while (f && f->index != index)
        f = f->next;
    if (!f) return AVCL_E_NOT_FOUND;
    avcl__host_notice_replaced(host, f);
    *out = (avcl_plugin_info){
        .state = f->state,
        .n_modules = f->n_modules,
        .path = f->path,
        .id = f->id,
        .version = f->version,
        .reason = f->reason,
        .sha256 = f->state == AVCL_PLUGIN_LOADED ? f->sha256 : NULL,
        .is_builtin = f->is_builtin,
        .is_shadowed = f->winner != NULL,
    };
    return AVCL_OK;
}

void avcl_plugin_build_id(const char *path, char hex[65])
{
    avcl__elf_build_id(path, hex);
}

const avcl_host_module *avcl__host_module_of(const avcl_host *host, const avcl_module *m)
{
    const avcl_host_module *offer = host->modules;
    while (offer && offer->module != m)
        offer = offer->next;
    return offer;
}

avcl_crumb avcl__host_crumb(const avcl_host_module *m, const char *doing)
{
    return (avcl_crumb){.who = m->full_name,
                        .doing = doing,
                        .path = m->file->is_builtin ? NULL : m->file->path,
                        .stamp = m->file->stamp};
}

void avcl_host_inspect(avcl_host *host)
{
    avcl__host_inspect(host, NULL, NULL);
}

avcl_status avcl_host_get_offer(avcl_host *host, uint32_t index, avcl_offer *out)
{
    const avcl_host_module *m = host->modules;
    while (m && (m->hidden || index--))
        m = m->next;
    if (!m) return AVCL_E_NOT_FOUND;
    *out = (avcl_offer){.plugin = m->file->index,
                        .numerics = m->numerics,
                        .kind = m->kind,
                        .name = m->name,
                        .full_name = m->full_name,
                        .summary = m->summary};
    return AVCL_OK;
}

uint32_t avcl_host_n_modules(avcl_host *host)
{
    uint32_t n = 0;
    for (const avcl_host_module *m = host->modules; m; m = m->next)
        n += m->module != NULL;
    return n;
}

const avcl_module *avcl_host_get_module(avcl_host *host, uint32_t index,
                                        uint32_t *plugin_index)
{
    const avcl_host_module *m = host->modules;
    while (m && (!m->module || index--))
        m = m->next;
    if (!m) return NULL;
    if (plugin_index) *plugin_index = m->file->index;
    return m->module;
}
