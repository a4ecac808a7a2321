/*
 * conv.h - which kernel a convolution gets: the library's direct one, Winograd's or, for
 * the gradient of w, our own direct one.
 *
 * The choice is a pure function of the shape, the instruction set and the device's
 * options; never of time. core/doc/kernel-plan.md is the page on it.
 */
#ifndef AVCL_CPU_CONV_H
#define AVCL_CPU_CONV_H

#include "../cpu.h"

enum { CONV_FORWARD, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHT };

/* A convolution y = w * x in whichever direction. Triples are frames, height, width. */
typedef struct conv_shape {
    int direction;
    int is_f32;  /* all three values */
    int is_bf16; /* the activations */
    int64_t batch;
    int64_t in;  /* channels of x */
    int64_t out; /* channels of y */
    int64_t x[3];
    int64_t y[3];
    int64_t kernel[3];
    int64_t stride[3];
    int64_t pad[3];
} conv_shape;

enum { KERNEL_DIRECT, KERNEL_WINOGRAD, KERNEL_NATIVE };

typedef struct conv_choice {
    int kernel;        /* KERNEL_*; what follows is for Winograd's */
    int64_t tiles;     /* transformed together; 0 = by a rule */
    int64_t frames;    /* of output, computed together; 0 = by a rule */
    int shares_points; /* threads work on one block together */
} conv_choice;

conv_shape avcl__conv_shape(const char *op, const void *attrs, const avcl_tinfo *in,
                            const avcl_tinfo *out);
/* Of three taps in time only the middle one ever meets a frame. */
int avcl__conv_is_centre(const conv_shape *s);
/* Whether Winograd's kernels can do it at all. */
int avcl__conv_has_winograd(const conv_shape *s);
/* Whether native/ can: gradients of w. */
int avcl__conv_has_native(const conv_shape *s);
conv_choice avcl__conv_choose(const avcl_device *device, const conv_shape *s);
/* candidates.c: as device.h's plan_row. */
int32_t avcl__conv_candidate(avcl_device *device, const avcl_kernel_spec *spec,
                             uint32_t i, char *row, uint64_t size);

/* The three convolutions of dnnl/ or gemm/. */
extern const cpu_op avcl__cpu_direct[];

#endif
