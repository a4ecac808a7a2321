/* demux.c - opens a container and chooses its streams; every refusal names the file. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <libavutil/avstring.h>

#include "media/media_impl.h"

double avcl__cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double avcl__wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static avcl_status check_path(const char *path, int *is_folder, avcl_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return avcl__av_fail(err, errno == ENOENT ? AVCL_E_NOT_FOUND : AVCL_E_IO,
                             AVERROR(errno), "cannot open '%s'", path);
    *is_folder = S_ISDIR(st.st_mode);
    if (*is_folder) return AVCL_OK;
    if (!S_ISREG(st.st_mode)) /* a FIFO would block for ever */
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' is not a regular file", path);
    if (st.st_size == 0)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' is an empty file", path);
    return AVCL_OK;
}

/* The header of an mp4 says all that decoding needs, and avformat_find_stream_info would
 * decode frames to learn no more: half the cost of opening a short clip. */
static int header_suffices(const AVFormatContext *format)
{
    if (!av_match_name("mp4", format->iformat->name)) return 0;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVCodecParameters *p = format->streams[i]->codecpar;
        if (p->codec_type == AVMEDIA_TYPE_VIDEO &&
            (p->codec_id != AV_CODEC_ID_H264 || p->width <= 0 || p->height <= 0 ||
             p->extradata_size <= 0))
            return 0;
        if (p->codec_type == AVMEDIA_TYPE_AUDIO &&
            (p->codec_id != AV_CODEC_ID_AAC || p->sample_rate <= 0 ||
             p->ch_layout.nb_channels <= 0 || p->extradata_size <= 0))
            return 0;
    }
    return format->nb_streams > 0;
}

static int is_cover(const AVStream *stream)
{
    return (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

static AVStream *choose_video(AVFormatContext *format)
{
    int best = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best >= 0 && !is_cover(format->streams[best])) return format->streams[best];
    for (unsigned i = 0; i < format->nb_streams; i++)
        if (format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
            !is_cover(format->streams[i]))
            return format->streams[i];
    return NULL;
}

static void choose(avcl_container *s)
{
    s->video = choose_video(s->format);
    int audio = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1,
                                    s->video ? s->video->index : -1, NULL, 0);
    s->audio = audio >= 0 ? s->format->streams[audio] : NULL;
    for (unsigned i = 0; i < s->format->nb_streams; i++)
        if (s->format->streams[i] != s->video && s->format->streams[i] != s->audio)
            s->format->streams[i]->discard = AVDISCARD_ALL;
}

static avcl_status check_size(const avcl_container *s, const char *path, avcl_error *err)
{
    int64_t seconds =
        s->format->duration == AV_NOPTS_VALUE ? 0 : s->format->duration / AV_TIME_BASE;
    if (seconds > AVCL_MEDIA_MAX_SECONDS)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' lasts %lld s; the limit is %d s",
                              path, (long long)seconds, AVCL_MEDIA_MAX_SECONDS);
    if (!s->video) return AVCL_OK;
    int64_t w = s->video->codecpar->width;
    int64_t h = s->video->codecpar->height;
    if (w * h > (int64_t)AVCL_MEDIA_MAX_SIDE * AVCL_MEDIA_MAX_SIDE)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "'%s' has pictures of %lldx%lld; the limit is %d x %d pixels", path,
            (long long)w, (long long)h, AVCL_MEDIA_MAX_SIDE, AVCL_MEDIA_MAX_SIDE);
    return AVCL_OK;
}

/* "file:" and the whitelist keep names like "http:x" and playlists on this machine. */
static int open_format(AVFormatContext **format, const char *path)
{
    AVDictionary *options = NULL;
    char *url = av_asprintf("file:%s", path);
    int rc =
        url ? av_dict_set(&options, "protocol_whitelist", "file", 0) : AVERROR(ENOMEM);
    if (rc >= 0) rc = avformat_open_input(format, url, NULL, &options);
    av_dict_free(&options);
    av_free(url);
    return rc;
}

/* The durations before avformat_find_stream_info fills gaps by the container's. */
static void note_durations(int64_t *durations, const AVFormatContext *format, int n)
{
    for (int i = 0; i < n; i++)
        durations[i] =
            i < (int)format->nb_streams ? format->streams[i]->duration : AV_NOPTS_VALUE;
}

static avcl_status open_any(avcl_container *s, const char *path, avcl_error *err)
{
    int is_folder = 0;
    avcl_status st = check_path(path, &is_folder, err);
    if (st) return st;
    if (is_folder) return avcl__pictures_open(&s->format, path, &s->n_pictures, err);
    int rc = open_format(&s->format, path);
    if (rc >= 0) return AVCL_OK;
    return avcl__av_fail(err, rc == AVERROR_INVALIDDATA ? AVCL_E_INVALID : AVCL_E_IO, rc,
                         "'%s' is not a media file that can be read", path);
}

avcl_status avcl__container_open(avcl_container *source, const char *path,
                                 avcl_error *err)
{
    enum { STREAMS = 16 };
    int64_t durations[STREAMS];
    avcl_container s = {.audio_duration = AV_NOPTS_VALUE};
    avcl__av_log_begin();
    avcl_status st = open_any(&s, path, err);
    if (st) return st;
    int rc = 0;
    note_durations(durations, s.format, STREAMS);
    if (!header_suffices(s.format)) rc = avformat_find_stream_info(s.format, NULL);
    if (rc < 0) {
        st = avcl__av_fail(err, AVCL_E_INVALID, rc, "'%s' has no readable streams", path);
        goto done;
    }
    choose(&s);
    if (s.audio && s.audio->index < STREAMS) s.audio_duration = durations[s.audio->index];
    st = check_size(&s, path, err);
done:
    if (st)
        avcl__container_release(&s);
    else
        *source = s;
    return st;
}

void avcl__container_release(avcl_container *source)
{
    avformat_close_input(&source->format);
    source->video = NULL;
    source->audio = NULL;
}

avcl_status avcl__decoder_open(const AVStream *stream, int32_t delay,
                               AVCodecContext **out, const char *path, avcl_error *err)
{
    enum { MAX_DELAY = 16 }; /* of H.264 */
    enum AVCodecID id = stream->codecpar->codec_id;
    const AVCodec *codec = avcodec_find_decoder(id);
    if (!codec)
        return avcl_error_set(err, AVCL_E_UNSUPPORTED,
                              "'%s': libav has no decoder for %s", path,
                              avcodec_get_name(id));
    AVCodecContext *context = avcodec_alloc_context3(codec);
    int rc = context ? avcodec_parameters_to_context(context, stream->codecpar)
                     : AVERROR(ENOMEM);
    if (rc >= 0) {
        context->pkt_timebase =
            stream->time_base;     /* or skipped samples are not skipped */
        context->thread_count = 1; /* files are the unit of parallelism */
        context->max_pixels = (int64_t)AVCL_MEDIA_MAX_SIDE * AVCL_MEDIA_MAX_SIDE;
        if (id == AV_CODEC_ID_H264 && context->has_b_frames < delay)
            context->has_b_frames = delay < MAX_DELAY ? delay : MAX_DELAY;
        rc = avcodec_open2(context, codec, NULL);
    }
    if (rc < 0) {
        avcodec_free_context(&context);
        return avcl__av_fail(err, rc == AVERROR(ENOMEM) ? AVCL_E_NOMEM : AVCL_E_INVALID,
                             rc, "'%s': the %s decoder does not start", path,
                             avcodec_get_name(id));
    }
    *out = context;
    return AVCL_OK;
}
