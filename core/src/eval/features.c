/* features.c - means of kept values per video, and their files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "eval/collect.h"

typedef struct feature {
    char name[64];
    int64_t d;
    float *x; /* [n, d] */
} feature;

struct avcl_features {
    avcl_dataset *dataset;
    int64_t n;
    int64_t n_failed;
    int64_t *sample;
    int32_t *label;
    uint32_t n_features;
    feature feature[AVCL_MAX_FEATURES];
};

void avcl_features_free(avcl_features *f)
{
    if (!f) return;
    for (uint32_t i = 0; i < f->n_features; i++)
        free(f->feature[i].x);
    free(f->sample);
    free(f->label);
    free(f);
}

static avcl_status take_value(avcl_features *f, const avcl_collected *c,
                              const avcl_collected_value *v, avcl_error *err)
{
    feature *to = &f->feature[f->n_features++];
    snprintf(to->name, sizeof to->name, "%s", v->name);
    to->d = v->d;
    to->x = malloc(((size_t)(f->n * v->d) + 1) * sizeof *to->x);
    if (!to->x)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for '%s'", v->name);
    float *row = to->x;
    for (int64_t i = 0; i < c->n; i++) {
        if (!c->clips[i]) continue;
        for (int64_t k = 0; k < v->d; k++)
            row[k] = (float)(v->sum[i * v->d + k] / c->clips[i]);
        row += v->d;
    }
    return AVCL_OK;
}

static avcl_status take(avcl_features *f, avcl_collected *c, avcl_error *err)
{
    f->sample = malloc(((size_t)c->n + 1) * sizeof *f->sample);
    f->label = malloc(((size_t)c->n + 1) * sizeof *f->label);
    if (!f->sample || !f->label)
        return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for features");
    for (int64_t i = 0; i < c->n; i++) {
        f->n_failed += !c->clips[i];
        if (!c->clips[i]) continue;
        f->sample[f->n] = c->sample[i];
        f->label[f->n++] = c->label[i];
    }
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < c->n_values; i++) {
        rc = take_value(f, c, &c->value[i], err);
        free(c->value[i].sum); /* one copy at a time */
        c->value[i].sum = NULL;
    }
    return rc;
}

avcl_features *avcl_features_read(avcl_session *s, avcl_dataset *d,
                                  const avcl_eval_options *options,
                                  const char *const *names, uint32_t n_names,
                                  avcl_error *err)
{
    avcl_collected c;
    avcl_features *f = calloc(1, sizeof *f);
    if (!f) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for features");
        return NULL;
    }
    f->dataset = d;
    avcl_status rc = avcl__collect(s, d, options, names, n_names, &c, err);
    if (!rc) rc = take(f, &c, err);
    avcl__collected_release(&c);
    if (!rc) return f;
    avcl_features_free(f);
    return NULL;
}

int64_t avcl_features_n(const avcl_features *f)
{
    return f->n;
}

int64_t avcl_features_n_failed(const avcl_features *f)
{
    return f->n_failed;
}

const int32_t *avcl_features_labels(const avcl_features *f)
{
    return f->label;
}

const char *avcl_features_path(const avcl_features *f, int64_t i)
{
    avcl_sample_info info;
    if (i < 0 || i >= f->n || avcl_dataset_get_sample(f->dataset, f->sample[i], &info))
        return NULL;
    return info.rel;
}

const float *avcl_features_get(const avcl_features *f, const char *name, int64_t *d,
                               avcl_error *err)
{
    for (uint32_t i = 0; i < f->n_features; i++) {
        if (strcmp(f->feature[i].name, name) != 0) continue;
        *d = f->feature[i].d;
        return f->feature[i].x;
    }
    avcl_error_set(err, AVCL_E_NOT_FOUND, "no features '%s' were read", name);
    return NULL;
}

/* ---- files: NumPy's format 1.0 --------------------------------------------------------
 */

enum { NPY_ALIGN = 64, NPY_MAGIC = 10 };

/* Header and data, C order, little-endian. */
static avcl_status save_npy(const char *path, const char *type, int64_t n, int64_t d,
                            const void *data, uint64_t nbytes, avcl_error *err)
{
    char head[2 * NPY_ALIGN + 1] = "\x93NUMPY\x01";
    char text[NPY_ALIGN * 2];
    char shape[48];
    if (d)
        snprintf(shape, sizeof shape, "(%lld, %lld)", (long long)n, (long long)d);
    else
        snprintf(shape, sizeof shape, "(%lld,)", (long long)n);
    size_t used = (size_t)snprintf(
        text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type,
        shape);
    size_t total = (NPY_MAGIC + used + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN;
    size_t length = total - NPY_MAGIC;
    head[8] = (char)(length & 255);
    head[9] = (char)(length >> 8);
    memset(head + NPY_MAGIC, ' ', length);
    memcpy(head + NPY_MAGIC, text, used);
    head[total - 1] = '\n';
    avcl__bytes parts[2] = {{head, total}, {data, nbytes}};
    return avcl__file_publish_parts(path, parts, 2, 1, err);
}

static avcl_status save_index(const avcl_features *f, const char *path, avcl_error *err)
{
    avcl__text text = {0};
    avcl__text_add(&text, "row,path,label,class\n");
    for (int64_t i = 0; i < f->n; i++) {
        const char *rel = avcl_features_path(f, i);
        const char *class =
            f->label[i] < 0 ? "" : avcl_dataset_class_name(f->dataset, f->label[i]);
        avcl__text_format(&text, "%lld,", (long long)i);
        avcl__text_add_field(&text, rel ? rel : "");
        avcl__text_format(&text, ",%d,", f->label[i]);
        avcl__text_add_field(&text, class);
        avcl__text_add(&text, "\n");
    }
    avcl__bytes part = {text.data, text.n};
    avcl_status rc = text.failed
                         ? avcl_error_set(err, AVCL_E_NOMEM, "out of memory for %s", path)
                         : avcl__file_publish_parts(path, &part, 1, 1, err);
    avcl__text_release(&text);
    return rc;
}

avcl_status avcl_features_save(const avcl_features *f, const char *dir, avcl_error *err)
{
    char path[4096];
    char name[64];
    avcl_status rc = AVCL_OK;
    for (uint32_t i = 0; !rc && i < f->n_features; i++) {
        const feature *x = &f->feature[i];
        snprintf(name, sizeof name, "%s", x->name);
        for (char *c = name; *c; c++)
            if (*c == '/') *c = '_';
        snprintf(path, sizeof path, "%s/%s.npy", dir, name);
        rc = save_npy(path, "<f4", f->n, x->d, x->x,
                      (uint64_t)(f->n * x->d) * sizeof *x->x, err);
    }
    snprintf(path, sizeof path, "%s/labels.npy", dir);
    if (!rc)
        rc = save_npy(path, "<i4", f->n, 0, f->label, (uint64_t)f->n * sizeof *f->label,
                      err);
    snprintf(path, sizeof path, "%s/videos.csv", dir);
    return rc ? rc : save_index(f, path, err);
}
