/*
 * data.h - data sets of files, the pure sample read, and the loader.
 *
 * What a sample is depends on (manifest row, seed, epoch, view) and on nothing
 * else: not on workers, ranks, queue timing, resume, or other samples' failures.
 *
 *     avcl_dataset *d = avcl_dataset_open("synth/manifest.csv", &options, &err);
 *     avcl_loader *l = avcl_loader_new(d, &loader_options, &err);
 *     while (avcl_loader_next(l, &batch, &err) == AVCL_OK) { …; avcl_loader_release(l); }
 */
#ifndef AVCL_DATA_H
#define AVCL_DATA_H

#include "avcl/media.h"
#include "avcl/transform.h"

/* ---- manifest ------------------------------------------------------------------ */
typedef struct avcl_dataset avcl_dataset;
typedef struct avcl_dataset_options {
    uint64_t memory_cache_mib; /* decoded clips kept in memory; 0 = none */
    const char *classes; /* file of class names, one a line; NULL = <dir>/classes.txt if
                            there is one, else the labels seen, sorted bytewise */
    const char *cache_path; /* file that remembers content hashes; NULL = none */
} avcl_dataset_options;
/* CSV `path,label[,split]` with a header line or without, paths relative to the file,
 * quoted fields, empty label = unlabelled; or a directory of class folders; or a prepared
 * cache (prepare.h), known by its first bytes. A row without a split is in "train".
 * `options` may be NULL. Errors name file and line. [owned] */
AVCL_EXPORT avcl_dataset *
avcl_dataset_open(const char *path, const avcl_dataset_options *options, avcl_error *err);
AVCL_EXPORT void avcl_dataset_free(avcl_dataset *d);
/* Whether a file's name ends like a video's: what directories are searched for. */
AVCL_EXPORT int32_t avcl_is_video_name(const char *name);
AVCL_EXPORT uint32_t avcl_dataset_n_classes(const avcl_dataset *d);
AVCL_EXPORT const char *avcl_dataset_class_name(const avcl_dataset *d, uint32_t index);
AVCL_EXPORT int64_t avcl_dataset_count(const avcl_dataset *d); /* all splits */
AVCL_EXPORT uint32_t avcl_dataset_n_splits(const avcl_dataset *d);
AVCL_EXPORT const char *avcl_dataset_split_name(const avcl_dataset *d, uint32_t index);
/* Rows of a split; unknown name = AVCL_E_NOT_FOUND listing those present. */
AVCL_EXPORT avcl_status avcl_dataset_split_count(const avcl_dataset *d, const char *split,
                                                 int64_t *n, avcl_error *err);
/* Identity of the data: SHA-256 over manifest rows and each file's size and content hash
 * (cached by inode, size and mtime in `cache_path` if not NULL). `synthetic` sets name
 * their generator instead. hex[65]. */
AVCL_EXPORT avcl_status avcl_dataset_hash(avcl_dataset *d, char hex[65], avcl_error *err);
AVCL_EXPORT int32_t avcl_dataset_is_synthetic(const avcl_dataset *d); /* made by synth */
AVCL_EXPORT int32_t avcl_dataset_is_prepared(const avcl_dataset *d);  /* prepare.h */
typedef struct avcl_sample_info {
    const char *path; /* absolute [data set's life] */
    const char *rel;  /* as in the manifest */
    uint64_t key;     /* 64-bit hash of rel: the sample's random key */
    int32_t label;    /* -1 = unlabelled */
    int32_t split;
} avcl_sample_info;
AVCL_EXPORT avcl_status avcl_dataset_get_sample(const avcl_dataset *d, int64_t sample,
                                                avcl_sample_info *out);

