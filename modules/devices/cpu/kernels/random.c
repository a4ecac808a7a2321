/* random.c - dropout and random_index: functions of seed, step, global row and salt. */
#include "avcl/philox.h"
#include "kernels.h"

typedef struct dropout_job {
    const float *x;
    float *y;
    const int64_t *rng; /* seed, step, first global row */
    int64_t row;
    uint32_t when;
    double p;
} dropout_job;

static void drop(void *arg, int64_t begin, int64_t end)
{
    const dropout_job *j = arg;
    double scale = 1 / (1 - j->p);
    avcl_philox word = {{0}};
    int64_t drawn = -1; /* the element whose group `word` holds */
    for (int64_t i = begin; i < end; i++) {
        int64_t e = i % j->row;
        if (drawn < 0 || e % 4 == 0) {
            uint64_t r = (uint64_t)(j->rng[2] + i / j->row);
            word = avcl_philox_at((uint64_t)j->rng[0], r << 32 | (uint64_t)e / 4, j->when,
                                  AVCL_STREAM_DROPOUT, 0);
            drawn = e;
        }
        float u = avcl_philox_unit(word.x[e % 4]);
        j->y[i] = u < j->p ? 0 : (float)(j->x[i] * scale);
    }
}

static avcl_status dropout(const cpu_call *c)
{
    const avcl_dropout_attrs *a = c->attrs;
    const avcl_tinfo *info = &c->kernel->in_info[0];
    const int64_t *rng = c->in[1];
    uint32_t when = (uint32_t)((uint64_t)rng[1] + (uint64_t)a->salt * 0x9E3779B9u);
    dropout_job j = {c->in[0], c->out[0], rng, avcl__extent(info, 1, info->ndim),
                     when,     a->p};
    avcl__cpu_for(c->device, avcl__count(info), AVCL_CPU_GRAIN / 4, drop, &j);
    return AVCL_OK;
}

typedef struct index_job {
    const avcl_random_index_attrs *a;
    const int64_t *rng;
    int32_t *y;
    uint32_t when;
} index_job;

static void draw(void *arg, int64_t begin, int64_t end)
{
    const index_job *j = arg;
    for (int64_t i = begin; i < end; i++) {
        uint64_t row = (uint64_t)(j->rng[2] + i / j->a->columns);
        j->y[i] = (int32_t)avcl_philox_below(
            (uint64_t)j->rng[0], row << 32 | (uint64_t)(i % j->a->columns), j->when,
            AVCL_STREAM_NEGATIVE, (uint32_t)j->a->n);
    }
}

static avcl_status random_index(const cpu_call *c)
{
    const avcl_random_index_attrs *a = c->attrs;
    const int64_t *rng = c->in[0];
    uint32_t when = (uint32_t)((uint64_t)rng[1] + (uint64_t)a->salt * 0x9E3779B9u);
    index_job j = {a, rng, c->out[0], when};
    avcl__cpu_for(c->device, a->rows * a->columns, AVCL_CPU_GRAIN / 16, draw, &j);
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_random)[] = {
    {.name = "dropout", sizeof(avcl_dropout_attrs), .run = dropout},
    {.name = "random_index", sizeof(avcl_random_index_attrs), .run = random_index},
    {.name = NULL},
};
