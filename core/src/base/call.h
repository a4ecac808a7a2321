/*
 * call.h - what an avcl_call is inside: where errors go and what is being built.
 *
 * Lives on the stack or in a graph; plugins see only the opaque name.
 */
#ifndef AVCL_CALL_H
#define AVCL_CALL_H

#include "avcl/error.h"
#include "avcl/plugin.h"

struct avcl_call {
    avcl_error *err;
    struct avcl_graph *graph; /* NULL outside a graph */
    void *target;             /* avcl_ir that ops are added to; NULL = none */
    struct avcl_host *host;
    const char *path; /* given to nodes that an op's callback adds */
    const char *where;
    const struct avcl_draw *draw; /* whose random numbers; NULL = none in this call */
};

#endif
