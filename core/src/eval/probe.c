/*
 * probe.c - softmax regression on frozen features.
 *
 * Parameters are W [classes, d] then b [classes]. Rows are summed in a fixed number of
 * pieces, so the sums do not depend on the threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eval/lbfgs.h"
#include "eval/similar.h"
#include "train/train_impl.h"

enum { PIECES = 16 };
static const double TOLERANCE = 1e-6;       /* of the gradient of a mean loss */
static const double LEAST_DEVIATION = 1e-6; /* of a feature, as a share of the largest */

typedef struct problem {
    const float *x; /* [n, d], standardised */
    const int32_t *label;
    int64_t n;
    int64_t d;
    int64_t k;
    double l2;
    uint32_t n_threads;
    const double *w; /* during a call */
    double *part;    /* [PIECES, 1 + k * (d + 1)]: loss, gradient */
    double *logits;  /* [PIECES, k] */
} problem;

static int64_t n_parameters(const problem *p)
{
    return p->k * (p->d + 1);
}

static void score(const problem *p, const double *w, const float *x, double *logits)
{
    for (int64_t c = 0; c < p->k; c++) {
        const double *row = w + c * p->d;
        double sum = w[p->k * p->d + c];
        for (int64_t i = 0; i < p->d; i++)
            sum += row[i] * (double)x[i];
        logits[c] = sum;
    }
}

/* Cross-entropy; logits become their gradient. */
static double judge(double *logits, int64_t k, int32_t label)
{
    double most = logits[0];
    double sum = 0;
    for (int64_t c = 1; c < k; c++)
        most = fmax(most, logits[c]);
    double own = logits[label] - most;
    for (int64_t c = 0; c < k; c++)
        sum += logits[c] = exp(logits[c] - most);
    for (int64_t c = 0; c < k; c++)
        logits[c] /= sum;
    logits[label] -= 1;
    return log(sum) - own;
}

static void piece(const problem *p, int64_t index)
{
    double *loss = p->part + index * (1 + n_parameters(p));
    double *gradient = loss + 1;
    double *logits = p->logits + index * p->k;
    memset(loss, 0, (size_t)(1 + n_parameters(p)) * sizeof *loss);
    for (int64_t r = index * p->n / PIECES; r < (index + 1) * p->n / PIECES; r++) {
        const float *x = p->x + r * p->d;
        if (p->label[r] < 0) continue;
        score(p, p->w, x, logits);
        *loss += judge(logits, p->k, p->label[r]);
        for (int64_t c = 0; c < p->k; c++) {
            double *row = gradient + c * p->d;
            for (int64_t i = 0; i < p->d; i++)
                row[i] += logits[c] * (double)x[i];
            gradient[p->k * p->d + c] += logits[c];
        }
    }
}

static void pieces(void *arg, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        piece(arg, i);
}

static double objective(void *arg, const double *w, double *gradient)
{
    problem *p = arg;
    int64_t n = n_parameters(p);
    int64_t n_labelled = 0;
    double loss = 0;
    double squares = 0;
    p->w = w;
    avcl__parallel_for(p->n_threads, PIECES, 1, pieces, p);
    for (int64_t r = 0; r < p->n; r++)
        n_labelled += p->label[r] >= 0;
    memset(gradient, 0, (size_t)n * sizeof *gradient);
    for (int64_t i = 0; i < PIECES; i++) {
        const double *part = p->part + i * (1 + n);
        loss += part[0];
        for (int64_t k = 0; k < n; k++)
            gradient[k] += part[1 + k];
    }
    for (int64_t k = 0; k < n; k++) {
        double decay = k < p->k * p->d ? p->l2 * w[k] : 0;
        squares += decay * w[k];
        gradient[k] = gradient[k] / (double)n_labelled + decay;
    }
    return loss / (double)n_labelled + squares / 2;
}

/* ---- standardised features ------------------------------------------------------------
 */

typedef struct scaling {
    double *mean;
    double *factor; /* one over the deviation */
} scaling;

