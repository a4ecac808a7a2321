/* random.c - dropout and random_index: functions of seed, step, global row and salt. */
#include "avcl/philox.h"
#include "reference.h"

static avcl_status dropout(const ref_call *c)
{
    const avcl_dropout_attrs *a = c->attrs;
    const avcl_tinfo *info = &c->in_info[0];
    const double *x = c->in[0];
    const int64_t *rng = c->in[1]; /* seed, step, first global row */
    double *y = c->out[0];
    int64_t n = avcl__count(info);
    int64_t row = avcl__extent(info, 1, info->ndim);
    uint32_t when = (uint32_t)((uint64_t)rng[1] + (uint64_t)a->salt * 0x9E3779B9u);
    double scale = 1 / (1 - a->p);
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = (uint64_t)(rng[2] + i / row);
        uint64_t e = (uint64_t)(i % row);
        avcl_philox word = avcl_philox_at((uint64_t)rng[0], r << 32 | e / 4, when,
                                          AVCL_STREAM_DROPOUT, 0);
        y[i] = avcl_philox_unit(word.x[e % 4]) < a->p ? 0 : x[i] * scale;
    }
    return AVCL_OK;
}

static avcl_status random_index(const ref_call *c)
{
    const avcl_random_index_attrs *a = c->attrs;
    const int64_t *rng = c->in[0]; /* seed, step, first global row */
    int32_t *y = c->out[0];
    uint32_t when = (uint32_t)((uint64_t)rng[1] + (uint64_t)a->salt * 0x9E3779B9u);
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t k = 0; k < a->columns; k++)
            y[r * a->columns + k] = (int32_t)avcl_philox_below(
                (uint64_t)rng[0], (uint64_t)(rng[2] + r) << 32 | (uint64_t)k, when,
                AVCL_STREAM_NEGATIVE, (uint32_t)a->n);
    return AVCL_OK;
}

const ref_op avcl__ref_random[] = {
    {.name = "dropout", sizeof(avcl_dropout_attrs), .run = dropout},
    {.name = "random_index", sizeof(avcl_random_index_attrs), .run = random_index},
    {.name = NULL},
};
