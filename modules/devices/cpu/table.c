/* table.c - the instruction sets, and the kernel of an op by its name. */
#include <string.h>

#include "cpu.h"

extern const cpu_isa avcl__cpu_isa_base;
#ifdef __x86_64__
extern const cpu_isa avcl__cpu_isa_avx2;
extern const cpu_isa avcl__cpu_isa_avx512;
#endif

const cpu_isa *avcl__cpu_pick_isa(int allow_avx512, int allow_avx2)
{
#ifdef __x86_64__
    if (allow_avx512 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return &avcl__cpu_isa_avx512;
    if (allow_avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &avcl__cpu_isa_avx2;
#else
    (void)allow_avx512;
    (void)allow_avx2;
#endif
    return &avcl__cpu_isa_base;
}

static const cpu_op *find(const cpu_op *family, const char *name)
{
    for (const cpu_op *op = family; op->name; op++)
        if (!strcmp(op->name, name)) return op;
    return NULL;
}

const cpu_op *avcl__cpu_find(const avcl_device *device, const char *name)
{
    const cpu_op *op = find(avcl__cpu_conv, name);
    if (!op) op = find(avcl__cpu_matmul, name);
    for (size_t i = 0; !op && device->isa->families[i]; i++)
        op = find(device->isa->families[i], name);
    return op;
}
