/* transform_rig.c - what tests of transforms share. */
#include "transform_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

avcl_transforms *transform_chain(avcl_transforms *t, const char *name, ...)
{
    avcl_attr given[8];
    avcl_error err = {0};
    uint32_t n = 0;
    va_list list;
    va_start(list, name);
    for (const char *key; (key = va_arg(list, const char *));) {
        double x = va_arg(list, double);
        int whole =
            !strcmp(key, "frames") || !strcmp(key, "bands") || !strcmp(key, "columns");
        given[n].name = key;
        given[n++].value =
            (avcl_value){.type = whole ? AVCL_INT : AVCL_FLOAT, .f = x, .i = (int64_t)x};
    }
    va_end(list);
    if (!t) t = avcl_transforms_new();
    assert_non_null(t);
    if (avcl_transforms_add(t, name, given, n, &err)) fail_msg("%s", err.message);
    return t;
}

avcl_draw transform_draw(uint64_t key, uint32_t epoch)
{
    return (avcl_draw){.seed = 7, .key = key, .epoch = epoch};
}
