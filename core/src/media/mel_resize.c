/* mel_resize.c - triangle resize along one axis. Shrinking widens the triangle to the
 * scale, so every frame counts; growing interpolates linearly. Weights sum to one at the
 * borders too. */
#include <math.h>
#include <stdlib.h>

#include "media/mel_impl.h"

/* Weights of output column `column`: which inputs [first, first + count) it sees. */
static int64_t column_weights(int64_t column, double scale, int64_t from, double *weights,
                              int64_t *first)
{
    double support = scale > 1.0 ? scale : 1.0;
    double centre = ((double)column + 0.5) * scale;
    int64_t low = (int64_t)floor(centre - support + 0.5);
    int64_t high = (int64_t)floor(centre + support + 0.5);
    if (low < 0) low = 0;
    if (high > from) high = from;
    double sum = 0.0;
    for (int64_t i = low; i < high; i++) {
        double w = 1.0 - fabs(((double)i + 0.5 - centre) / support);
        weights[i - low] = w > 0.0 ? w : 0.0;
        sum += weights[i - low];
    }
    for (int64_t i = low; i < high; i++)
        weights[i - low] /= sum;
    *first = low;
    return high - low;
}

static void resize_column(const float *in, const avcl_resize *a, int64_t column,
                          double *weights, float *out)
{
    int64_t first = 0;
    int64_t count =
        column_weights(column, (double)a->from / (double)a->to, a->from, weights, &first);
    for (int64_t o = 0; o < a->outer; o++) {
        const float *x = in + (o * a->from + first) * a->inner;
        float *y = out + (o * a->to + column) * a->inner;
        for (int64_t k = 0; k < a->inner; k++) {
            double sum = 0.0;
            for (int64_t i = 0; i < count; i++)
                sum += weights[i] * (double)x[i * a->inner + k];
            y[k] = (float)sum;
        }
    }
}

avcl_status avcl__mel_resize(const float *in, const avcl_resize *axis, float *out,
                             avcl_error *err)
{
    double scale = (double)axis->from / (double)axis->to;
    size_t most = (size_t)(2.0 * (scale > 1.0 ? scale : 1.0)) + 3;
    double *weights = calloc(most, sizeof *weights);
    if (!weights)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory to resize %lld to %lld",
                              (long long)axis->from, (long long)axis->to);
    for (int64_t column = 0; column < axis->to; column++)
        resize_column(in, axis, column, weights, out);
    free(weights);
    return AVCL_OK;
}
