/*
 * native.h - the gradient of a convolution's weights as a plain sum: any kernel, stride
 * and padding, f32 and bf16.
 *
 *     gw[o][c][tap] = Σ_n,t,h,w gy[n][o][t,h,w] x[n][c][(t,h,w) stride + tap - pad]
 *
 * Positions of gy come in chunks of whole rows. What of x a row of taps (one frame, one
 * line of the kernel) meets is packed next to them, zeros for padding; then products of
 * half a block of x's channels by two vectors of gy's (a block by one, if there is but
 * one) are summed in registers down the chunk. A word is an f32, or the bf16 of two
 * neighbouring positions.
 *
 * One thread sums an element from the first position to the last: nobody waits for
 * anybody, and bits do not depend on the number of threads.
 */
#ifndef AVCL_CPU_NATIVE_H
#define AVCL_CPU_NATIVE_H

#include "../conv/conv.h"
#include "../kernels/kernels.h"

enum {
    HALF = LANES / 2,     /* channels of x that a product holds at once */
    VECS = 2,             /* and vectors of channels of gy */
    GROUP = VECS * LANES, /* their channels */
    PART = 4,             /* groups for which x is packed once */
    CHUNK = 128,          /* words of a chunk, but at least a row */
    TILE_SIZE = LANES * GROUP,
};

typedef uint32_t word; /* bits of an f32, or of two bf16, the earlier one below */
typedef word words __attribute__((vector_size(LANES * 4), may_alias));

typedef struct native_plan {
    conv_shape s;
    int is_few;        /* x is row-major */
    int64_t columns;   /* channels of x; if few, each with every tap along a line */
    int64_t n_taps;    /* of a packed row; if few, 1 */
    int64_t in_blocks; /* of columns */
    int64_t out_blocks;
    int64_t n_parts;    /* of output channels */
    int64_t tap_rows;   /* frames × lines of the kernel */
    int64_t row_words;  /* of a packed row of gy */
    int64_t line_words; /* of a line of x with its padding, unpacked; if few */
    int64_t chunk_rows;
    int64_t n_workers;
    int is_bf16;
} native_plan;

/* Units [begin, end) of a part of gy: (block of x, row of taps). */
typedef struct native_share {
    int64_t part;
    int64_t begin;
    int64_t end;
} native_share;

/* Words between the groups of gy and the taps of x. */
static inline int64_t native_chunk_words(const native_plan *p)
{
    return p->row_words > CHUNK ? p->row_words : CHUNK;
}

/* Groups that a part has: the last one may be short. */
static inline int64_t native_groups(const native_plan *p, int64_t part)
{
    int64_t left = (p->out_blocks - part * PART * VECS + VECS - 1) / VECS;
    return left < PART ? left : PART;
}

/* Vectors that a group has: 2, or 1 at the end. */
static inline int64_t native_vecs(const native_plan *p, int64_t part, int64_t group)
{
    int64_t left = p->out_blocks - (part * PART + group) * VECS;
    return left < VECS ? left : VECS;
}

/* Rows of the whole batch: [begin, end). */
typedef struct native_chunk {
    const native_plan *plan;
    int64_t begin;
    int64_t end;
} native_chunk;

/* Words [begin, end) of a chunk, of rows that a row of taps meets. */
typedef struct native_run {
    int64_t begin;
    int64_t end;
    int64_t x; /* what to add to where x would be if all of the chunk were packed */
} native_run;

/* The row of x, in a channel's (block's) frames, that a row of gy meets; -1 = padding. */
static inline int64_t native_meets(const conv_shape *s, int64_t row, int64_t tap_row)
{
    int64_t t =
        row / s->y[1] % s->y[0] * s->stride[0] + tap_row / s->kernel[1] - s->pad[0];
    int64_t h = row % s->y[1] * s->stride[1] + tap_row % s->kernel[1] - s->pad[1];
    if (t < 0 || t >= s->x[0] || h < 0 || h >= s->x[1]) return -1;
    return t * s->x[1] + h;
}

/* pack.c: a part of gy, [group][word][channel of the group]. */
void AVCL_ISA_NAME(avcl__native_pack_gy)(const native_chunk *c, const void *gy,
                                         int64_t part, word *to);
/* One block of x for a row of taps, [tap][word][channel]. Returns how many runs of rows
 * meet x; others are not written. `runs` holds chunk_rows. */
int64_t AVCL_ISA_NAME(avcl__native_pack_x)(const native_chunk *c, const void *x,
                                           int64_t block, int64_t tap_row, word *to,
                                           native_run *runs);
/* Frames of a picture that a worker has packed, [t % taps in time][line][word][column];
 * chunks come in order and none reaches beyond a frame. */
typedef struct native_frames {
    const native_plan *plan;
    const void *x;
    word *line;   /* for its own use */
    word *packed; /* native_frame_words() for each tap in time */
    int64_t image;
    int64_t end; /* of that image's frames, up to here they are packed */
} native_frames;

static inline int64_t native_frame_words(const native_plan *p)
{
    return p->s.x[1] * p->row_words * LANES;
}

/* few.c: what a chunk needs of a block of columns of a row-major x; then its runs for a
 * row of taps. */
void AVCL_ISA_NAME(avcl__native_pack_few)(native_frames *f, const native_chunk *c,
                                          int64_t block);
int64_t AVCL_ISA_NAME(avcl__native_find_few)(const native_chunk *c, int64_t tap_row,
                                             native_run *runs);

/* multiply.c: sum[channel of x][channel of gy] += Σ over the runs; half a block by two
 * vectors, or a block by one. Rows of `sum` are GROUP apart. */
typedef struct native_product {
    const word *x; /* half a block of, or all of one */
    const word *g; /* a group of */
    int64_t vecs;  /* that the group has */
    const native_run *runs;
    int64_t n_runs;
    float *sum;
} native_product;

void AVCL_ISA_NAME(avcl__native_multiply)(const native_product *p, int is_bf16);

/* write.c: sums, [unit][tap][group][channel of x][channel of gy], to row-major gw. */
void AVCL_ISA_NAME(avcl__native_write)(const native_plan *p, const native_share *s,
                                       const float *sums, float *gw);

#endif
