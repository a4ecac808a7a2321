/* input.c - patches of blocked activations to points: V = Bᵀ x B, and A gy Aᵀ. */
#include "winograd.h"

#include "transform.h"

/* A rectangle of one channel block of one frame; what lies outside the plane is 0. */
typedef struct patch {
    const float *plane;
    int64_t height;
    int64_t width;
    int64_t row;
    int64_t col;
} patch;

static inline int is_inside(const patch *p, int64_t size)
{
    return p->row >= 0 && p->col >= 0 && p->row + size <= p->height &&
           p->col + size <= p->width;
}

/* Column `col` of the patch, `size` values. */
static inline void load_column(const patch *p, int64_t col, int size, int inside, vec *d)
{
    int64_t w = p->col + col;
    int has_column = inside || (w >= 0 && w < p->width);
    UNROLL(6)
    for (int a = 0; a < size; a++) {
        int64_t h = p->row + a;
        if (inside || (has_column && h >= 0 && h < p->height))
            d[a] = *(const vec *)(p->plane + (h * p->width + w) * LANES);
        else
            d[a] = (vec){0};
    }
}

typedef void transform(const vec *, vec *);

/* Both directions of a patch; point (i, j) goes to to[(6 i + j) * stride]. */
static inline __attribute__((always_inline)) void
transform_patch(const patch *p, const int size, const int inside, transform *along,
                float *to, int64_t stride)
{
    vec half[PATCH][PATCH]; /* [column][point] */
    for (int c = 0; c < size; c++) {
        vec d[PATCH];
        load_column(p, c, size, inside, d);
        along(d, half[c]);
    }
    UNROLL(6)
    for (int i = 0; i < PATCH; i++) {
        vec d[PATCH];
        vec v[PATCH];
        UNROLL(6)
        for (int c = 0; c < size; c++)
            d[c] = half[c][i];
        along(d, v);
        UNROLL(6)
        for (int j = 0; j < PATCH; j++)
            *(vec *)(to + (PATCH * i + j) * stride) = v[j];
    }
}

static inline __attribute__((always_inline)) void
either(const patch *p, const int size, transform *along, float *to, int64_t stride)
{
    if (is_inside(p, size))
        transform_patch(p, size, 1, along, to, stride);
    else
        transform_patch(p, size, 0, along, to, stride);
}

void AVCL_ISA_NAME(avcl__wino_points)(void *block, int64_t begin, int64_t end)
{
    const wino_block *b = block;
    const wino_plan *p = b->plan;
    int64_t plane = p->in[1] * p->in[2] * LANES;
    for (int64_t item = begin; item < end; item++) {
        int64_t frame = b->in_frame + item / p->in_blocks;
        int64_t c = item % p->in_blocks;
        float *v = b->v + frame % p->slots * p->v_frame + c * p->tiles * LANES;
        for (int64_t k = 0; k < b->n_tiles; k++) {
            wino_tile t = tile_at(p, b->tile + k);
            int64_t at = (t.image * p->in_blocks + c) * p->in[0] + frame;
            patch x = {b->in + at * plane, p->in[1], p->in[2], t.row - p->pad[1],
                       t.col - p->pad[2]};
            either(&x, PATCH, to_points, v + k * LANES, p->v_point);
        }
    }
}

void AVCL_ISA_NAME(avcl__wino_gy_points)(void *block, int64_t begin, int64_t end)
{
    const wino_block *b = block;
    const wino_plan *p = b->plan;
    int64_t plane = p->out[1] * p->out[2] * LANES;
    for (int64_t item = begin; item < end; item++) {
        int64_t frame = b->out_frame + item / p->out_blocks;
        int64_t c = item % p->out_blocks;
        float *m = b->m + (frame - b->out_frame) * p->m_frame + c * p->tiles * LANES;
        for (int64_t k = 0; k < b->n_tiles; k++) {
            wino_tile t = tile_at(p, b->tile + k);
            int64_t at = (t.image * p->out_blocks + c) * p->out[0] + frame;
            patch gy = {b->out + at * plane, p->out[1], p->out[2], t.row, t.col};
            either(&gy, TILE, gy_to_points, m + k * LANES, p->m_point);
        }
    }
}
