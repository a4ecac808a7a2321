/* feed.c - batches from the loader into the inputs that the graph happens to have. */
#include <stdlib.h>
#include <string.h>

#include "graph/ir.h"
#include "train/train_impl.h"

static int find_input(avcl_session *s, const char *name, avcl_tinfo *info)
{
    return avcl_session_describe(s, name, info, NULL) == AVCL_OK;
}

static avcl_status check(const char *name, const avcl_tinfo *have, avcl_dtype dtype,
                         const int64_t *want, int32_t ndim, avcl_error *err)
{
    int fits = have->ndim == ndim && have->dtype == dtype;
    for (int32_t i = 0; fits && i < ndim; i++)
        fits = have->shape[i] == want[i];
    if (fits) return AVCL_OK;
    avcl_tinfo wanted = {.dtype = dtype, .ndim = ndim};
    char a[96];
    char b[96];
    for (int32_t i = 0; i < ndim; i++)
        wanted.shape[i] = want[i];
    avcl__tinfo_text(have, a);
    avcl__tinfo_text(&wanted, b);
    return avcl_error_set(err, AVCL_E_SHAPE,
                          "input '%s' is %s %s in the graph; the loader "
                          "makes %s %s",
                          name, avcl__dtype_name(have->dtype), a, avcl__dtype_name(dtype),
                          b);
}

avcl_status avcl__feed_init(avcl_feed *feed, avcl_session *s, const avcl_view *view,
                            uint32_t batch, avcl_error *err)
{
    avcl_tinfo info;
    avcl_status rc = AVCL_OK;
    int64_t b = batch;
    memset(feed, 0, sizeof *feed);
    feed->batch = batch;
    feed->real = AVCL_F32;
    if ((feed->has_rgb = find_input(s, "rgb", &info))) {
        int64_t want[5] = {b, 3, view->frames, view->crop, view->crop};
        rc = check("rgb", &info, AVCL_U8, want, 5, err);
    }
    if (!rc && (feed->has_mel = find_input(s, "mel", &info))) {
        int64_t want[5] = {b, 1, 1, view->mel_crop, view->mel_crop};
        rc = check("mel", &info, AVCL_F16, want, 5, err);
    }
    if (!rc && (feed->has_label = find_input(s, "label", &info)))
        rc = check("label", &info, AVCL_I32, &b, 1, err);
    if (!rc && (feed->has_index = find_input(s, "sample_index", &info)))
        rc = check("sample_index", &info, AVCL_I32, &b, 1, err);
    if (!rc && (feed->has_weight = find_input(s, "weight", &info))) {
        feed->real = info.dtype == AVCL_F64 ? AVCL_F64 : AVCL_F32;
        rc = check("weight", &info, feed->real, &b, 1, err);
    }
    if (!rc && !feed->has_rgb && !feed->has_mel)
        rc = avcl_error_set(err, AVCL_E_INVALID,
                            "the model uses neither input 'rgb' nor 'mel'");
    return rc;
}

static avcl_status feed_mel(const avcl_feed *feed, avcl_session *s,
                            const avcl_batch *batch, uint32_t roll, avcl_error *err)
{
    avcl_tinfo info;
    avcl_status rc = avcl_session_describe(s, "mel", &info, err);
    if (rc) return rc;
    uint64_t bytes = avcl__tinfo_bytes(&info);
    if (roll == 0) return avcl_session_write(s, "mel", batch->mel, bytes, err);
    uint64_t row = bytes / feed->batch;
    unsigned char *rolled = malloc(bytes);
    if (!rolled) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a batch");
    for (uint32_t i = 0; i < feed->batch; i++)
        memcpy(rolled + i * row,
               (const unsigned char *)batch->mel + (i + roll) % feed->batch * row, row);
    rc = avcl_session_write(s, "mel", rolled, bytes, err);
    free(rolled);
    return rc;
}

static avcl_status feed_weight(const avcl_feed *feed, avcl_session *s,
                               const float *weight, avcl_error *err)
{
    if (feed->real == AVCL_F32)
        return avcl_session_write(s, "weight", weight, feed->batch * sizeof *weight, err);
    double *wide = malloc(feed->batch * sizeof *wide);
    if (!wide) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a batch");
    for (uint32_t i = 0; i < feed->batch; i++)
        wide[i] = weight[i];
    avcl_status rc =
        avcl_session_write(s, "weight", wide, feed->batch * sizeof *wide, err);
    free(wide);
    return rc;
}

static avcl_status feed_index(const avcl_feed *feed, avcl_session *s,
                              const int64_t *sample, avcl_error *err)
{
    int32_t *index = malloc(feed->batch * sizeof *index);
    if (!index) return avcl_error_set(err, AVCL_E_NOMEM, "out of memory for a batch");
    for (uint32_t i = 0; i < feed->batch; i++)
        index[i] = (int32_t)sample[i];
    avcl_status rc =
        avcl_session_write(s, "sample_index", index, feed->batch * sizeof *index, err);
    free(index);
    return rc;
}

avcl_status avcl__feed_batch(const avcl_feed *feed, avcl_session *s,
                             const avcl_batch *batch, uint32_t roll, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    avcl_tinfo info;
    if (feed->has_rgb) {
        rc = avcl_session_describe(s, "rgb", &info, err);
        if (!rc)
            rc = avcl_session_write(s, "rgb", batch->rgb, avcl__tinfo_bytes(&info), err);
    }
    if (!rc && feed->has_mel) rc = feed_mel(feed, s, batch, roll, err);
    if (!rc && feed->has_label)
        rc = avcl_session_write(s, "label", batch->label,
                                feed->batch * sizeof *batch->label, err);
    if (!rc && feed->has_index) rc = feed_index(feed, s, batch->sample, err);
    if (!rc && feed->has_weight) rc = feed_weight(feed, s, batch->weight, err);
    return rc;
}