static void measure(const avcl_vectors *v, scaling *out)
{
    double most = 0;
    for (int64_t i = 0; i < v->d; i++) {
        double sum = 0;
        double squares = 0;
        for (int64_t r = 0; r < v->n; r++)
            sum += (double)v->x[r * v->d + i];
        out->mean[i] = sum / (double)v->n;
        for (int64_t r = 0; r < v->n; r++) {
            double gap = (double)v->x[r * v->d + i] - out->mean[i];
            squares += gap * gap;
        }
        out->factor[i] = sqrt(squares / (double)v->n);
        most = fmax(most, out->factor[i]);
    }
    for (int64_t i = 0; i < v->d; i++) /* what never moves says nothing */
        out->factor[i] = out->factor[i] > LEAST_DEVIATION * most ? 1 / out->factor[i] : 0;
}

static float *standardise(const avcl_vectors *v, const scaling *by, avcl_error *err)
{
    float *out = malloc(((size_t)(v->n * v->d) + 1) * sizeof *out);
    if (!out) avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a probe");
    for (int64_t i = 0; out && i < v->n * v->d; i++) {
        out[i] = (float)(((double)v->x[i] - by->mean[i % v->d]) * by->factor[i % v->d]);
        if (isfinite(out[i])) continue;
        avcl_error_set(err, AVCL_E_NUMERIC, "feature %lld is not finite",
                       (long long)(i / v->d));
        free(out);
        return NULL;
    }
    return out;
}

static void count(const problem *p, const double *w, const float *x, const int32_t *label,
                  int64_t n, avcl_accuracy *out)
{
    memset(out, 0, sizeof *out);
    for (int64_t r = 0; r < n; r++) {
        if (label[r] < 0) continue;
        score(p, w, x + r * p->d, p->logits);
        int64_t rank = avcl__rank_of(p->logits, p->k, label[r]);
        out->n++;
        out->top1 += rank < 1;
        out->top5 += rank < 5;
    }
    out->top1 = 100 * out->top1 / (double)out->n;
    out->top5 = 100 * out->top5 / (double)out->n;
}

static avcl_status solve(problem *p, const avcl_vectors *test, const float *test_x,
                         const avcl_probe_options *o, avcl_probe_result *out,
                         avcl_error *err)
{
    int64_t n = n_parameters(p);
    avcl__minimum found;
    avcl_accuracy on_train;
    double *w = calloc((size_t)n, sizeof *w);
    p->part = malloc((size_t)(PIECES * (1 + n)) * sizeof *p->part);
    p->logits = malloc((size_t)(PIECES * p->k) * sizeof *p->logits);
    avcl_status rc = AVCL_OK;
    if (!w || !p->part || !p->logits)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a probe");
    if (!rc)
        rc = avcl__lbfgs(objective, p, n, w, o->max_iterations, TOLERANCE, &found, err);
    if (!rc) {
        count(p, w, p->x, p->label, p->n, &on_train);
        count(p, w, test_x, test->label, test->n, &out->test);
        out->train_top1 = on_train.top1;
        out->objective = found.value;
        out->slope = found.slope;
        out->n_iterations = found.n_iterations;
    }
    free(p->logits);
    free(p->part);
    free(w);
    return rc;
}

avcl_status avcl_probe(const avcl_vectors *train, const avcl_vectors *test,
                       int64_t n_classes, const avcl_probe_options *o,
                       avcl_probe_result *out, avcl_error *err)
{
    int64_t n;
    avcl_status rc = avcl__check_vectors(train, test, "a probe", err);
    if (!rc) rc = avcl__check_labels(train, n_classes, &n, err);
    if (!rc) rc = avcl__check_labels(test, n_classes, &n, err);
    if (rc) return rc;
    avcl_probe_result result = {0};
    scaling by = {calloc((size_t)train->d, sizeof(double)),
                  calloc((size_t)train->d, sizeof(double))};
    float *a = NULL;
    float *b = NULL;
    if (!by.mean || !by.factor)
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a probe");
    if (!rc) measure(train, &by);
    if (!rc &&
        (!(a = standardise(train, &by, err)) || !(b = standardise(test, &by, err))))
        rc = AVCL_E_NUMERIC;
    problem p = {.x = a,
                 .label = train->label,
                 .n = train->n,
                 .d = train->d,
                 .k = n_classes,
                 .l2 = o->l2,
                 .n_threads = o->n_threads};
    if (!rc) rc = solve(&p, test, b, o, &result, err);
    if (!rc) *out = result;
    free(b);
    free(a);
    free(by.factor);
    free(by.mean);
    return rc;
}
