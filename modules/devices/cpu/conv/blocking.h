/* blocking.h - geometry of a Winograd convolution and how it is cut into blocks. */
#ifndef AVCL_CPU_CONV_BLOCKING_H
#define AVCL_CPU_CONV_BLOCKING_H

#include "conv.h"

enum { TILE = 4, PATCH = 6, POINTS = PATCH * PATCH, MAX_TAPS = 16 };

/* A convolution from `in` to `out`, whichever of x and gy these are. */
typedef struct wino_plan {
    int64_t batch;
    int64_t in_blocks; /* of channels */
    int64_t out_blocks;
    int64_t in[3]; /* frames, height, width */
    int64_t out[3];
    int64_t pad[3];
    int64_t n_taps; /* in time; pad[0] counts from the first that is kept */
    int is_centre;  /* only the middle tap is kept */
    int64_t down;   /* tiles in a column of the output */
    int64_t across; /* and in a row */
    int64_t tiles;  /* transformed together, of any image */
    int64_t frames; /* of output, computed together */
    int64_t slots;  /* frames of input that V holds */
    int64_t n_blocks;
    int64_t v_frame; /* strides in floats */
    int64_t v_point;
    int64_t m_frame;
    int64_t m_point;
    int64_t n_workspaces; /* blocks at work at once; 1: threads share a block */
    int64_t lanes;        /* channels in a block */
    char text[48];        /* "winograd tiles=14 frames=4" */
} wino_plan;

/* Floats between the taps of weights at a point; a line more than they take: strides of
 * a power of two would share cache sets. */
static inline int64_t wino_tap_stride(int64_t in_blocks, int64_t out_blocks,
                                      int64_t lanes)
{
    return in_blocks * out_blocks * lanes * lanes + lanes;
}

wino_plan avcl__wino_plan(const avcl_device *device, const conv_shape *s,
                          const conv_choice *choice);
/* Floats of V and M of a block, and of the weights at the points. */
int64_t avcl__wino_workspace(const wino_plan *p);
int64_t avcl__wino_u_size(const wino_plan *p);
/* Bytes of weights of a shape at the points. */
uint64_t avcl__wino_weight_bytes(const avcl_device *device, const avcl_tinfo *weights,
                                 int is_centre);

#endif
