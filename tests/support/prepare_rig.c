/* prepare_rig.c - a set of files that ffmpeg makes, prepared and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clips.h"
#include "prepare_rig.h"

#define SINE "-f lavfi -i sine=440:duration=1 "

int prepare_make_set(void **state)
{
    if (clips_set_up(state)) return -1;
#define CLIP(w, h, s)                                                                    \
    "-f lavfi -i testsrc2=size=" w "x" h ":rate=25:duration=" s ",noise=alls=6:allf=t "
    clips_make("a.mp4", CLIP("64", "48", "1") SINE CLIPS_X264 "-bf 2 -c:a aac -shortest");
    clips_make("b, c.mp4", CLIP("80", "60", "1") CLIPS_X264 "-bf 2 -g 250");
    clips_make("d.mp4", CLIP("64", "48", "0.2") SINE CLIPS_X264 "-c:a aac");
    clips_make("e.ts", CLIP("64", "48", "1") SINE CLIPS_X264 "-bf 2 -c:a aac");
    clips_make("f.mkv", CLIP("97", "73", "1") SINE "-c:v ffv1 -c:a flac");
    clips_make("g.avi", CLIP("64", "48", "1") "-c:v mpeg4 -bf 2");
    FILE *f = fopen(clips_file("set.csv"), "w");
    assert_non_null(f);
    fputs("path,label,split\na.mp4,x,train\n\"b, c.mp4\",y,train\nd.mp4,x,train\n"
          "e.ts,y,train\nf.mkv,x,train\ng.avi,y,val\na.mp4,x,val\n",
          f);
    fclose(f);
    return 0;
}

avcl_dataset *prepare_open(const char *name)
{
    avcl_error err = {0};
    avcl_dataset *d = avcl_dataset_open(clips_file(name), NULL, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

avcl_prepare_options prepare_options(avcl_prepare_codec codec, avcl_prepare_audio audio)
{
    return (avcl_prepare_options){.width = W,
                                  .height = H,
                                  .codec = codec,
                                  .audio = audio,
                                  .workers = 2,
                                  .mel = {.bands = 32, .columns = 40}};
}

/* To the end; what was counted. */
avcl_prepare_progress prepare_run(const char *set, const char *out,
                                  const avcl_prepare_options *o)
{
    avcl_error err = {0};
    avcl_prepare_progress n;
    avcl_status st = AVCL_OK;
    avcl_dataset *d = prepare_open(set);
    avcl_prepare *p = avcl_prepare_new(d, clips_file(out), o, &err);
    if (!p) fail_msg("%s", err.message);
    while (st == AVCL_OK)
        st = avcl_prepare_wait(p, 1, &n, &err);
    if (st != AVCL_END) fail_msg("%s", err.message);
    avcl_prepare_free(p);
    avcl_dataset_free(d);
    return n;
}

avcl_view prepare_view(int32_t random)
{
    return (avcl_view){.frames = FRAMES,
                       .resize_w = W,
                       .resize_h = H,
                       .crop = CROP,
                       .mel_crop = MEL,
                       .random = random,
                       .n_clips = 3,
                       .mel = {.bands = 32, .columns = 40}};
}

void prepare_read(avcl_dataset *d, int64_t i, uint32_t epoch, const avcl_view *v,
                  int32_t clip, sample *out)
{
    avcl_error err = {0};
    memset(out, 0, sizeof *out);
    out->what.rgb = out->rgb;
    out->what.mel = out->mel;
    if (avcl_sample_read(d, i, SEED, epoch, v, clip, &out->what, &err))
        fail_msg("%s", err.message);
}

void prepare_check_facts(const sample *a, const sample *b)
{
    assert_memory_equal(a->mel, b->mel, sizeof a->mel);
    assert_int_equal(a->what.start_frame, b->what.start_frame);
    assert_true(a->what.start_s == b->what.start_s);
    assert_int_equal(a->what.label, b->what.label);
    assert_int_equal(a->what.has_audio, b->what.has_audio);
    assert_int_equal(a->what.n_padded, b->what.n_padded);
}
