/*
 * survey.h - what the files of a data set are: length, rate, size, codecs, sound, faults.
 *
 * Worker threads look into every file; a file that cannot be read is a finding, not an
 * error. Files are looked at once each, in any order; findings are in the caller's.
 *
 *     avcl_survey *s = avcl_survey_new(paths, n, &options, &err);
 *     while ((status = avcl_survey_wait(s, 0.1, &done)) == AVCL_OK) { … }
 *     avcl_survey_get(s, 0, &finding);
 *     avcl_survey_free(s);
 */
#ifndef AVCL_SURVEY_H
#define AVCL_SURVEY_H

#include "avcl/media.h"

typedef int32_t avcl_file_state;
enum {
    AVCL_FILE_OK = 0,
    AVCL_FILE_REPAIRED = 1, /* usable: it ends early, or at most 5 % of its frames do not
                               decode and neighbours stand in */
    AVCL_FILE_MISSING = 2,  /* no such file */
    AVCL_FILE_UNREADABLE = 3, /* cannot be opened, or holds no video */
    AVCL_FILE_CORRUPT = 4,    /* opened, but does not decode */
};
typedef struct avcl_survey_options {
    int32_t workers; /* 0 = cores */
    int32_t decode;  /* 1: decode all pictures and sound; 0: read headers and packets */
} avcl_survey_options;
typedef struct avcl_finding {
    avcl_file_state state;
    int32_t is_silent; /* decoded only: it has a track that stays under -80 dBFS */
    int64_t bytes;
    int64_t n_lost;       /* decoded only: frames that neighbours stand in for */
    double loudness_db;   /* decoded only: RMS of the track, dBFS; -inf = digital zero */
    avcl_media_info info; /* zeros unless the file could be opened */
    char reason[256];     /* one sentence; "" when all is well */
} avcl_finding;
typedef struct avcl_survey avcl_survey;
/* Starts. Paths are copied. `options` may be NULL. [owned] */
AVCL_EXPORT avcl_survey *avcl_survey_new(const char *const *paths, int64_t n,
                                         const avcl_survey_options *options,
                                         avcl_error *err);
/* Waits at most `seconds`; fills n_done; AVCL_END when every file was looked at. */
AVCL_EXPORT avcl_status avcl_survey_wait(avcl_survey *s, double seconds, int64_t *n_done);
/* Of path i, after AVCL_END. */
AVCL_EXPORT avcl_status avcl_survey_get(avcl_survey *s, int64_t i, avcl_finding *out);
AVCL_EXPORT void avcl_survey_free(avcl_survey *s); /* stops if need be */

#endif
