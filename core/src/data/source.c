/* source.c - the media room behind avcl_source. */
#include "data/source.h"

static void *open_video(void *arg, const char *path, double fps, avcl_error *err)
{
    avcl_video_options options = {.fps = fps};
    (void)arg;
    return avcl_video_open(path, &options, err);
}

static void close_video(void *video)
{
    avcl_video_free(video);
}

static int64_t n_frames(const void *video)
{
    return avcl_video_n_frames(video);
}

static avcl_status read_frames(void *video, int64_t start, int64_t n, int32_t width,
                               int32_t height, uint8_t *rgb, int64_t *n_padded,
                               avcl_error *err)
{
    return avcl_video_read(video, start, n, width, height, rgb, n_padded, err);
}

static double time_of(const void *video, int64_t frame)
{
    return avcl_video_time(video, frame);
}

static void cost_of(const void *video, avcl_media_cost *out)
{
    avcl_video_get_cost(video, out);
}

static avcl_status read_wave(void *arg, const char *path, int32_t rate, avcl_wave *out,
                             avcl_error *err)
{
    (void)arg;
    return avcl_audio_read(path, rate, 1, out, err);
}

const avcl_source avcl__media_source = {
    NULL,    open_video, close_video, n_frames,          read_frames,
    time_of, cost_of,    read_wave,   avcl_wave_release,
};
