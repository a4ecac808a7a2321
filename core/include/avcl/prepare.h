/*
 * prepare.h - decodes a data set once, into one file that training reads instead.
 *
 * A prepared cache holds every file of a manifest as small pictures and the log-mel
 * picture of its sound; it is opened by avcl_dataset_open like the manifest it was made
 * from. Its bytes follow from the files, the recipe and the libraries alone: not from the
 * number of workers, nor from interruptions.
 *
 *     avcl_prepare *p = avcl_prepare_new(d, "set.avclcache", &options, &err);
 *     while (avcl_prepare_wait(p, 0.1, &progress, &err) != AVCL_END) …;
 *     avcl_prepare_free(p);
 */
#ifndef AVCL_PREPARE_H
#define AVCL_PREPARE_H

#include "avcl/data.h"

typedef int32_t avcl_prepare_codec;
enum { AVCL_PREPARE_MJPEG = 0, AVCL_PREPARE_YUV = 1 };
typedef int32_t avcl_prepare_audio;
enum { AVCL_PREPARE_MEL = 0, AVCL_PREPARE_WAVE = 1, AVCL_PREPARE_BOTH = 2 };

typedef struct avcl_prepare_options { /* 0 = the default in brackets */
    int32_t width;                    /* of the pictures [171] */
    int32_t height;                   /* [128] */
    avcl_prepare_codec codec;         /* 4:2:0 either way */
    int32_t quality;                  /* of MJPEG: 1 best … 31 [3] */
    avcl_prepare_audio audio;
    int32_t workers;    /* [cores] */
    double fps;         /* [every frame] */
    double max_bad;     /* fraction of files that may be unreadable [0.01] */
    int32_t strict;     /* 1: none may */
    int32_t check_only; /* 1: decode and judge, write nothing */
    int32_t min_frames; /* fewer are called repaired [16] */
    int32_t reserved;
    avcl_mel_options mel;
} avcl_prepare_options;

typedef struct avcl_prepare_progress {
    int64_t n_total; /* files */
    int64_t n_done;
    int64_t n_kept; /* of them, taken from what was there before */
    int64_t n_repaired;
    int64_t n_failed;
    int64_t n_no_audio;
    int64_t n_silent;
    int64_t frames;
    int64_t bytes;        /* written, of the file as it will be */
    double video_s;       /* of the clips done */
    double squared_error; /* per byte of RGB, between a picture and what the codec left */
} avcl_prepare_progress;

typedef struct avcl_prepare avcl_prepare;
/* Starts making `out` (NULL with check_only) out of `d`, which must outlive it. Goes on
 * with an interrupted one; takes over what is unchanged of a finished one; refuses one
 * of another recipe, naming the difference. `options` may be NULL. [owned] */
AVCL_EXPORT avcl_prepare *avcl_prepare_new(avcl_dataset *d, const char *out,
                                           const avcl_prepare_options *options,
                                           avcl_error *err);
/* Waits at most `seconds`; AVCL_END when all is done and the file in place. An error (a
 * full disk, more than max_bad) comes back again on every call. */
AVCL_EXPORT avcl_status avcl_prepare_wait(avcl_prepare *p, double seconds,
                                          avcl_prepare_progress *out, avcl_error *err);
/* The i-th file that is not well, in order of their names, once all is done. [p's life]
 */
AVCL_EXPORT avcl_status avcl_prepare_get_problem(const avcl_prepare *p, int64_t i,
                                                 const char **rel,
                                                 avcl_media_state *state,
                                                 const char **reason);
AVCL_EXPORT void avcl_prepare_free(avcl_prepare *p); /* stops; what is done is kept */

#endif