/* ---- one sample ------------------------------------------------------------------ */
/* What the picture of a sound shows, [bands, columns] of the view's mel options. */
typedef int32_t avcl_sound;
enum {
    AVCL_SOUND_WHOLE = 0,  /* log-mel of the whole track */
    AVCL_SOUND_WINDOW = 1, /* log-mel of `seconds` around the middle of the clip; of the
                              first or last ones where they would stick out; zeros follow
                              a shorter track. Without pictures the windows are placed in
                              the track as clips are in a video. */
    AVCL_SOUND_WAVE = 2, /* the whole waveform, linearly resampled to bands x columns and
                            folded row by row */
};
/* What a run wants to see of a sample. */
typedef struct avcl_view {
    int32_t frames;        /* consecutive frames of a clip; 0 = no rgb */
    int32_t span;          /* they are the middle of a clip of so many; 0 = frames */
    int32_t resize_w;      /* scale to this, aspect ignored (171) … */
    int32_t resize_h;      /* … (128), then crop */
    int32_t crop;          /* square side (112) */
    int32_t mel_crop;      /* square side cut from the picture of sound; 0 = no sound */
    int32_t mel_resize_w;  /* that picture scaled to this before the crop … */
    int32_t mel_resize_h;  /* … antialiased; 0 = as it is */
    int32_t random;        /* 1: start and crops from (seed, epoch, key); 0: centre */
    int32_t n_clips;       /* when not random: how many starts (methods.md C: 10) */
    int32_t shuffle_pairs; /* control: the sound of another sample of the split */
    avcl_sound sound;
    int32_t need_sound; /* 1: a sample without sound is passed over: another of its class
                           takes its row, or it counts nothing. 0: zeros */
    int32_t reserved;
    double seconds; /* of a window of sound [1.279, as TBN] */
    double fps;     /* frames a second that are counted; 0 = every frame */
    const avcl_transforms *transforms; /* applied when random; NULL = none. [borrowed for
                                          the view's life] */
    avcl_mel_options mel;
} avcl_view;
typedef struct avcl_sample {
    uint8_t *rgb;  /* [3, frames, crop, crop] written by the callee; NULL = not wanted */
    uint16_t *mel; /* f16 [1, 1, mel_crop, mel_crop]; NULL = not wanted */
    int64_t start_frame;
    double start_s;
    int32_t label;
    int32_t has_audio;
    int32_t n_padded;
    int32_t reserved;
} avcl_sample;
/* Clip `clip` (0 when random) of sample `sample` in `epoch`. Pure; any thread.
 * AVCL_E_UNSUPPORTED: it has no sound and the view needs one. */
AVCL_EXPORT avcl_status avcl_sample_read(avcl_dataset *d, int64_t sample, uint64_t seed,
                                         uint32_t epoch, const avcl_view *view,
                                         int32_t clip, avcl_sample *out, avcl_error *err);

/* ---- loader ---------------------------------------------------------------------- */
typedef struct avcl_loader avcl_loader;
/* Which samples make a batch; each is a function of (seed, epoch, batch) alone. */
typedef int32_t avcl_sampler;
enum {
    AVCL_SAMPLER_PLAIN = 0, /* a permutation of the split per epoch, cut into batches */
    AVCL_SAMPLER_BALANCED = 1, /* batch / group classes, `group` samples of each */
    AVCL_SAMPLER_VIEWS = 2,    /* batch / group samples, each drawn `group` times */
};
typedef struct avcl_loader_options {
    const char *split; /* "train", "few5", … */
    uint32_t batch;    /* global batch */
    uint32_t rank;
    uint32_t ranks;   /* 0 = 1 */
    uint32_t workers; /* 0 = cores - 1, at least 1 */
    uint32_t slots;   /* batch slabs in flight; 0 = 3 */
    uint64_t seed;
    uint32_t epoch;       /* where to begin: resume = (epoch, position) */
    uint32_t position;    /* in batches within the epoch */
    int32_t shuffle;      /* 1: a permutation per epoch; 0: manifest order */
    int32_t drop_last;    /* 1: incomplete batch dropped; 0: padded, weight 0 */
    int32_t replace_bad;  /* 1: a bad sample is replaced by one of its class; 0: weight 0
                             and listed as failed (evaluation) */
    double max_bad;       /* fraction; more is an error. 0 = [0.01] when replacing */
    int32_t strict;       /* 1: the first unreadable sample is an error */
    avcl_sampler sampler; /* other than plain: with shuffle and drop_last only */
    uint32_t group;
    uint32_t reserved;
    avcl_view view;
} avcl_loader_options;
typedef struct avcl_batch {
    const uint8_t *rgb;    /* [B, 3, T, crop, crop]; NULL when the view has none */
    const uint16_t *mel;   /* f16 [B, 1, 1, crop, crop] */
    const int32_t *label;  /* [B] -1 = unlabelled */
    const float *weight;   /* [B] 0 = padding */
    const int64_t *sample; /* [B] dataset rows; -1 = padding */
    const int32_t *clip;   /* [B] which of view.n_clips, or of the sampler's views */
    uint32_t epoch;
    uint32_t position; /* batch within the epoch */
    uint32_t n;        /* rows that are real */
    uint32_t reserved;
} avcl_batch;
AVCL_EXPORT avcl_loader *avcl_loader_new(avcl_dataset *d,
                                         const avcl_loader_options *options,
                                         avcl_error *err); /* [owned] */
