/* collect.c - a pass over a split; clips of a video arrive one after another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "eval/collect.h"
#include "graph/ir.h"
#include "train/train_impl.h"

void avcl__collected_release(avcl_collected *c)
{
    free(c->sample);
    free(c->label);
    free(c->clips);
    for (uint32_t i = 0; i < c->n_values; i++)
        free(c->value[i].sum);
    memset(c, 0, sizeof *c);
}

static avcl_status start(avcl_collected *c, int64_t cap, avcl_error *err)
{
    c->cap = cap;
    c->sample = calloc((size_t)cap + 1, sizeof *c->sample);
    c->label = calloc((size_t)cap + 1, sizeof *c->label);
    c->clips = calloc((size_t)cap + 1, sizeof *c->clips);
    if (c->sample && c->label && c->clips) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for the scores of %lld clips",
                          (long long)cap);
}

static int64_t video_of(avcl_collected *c, int64_t sample, int32_t label)
{
    if (c->n && c->sample[c->n - 1] == sample) return c->n - 1;
    if (c->n == c->cap) return -1;
    c->sample[c->n] = sample;
    c->label[c->n] = label;
    return c->n++;
}

static void softmax(double *x, int64_t n)
{
    double most = x[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = fmax(most, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += x[i] = exp(x[i] - most);
    for (int64_t i = 0; i < n; i++)
        x[i] /= sum;
}

/* Rows of a value, and room for its sums at the first batch. */
static avcl_status check_value(avcl_collected *c, avcl_collected_value *v,
                               const avcl_tinfo *info, uint32_t rows, avcl_error *err)
{
    if (info->ndim < 2 || info->shape[0] != rows)
        return avcl_error_set(err, AVCL_E_SHAPE, "'%s' has no row for each of %u clips",
                              v->name, rows);
    v->d = avcl__tinfo_count(info) / rows;
    if (!v->sum) v->sum = calloc((size_t)(c->cap * v->d) + 1, sizeof *v->sum);
    if (v->sum) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for '%s' of %lld videos",
                          v->name, (long long)c->cap);
}

/* The value of this batch [rows, d] as doubles [owned: free]. */
static avcl_status read_value(avcl_collected *c, avcl_collected_value *v, avcl_session *s,
                              uint32_t rows, double **out, avcl_error *err)
{
    avcl_tinfo info;
    avcl_error local = {0};
    *out = avcl__read_reals(s, v->name, &info, &local);
    if (!*out && local.code) return avcl_error_set(err, local.code, "%s", local.message);
    if (!*out)
        return avcl_error_set(err, AVCL_E_INVALID, "the model keeps no '%s' to evaluate",
                              v->name);
    return check_value(c, v, &info, rows, err);
}

static avcl_status add_value(avcl_collected *c, avcl_collected_value *v, avcl_session *s,
                             const int64_t *video, uint32_t rows, int softly,
                             avcl_error *err)
{
    double *x = NULL;
    avcl_status rc = read_value(c, v, s, rows, &x, err);
    for (uint32_t i = 0; !rc && i < rows; i++) {
        if (video[i] < 0) continue;
        if (softly) softmax(x + i * v->d, v->d);
        for (int64_t k = 0; k < v->d; k++)
            v->sum[video[i] * v->d + k] += x[i * v->d + k];
    }
    free(x);
    return rc;
}

static avcl_status add_batch(avcl_collected *c, avcl_session *s, const avcl_batch *b,
                             uint32_t rows, avcl_average average, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    int64_t *video = malloc(rows * sizeof *video);
    if (!video) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a batch");
    for (uint32_t i = 0; i < rows; i++) {
        video[i] = b->sample[i] < 0 ? -1 : video_of(c, b->sample[i], b->label[i]);
        if (b->weight[i] <= 0) video[i] = -1;
        if (video[i] >= 0) c->clips[video[i]]++;
    }
    for (uint32_t i = 0; !rc && i < c->n_values; i++)
        rc = add_value(c, &c->value[i], s, video, rows,
                       average == AVCL_AVERAGE_SOFTMAX &&
                           strcmp(c->value[i].name, "logits") == 0,
                       err);
    free(video);
    return rc;
}

/* Failed samples count as wrong; here they get their names. */
static avcl_status list_bad(avcl_loader *loader, const avcl_dataset *d, char **out,
                            avcl_error *err)
{
    avcl__text text = {0};
    int64_t row;
    const char *reason;
    avcl_sample_info info;
    for (int64_t i = 0; avcl_loader_get_bad(loader, i, &row, &reason) == AVCL_OK; i++) {
        if (avcl_dataset_get_sample(d, row, &info)) continue;
        avcl__text_add_field(&text, info.rel);
        avcl__text_add(&text, ",");
        avcl__text_add_field(&text, reason);
        avcl__text_add(&text, "\n");
    }
    if (text.failed) {
        avcl__text_release(&text);
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory to list what failed");
    }
    *out = text.n ? avcl__text_take(&text) : NULL;
    return AVCL_OK;
}

static avcl_status pass(avcl_collected *c, avcl_session *s, avcl_dataset *d,
                        const avcl_eval_options *o, avcl_error *err)
{
    avcl_loader_options lo = {.split = o->split,
                              .batch = o->batch,
                              .workers = o->workers,
                              .max_bad = 1,
                              .view = o->view};
    avcl_feed feed;
    avcl_batch b;
    lo.view.random = 0;
    avcl_status rc = avcl__feed_init(&feed, s, &o->view, o->batch, err);
    if (rc) return rc;
    avcl_loader *loader = avcl_loader_new(d, &lo, err);
    if (!loader) return AVCL_E_INVALID;
    while ((rc = avcl_loader_next(loader, &b, err)) == AVCL_OK) {
        rc = avcl__feed_batch(&feed, s, &b, 0, err);
        if (!rc) rc = avcl_session_run(s, AVCL_EVAL, err);
        if (!rc) rc = add_batch(c, s, &b, o->batch, o->average, err);
        avcl_loader_release(loader);
        if (rc) break;
    }
    if (rc == AVCL_END) rc = o->bad ? list_bad(loader, d, o->bad, err) : AVCL_OK;
    avcl_loader_free(loader);
    return rc;
}

avcl_status avcl__collect(avcl_session *s, avcl_dataset *d, const avcl_eval_options *o,
                          const char *const *names, uint32_t n_names, avcl_collected *out,
                          avcl_error *err)
{
    int64_t n = 0;
    memset(out, 0, sizeof *out);
    if (n_names > AVCL_MAX_FEATURES)
        return avcl_error_set(err, AVCL_E_INVALID, "%u features at once, at most %d",
                              n_names, AVCL_MAX_FEATURES);
    for (uint32_t i = 0; i < n_names; i++)
        out->value[out->n_values++].name = names[i];
    avcl_status rc = avcl_dataset_split_count(d, o->split, &n, err);
    if (!rc) rc = start(out, n, err);
    return rc ? rc : pass(out, s, d, o, err);
}
