/* gradient.c - plans and runs the gradient of w: who sums what, chunk after chunk. */
#include <stdlib.h>

#include "native.h"

/* Taps of a block that a worker sums at once: with PART groups they fit its cache. */
enum { SHARE_TAPS = 27 };

/* What one worker does. */
typedef struct job {
    const native_plan *plan;
    const void *x;
    const void *gy;
    float *gw;
    word *packed_x;
    word *packed_g;
    float *sums;
    native_run *runs;
    native_frames frames; /* if x has few channels */
} job;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* A unit of work is a row of taps of a block of x and a part of gy. Those of a block
 * and then of a part are neighbours; a worker takes some together. */
static int64_t part_units(const native_plan *p)
{
    return p->in_blocks * p->tap_rows;
}

static int64_t n_units(const native_plan *p)
{
    return p->n_parts * part_units(p);
}

static int64_t most_units(const native_plan *p)
{
    int64_t blocks = p->is_few ? 1 : SHARE_TAPS / (p->tap_rows * p->n_taps);
    return (blocks > 1 ? blocks : 1) * p->tap_rows;
}

/* Words of each buffer of a worker. */
static int64_t size_x(const native_plan *p)
{
    return p->is_few ? p->s.kernel[0] * native_frame_words(p)
                     : p->n_taps * native_chunk_words(p) * LANES;
}

static int64_t size_g(const native_plan *p)
{
    return PART * native_chunk_words(p) * GROUP;
}

static int64_t size_sums(const native_plan *p)
{
    return most_units(p) * p->n_taps * PART * TILE_SIZE;
}

static int64_t size_runs(const native_plan *p)
{
    int64_t n = p->chunk_rows * (int64_t)(sizeof(native_run) / sizeof(word));
    return ceil_div(n, LANES) * LANES;
}

static int64_t size_line(const native_plan *p)
{
    return p->is_few ? ceil_div(p->s.in * p->line_words, LANES) * LANES : 0;
}

static int64_t worker_words(const native_plan *p)
{
    return size_x(p) + size_g(p) + size_line(p) + size_sums(p) + size_runs(p);
}

/* Adds a chunk for one unit. */
static void add_unit(const job *j, const native_chunk *c, const native_share *s,
                     int64_t unit)
{
    const native_plan *p = j->plan;
    float *sums = j->sums + (unit - s->begin) * p->n_taps * PART * TILE_SIZE;
    native_product m = {.runs = j->runs};
    int64_t block = unit / p->tap_rows;
    int64_t tap_row = unit % p->tap_rows;
    m.n_runs = p->is_few ? AVCL_ISA_NAME(avcl__native_find_few)(c, tap_row, j->runs)
                         : AVCL_ISA_NAME(avcl__native_pack_x)(c, j->x, block, tap_row,
                                                              j->packed_x, j->runs);
    int halves = p->columns - block * LANES > HALF ? 2 : 1;
    for (int64_t group = 0; m.n_runs && group < native_groups(p, s->part); group++) {
        m.vecs = native_vecs(p, s->part, group);
        m.g = j->packed_g + group * native_chunk_words(p) * GROUP;
        int n = m.vecs < halves ? (int)m.vecs : halves;
        for (int64_t i = 0; i < n * p->n_taps; i++) {
            int64_t tap = i / n;
            int64_t half = i % n * HALF;
            m.x = j->packed_x + tap * native_chunk_words(p) * LANES + half;
            m.sum = sums + (tap * PART + group) * TILE_SIZE + half * GROUP;
            AVCL_ISA_NAME(avcl__native_multiply)(&m, p->is_bf16);
        }
    }
}

/* The chunk that starts at a row. */
static native_chunk chunk_at(const native_plan *p, int64_t row)
{
    int64_t n_rows = p->s.batch * p->s.y[0] * p->s.y[1];
    int64_t end = row + p->chunk_rows;
    int64_t frame_end = (row / p->s.y[1] + 1) * p->s.y[1];
    if (p->is_few && end > frame_end) end = frame_end;
    return (native_chunk){p, row, end < n_rows ? end : n_rows};
}

