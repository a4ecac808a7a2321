/*
 * winograd.h - 3-D convolution with stride 1 and kernels T×3×3: Winograd's F(4×4, 3×3)
 * over height and width, taps in time summed directly.
 *
 *     y = Aᵀ [ Σ_c,tap (G w Gᵀ) ⊙ (Bᵀ x B) ] A
 *
 * A tile of 4×4 outputs reads a patch of 6×6 inputs. Both become 36 points, and at
 * each point the sum over channels and taps is a matrix product: 36 products per tile
 * instead of 144. The gradient of x is the same convolution of gy with flipped weights
 * and swapped channels; the gradient of w is Gᵀ [ Σ_tiles (A gy Aᵀ) ⊙ (Bᵀ x B) ] G.
 *
 * Activations stay in blocked layout. Work goes in blocks of tiles and groups of frames,
 * in three phases: patches to points V, products M = U V, points to outputs. Nothing
 * depends on the number of threads.
 */
#ifndef AVCL_CPU_WINOGRAD_H
#define AVCL_CPU_WINOGRAD_H

#include "../conv/blocking.h"
#include "../kernels/kernels.h"

enum {
    VECS = 2,             /* vectors of output channels that a product holds at once */
    GROUP = VECS * LANES, /* their channels */
};

/* One block of tiles and the frames at hand. */
typedef struct wino_block {
    const wino_plan *plan;
    const float *in;
    const float *u;    /* weights at the points */
    const float *bias; /* NULL = none; whole blocks of channels */
    float *out;
    float *v;
    float *m;
    int64_t tile; /* the first */
    int64_t n_tiles;
    int64_t in_frame; /* [in_frame, in_end) are to be transformed */
    int64_t in_end;
    int64_t out_frame; /* [out_frame, out_end) are to be computed */
    int64_t out_end;
} wino_block;

/* Where a tile of the output lies. */
typedef struct wino_tile {
    int64_t image;
    int64_t row; /* of its first output */
    int64_t col;
} wino_tile;

static inline wino_tile tile_at(const wino_plan *p, int64_t tile)
{
    int64_t per_image = p->down * p->across;
    int64_t in_image = tile % per_image;
    return (wino_tile){tile / per_image, in_image / p->across * TILE,
                       in_image % p->across * TILE};
}

/* The phases, each over items [begin, end): (frame, channel block) of the input, (point,
 * group of output channels), (frame, channel block) of the output. */
void AVCL_ISA_NAME(avcl__wino_points)(void *block, int64_t begin, int64_t end);
void AVCL_ISA_NAME(avcl__wino_multiply)(void *block, int64_t begin, int64_t end);
void AVCL_ISA_NAME(avcl__wino_outputs)(void *block, int64_t begin, int64_t end);
/* The gradient of w: gy to points M, and U += Mᵀ V. `u` is written. */
void AVCL_ISA_NAME(avcl__wino_gy_points)(void *block, int64_t begin, int64_t end);
void AVCL_ISA_NAME(avcl__wino_accumulate)(void *block, int64_t begin, int64_t end);

/* Weights of a convolution, row-major and at the points. */
typedef struct wino_weights {
    const float *w;
    float *gw; /* the same shape */
    float *u;
    int64_t out; /* channels that U's products end in */
    int64_t in;
    int64_t out_blocks;
    int64_t in_blocks;
    int64_t kernel;    /* taps in time of w */
    int64_t first_tap; /* that U has */
    int64_t n_taps;
    int flipped; /* for the gradient of x: taps reversed, channels swapped */
} wino_weights;

wino_weights AVCL_ISA_NAME(avcl__wino_weights_of)(const avcl_tinfo *info, int flipped,
                                                  int is_centre);
void AVCL_ISA_NAME(avcl__wino_pack)(const avcl_device *device, wino_weights *w);
void AVCL_ISA_NAME(avcl__wino_unpack)(const avcl_device *device, wino_weights *w);
/* The reorder that packs. */
avcl_status AVCL_ISA_NAME(avcl__wino_reorder)(const cpu_call *c);

#endif
