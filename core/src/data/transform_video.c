/*
 * transform_video.c - when, where and how pictures are seen. One draw a clip: every frame
 * is changed alike, or motion would be invented (methods.md C).
 *
 * random_resized_crop draws as torchvision does: ten tries of an area and a log-uniform
 * aspect ratio, then the whole picture. colour_jitter multiplies, in this order,
 * brightness, contrast about the clip's mean luma, saturation about each pixel's luma
 * (BT.601), and turns the hue of HSV.
 */
#include <math.h>
#include <string.h>

#include "avcl/philox.h"

#include "data/transform_impl.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- when
 * ------------------------------------------------------------------------------ */
#define params speed_params
struct speed_params {
    double p;
    double min;
    double max;
};
static const avcl_param speed_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(min, "Slowest; 1 = as filmed.", NULL, 0.1, 8, 0.8),
    AVCL_TRANSFORM_FLOAT(max, "Fastest.", NULL, 0.1, 8, 1.25),
};
#undef params

/* Log-uniform, so that twice as fast is as likely as half as fast. */
static void speed(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct speed_params *p = given;
    double factor = exp(avcl__draw_between(draw, log(p->min), log(fmax(p->min, p->max))));
    for (int32_t i = 0; i < m->frames; i++)
        m->index[i] = (int32_t)floor((double)m->index[i] * factor);
}

const avcl_transform avcl__speed = {
    .name = "speed",
    .summary = "Frames further apart or repeated: the clip faster or slower.",
    .field = AVCL_FIELD_TIME,
    .stream = AVCL_STREAM_SPEED,
    .params = speed_rows,
    .n_params = COUNT(speed_rows),
    .params_size = sizeof(struct speed_params),
    .apply = speed,
};

#define params jitter_params
struct jitter_params {
    double p;
    int64_t frames;
};
static const avcl_param jitter_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_INT(frames, "Each frame at most so many early or late.", 1, 16, 1),
};
#undef params

/* The order of frames is kept: none comes before one that was before it. */
static void jitter(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct jitter_params *p = given;
    int32_t most = (int32_t)p->frames;
    for (int32_t i = 0; i < m->frames; i++) {
        m->index[i] += (int32_t)avcl__draw_below(draw, (uint32_t)(2 * most + 1));
        if (i && m->index[i] < m->index[i - 1]) m->index[i] = m->index[i - 1];
    }
    int32_t first = m->index[0]; /* the start is drawn elsewhere */
    for (int32_t i = 0; i < m->frames; i++)
        m->index[i] -= first;
}

const avcl_transform avcl__temporal_jitter = {
    .name = "temporal_jitter",
    .summary = "Frames a little early or late, in their order.",
    .field = AVCL_FIELD_TIME,
    .stream = AVCL_STREAM_JITTER,
    .params = jitter_rows,
    .n_params = COUNT(jitter_rows),
    .params_size = sizeof(struct jitter_params),
    .apply = jitter,
};

/* ---- where
 * ----------------------------------------------------------------------------- */
#define params area_params
struct area_params {
    double p;
    double min_area;
    double max_area;
    double max_ratio;
};
static const avcl_param area_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(min_area, "Smallest part of the picture.", NULL, 0.01, 1, 0.2),
    AVCL_TRANSFORM_FLOAT(max_area, "Largest part of the picture.", NULL, 0.01, 1, 1),
    AVCL_TRANSFORM_FLOAT(max_ratio,
                         "Width over height up to this, and down to its inverse.", NULL,
                         1, 4, 4.0 / 3.0),
};
#undef params

static void resized_crop(const void *given, avcl_draw *draw, avcl_matter *m)
{
    enum { TRIES = 10 };
    const struct area_params *p = given;
    double whole = (double)m->room_h * (double)m->room_w;
    double stretch = log(p->max_ratio);
    m->rows = m->room_h;
    m->columns = m->room_w;
    for (int i = 0; i < TRIES; i++) {
        double area =
            whole * avcl__draw_between(draw, p->min_area, fmax(p->min_area, p->max_area));
        double ratio = exp(avcl__draw_between(draw, -stretch, stretch));
        double rows = sqrt(area / ratio);
        double columns = sqrt(area * ratio);
        if (rows > m->room_h || columns > m->room_w) continue;
        m->rows = rows;
        m->columns = columns;
        break;
    }
    m->y = avcl__draw_between(draw, 0, m->room_h - m->rows);
    m->x = avcl__draw_between(draw, 0, m->room_w - m->columns);
}

const avcl_transform avcl__random_resized_crop = {
    .name = "random_resized_crop",
    .summary = "A part of random size and shape, scaled to the crop's side.",
    .field = AVCL_FIELD_AREA,
    .stream = AVCL_STREAM_AREA,
    .params = area_rows,
    .n_params = COUNT(area_rows),
    .params_size = sizeof(struct area_params),
    .apply = resized_crop,
};

/* ---- pictures
 * -------------------------------------------------------------------------- */
static const avcl_param flip_rows[] = {AVCL_TRANSFORM_P};

