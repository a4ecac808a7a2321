/*
 * table.c - built-in rows of the kernel plan, measured on R3D
 * (tests/bench/conv_layers.c).
 *
 * What has no row follows the rule in choice.c.
 */
#include "rows.h"

const char avcl__conv_table[] =
    "conv3d avx512 64x16x56x56 64x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=28 frames=2\n"
    "conv3d_backward_data avx512 64x16x56x56 64x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=28 frames=2\n"
    "conv3d_backward_weight avx512 64x16x56x56 64x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=98 frames=4 share=points\n"
    "conv3d avx512 128x8x28x28 128x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=14 frames=4\n"
    "conv3d_backward_data avx512 128x8x28x28 128x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=14 frames=4\n"
    "conv3d_backward_weight avx512 128x8x28x28 128x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=49 frames=4 share=points\n"
    "conv3d avx512 256x4x14x14 256x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=128 frames=4 share=points\n"
    "conv3d_backward_data avx512 256x4x14x14 256x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=128 frames=4 share=points\n"
    "conv3d_backward_weight avx512 256x4x14x14 256x3x3x3 s1x1x1 p1x1x1 "
    "winograd tiles=128 frames=4 share=points\n";
