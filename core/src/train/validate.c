/*
 * validate.c - one pass over the validation split, with the diagnostics of methods.md
 * D.1.
 *
 * Kept values by convention: "logits" [N, classes]; "raw/video" and "raw/audio",
 * the features before fusion; "fused/video" and "fused/audio", those after it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/health.h"
#include "train/train_impl.h"

enum { MAX_DIAG_BATCHES = 8 }; /* enough to see a collapse; each costs a second pass */

typedef struct pair { /* a feature of both modalities */
    double *video;
    double *audio;
    avcl_tinfo info;
} pair;

static int read_pair(avcl_session *s, const char *video, const char *audio, pair *out,
                     avcl_error *err)
{
    avcl_tinfo audio_info;
    out->video = avcl__read_reals(s, video, &out->info, err);
    out->audio = avcl__read_reals(s, audio, &audio_info, err);
    return out->video && out->audio && out->info.ndim == 2 &&
           memcmp(&out->info, &audio_info, sizeof audio_info) == 0;
}

static void release_pair(pair *p)
{
    free(p->video);
    free(p->audio);
}

/* The mean of both modalities. */
static double both(double (*measure)(const double *, int64_t, int64_t), const pair *p)
{
    int64_t n = p->info.shape[0];
    int64_t d = p->info.shape[1];
    return (measure(p->video, n, d) + measure(p->audio, n, d)) / 2;
}

static void measure_raw(const pair *p, avcl_validation *out)
{
    int64_t n = p->info.shape[0];
    int64_t d = p->info.shape[1];
    out->match += avcl__match_accuracy(p->video, p->audio, n, d, 0);
    out->spread += both(avcl__feature_spread, p);
    out->rank += both(avcl__effective_rank, p);
    out->uniformity += both(avcl__uniformity, p);
    out->alignment += avcl__alignment(p->video, p->audio, n, d);
    out->n_diag++;
}

static void measure_gate(const pair *fused, const pair *raw, avcl_validation *out)
{
    int64_t n = fused->info.shape[0];
    int64_t d = fused->info.shape[1];
    out->dead += both(avcl__dead_channels, fused);
    out->has_gate = 1;
    if (!raw->video || memcmp(&fused->info, &raw->info, sizeof raw->info) != 0) return;
    out->gate += (avcl__mean_gate(fused->video, raw->video, n, d) +
                  avcl__mean_gate(fused->audio, raw->audio, n, d)) /
                 2;
}

static void measure_true_pairs(avcl_session *s, avcl_validation *out, avcl_error *err)
{
    pair raw = {0};
    pair fused = {0};
    int has_raw = read_pair(s, "raw/video", "raw/audio", &raw, err);
    int has_fused = read_pair(s, "fused/video", "fused/audio", &fused, err);
    if (has_raw) measure_raw(&raw, out);
    if (has_fused) measure_gate(&fused, &raw, out);
    const pair *aligned = has_fused ? &fused : &raw;
    if (has_raw || has_fused)
        out->c_ii += avcl__mean_diagonal(aligned->video, aligned->audio,
                                         aligned->info.shape[0], aligned->info.shape[1]);
    release_pair(&raw);
    release_pair(&fused);
}

/* Row i is now (video i, audio i + 1): a match at i on fused features is a leak, and a
 * match at i on raw ones is chance. */
static void measure_broken_pairs(avcl_session *s, avcl_validation *out, avcl_error *err)
{
    pair raw = {0};
    pair fused = {0};
    if (read_pair(s, "raw/video", "raw/audio", &raw, err))
        out->match_shuffled += avcl__match_accuracy(
            raw.video, raw.audio, raw.info.shape[0], raw.info.shape[1], 0);
    if (read_pair(s, "fused/video", "fused/audio", &fused, err))
        out->leak += avcl__match_accuracy(fused.video, fused.audio, fused.info.shape[0],
                                          fused.info.shape[1], 0);
    release_pair(&raw);
    release_pair(&fused);
}

/* `err` is clear on entry. */
static avcl_status count_correct(avcl_session *s, const avcl_batch *b, uint32_t rows,
                                 avcl_validation *out, avcl_error *err)
{
    int64_t k;
    double *logits = avcl__read_logits(s, rows, &k, err);
    if (!logits) return err->code;
    for (uint32_t i = 0; i < rows; i++) {
        if (b->label[i] < 0 || b->sample[i] < 0) continue;
        out->n_labelled++;
        out->n_correct += b->weight[i] > 0 && b->label[i] < k &&
                          avcl__rank_of(logits + i * k, k, b->label[i]) == 0;
    }
    free(logits);
    return AVCL_OK;
}

static avcl_status run_batch(avcl_session *s, const avcl_feed *feed, const avcl_batch *b,
                             avcl_validation *out, avcl_error *err)
{
    double loss;
    avcl_error local = {0};
    avcl_status rc = avcl__feed_batch(feed, s, b, 0, &local);
    if (!rc) rc = avcl_session_run(s, AVCL_EVAL, &local);
    double rows = 0;
    for (uint32_t i = 0; i < feed->batch; i++)
        rows += b->weight[i] > 0;
    if (!rc && rows > 0) rc = avcl__sums_add(&out->sums, s, rows, &loss, &local);
    if (!rc) rc = count_correct(s, b, feed->batch, out, &local);
    int with_pairs = feed->has_rgb && feed->has_mel && b->n == feed->batch &&
                     out->n_diag < MAX_DIAG_BATCHES;
    if (!rc && with_pairs) {
        int32_t before = out->n_diag;
        measure_true_pairs(s, out, &local);
        if (out->n_diag > before) {
            rc = avcl__feed_batch(feed, s, b, 1, &local);
            if (!rc) rc = avcl_session_run(s, AVCL_EVAL, &local);
            if (!rc) measure_broken_pairs(s, out, &local);
        }
    }
    if (!rc && local.code) rc = local.code;
    return rc ? avcl_error_set(err, rc, "%s", local.message) : AVCL_OK;
}

avcl_status avcl__validate(avcl_session *s, avcl_dataset *d,
                           const avcl_trainer_options *o, avcl_validation *out,
                           avcl_error *err)
{
    avcl_loader_options lo = {.split = o->val_split,
                              .batch = o->batch,
                              .workers = o->workers,
                              .seed = o->seed,
                              .drop_last = !o->has_labels,
                              .max_bad = o->max_bad,
                              .strict = o->strict,
                              .view = o->view};
    avcl_feed feed;
    avcl_batch b;
    lo.view.random = 0;
    lo.view.n_clips = 1;
    lo.view.shuffle_pairs = 0;
    memset(out, 0, sizeof *out);
    avcl_status rc = avcl__feed_init(&feed, s, &o->view, o->batch, err);
    if (rc) return rc;
    avcl_loader *loader = avcl_loader_new(d, &lo, err);
    if (!loader) return AVCL_E_INVALID;
    while (!rc && (rc = avcl_loader_next(loader, &b, err)) == AVCL_OK) {
        avcl_session_set_rng(s, o->seed, b.position, 0);
        rc = run_batch(s, &feed, &b, out, err);
        avcl_loader_release(loader);
    }
    avcl_loader_free(loader);
    if (out->n_diag) {
        double n = out->n_diag;
        double *const means[] = {
            &out->match,     &out->match_shuffled, &out->leak, &out->spread, &out->rank,
            &out->alignment, &out->uniformity,     &out->c_ii, &out->gate,   &out->dead};
        for (size_t i = 0; i < sizeof means / sizeof *means; i++)
            *means[i] /= n;
    }
    return rc == AVCL_END ? AVCL_OK : rc;
}