static void sum_share(job *j, const native_share *s)
{
    const native_plan *p = j->plan;
    int64_t n_rows = p->s.batch * p->s.y[0] * p->s.y[1];
    memset(j->sums, 0, (size_t)size_sums(p) * sizeof *j->sums);
    j->frames.end = j->frames.image = 0;
    for (int64_t row = 0; row < n_rows;) {
        native_chunk c = chunk_at(p, row);
        AVCL_ISA_NAME(avcl__native_pack_gy)(&c, j->gy, s->part, j->packed_g);
        if (p->is_few)
            AVCL_ISA_NAME(avcl__native_pack_few)(&j->frames, &c, s->begin / p->tap_rows);
        for (int64_t unit = s->begin; unit < s->end; unit++)
            add_unit(j, &c, s, unit);
        row = c.end;
    }
    AVCL_ISA_NAME(avcl__native_write)(p, s, j->sums, j->gw);
}

/* The next share that starts at `unit` and ends by `last`, both counted over all parts;
 * whole blocks of x where that is possible. */
static native_share next_share(const native_plan *p, int64_t unit, int64_t last)
{
    int64_t part = unit / part_units(p);
    int64_t first = part * part_units(p);
    native_share s = {part, unit - first, last - first};
    int64_t most =
        s.begin % p->tap_rows ? p->tap_rows - s.begin % p->tap_rows : most_units(p);
    if (s.end > s.begin + most) s.end = s.begin + most;
    if (s.end > part_units(p)) s.end = part_units(p);
    return s;
}

/* Workers [begin, end), each with its share of the units. */
static void work(void *arg, int64_t begin, int64_t end)
{
    const job *all = arg;
    const native_plan *p = all->plan;
    for (int64_t w = begin; w < end; w++) {
        job j = *all;
        j.packed_x += w * worker_words(p);
        j.packed_g = j.packed_x + size_x(p);
        j.frames = (native_frames){p, j.x, j.packed_g + size_g(p), j.packed_x, 0, 0};
        j.sums = (float *)(j.frames.line + size_line(p));
        j.runs = (native_run *)(j.sums + size_sums(p));
        int64_t last = n_units(p) * (w + 1) / p->n_workers;
        for (int64_t unit = n_units(p) * w / p->n_workers; unit < last;) {
            native_share s = next_share(p, unit, last);
            sum_share(&j, &s);
            unit += s.end - s.begin;
        }
    }
}

static avcl_status run(const cpu_call *c)
{
    const native_plan *p = c->kernel->plan;
    job j = {.plan = p, .x = c->in[1], .gy = c->in[0], .gw = c->out[0]};
    j.packed_x = c->scratch;
    avcl__cpu_for(c->device, p->n_workers, 1, work, &j);
    return AVCL_OK;
}

static avcl_status prepare(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    native_plan *p = calloc(1, sizeof *p);
    if (!p) return avcl__fail(err, AVCL_E_NOMEM, "no memory for a kernel");
    p->s = avcl__conv_shape(k->op->name, k->attrs, k->in_info, k->out_info);
    p->is_bf16 = k->in_info[0].dtype == AVCL_BF16;
    p->is_few = p->s.in <= AVCL_CPU_FEW_CHANNELS;
    p->n_taps = p->is_few ? 1 : p->s.kernel[2];
    p->columns = p->is_few ? p->s.in * p->s.kernel[2] : p->s.in;
    p->in_blocks = ceil_div(p->columns, LANES);
    p->out_blocks = ceil_div(p->s.out, LANES);
    p->n_parts = ceil_div(p->out_blocks, PART * VECS);
    p->tap_rows = p->s.kernel[0] * p->s.kernel[1];
    p->row_words = p->is_bf16 ? ceil_div(p->s.y[2], 2) : p->s.y[2];
    int64_t positions = ceil_div(p->row_words, LANES) * LANES * (p->is_bf16 ? 2 : 1);
    p->line_words = (positions - 1) * p->s.stride[2] + p->s.kernel[2];
    p->chunk_rows = native_chunk_words(p) / p->row_words;
    p->n_workers = n_units(p) < device->n_threads ? n_units(p) : device->n_threads;
    k->plan = p;
    k->free_plan = free;
    k->text = "native";
    k->scratch = avcl__align((uint64_t)(p->n_workers * worker_words(p)) * sizeof(word));
    return AVCL_OK;
}

const cpu_op AVCL_ISA_NAME(avcl__cpu_native)[] = {
    {.name = "conv3d_backward_weight",
     sizeof(avcl_conv3d_attrs),
     .run = run,
     .prepare = prepare},
    {.name = NULL},
};
