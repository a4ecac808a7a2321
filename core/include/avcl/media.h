/*
 * media.h - frame-exact video, audio on the video's clock, log-mel pictures, PNG.
 *
 * Readers are single-threaded objects; open one per thread and close it after
 * each file. Nothing prints; libav's own log lines end up in the error text.
 *
 *     avcl_video *v = avcl_video_open("clip.mp4", NULL, &err);
 *     avcl_video_read(v, 100, 16, 171, 128, rgb, &err);   // frames 100..115
 *     avcl_video_free(v);
 *
 * A file may be a video, or a folder of pictures (JPEG or PNG, in the bytewise order of
 * their names; as many a second as its fps.txt says, else 25). Where there is no sound
 * inside, that of `clip.wav` beside `clip.mp4` or `clip/`, or of `clip/audio.wav`,
 * belongs to it and begins with the first frame.
 *
 * Rules and measurements behind them: methods.md B and C as implemented, see
 * core/doc/media.md.
 */
#ifndef AVCL_MEDIA_H
#define AVCL_MEDIA_H

#include "avcl/error.h"

/* ---- probe -------------------------------------------------------------------- */
typedef struct avcl_media_info {
    int64_t n_frames; /* displayed frames, counted from the packets */
    int64_t n_key;    /* key frames */
    int32_t width;    /* as displayed, after rotation */
    int32_t height;
    int32_t rotation; /* degrees, multiple of 90 */
    int32_t is_vfr;
    double fps; /* mean: frames per duration */
    double video_start_s;
    double video_s;
    double audio_start_s;
    double audio_s;
    int32_t has_audio;
    int32_t sample_rate;
    int32_t channels;
    int32_t ordinal;   /* 1: no seeking is safe; frames are counted from the start */
    int32_t n_missing; /* frames that the header promises and the file does not hold */
    int32_t reserved;
    char format[32];
    char video_codec[32];
    char audio_codec[32];
} avcl_media_info;
AVCL_EXPORT avcl_status avcl_media_probe(const char *path, avcl_media_info *out,
                                         avcl_error *err);

/* ---- video -------------------------------------------------------------------- */
typedef struct avcl_video avcl_video;
typedef struct avcl_video_options { /* 0 = the default in brackets */
    double fps;       /* count frames at this rate: frame i is what is on screen i / fps
                         seconds after the first; [every frame, as it is] */
    double max_cpu_s; /* computing that one call may cost [120]; not waiting */
} avcl_video_options;
/* `options` may be NULL. [owned] */
AVCL_EXPORT avcl_video *
avcl_video_open(const char *path, const avcl_video_options *options, avcl_error *err);
AVCL_EXPORT void avcl_video_free(avcl_video *v);
AVCL_EXPORT void avcl_video_get_info(const avcl_video *v, avcl_media_info *out);
/* How many frames there are, as the options number them. */
AVCL_EXPORT int64_t avcl_video_n_frames(const avcl_video *v);
/* Frames [start, start + n) scaled to width x height (0 = as displayed), rgb24 rows
 * packed: [n, height, width, 3]. Past the last frame it is repeated, and a lost one by
 * its neighbour; *n_padded (may be NULL) says how often. On failure rgb holds nothing of
 * use. */
AVCL_EXPORT avcl_status avcl_video_read(avcl_video *v, int64_t start, int64_t n,
                                        int32_t width, int32_t height, uint8_t *rgb,
                                        int64_t *n_padded, avcl_error *err);
/* MD5 of each of the file's own frames' decoded planes, as `ffmpeg -vsync 0 -f framemd5`:
 * hex[n][33]. start..start+n must lie within the file. */
AVCL_EXPORT avcl_status avcl_video_md5(avcl_video *v, int64_t start, int64_t n,
                                       char (*hex)[33], avcl_error *err);
/* Seconds of frame i on the container's clock. The frames of a rate: when they are due.
 */
AVCL_EXPORT double avcl_video_time(const avcl_video *v, int64_t frame);
/* Frames decoded so far by this reader: used / decoded is the decode amplification. */
AVCL_EXPORT int64_t avcl_video_n_decoded(const avcl_video *v);
typedef struct avcl_media_cost { /* of a reader so far; seconds of the clock on the wall
                                  */
    double open_s;               /* opening, and reading every packet once */
    double demux_s;
    double decode_s;
    double scale_s;
    int64_t frames; /* decoded */
} avcl_media_cost;
AVCL_EXPORT void avcl_video_get_cost(const avcl_video *v, avcl_media_cost *out);
/* Of the frames handed out so far: those decoded with errors (concealed), and those that
 * never came and were replaced by a neighbour. */
AVCL_EXPORT void avcl_video_get_damage(const avcl_video *v, int64_t *n_damaged,
                                       int64_t *n_lost);

/* ---- health -------------------------------------------------------------------- */
typedef int32_t avcl_media_state;
enum {
    AVCL_MEDIA_OK = 0,
    AVCL_MEDIA_REPAIRED = 1, /* readable, with errors that `reason` names */
    AVCL_MEDIA_FAILED = 2,   /* unreadable, or more than 1 frame in 20 is damaged */
};
typedef struct avcl_media_report {
    avcl_media_info info; /* zeros when it cannot be opened */
    avcl_media_state state;
    int32_t is_silent; /* a track whose rms lies below -80 dBFS */
    int64_t n_damaged;
    int64_t n_lost;
    char reason[1024]; /* one sentence; "" when all is well */
} avcl_media_report;
/* Decodes all of a file, pictures and sound. Never fails: that is what it reports. */
AVCL_EXPORT void avcl_media_check(const char *path, avcl_media_report *out);

