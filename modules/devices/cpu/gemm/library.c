/* library.c - what stands in for oneDNN: row-major layouts only. */
#include <stdio.h>

#include "../cpu.h"

avcl_status avcl__library_open(avcl_device *device, avcl_error *err)
{
    (void)device;
    (void)err;
    return AVCL_OK;
}

void avcl__library_close(avcl_device *device)
{
    (void)device;
}

void avcl__library_describe(char *text, size_t size)
{
    snprintf(text, size, "vol2col");
}

int avcl__library_allows_avx512(void)
{
    return 1;
}

int avcl__library_allows_avx2(void)
{
    return 1;
}

int avcl__library_blocks(void)
{
    return 0;
}

uint64_t avcl__library_bytes(avcl_device *device, uint32_t tag)
{
    (void)device;
    (void)tag;
    return 0;
}

avcl_status avcl__library_reorder(avcl_device *device, avcl_kernel *kernel,
                                  avcl_error *err)
{
    (void)device;
    return avcl__fail(err, AVCL_E_UNSUPPORTED, "no reorder between layouts %u and %u",
                      kernel->in_tag[0], kernel->out_tag[0]);
}

avcl_status avcl__library_run(const cpu_call *c)
{
    return avcl__fail(c->err, AVCL_E_BUG, "no kernel was planned");
}
