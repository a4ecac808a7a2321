/*
 * clips.h - media files that the ffmpeg program makes for a test, and what it says of
 * them: encoders change, so no hash is stored.
 *
 * Each helper fails the running cmocka test when something is wrong.
 */
#ifndef AVCL_TEST_CLIPS_H
#define AVCL_TEST_CLIPS_H

#include "avcl/media.h"

enum { CLIPS_PATH = 512, CLIPS_COMMAND = 2048, CLIPS_MAX_FRAMES = 512 };

/* ffmpeg's arguments for a test picture (w, h and seconds are strings), for H.264, and
 * for the same scaler as ours. */
#define CLIPS_SRC(w, h, s) "-f lavfi -i testsrc2=size=" w "x" h ":rate=25:duration=" s " "
#define CLIPS_X264         "-c:v libx264 -preset veryfast -pix_fmt yuv420p "
#define CLIPS_SCALE        "flags=bilinear+accurate_rnd+bitexact+full_chroma_int"

/* Around a group: a folder of its own, and the ffmpeg program must be there. */
int clips_set_up(void **state);
int clips_tear_down(void **state);
const char *clips_dir(void);
/* The name within the folder; good until the eighth call from now. */
const char *clips_file(const char *name);
/* A shell command; its exit status. */
int clips_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* ffmpeg's arguments up to the output, which is `name`. */
void clips_make(const char *name, const char *arguments);
/* Copies the streams of `from`: `before` and `after` its -i. */
void clips_copy(const char *name, const char *before, const char *from,
                const char *after);
/* Cuts a file to that many bytes, or flips bits of every 997th byte of its middle. */
void clips_truncate(const char *name, const char *from, long bytes);
void clips_flip(const char *name, const char *from);
long clips_size(const char *name);

/* MD5 of every displayed frame. */
int64_t clips_oracle_md5(const char *path, char (*hex)[33]);
avcl_video *clips_open(const char *path);
/* Frames [start, start + n) must have these hashes. */
void clips_check_window(avcl_video *v, int64_t start, int64_t n, char (*want)[33],
                        const char *path);
/* Every frame equals ffmpeg's: in order, each decoded once, then windows at random. */
void clips_check_frames(const char *name);
int clips_count_fds(void);

#endif
