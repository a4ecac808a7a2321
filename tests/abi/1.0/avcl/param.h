/*
 * param.h - one schema for module parameters and op attributes.
 *
 * A module (or op) declares a table of rows bound by offset to a struct of its
 * own; the host allocates that struct, fills defaults, checks ranges and hands
 * over `const void *params`. No parsing, no string look-up in a module.
 *
 *     struct params { int64_t width; double gate_bias; int32_t gate; };
 *     static const char *const gates[] = {"relu", "sigmoid", NULL};
 *     static const avcl_param rows[] = {
 *         {.name = "width", .doc = "Channels of conv1.", .type = AVCL_INT,
 *          .flags = AVCL_P_MIN | AVCL_P_STRUCTURAL, .min = 1, .def_int = 64,
 *          .offset = offsetof(struct params, width)},
 *         {.name = "gate", .doc = "Gate function.", .type = AVCL_ENUM,
 *          .choices = gates, .offset = offsetof(struct params, gate)},
 *     };
 *
 * Part of the plugin ABI (see plugin.h).
 */
#ifndef AVCL_PARAM_H
#define AVCL_PARAM_H

#include "avcl/types.h"

/* The C type behind each parameter type. */
enum {
    AVCL_INT = 1,   /* int64_t */
    AVCL_FLOAT = 2, /* double */
    AVCL_BOOL = 3,  /* int32_t, 0 or 1 */
    AVCL_STR = 4,   /* const char * [arena] */
    AVCL_ENUM = 5,  /* int32_t, index into choices */
    AVCL_INTS = 6,  /* avcl_ints */
};

enum {
    AVCL_P_REQUIRED = 1,
    AVCL_P_MIN = 2,
    AVCL_P_MAX = 4,
    AVCL_P_LOG = 8,         /* sweep log-uniformly */
    AVCL_P_STRUCTURAL = 16, /* changes weight shapes: checkpoints do not fit */
    AVCL_P_DEPRECATED = 32,
};

/* A short list: strides, axes, shapes. */
typedef struct avcl_ints {
    int32_t n;
    int32_t reserved;
    int64_t v[8];
} avcl_ints;

typedef struct avcl_param {
    const char *name;           /* [a-z][a-z0-9_]* */
    const char *doc;            /* one sentence, required */
    const char *unit;           /* NULL = none */
    const char *const *choices; /* AVCL_ENUM: NULL-terminated */
    uint32_t type;
    uint32_t flags;
    uint64_t offset; /* into the module's params struct */
    double min;      /* inclusive; read only where flagged. INTS: of each element */
    double max;
    int64_t def_int; /* INT, BOOL, ENUM index */
    double def_float;
    const char *def_str;
    avcl_ints def_ints;
} avcl_param;

/* A value on its way into a params struct; the callee copies. */
typedef struct avcl_value {
    uint32_t type;  /* AVCL_INT … AVCL_INTS; an ENUM travels as AVCL_STR */
    uint32_t count; /* INTS: elements of iv */
    int64_t i;
    double f;
    const char *s;
    const int64_t *iv;
} avcl_value;

typedef struct avcl_attr {
    const char *name;
    avcl_value value;
} avcl_attr;

#endif
