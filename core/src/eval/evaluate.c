/*
 * evaluate.c - top-1, top-5, per-class accuracy and confusion over a split.
 *
 * A video's score is the mean of its clips' logits, or the logarithm of the mean of their
 * softmax. A video that cannot be read counts as wrong.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/collect.h"
#include "train/train_impl.h"

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

static void judge(const avcl_collected *t, int64_t k, avcl_eval_result *out,
                  uint8_t *items, int64_t *confusion, int64_t *per_class)
{
    double n_read = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const double *score = t->value[0].sum + i * k;
        int32_t label = t->label[i];
        if (label < 0) continue;
        int64_t item = out->n++;
        per_class[2 * label]++;
        if (t->clips[i] == 0) {
            out->n_failed++;
            continue;
        }
        int64_t rank = avcl__rank_of(score, k, label);
        n_read++;
        out->loss += cross_entropy(score, k, label, t->clips[i]);
        out->top1 += rank < 1;
        out->top5 += rank < 5;
        per_class[2 * label + 1] += rank < 1;
        if (items && rank < 1) items[item / 8] |= (uint8_t)(1u << (item % 8));
        if (confusion) confusion[label * k + best_of(score, k)]++;
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

/* Sums of probabilities become logits; as sums, since judge divides by the clips. */
static void take_logarithms(avcl_collected *c)
{
    avcl_collected_value *v = &c->value[0];
    for (int64_t i = 0; i < c->n; i++)
        for (int64_t k = 0; k < v->d && c->clips[i]; k++) {
            double *x = &v->sum[i * v->d + k];
            *x = c->clips[i] * log(fmax(*x / c->clips[i], DBL_MIN));
        }
}

static avcl_status check_classes(const avcl_collected *c, int64_t k, avcl_error *err)
{
    if (c->value[0].d == k || c->n == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_SHAPE,
                          "'logits' has %lld columns; the data set has %lld classes",
                          (long long)c->value[0].d, (long long)k);
}

avcl_status avcl_evaluate(avcl_session *s, avcl_dataset *d,
                          const avcl_eval_options *options, avcl_eval_result *out,
                          uint8_t *items, int64_t *confusion, avcl_error *err)
{
    static const char *const names[] = {"logits"};
    int64_t k = avcl_dataset_n_classes(d);
    avcl_collected c;
    avcl_eval_result result = {0};
    int64_t *per_class = calloc((size_t)(2 * k + 1), sizeof *per_class);
    avcl_status rc = avcl__collect(s, d, options, names, 1, &c, err);
    if (!rc && !per_class) rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory");
    if (!rc) rc = check_classes(&c, k, err);
    if (!rc) {
        if (items) memset(items, 0, (size_t)(c.cap + 7) / 8);
        if (confusion) memset(confusion, 0, (size_t)(k * k) * sizeof *confusion);
        if (options->average == AVCL_AVERAGE_SOFTMAX) take_logarithms(&c);
        judge(&c, k, &result, items, confusion, per_class);
        finish(&result, per_class, k);
        *out = result;
    }
    avcl__collected_release(&c);
    free(per_class);
    return rc;
}
