/*
 * device_rig.h - drives a device module directly, without a graph or a host.
 *
 * Values are doubles here; the rig stores them as the device wants them, walks
 * through layouts(), reorders, prepare() and run(), and reads doubles back.
 * A rig call fails the running cmocka test when the device refuses.
 */
#ifndef AVCL_DEVICE_RIG_H
#define AVCL_DEVICE_RIG_H

#include "avcl/device.h"
#include "avcl/ops.h"

typedef struct rig {
    void *object;
    const avcl_device_api *api;
    avcl_device *device;
    avcl_host_api host;
    avcl_dtype real;
} rig;

typedef struct rig_value {
    avcl_tinfo info;
    double *data; /* integers too */
} rig_value;

enum { RIG_MAX_IN = 8, RIG_MAX_OUT = 5 };

/* One node to run. Outputs' shapes are given, their data is made. */
typedef struct rig_node {
    const char *op;
    const void *attrs;
    uint32_t n_in;
    uint32_t n_out;
    rig_value in[RIG_MAX_IN];
    rig_value out[RIG_MAX_OUT];
    int blocked;   /* 5-d inputs arrive in the device's blocked layout */
    int all_plain; /* layouts() is not asked */
    uint32_t tags[RIG_MAX_IN + RIG_MAX_OUT]; /* what was used, for the curious */
} rig_node;

rig_node rig_op(const char *op, const void *attrs, uint32_t n_in, uint32_t n_out);
void rig_open(rig *r, const char *name, avcl_dtype real, uint32_t n_threads);
void rig_open_with(rig *r, const char *name, avcl_dtype real, uint32_t n_threads,
                   const avcl_device_options *options);
void rig_close(rig *r);
/* The tag of blocked activations; AVCL_TAG_PLAIN if the device has none. */
uint32_t rig_blocked_tag(const rig *r);
void rig_run(const rig *r, rig_node *node);
/* Status and message instead of a failed test. */
avcl_status rig_try(const rig *r, rig_node *node, avcl_error *err);
void rig_free(rig_node *node);

/* Makes a value; rank by the number of dims that are not 0. */
rig_value rig_shape(avcl_dtype dtype, int64_t a, int64_t b, int64_t c, int64_t d,
                    int64_t e);
/* Fills it uniformly from [lo, hi] with what its type can hold, the same for the same
 * seed. */
rig_value rig_uniform(rig_value v, double lo, double hi, uint64_t seed);
rig_value rig_copy(const rig_value *v);
int64_t rig_count(const rig_value *v);
/* max |a - b| / max |b|, and / rms b; infinite where a is NaN. */
double rig_error(const rig_value *a, const rig_value *b);
double rig_error_in_rms(const rig_value *a, const rig_value *b);
int rig_equal(const rig_value *a, const rig_value *b); /* bit for bit */

#endif
