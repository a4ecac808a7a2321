/*
 * evaluate.c - top-1, top-5, per-class accuracy and confusion over a split.
 *
 * A video is seen as view.n_clips centre clips; its score is the mean of their logits
 * (methods.md C). A video that cannot be read counts as wrong.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "train/train_impl.h"

typedef struct tally {
    double *score;  /* [n, classes] sums of logits */
    int32_t *clips; /* clips that arrived, per video */
    int32_t *label;
    int64_t *sample; /* dataset row of each video, in the order of the split */
    int64_t n;
    int64_t cap;
    int64_t k;
} tally;

static void release(tally *t)
{
    free(t->score);
    free(t->clips);
    free(t->label);
    free(t->sample);
}

static avcl_status start(tally *t, int64_t cap, int64_t k, avcl_error *err)
{
    t->cap = cap;
    t->k = k;
    t->score = calloc((size_t)(cap * k + 1), sizeof *t->score);
    t->clips = calloc((size_t)cap + 1, sizeof *t->clips);
    t->label = calloc((size_t)cap + 1, sizeof *t->label);
    t->sample = calloc((size_t)cap + 1, sizeof *t->sample);
    if (t->score && t->clips && t->label && t->sample) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for the scores of %lld clips",
                          (long long)cap);
}

/* Clips of a video arrive one after another. */
static int64_t video_of(tally *t, int64_t sample, int32_t label)
{
    if (t->n && t->sample[t->n - 1] == sample) return t->n - 1;
    if (t->n == t->cap) return -1;
    t->sample[t->n] = sample;
    t->label[t->n] = label;
    return t->n++;
}

static avcl_status add_batch(tally *t, avcl_session *s, const avcl_batch *b,
                             uint32_t rows, avcl_error *err)
{
    int64_t k;
    avcl_error local = {0};
    double *logits = avcl__read_logits(s, rows, &k, &local);
    if (!logits && local.code)
        return avcl_error_set(err, local.code, "%s", local.message);
    if (!logits)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "the model keeps no 'logits' to evaluate");
    if (k != t->k) {
        free(logits);
        return avcl_error_set(err, AVCL_E_SHAPE,
                              "'logits' has %lld columns; the data set has %lld classes",
                              (long long)k, (long long)t->k);
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (b->sample[i] < 0) continue;
        int64_t video = video_of(t, b->sample[i], b->label[i]);
        if (video < 0 || b->weight[i] <= 0) continue;
        t->clips[video]++;
        for (int64_t c = 0; c < t->k; c++)
            t->score[video * t->k + c] += logits[i * t->k + c];
    }
    free(logits);
    return AVCL_OK;
}

static int64_t best_of(const double *score, int64_t k)
{
    int64_t best = 0;
    for (int64_t c = 1; c < k; c++)
        if (score[c] > score[best]) best = c;
    return best;
}

static double cross_entropy(const double *score, int64_t k, int32_t label, double n_clips)
{
    double most = score[best_of(score, k)] / n_clips;
    double sum = 0;
    for (int64_t c = 0; c < k; c++)
        sum += exp(score[c] / n_clips - most);
    return log(sum) + most - score[label] / n_clips;
}

static void judge(const tally *t, avcl_eval_result *out, uint8_t *items,
                  int64_t *confusion, int64_t *per_class)
{
    double n_read = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const double *score = t->score + i * t->k;
        int32_t label = t->label[i];
        if (label < 0) continue;
        int64_t item = out->n++;
        per_class[2 * label]++;
        if (t->clips[i] == 0) {
            out->n_failed++;
            continue;
        }
        int64_t rank = avcl__rank_of(score, t->k, label);
        n_read++;
        out->loss += cross_entropy(score, t->k, label, t->clips[i]);
        out->top1 += rank < 1;
        out->top5 += rank < 5;
        per_class[2 * label + 1] += rank < 1;
        if (items && rank < 1) items[item / 8] |= (uint8_t)(1u << (item % 8));
        if (confusion) confusion[label * t->k + best_of(score, t->k)]++;
    }
    if (n_read > 0) out->loss /= n_read;
}

static void finish(avcl_eval_result *out, const int64_t *per_class, int64_t k)
{
    double sum = 0;
    double n_seen = 0;
    for (int64_t c = 0; c < k; c++) {
        if (per_class[2 * c] == 0) continue;
        sum += (double)per_class[2 * c + 1] / (double)per_class[2 * c];
        n_seen++;
    }
    if (n_seen > 0) out->per_class = 100 * sum / n_seen;
    if (out->n) out->top1 *= 100.0 / (double)out->n;
    if (out->n) out->top5 *= 100.0 / (double)out->n;
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

static avcl_status collect(tally *t, avcl_session *s, avcl_dataset *d,
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
        if (!rc) rc = add_batch(t, s, &b, o->batch, err);
        avcl_loader_release(loader);
        if (rc) break;
    }
    if (rc == AVCL_END) rc = o->bad ? list_bad(loader, d, o->bad, err) : AVCL_OK;
    avcl_loader_free(loader);
    return rc;
}

avcl_status avcl_evaluate(avcl_session *s, avcl_dataset *d,
                          const avcl_eval_options *options, avcl_eval_result *out,
                          uint8_t *items, int64_t *confusion, avcl_error *err)
{
    int64_t k = avcl_dataset_n_classes(d);
    int64_t n = 0;
    tally t = {0};
    avcl_eval_result result = {0};
    int64_t *per_class = calloc((size_t)(2 * k + 1), sizeof *per_class);
    avcl_status rc = avcl_dataset_split_count(d, options->split, &n, err);
    if (!rc && !per_class) rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    if (!rc) rc = start(&t, n, k, err);
    if (!rc) rc = collect(&t, s, d, options, err);
    if (!rc) {
        if (items) memset(items, 0, (size_t)(n + 7) / 8);
        if (confusion) memset(confusion, 0, (size_t)(k * k) * sizeof *confusion);
        judge(&t, &result, items, confusion, per_class);
        finish(&result, per_class, k);
        *out = result;
    }
    release(&t);
    free(per_class);
    return rc;
}
