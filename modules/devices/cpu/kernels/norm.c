/*
 * norm.c - batch normalisation in training, with a relu and a sum behind it if wanted.
 *
 * One trip through memory for the statistics: each chunk is summed, then measured
 * about its rounded mean while in L1, and what the rounding lost is put right in
 * double, where chunks are merged (Chan, Golub, LeVeque 1983).
 * y = (x - mean) γ invstd + β.
 */
#include <math.h>

#include "norm.h"

typedef struct norm_job {
    norm_view v;
    norm_scratch s;
    const void *x;
} norm_job;

/* What is known of n values. */
typedef struct moments {
    double mean;
    double squares; /* Σ (x - mean)² */
} moments;

static void merge(moments *m, int64_t n, double mean, double squares, int64_t n_more)
{
    double delta = mean - m->mean;
    double all = (double)(n + n_more);
    m->mean += delta * (double)n_more / all;
    m->squares += squares + delta * delta * (double)n * (double)n_more / all;
}

/* Adds n values measured about `centre`: Σ d and Σ d², d = x - centre. */
static void merge_about(moments *m, int64_t n_before, double centre, double sum,
                        double squares, int64_t n)
{
    double off = sum / (double)n;
    merge(m, n_before, centre + off, squares - off * sum, n);
}

/* By channel: a chunk of positions, every lane a channel of its own. */
static inline __attribute__((always_inline)) void measure_channels(const norm_job *j,
                                                                   int64_t part, int bf)
{
    const norm_view *v = &j->v;
    norm_walk w = norm_walk_of(v, part);
    moments m[LANES] = {{0}};
    for (int64_t begin = 0; begin < w.n; begin += CHUNK) {
        int64_t n = w.n - begin < CHUNK ? w.n - begin : CHUNK;
        int64_t at = w.at + begin * w.step;
        vec sum = {0};
        vec off = {0};
        vec squares = {0};
        for (int64_t i = 0; i < n; i++)
            sum += load_real(j->x, at + i * w.step, w.lanes, bf);
        vec mean = sum / (float)n;
        for (int64_t i = 0; i < n; i++) {
            vec d = load_real(j->x, at + i * w.step, w.lanes, bf) - mean;
            off += d;
            squares += d * d;
        }
        for (int l = 0; l < LANES; l++)
            merge_about(&m[l], begin, mean[l], off[l], squares[l], n);
    }
    int64_t at = norm_sums_at(v, part);
    for (int l = 0; l < LANES; l++) {
        j->s.part[0][at + l] = m[l].mean;
        j->s.part[1][at + l] = m[l].squares;
    }
}

static double total_of(vec v)
{
    double total = 0;
    for (int l = 0; l < LANES; l++)
        total += v[l];
    return total;
}

/* Adds x[at, at + n), all of one channel. */
static inline __attribute__((always_inline)) void
measure_run(moments *m, int64_t n_before, const void *x, int64_t at, int64_t n, int bf)
{
    int64_t whole = n / LANES * LANES;
    vec sum = load_real(x, at + whole, n - whole, bf);
    for (int64_t i = 0; i < whole; i += LANES)
        sum += load_real(x, at + i, LANES, bf);
    float mean = (float)(total_of(sum) / (double)n);
    vec off = {0};
    vec squares = {0};
    double all_off = 0;
    double all_squares = 0;
    for (int64_t i = 0; i < whole; i += LANES) {
        vec d = load_real(x, at + i, LANES, bf) - mean;
        off += d;
        squares += d * d;
    }
    vec rest = load_real(x, at + whole, n - whole, bf) - mean;
    for (int64_t i = 0; i < n - whole; i++) {
        all_off += rest[i];
        all_squares += (double)rest[i] * rest[i];
    }
    merge_about(m, n_before, mean, all_off + total_of(off),
                all_squares + total_of(squares), n);
}

static inline __attribute__((always_inline)) void measure_plane(const norm_job *j,
                                                                int64_t part, int bf)
{
    enum { WIDE = CHUNK * LANES };
    int64_t start = norm_at(&j->v, part);
    moments m = {0};
    for (int64_t begin = 0; begin < j->v.plane; begin += WIDE) {
        int64_t n = j->v.plane - begin < WIDE ? j->v.plane - begin : WIDE;
        measure_run(&m, begin, j->x, start + begin, n, bf);
    }
    int64_t at = norm_sums_at(&j->v, part);
    j->s.part[0][at] = m.mean;
    j->s.part[1][at] = m.squares;
}