/* ---- audio -------------------------------------------------------------------- */
typedef struct avcl_wave {
    float *samples; /* mono [owned]: avcl_wave_release */
    int64_t n;      /* 0: the file has no audio */
    int32_t rate;
    int32_t has_audio;
} avcl_wave;
/* The whole track as mono (plain mean of channels) at `rate`, on the video's clock:
 * sample 0 is the first frame's time; late audio is preceded by zeros; length = video
 * duration if `match_video`, else the track's own end. */
AVCL_EXPORT avcl_status avcl_audio_read(const char *path, int32_t rate,
                                        int32_t match_video, avcl_wave *out,
                                        avcl_error *err);
AVCL_EXPORT void avcl_wave_release(avcl_wave *wave);

/* ---- log-mel ------------------------------------------------------------------- */
typedef int32_t avcl_mel_scale;
enum {
    AVCL_MEL_SLANEY = 0,
    AVCL_MEL_HTK = 1,
    AVCL_MEL_LINEAR = 2, /* no mel: band m is bin m, so bands = n_fft / 2 + 1 */
};
typedef int32_t avcl_mel_normalise;
enum {
    AVCL_MEL_MINMAX = 0,
    AVCL_MEL_RAW = 1
};                                /* per picture to [0, 1], or the log values */
typedef struct avcl_mel_options { /* 0 = the default in brackets, methods.md B */
    int32_t rate;                 /* [24000] Hz */
    int32_t window;               /* [240] samples, periodic Hann, centred in n_fft */
    int32_t hop;                  /* [240] samples */
    int32_t n_fft;                /* [2048] */
    int32_t bands;                /* [256] */
    int32_t columns; /* [256] after antialiased (triangle) resize along time; -1 = as they
                        are */
    avcl_mel_scale scale;
    int32_t no_norm; /* 1: filters without Slaney area norm */
    double fmin;
    double fmax;    /* [rate / 2] */
    double log_eps; /* [1e-6]: ln(M + eps) */
    avcl_mel_normalise normalise;
    int32_t reserved;
} avcl_mel_options;
typedef struct avcl_mel avcl_mel; /* plan: filters and FFT; shareable between threads */
AVCL_EXPORT avcl_mel *avcl_mel_new(const avcl_mel_options *options, avcl_error *err);
AVCL_EXPORT void avcl_mel_free(avcl_mel *mel);
AVCL_EXPORT const avcl_mel_options *
avcl_mel_get_options(const avcl_mel *mel);                 /* resolved */
AVCL_EXPORT int64_t avcl_mel_n_empty(const avcl_mel *mel); /* filters that see no bin */
AVCL_EXPORT const float *avcl_mel_filters(const avcl_mel *mel); /* [bands, n_fft/2+1] */
AVCL_EXPORT int64_t avcl_mel_n_frames(const avcl_mel *mel, int64_t n_samples);
/* ln-mel frames before resize and normalisation: out[bands, n_frames]. */
AVCL_EXPORT avcl_status avcl_mel_frames(const avcl_mel *mel, const float *samples,
                                        int64_t n, float *out, avcl_error *err);
/* The picture a network sees: out[bands, columns]. n = 0 gives the floor everywhere. */
AVCL_EXPORT avcl_status avcl_mel_picture(const avcl_mel *mel, const float *samples,
                                         int64_t n, float *out, avcl_error *err);

/* The waveform itself as such a picture: linearly resampled to bands x columns samples,
 * ends on ends, folded row by row; n = 0 gives zeros. Its rate and normalisation are the
 * plan's, which has a fixed number of columns. */
AVCL_EXPORT avcl_status avcl_mel_fold(const avcl_mel *mel, const float *samples,
                                      int64_t n, float *out, avcl_error *err);

/* ---- pictures ------------------------------------------------------------------ */
/* channels 1 (grey) or 3 (RGB), rows packed; written beside and renamed into place. */
AVCL_EXPORT avcl_status avcl_png_write(const char *path, const uint8_t *pixels,
                                       int32_t width, int32_t height, int32_t channels,
                                       avcl_error *err);

/* ---- encode -------------------------------------------------------------------- */
typedef struct avcl_encoder_options {
    int32_t width; /* even */
    int32_t height;
    int32_t fps;
    int32_t rate;      /* audio Hz; 0 = no audio track */
    int32_t crf;       /* [24] */
    int32_t gop;       /* [48] */
    int32_t b_frames;  /* [2] */
    int32_t audio_bps; /* [48000] */
    int32_t channels;  /* [1] 2: the same sound on both sides */
} avcl_encoder_options;
/* One H.264 + AAC mp4, bit-exact flags, faststart, written beside and renamed into place:
 * rgb [n_frames, height, width, 3], mono samples. Same input and libraries, same bytes.
 */
AVCL_EXPORT avcl_status avcl_encode_mp4(const char *path,
                                        const avcl_encoder_options *options,
                                        const uint8_t *rgb, int64_t n_frames,
                                        const float *samples, int64_t n_samples,
                                        avcl_error *err);

#endif
