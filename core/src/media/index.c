/* index.c - when each displayed frame is shown, from the packets alone: headers lie. */
#include <stdlib.h>

#include "media/media_impl.h"

avcl_status avcl__index_add(avcl_index *index, const AVPacket *packet, avcl_error *err)
{
    if (index->n_packets == index->capacity) {
        int64_t capacity = index->capacity ? 2 * index->capacity : 256;
        avcl_packet_entry *grown =
            realloc(index->packets, (size_t)capacity * sizeof *index->packets);
        if (!grown) return avcl_error_set(err, AVCL_E_NOMEM, "no memory for an index");
        index->packets = grown;
        index->capacity = capacity;
    }
    /* Without a pts the order of display is the decoder's secret. */
    if (packet->pts == AV_NOPTS_VALUE) index->ordinal = 1;
    avcl_packet_entry *entry = &index->packets[index->n_packets++];
    entry->time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (entry->time == AV_NOPTS_VALUE) entry->time = index->n_packets - 1;
    entry->duration = packet->duration > 0 ? packet->duration : 0;
    entry->is_key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    entry->is_shown = (packet->flags & AV_PKT_FLAG_DISCARD) == 0;
    return AVCL_OK;
}

static int ascending(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* The most packets that come before another in decode order and after it on screen. */
static int32_t reorder_delay(const avcl_index *index)
{
    enum { REACH = 64 }; /* four times what any codec allows */
    int32_t most = 0;
    for (int64_t i = 0; i < index->n_packets; i++) {
        int32_t later = 0;
        for (int64_t j = i > REACH ? i - REACH : 0; j < i; j++)
            later += index->packets[j].time > index->packets[i].time;
        if (later > most) most = later;
    }
    return most;
}

/* The last frame lasts as its packet says, else as the others do on average. */
static int64_t find_end(const avcl_index *index, const avcl_container *source)
{
    int64_t last = index->pts[index->n - 1];
    for (int64_t i = 0; i < index->n_packets; i++) {
        const avcl_packet_entry *p = &index->packets[i];
        if (p->is_shown && p->time == last && p->duration > 0) return last + p->duration;
    }
    if (index->n > 1) return last + (last - index->pts[0]) / (index->n - 1);
    AVRational rate = source->video->avg_frame_rate;
    return rate.num > 0 ? last + av_rescale_q(1, av_inv_q(rate), source->video->time_base)
                        : last;
}

/* Containers and codecs where "packet with this pts" cannot be trusted: transport and
 * program streams overshoot on seeking, VP8 has packets that show nothing. */
static int is_untrustworthy(const avcl_container *source)
{
    return (source->format->iformat->flags & AVFMT_TS_DISCONT) ||
           source->video->codecpar->codec_id == AV_CODEC_ID_VP8;
}

avcl_status avcl__index_finish(avcl_index *index, const avcl_container *source,
                               avcl_error *err)
{
    size_t bytes = (size_t)(index->n_packets + 1) * sizeof(int64_t);
    index->pts = malloc(bytes);
    index->key = malloc(bytes);
    if (!index->pts || !index->key)
        return avcl_error_set(err, AVCL_E_NOMEM, "no memory for an index of %lld packets",
                              (long long)index->n_packets);
    for (int64_t i = 0; i < index->n_packets; i++) {
        const avcl_packet_entry *p = &index->packets[i];
        if (p->is_shown) index->pts[index->n++] = p->time;
        if (p->is_key) index->key[index->n_key++] = p->time;
    }
    qsort(index->pts, (size_t)index->n, sizeof *index->pts, ascending);
    qsort(index->key, (size_t)index->n_key, sizeof *index->key, ascending);
    for (int64_t i = 1; i < index->n; i++)
        if (index->pts[i] == index->pts[i - 1]) index->ordinal = 1;
    if (index->n_key == 0 || is_untrustworthy(source)) index->ordinal = 1;
    if (index->n > 0) index->end = find_end(index, source);
    index->delay = index->ordinal ? 0 : reorder_delay(index);
    return AVCL_OK;
}

void avcl__index_take_times(avcl_index *index, int64_t *pts, int64_t n)
{
    int64_t last = index->n > 0 ? index->end - index->pts[index->n - 1] : 0;
    free(index->pts);
    index->pts = pts;
    index->n = n;
    if (n > 0) index->end = pts[n - 1] + last;
}

/* How many of the n increasing values are <= value. */
static int64_t count_until(const int64_t *values, int64_t n, int64_t value)
{
    int64_t low = 0;
    while (low < n) {
        int64_t middle = low + (n - low) / 2;
        if (values[middle] <= value)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

int64_t avcl__index_key(const avcl_index *index, int64_t pts)
{
    int64_t n = count_until(index->key, index->n_key, pts);
    return n > 0 ? n - 1 : 0;
}

int64_t avcl__index_shown(const avcl_index *index, int64_t pts)
{
    int64_t n = count_until(index->pts, index->n, pts);
    return n > 0 ? n - 1 : 0;
}

int64_t avcl__index_frame(const avcl_index *index, int64_t pts)
{
    int64_t n = count_until(index->pts, index->n, pts);
    return n > 0 && index->pts[n - 1] == pts ? n - 1 : -1;
}

/* Constant rate = no frame lies more than a tick from an evenly spaced grid. */
int32_t avcl__index_is_vfr(const avcl_index *index)
{
    if (index->n < 3) return 0;
    double step =
        (double)(index->pts[index->n - 1] - index->pts[0]) / (double)(index->n - 1);
    for (int64_t i = 0; i < index->n; i++) {
        double off = (double)(index->pts[i] - index->pts[0]) - step * (double)i;
        if (off > 1.0 || off < -1.0) return 1;
    }
    return 0;
}

void avcl__index_release(avcl_index *index)
{
    free(index->packets);
    free(index->pts);
    free(index->key);
    *index = (avcl_index){0};
}
