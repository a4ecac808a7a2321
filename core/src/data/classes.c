/* classes.c - the list of class names: from a file, from folders, or the labels seen. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/dataset_impl.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "no memory for class names");
}

/* The line at *at without its end, blanks around it cut; steps to the next. */
static char *next_line(char **at)
{
    char *line = *at;
    size_t n = strcspn(line, "\n");
    *at = line[n] ? line + n + 1 : line + n;
    line[n] = '\0';
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = '\0';
    return line + strspn(line, " \t");
}

static avcl_status add_class(avcl_dataset *d, const char *name, long long line,
                             avcl_error *err)
{
    for (int32_t i = 0; i < d->n_classes; i++)
        if (!strcmp(d->classes[i], name))
            return avcl_error_set(err, AVCL_E_INVALID, "%s: line %lld: class '%s' twice",
                                  d->classes_file, line, name);
    name = avcl__arena_copy(&d->manifest.arena, name);
    if (!name) return no_memory(err);
    d->classes[d->n_classes++] = name;
    return AVCL_OK;
}

static avcl_status parse(avcl_dataset *d, char *text, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    size_t n_lines = 1;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    d->classes = avcl__arena_alloc(&d->manifest.arena, n_lines * sizeof *d->classes);
    if (!d->classes) return no_memory(err);
    if (!strncmp(text, "\xEF\xBB\xBF", 3)) text += 3;
    for (long long line = 1; *text && status == AVCL_OK; line++) {
        const char *name = next_line(&text);
        if (*name && *name != '#') status = add_class(d, name, line, err);
    }
    if (status == AVCL_OK && !d->n_classes)
        status =
            avcl_error_set(err, AVCL_E_INVALID, "%s: no class names", d->classes_file);
    return status;
}

avcl_status avcl__dataset_take_classes(avcl_dataset *d, const char *text, avcl_error *err)
{
    avcl_arena *arena = &d->manifest.arena;
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    d->classes_file = d->manifest.file;
    d->classes = avcl__arena_alloc(arena, (n + 1) * sizeof *d->classes);
    char *names = avcl__arena_copy(arena, text);
    if (!d->classes || !names) return no_memory(err);
    for (char *end; (end = strchr(names, '\n')); names = end + 1) {
        *end = '\0';
        d->classes[d->n_classes++] = names;
    }
    return AVCL_OK;
}

static avcl_status collect_labels(avcl_dataset *d, avcl_error *err)
{
    const avcl_manifest *m = &d->manifest;
    size_t n = 0;
    const char **names =
        avcl__arena_alloc(&d->manifest.arena, (size_t)m->n * sizeof *names);
    if (!names) return no_memory(err);
    for (int64_t i = 0; i < m->n; i++)
        if (*m->rows[i].label) names[n++] = m->rows[i].label;
    if (n) qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (!i || strcmp(names[i], names[d->n_classes - 1]))
            names[d->n_classes++] = names[i];
    d->classes = names;
    return AVCL_OK;
}

avcl_status avcl__dataset_read_classes(avcl_dataset *d, const char *path, avcl_error *err)
{
    struct stat st;
    size_t n = 0;
    avcl_arena *arena = &d->manifest.arena;
    d->classes_file =
        path ? avcl__arena_copy(arena, path)
             : avcl__arena_format(arena, "%s/classes.txt", d->manifest.folder);
    if (!d->classes_file) return no_memory(err);
    if (!path && (!*d->manifest.folder || stat(d->classes_file, &st))) {
        d->classes_file = NULL;
        return collect_labels(d, err);
    }
    char *text = avcl__text_read(d->classes_file, &n, err);
    if (!text) return err->code;
    avcl_status status = parse(d, text, err);
    free(text);
    return status;
}