static inline __attribute__((always_inline)) void
measure_some(const norm_job *j, int64_t begin, int64_t end, int bf)
{
    for (int64_t part = begin; part < end; part++) {
        if (j->v.by_channel)
            measure_channels(j, part, bf);
        else
            measure_plane(j, part, bf);
    }
}

static void measure_f32(void *arg, int64_t begin, int64_t end)
{
    measure_some(arg, begin, end, 0);
}

static void measure_bf16(void *arg, int64_t begin, int64_t end)
{
    measure_some(arg, begin, end, 1);
}

/* Channel c over all rows, which hold equally many values. */
static moments combine(const norm_job *j, int64_t c)
{
    int64_t padded = norm_padded(&j->v);
    moments m = {0};
    for (int64_t r = 0; r < j->v.rows; r++)
        merge(&m, r * j->v.plane, j->s.part[0][r * padded + c],
              j->s.part[1][r * padded + c], j->v.plane);
    return m;
}

/* What the channels' moments become: the outputs behind y, and y's coefficients. */
static void conclude(const norm_job *j, const cpu_call *c)
{
    const avcl_batch_norm_attrs *a = c->attrs;
    const float *const *in = (const float *const *)c->in;
    float *const *out = (float *const *)c->out; /* y, mean, invstd, new_mean, new_var */
    double n = (double)(j->v.rows * j->v.plane);
    for (int64_t k = 0; k < j->v.channels; k++) {
        moments m = combine(j, k);
        double invstd = 1 / sqrt(m.squares / n + a->eps);
        double unbiased = n > 1 ? m.squares / (n - 1) : 0;
        j->s.coef[0][k] = (float)m.mean;
        j->s.coef[1][k] = (float)(in[1][k] * invstd);
        /* What f32 loses of the mean goes into the shift. */
        double lost = m.mean - (float)m.mean;
        j->s.coef[2][k] = (float)(in[2][k] - lost * in[1][k] * invstd);
        out[1][k] = (float)m.mean;
        out[2][k] = (float)invstd;
        out[3][k] = (float)((1 - a->momentum) * in[3][k] + a->momentum * m.mean);
        out[4][k] = (float)((1 - a->momentum) * in[4][k] + a->momentum * unbiased);
    }
}

static avcl_status normalise(const cpu_call *c, int relu)
{
    const avcl_kernel *k = c->kernel;
    norm_job j = {.v = norm_view_of(&k->in_info[0], k->in_tag[0] == AVCL_CPU_BLOCKED),
                  .x = c->in[0]};
    j.s = norm_scratch_of(&j.v, c->scratch);
    avcl__cpu_for(c->device, j.v.rows * norm_parts(&j.v), norm_grain(&j.v),
                  j.v.is_bf16 ? measure_bf16 : measure_f32, &j);
    conclude(&j, c);
    for (uint32_t i = 5; i < k->n_out; i++) /* scale and shift, to come here again */
        memcpy(c->out[i], j.s.coef[i - 4], (size_t)j.v.channels * sizeof(float));
    norm_scale_job y = {j.v,         j.s.coef[0], j.s.coef[1],
                        j.s.coef[2], c->in[0],    k->n_in > 5 ? c->in[5] : NULL,
                        c->out[0],   relu};
    AVCL_ISA_NAME(avcl__norm_scale)(c->device, &y);
    return AVCL_OK;
}

static avcl_status batch_norm(const cpu_call *c)
{
    return normalise(c, 0);
}

static avcl_status batch_norm_relu(const cpu_call *c)
{
    return normalise(c, 1);
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_norm)[] = {
    {.name = "batch_norm",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = "batch_norm_relu",
     sizeof(avcl_batch_norm_attrs),
     .run = batch_norm_relu,
     .prepare = norm_plan,
     .layouts = avcl__cpu_layout_norm,
     .takes_bf16 = avcl__cpu_alike},
    {.name = NULL},
};
