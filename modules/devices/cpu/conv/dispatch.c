/* dispatch.c - hands each convolution to the kernel that was chosen for it. */
#include <string.h>

#include "conv.h"

static const cpu_op *find(const cpu_op *family, const char *name)
{
    while (family->name && strcmp(family->name, name))
        family++;
    return family;
}

/* Tags of a convolution by one of our own kernels: inputs, then the output. */
static void own_tags(const conv_shape *s, int kernel, uint32_t *in, uint32_t *out)
{
    uint32_t weights = AVCL_CPU_WINOGRAD; /* nobody else reads any */
    if (s->direction == CONV_BACKWARD_DATA) weights += AVCL_CPU_WINOGRAD_FLIPPED;
    if (avcl__conv_is_centre(s)) weights += AVCL_CPU_WINOGRAD_CENTRE;
    in[0] = AVCL_CPU_BLOCKED;
    in[1] = s->direction == CONV_BACKWARD_WEIGHT ? AVCL_CPU_BLOCKED : weights;
    if (kernel == KERNEL_NATIVE && s->in <= AVCL_CPU_FEW_CHANNELS)
        in[1] = AVCL_TAG_PLAIN; /* a picture */
    *out = s->direction == CONV_BACKWARD_WEIGHT ? AVCL_TAG_PLAIN : AVCL_CPU_BLOCKED;
}

static void layouts(avcl_device *device, const avcl_kernel_spec *spec, uint32_t *want,
                    uint32_t *out)
{
    conv_shape s = avcl__conv_shape(spec->op, spec->attrs, spec->in_info, spec->out_info);
    int kernel = avcl__conv_choose(device, &s).kernel;
    if (kernel == KERNEL_DIRECT) {
        const cpu_op *direct = find(avcl__cpu_direct, spec->op);
        (direct->layouts ? direct->layouts : avcl__cpu_layout_plain)(device, spec, want,
                                                                     out);
        return;
    }
    avcl__cpu_layout_plain(device, spec, want, out);
    own_tags(&s, kernel, want, out);
}

/* The layouts say which it is: a direct kernel may have been asked for by its tags. */
static avcl_status prepare(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    conv_shape s = avcl__conv_shape(k->op->name, k->attrs, k->in_info, k->out_info);
    int kernel = avcl__conv_choose(device, &s).kernel;
    uint32_t in[2];
    uint32_t out;
    own_tags(&s, kernel, in, &out);
    if (k->in_tag[0] != in[0] || k->in_tag[1] != in[1] || k->out_tag[0] != out)
        kernel = KERNEL_DIRECT;
    const cpu_op *families[] = {avcl__cpu_direct, device->isa->winograd,
                                device->isa->native};
    k->op = find(families[kernel], k->op->name);
    if (!kernel && !k->op->layouts && (k->in_tag[0] | k->in_tag[1] | k->out_tag[0]))
        return avcl__fail(err, AVCL_E_UNSUPPORTED, "op '%s' does not take these layouts",
                          k->op->name);
    return k->op->prepare(device, k, err);
}

avcl_status avcl__conv_pack(avcl_device *device, avcl_kernel *k, avcl_error *err)
{
    if (k->in_tag[0] != AVCL_TAG_PLAIN || k->in_info[0].dtype != AVCL_F32 ||
        k->out_info[0].dtype != AVCL_F32 || !device->isa->winograd ||
        k->in_info[0].ndim != 5)
        return avcl__fail(err, AVCL_E_UNSUPPORTED, "no reorder between layouts %u and %u",
                          k->in_tag[0], k->out_tag[0]);
    k->op = find(device->isa->winograd, "reorder");
    return AVCL_OK;
}

static int32_t takes_bf16(const avcl_kernel_spec *spec)
{
    const cpu_op *direct = find(avcl__cpu_direct, spec->op);
    return direct->takes_bf16 && direct->takes_bf16(spec);
}

/* prepare() leaves the chosen kernel's own row in the kernel; run is never asked. */
const cpu_op avcl__cpu_conv[] = {
    {.name = "conv3d",
     sizeof(avcl_conv3d_attrs),
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = takes_bf16},
    {.name = "conv3d_backward_data",
     sizeof(avcl_conv3d_attrs),
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = takes_bf16},
    {.name = "conv3d_backward_weight",
     sizeof(avcl_conv3d_attrs),
     .layouts = layouts,
     .prepare = prepare,
     .judges_tags = 1,
     .takes_bf16 = takes_bf16},
    {.name = NULL},
};
