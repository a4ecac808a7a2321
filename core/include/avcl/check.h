/*
 * check.h - does a plugin keep the rules? Every test in a child process of its own.
 *
 *     avcl_check *c = avcl_check_new(&options, &err);
 *     while (avcl_check_next(c, &result)) …
 *     avcl_check_free(c);
 *
 * The calling process must not have started threads: it forks. [main]
 */
#ifndef AVCL_CHECK_H
#define AVCL_CHECK_H

#include "avcl/error.h"

typedef struct avcl_check avcl_check;

typedef struct avcl_check_options {
    const char *file;        /* the plugin; loaded whatever its path is */
    const char *module;      /* short name of one module; NULL = all */
    const char *only;        /* part of "group/test"; NULL = all */
    const char *plugin_path; /* where the modules it uses are; NULL = the usual places */
    uint64_t seed;           /* of drawn values */
    double seconds;          /* that a test may take; 0 = [60] */
    int32_t in_process;      /* no child: for a debugger */
    int32_t reserved;
} avcl_check_options;

enum {
    AVCL_CHECK_OK = 0,
    AVCL_CHECK_SKIP = 1, /* does not apply */
    AVCL_CHECK_WARN = 2,
    AVCL_CHECK_FAIL = 3,
};

typedef struct avcl_check_result {
    int32_t verdict;
    int32_t reserved;
    double seconds;
    char module[128]; /* full name; "" = the file as a whole */
    char test[64];    /* "group/test" */
    char text[512];   /* what was found; "" = nothing to tell */
} avcl_check_result;

/* Options are copied. [owned] */
AVCL_EXPORT avcl_check *avcl_check_new(const avcl_check_options *options,
                                       avcl_error *err);
/* Runs the next test; 0 = there is none left. */
AVCL_EXPORT int32_t avcl_check_next(avcl_check *c, avcl_check_result *out);
AVCL_EXPORT void avcl_check_free(avcl_check *c);

#endif
