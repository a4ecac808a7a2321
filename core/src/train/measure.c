/* measure.c - sums over an epoch, and what features say about a model's health. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph_impl.h"
#include "train/train_impl.h"

double *avcl__read_reals(avcl_session *s, const char *name, avcl_tinfo *info,
                         avcl_error *err)
{
    if (avcl_session_describe(s, name, info, NULL)) return NULL;
    if (!avcl__dtype_is_real(info->dtype)) {
        avcl_error_set(err, AVCL_E_DTYPE, "'%s' is %s, not real", name,
                       avcl__dtype_name(info->dtype));
        return NULL;
    }
    uint64_t n = avcl__tinfo_count(info);
    double *out = malloc(n * sizeof *out + 1);
    void *raw = malloc(avcl__tinfo_bytes(info) + 1);
    if (!out || !raw) {
        avcl_error_set(err, AVCL_E_NOMEM, "out of memory for '%s'", name);
    } else if (!avcl_session_read(s, name, raw, avcl__tinfo_bytes(info), err)) {
        for (uint64_t i = 0; i < n; i++)
            out[i] =
                info->dtype == AVCL_F64 ? ((double *)raw)[i] : (double)((float *)raw)[i];
        free(raw);
        return out;
    }
    free(raw);
    free(out);
    return NULL;
}

static avcl_status read_scalar(avcl_session *s, const char *name, double *out,
                               avcl_error *err)
{
    avcl_tinfo info;
    avcl_error local = {0};
    double *value = avcl__read_reals(s, name, &info, &local);
    if (!value && local.code) return avcl_error_set(err, local.code, "%s", local.message);
    if (!value) return avcl_error_set(err, AVCL_E_NOT_FOUND, "no value '%s'", name);
    *out = value[0];
    free(value);
    return AVCL_OK;
}

static uint32_t n_logs(avcl_session *s)
{
    return avcl_session_graph(s)->logs.n;
}

static const char *log_name(avcl_session *s, uint32_t i)
{
    return avcl__graph_roots(&avcl_session_graph(s)->logs)[i].name;
}

avcl_status avcl__logs_check(avcl_session *s, avcl_error *err)
{
    if (n_logs(s) > AVCL_MAX_LOGS)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "the model logs %u values; at most %d are recorded",
                              n_logs(s), AVCL_MAX_LOGS);
    for (uint32_t i = 0; i < n_logs(s); i++)
        if (strlen(log_name(s, i)) > AVCL_MAX_LOG_NAME)
            return avcl_error_set(err, AVCL_E_INVALID,
                                  "the name of log '%s' has over %d characters",
                                  log_name(s, i), AVCL_MAX_LOG_NAME);
    return AVCL_OK;
}

avcl_status avcl__sums_add(avcl_sums *sums, avcl_session *s, double rows, double *loss,
                           avcl_error *err)
{
    avcl_status rc = read_scalar(s, "loss", loss, err);
    if (!rc) sums->loss += rows * *loss;
    for (uint32_t i = 0; !rc && i < n_logs(s); i++) {
        double value = 0;
        rc = read_scalar(s, log_name(s, i), &value, err);
        if (!rc) sums->logs[i] += rows * value;
    }
    if (!rc) sums->n += rows;
    return rc;
}

void avcl__event_add(avcl_event *event, const char *name, double value)
{
    enum { CAP = sizeof event->metrics / sizeof *event->metrics };
    if (event->n_metrics == CAP) return;
    avcl_metric *m = &event->metrics[event->n_metrics++];
    snprintf(m->name, sizeof m->name, "%s", name);
    m->value = value;
}

void avcl__sums_report(const avcl_sums *sums, avcl_session *s, const char *prefix,
                       avcl_event *event)
{
    char name[sizeof event->metrics[0].name];
    if (sums->n <= 0) return;
    snprintf(name, sizeof name, "%s/loss", prefix);
    avcl__event_add(event, name, sums->loss / sums->n);
    for (uint32_t i = 0; i < n_logs(s); i++) {
        snprintf(name, sizeof name, "%.6s/%.*s", prefix, (int)AVCL_MAX_LOG_NAME,
                 log_name(s, i));
        avcl__event_add(event, name, sums->logs[i] / sums->n);
    }
}

/* ---- features [n, d]
 * ---------------------------------------------------------------------- */

static double dot(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++)
        sum += a[k] * b[k];
    return sum;
}

double avcl__match_accuracy(const double *a, const double *b, int64_t n, int64_t d,
                            int64_t shift)
{
    int64_t hits = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t best = -1;
        double most = -2;
        for (int64_t j = 0; j < n; j++) {
            double norm = sqrt(dot(b + j * d, b + j * d, d));
            double sim = norm > 0 ? dot(a + i * d, b + j * d, d) / norm : 0;
            if (best >= 0 && sim <= most) continue;
            most = sim;
            best = j;
        }
        hits += best == (i + shift) % n;
    }
    return n ? (double)hits / (double)n : 0;
}

double avcl__feature_spread(const double *x, int64_t n, int64_t d)
{
    double total = 0;
    for (int64_t k = 0; k < d; k++) {
        double sum = 0;
        double square = 0;
        for (int64_t i = 0; i < n; i++) {
            double norm = sqrt(dot(x + i * d, x + i * d, d));
            double u = norm > 0 ? x[i * d + k] / norm : 0;
            sum += u;
            square += u * u;
        }
        double mean = sum / (double)n;
        double variance = square / (double)n - mean * mean;
        total += variance > 0 ? sqrt(variance) : 0;
    }
    return total / (double)d * sqrt((double)d);
}

double avcl__dead_channels(const double *x, int64_t n, int64_t d)
{
    int64_t dead = 0;
    for (int64_t k = 0; k < d; k++) {
        int is_dead = 1;
        for (int64_t i = 0; i < n && is_dead; i++)
            is_dead = x[i * d + k] == 0;
        dead += is_dead;
    }
    return d ? (double)dead / (double)d : 0;
}

/* ---- scores -------------------------------------------------------------------- */

double *avcl__read_logits(avcl_session *s, uint32_t rows, int64_t *classes,
                          avcl_error *err)
{
    avcl_tinfo info;
    double *logits = avcl__read_reals(s, "logits", &info, err);
    if (!logits) return NULL;
    if (info.ndim == 2 && info.shape[0] == rows) {
        *classes = info.shape[1];
        return logits;
    }
    char text[96];
    avcl__tinfo_text(&info, text);
    avcl_error_set(err, AVCL_E_SHAPE, "'logits' is %s, not one row for each of %u clips",
                   text, rows);
    free(logits);
    return NULL;
}

int64_t avcl__rank_of(const double *score, int64_t k, int32_t label)
{
    int64_t above = 0;
    for (int64_t c = 0; c < k; c++)
        above += c != label && !(score[c] < score[label]);
    return above;
}
