/*
 * snapshot.h - a copy of a session's weights and states in host memory.
 *
 * Taking one costs a copy, not a file: the best epoch is held this way and reaches
 * the disk together with the checkpoint it belongs to.
 */
#ifndef AVCL_SNAPSHOT_H
#define AVCL_SNAPSHOT_H

#include "avcl/session.h"
#include "avcl/store.h"

typedef struct avcl_snapshot {
    unsigned char *data;
    uint64_t *offset; /* per variable of the graph */
    uint64_t bytes;
    uint32_t n;
} avcl_snapshot;

/* Reuses the memory of an earlier take of the same session. */
avcl_status avcl__snapshot_take(avcl_snapshot *shot, avcl_session *s, avcl_error *err);
avcl_status avcl__snapshot_restore(const avcl_snapshot *shot, avcl_session *s,
                                   avcl_error *err);
/* Adds "weight/NAME" and "state/NAME" tensors; their data stays the snapshot's. */
avcl_status avcl__snapshot_put(const avcl_snapshot *shot, avcl_session *s,
                               avcl_safetensors *to, avcl_error *err);
void avcl__snapshot_release(avcl_snapshot *shot);

#endif