AVCL_EXPORT void avcl_loader_free(avcl_loader *l);
AVCL_EXPORT uint32_t avcl_loader_n_batches(const avcl_loader *l); /* per epoch */
/* The next batch in order, across epochs, for ever when shuffling; one epoch (AVCL_END
 * after it) otherwise. Borrowed until avcl_loader_release. */
AVCL_EXPORT avcl_status avcl_loader_next(avcl_loader *l, avcl_batch *out,
                                         avcl_error *err);
AVCL_EXPORT void avcl_loader_release(avcl_loader *l);
/* What reading samples cost: seconds by stage, summed over workers. */
typedef struct avcl_read_cost {
    double open_s; /* opening files, and reading every packet once */
    double demux_s;
    double decode_s; /* pictures */
    double scale_s;
    double audio_s; /* the whole track, to samples */
    double mel_s;
    double cut_s; /* crop, layout; conversion to RGB of a prepared clip */
    int64_t frames_decoded;
    int64_t frames_used;
    int64_t cache_hits; /* of the cache in memory */
} avcl_read_cost;
typedef struct avcl_loader_stats { /* since the last call */
    double wait_s;                 /* trainer waiting for data */
    double wall_s;
    double full_s; /* workers waiting for room, summed */
    avcl_read_cost read;
    int64_t clips;
    int64_t n_bad;  /* over the loader's life */
    int64_t n_mute; /* passed over for want of a sound (view.need_sound) */
    int64_t n_padded;
} avcl_loader_stats;
AVCL_EXPORT void avcl_loader_get_stats(avcl_loader *l, avcl_loader_stats *out);
/* The i-th bad sample: its row and one sentence. [loader's life] */
AVCL_EXPORT avcl_status avcl_loader_get_bad(avcl_loader *l, int64_t i, int64_t *sample,
                                            const char **reason);

/* ---- the synthetic set --------------------------------------------------------------
 */
/* Twelve classes, eight looks x five sounds; sound alone tells 5/12 of them, moving
 * pictures 8/12, one still picture 6/12. Or 24, fourteen looks x eight sounds: 8/24,
 * 14/24, 11/24. Writes <split>/NNNNNN.mp4, manifest.csv, classes.txt and, last,
 * synth.yaml. Splits: unlab, train, val, test, and few5 and few15, the first 5 and 15
 * clips of each class of train (where train has as many); shift, silent and black are the
 * first clips of test again: at difficulty 1.5, 15 or 30 fps and 44.1 kHz stereo, without
 * a sound track, without light. With masks, masks/<split>/NNNNNN.png are the clip's
 * frames one below the other: 255 what moves and sounds, 170 the object's parts at rest,
 * 85 what moves without a sound, 0 the rest. Same options and libraries, same bytes. */
typedef struct avcl_synth_options { /* 0 = the default in brackets */
    int32_t clips;                  /* unlabelled clips of the pre-training split */
    int32_t width;                  /* [76] even */
    int32_t height;                 /* [56] even */
    int32_t fps;                    /* [12] */
    double seconds;                 /* [2.0] */
    double difficulty;              /* 0 … 1.5 scales every nuisance */
    uint64_t seed;
    int32_t train;   /* labelled, a multiple of the classes [15 a class]; -1 = none */
    int32_t val;     /* [5 a class]; -1 = none */
    int32_t test;    /* [50 a class]; -1 = none */
    int32_t workers; /* 0 = cores */
    int32_t classes; /* [12] or 24 */
    int32_t shift;   /* clips of these, at most those of test [none] */
    int32_t silent;
    int32_t black;
    int32_t masks; /* 1: write them */
} avcl_synth_options;
/* Progress of a running generation; poll from another thread or between steps. */
typedef struct avcl_synth avcl_synth;
/* Starts generating into `dir` (created; resumes what is already complete, refuses a
 * directory made with other options, naming the difference). [owned] */
AVCL_EXPORT avcl_synth *avcl_synth_new(const char *dir, const avcl_synth_options *options,
                                       avcl_error *err);
/* Waits at most `seconds`; fills done and total; AVCL_END when all is written. A worker's
 * failure (a full disk, say) comes back from here, again on every call. */
AVCL_EXPORT avcl_status avcl_synth_wait(avcl_synth *s, double seconds, int64_t *n_done,
                                        int64_t *n_total, avcl_error *err);
AVCL_EXPORT void avcl_synth_free(avcl_synth *s); /* stops; what is complete stays */

#endif