static void flip(const void *given, avcl_draw *draw, avcl_matter *m)
{
    (void)given;
    (void)draw;
    int32_t last = m->side - 1;
    uint8_t *row = m->rgb;
    for (int64_t n = 3 * (int64_t)m->frames * m->side; n > 0; n--, row += m->side)
        for (int32_t x = 0; x < m->side / 2; x++) {
            uint8_t left = row[x];
            row[x] = row[last - x];
            row[last - x] = left;
        }
}

const avcl_transform avcl__flip = {
    .name = "flip",
    .summary = "Left and right exchanged.",
    .field = AVCL_FIELD_CLIP,
    .stream = AVCL_STREAM_FLIP,
    .params = flip_rows,
    .n_params = COUNT(flip_rows),
    .params_size = sizeof(double),
    .apply = flip,
};

#define params colour_params
struct colour_params {
    double p;
    double brightness;
    double contrast;
    double saturation;
    double hue;
};
static const avcl_param colour_rows[] = {
    AVCL_TRANSFORM_P,
    AVCL_TRANSFORM_FLOAT(brightness, "Factor of 1 - x to 1 + x.", NULL, 0, 1, 0.4),
    AVCL_TRANSFORM_FLOAT(contrast, "Factor of 1 - x to 1 + x.", NULL, 0, 1, 0.4),
    AVCL_TRANSFORM_FLOAT(saturation, "Factor of 1 - x to 1 + x.", NULL, 0, 1, 0.4),
    AVCL_TRANSFORM_FLOAT(hue, "Turns of -x to x.", NULL, 0, 0.5, 0.1),
};
#undef params

typedef struct tint {
    float brightness;
    float contrast;
    float saturation;
    float hue;  /* sixths of a turn */
    float mean; /* luma of the clip after brightness */
} tint;

static float clamp255(float x)
{
    return x < 0.0f ? 0.0f : x > 255.0f ? 255.0f : x;
}

static float luma(const float c[3])
{
    return 0.299f * c[0] + 0.587f * c[1] + 0.114f * c[2];
}

/* HSV's hue, turned; value and saturation stay. */
static void turn_hue(float c[3], float sixths)
{
    float high = fmaxf(c[0], fmaxf(c[1], c[2]));
    float low = fminf(c[0], fminf(c[1], c[2]));
    float chroma = high - low;
    if (!(chroma > 0) || sixths == 0) return;
    float h = high == c[0]   ? (c[1] - c[2]) / chroma
              : high == c[1] ? (c[2] - c[0]) / chroma + 2.0f
                             : (c[0] - c[1]) / chroma + 4.0f;
    h += sixths;
    for (int i = 0; i < 3; i++) { /* each channel is a clipped triangle of the hue */
        float at = h + (float)(5 - 2 * i) + 6.0f; /* positive: h > -4.01 */
        at -= 6.0f * floorf(at / 6.0f);
        float part = fminf(at, 4.0f - at);
        c[i] = high - chroma * fmaxf(0.0f, fminf(part, 1.0f));
    }
}

static void tint_pixel(const tint *t, float c[3])
{
    for (int i = 0; i < 3; i++)
        c[i] = clamp255(c[i] * t->brightness);
    for (int i = 0; i < 3; i++)
        c[i] = clamp255(t->mean + (c[i] - t->mean) * t->contrast);
    float grey = luma(c);
    for (int i = 0; i < 3; i++)
        c[i] = clamp255(grey + (c[i] - grey) * t->saturation);
    turn_hue(c, t->hue);
}

static float mean_luma(const avcl_matter *m, int64_t plane, float brightness)
{
    double sum = 0;
    for (int64_t i = 0; i < plane; i++) {
        float c[3];
        for (int k = 0; k < 3; k++)
            c[k] = clamp255((float)m->rgb[k * plane + i] * brightness);
        sum += (double)luma(c);
    }
    return (float)(sum / (double)plane);
}

static void colour_jitter(const void *given, avcl_draw *draw, avcl_matter *m)
{
    const struct colour_params *p = given;
    int64_t plane = (int64_t)m->frames * m->side * m->side;
    tint t;
    t.brightness = (float)avcl__draw_between(draw, 1 - p->brightness, 1 + p->brightness);
    t.contrast = (float)avcl__draw_between(draw, 1 - p->contrast, 1 + p->contrast);
    t.saturation = (float)avcl__draw_between(draw, 1 - p->saturation, 1 + p->saturation);
    t.hue = 6.0f * (float)avcl__draw_between(draw, -p->hue, p->hue);
    t.mean = p->contrast > 0 ? mean_luma(m, plane, t.brightness) : 0.0f;
    for (int64_t i = 0; i < plane; i++) {
        float c[3];
        for (int k = 0; k < 3; k++)
            c[k] = m->rgb[k * plane + i];
        tint_pixel(&t, c);
        for (int k = 0; k < 3; k++)
            m->rgb[k * plane + i] = (uint8_t)(c[k] + 0.5f);
    }
}

const avcl_transform avcl__colour_jitter = {
    .name = "colour_jitter",
    .summary = "Brightness, contrast, saturation and hue of the whole clip.",
    .field = AVCL_FIELD_CLIP,
    .stream = AVCL_STREAM_COLOUR,
    .params = colour_rows,
    .n_params = COUNT(colour_rows),
    .params_size = sizeof(struct colour_params),
    .apply = colour_jitter,
};
