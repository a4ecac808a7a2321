/*
 * synth_picture.c - one frame: a background of a slope and gratings, drifting discs, the
 * object, lamp flicker and sensor noise, seen by a camera that pans, zooms and shakes.
 *
 * Coverage of a shape is its signed distance, ramped over one pixel. A grating is
 * cos(a(x) + b(y)) = cos a cos b - sin a sin b: two short tables instead of a picture.
 */
#include <math.h>
#include <string.h>

#include "data/synth_impl.h"

static const float TURN = 6.28318530717958647692f;

/* Where pixel (i, j) looks: x = x0 + i step, y = y0 + j step, in picture heights. */
typedef struct camera {
    int32_t width;
    int32_t height;
    float x0, y0, step;
} camera;

/* A run of pixels of one row. */
typedef struct run {
    float x, y, step;
    int32_t n;
} run;

static float clamp01(float x)
{
    x = x < 0.0f ? 0.0f : x;
    return x > 1.0f ? 1.0f : x;
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* ---- coverage ---------------------------------------------------------------------- */
static void cover_capsule(const avcl_synth_shape *s, const run *r, float *cover)
{
    float bx = s->x2 - s->x;
    float by = s->y2 - s->y;
    float bb = bx * bx + by * by;
    float inverse = bb > 0 ? 1.0f / bb : 0.0f;
    float sharp = 1.0f / r->step;
    float py = r->y - s->y;
    for (int32_t i = 0; i < r->n; i++) {
        float px = r->x + (float)i * r->step - s->x;
        float along = clamp01((px * bx + py * by) * inverse);
        float dx = px - along * bx;
        float dy = py - along * by;
        cover[i] = clamp01(0.5f - (sqrtf(dx * dx + dy * dy) - s->r) * sharp);
    }
}

static void cover_box(const avcl_synth_shape *s, const run *r, float *cover)
{
    float c = cosf(s->turn);
    float k = sinf(s->turn);
    float sharp = 1.0f / r->step;
    float py = r->y - s->y;
    for (int32_t i = 0; i < r->n; i++) {
        float px = r->x + (float)i * r->step - s->x;
        float dx = fabsf(c * px + k * py) - s->x2;
        float dy = fabsf(c * py - k * px) - s->y2;
        cover[i] = clamp01(0.5f - larger(dx, dy) * sharp);
    }
}

/* Rings at radii (k + 1/2 + turn) spacing; the fraction by truncation, which vectorises.
 */
static void cover_rings(const avcl_synth_shape *s, const run *r, float *cover)
{
    float inverse = 1.0f / s->x2;
    float sharp = 1.0f / r->step;
    float py = r->y - s->y;
    for (int32_t i = 0; i < r->n; i++) {
        float px = r->x + (float)i * r->step - s->x;
        float radius = sqrtf(px * px + py * py);
        float turns = radius * inverse + 1.0f - s->turn;
        float off = turns - (float)(int32_t)turns;
        float ring = fabsf(off - 0.5f) * s->x2 - s->y2;
        cover[i] = clamp01(0.5f - larger(ring, radius - s->r) * sharp);
    }
}

/* ---- composition --------------------------------------------------------------------
 */
static float reach_of(const avcl_synth_shape *s)
{
    if (s->kind == AVCL__SHAPE_BOX) return sqrtf(s->x2 * s->x2 + s->y2 * s->y2);
    return s->r;
}

static int32_t pixel(float at, float origin, float step, int32_t limit)
{
    float i = (at - origin) / step;
    if (!(i > 0)) return 0;
    return i < (float)limit ? (int32_t)i : limit;
}

static void blend(float *plane, const float *cover, int32_t n, float colour)
{
    for (int32_t i = 0; i < n; i++)
        plane[i] += cover[i] * (colour - plane[i]);
}

/* Where a shape covers a row: pixels [left, left + n) of row j. */
typedef void visit(void *arg, int32_t j, int32_t left, int32_t n, const float *cover);

static void scan(const camera *c, const avcl_synth_shape *s, float *cover, visit *each,
                 void *arg)
{
    static void (*const covers[])(const avcl_synth_shape *, const run *, float *) = {
        [AVCL__SHAPE_CAPSULE] = cover_capsule,
        [AVCL__SHAPE_BOX] = cover_box,
        [AVCL__SHAPE_RINGS] = cover_rings,
    };
    float reach = reach_of(s) + 2.0f * c->step;
    float to_x = s->kind == AVCL__SHAPE_CAPSULE ? s->x2 : s->x;
    float to_y = s->kind == AVCL__SHAPE_CAPSULE ? s->y2 : s->y;
    int32_t left = pixel(fminf(s->x, to_x) - reach, c->x0, c->step, c->width);
    int32_t right = pixel(fmaxf(s->x, to_x) + reach, c->x0, c->step, c->width - 1);
    int32_t top = pixel(fminf(s->y, to_y) - reach, c->y0, c->step, c->height);
    int32_t bottom = pixel(fmaxf(s->y, to_y) + reach, c->y0, c->step, c->height - 1);
    run r = {.x = c->x0 + (float)left * c->step, .step = c->step, .n = right - left + 1};
    if (r.n <= 0) return;
    for (int32_t j = top; j <= bottom; j++) {
        r.y = c->y0 + (float)j * c->step;
        covers[s->kind](s, &r, cover);
        each(arg, j, left, r.n, cover);
    }
}

typedef struct canvas {
    const camera *camera;
    float *planes;
    const float *colour;
} canvas;

static void blend_row(void *arg, int32_t j, int32_t left, int32_t n, const float *cover)
{
    const canvas *v = arg;
    int64_t plane = (int64_t)v->camera->width * v->camera->height;
    float *row = v->planes + (int64_t)j * v->camera->width + left;
    for (int k = 0; k < 3; k++)
        blend(row + k * plane, cover, n, v->colour[k]);
}

static void paint(const camera *c, const avcl_synth_shape *s, float *cover, float *planes)
{
    canvas v = {c, planes, s->colour};
    scan(c, s, cover, blend_row, &v);
}

static void fill_slope(const camera *c, const avcl_synth_scene *s, float *planes)
{
    for (int k = 0; k < 3; k++)
        for (int32_t j = 0; j < c->height; j++) {
            float left = s->back[k] + s->slope[k][1] * (c->y0 + (float)j * c->step) +
                         s->slope[k][0] * c->x0;
            float rise = s->slope[k][0] * c->step;
            for (int32_t i = 0; i < c->width; i++)
                *planes++ = left + rise * (float)i;
        }
}

/* `table` holds cos and sin over a row of the picture. */
static void add_grating(const camera *c, const avcl_synth_grating *g, float *table,
                        float *planes)
{
    float *cosine = table;
    float *sine = table + c->width;
    int64_t plane = (int64_t)c->width * c->height;
    for (int32_t i = 0; i < c->width; i++) {
        float turns = g->u * (c->x0 + (float)i * c->step);
        cosine[i] = cosf(TURN * turns);
        sine[i] = sinf(TURN * turns);
    }
    for (int32_t j = 0; j < c->height; j++) {
        float turns = g->v * (c->y0 + (float)j * c->step) + g->phase;
        float cy = cosf(TURN * turns);
        float sy = sinf(TURN * turns);
        for (int k = 0; k < 3; k++) {
            float *row = planes + k * plane + (int64_t)j * c->width;
            float a = cy * g->colour[k];
            float b = sy * g->colour[k];
            for (int32_t i = 0; i < c->width; i++)
                row[i] += a * cosine[i] - b * sine[i];
        }
    }
}

/* A disc that leaves on one side comes back on the other. */
static avcl_synth_shape stray_at(const avcl_synth_stray *s, double time, float aspect)
{
    float half_x = 0.5f * aspect + s->radius;
    float half_y = 0.5f + s->radius;
    float x = (s->x + s->vx * (float)time + half_x) / (2.0f * half_x);
    float y = (s->y + s->vy * (float)time + half_y) / (2.0f * half_y);
    x = (x - floorf(x)) * 2.0f * half_x - half_x;
    y = (y - floorf(y)) * 2.0f * half_y - half_y;
    return (avcl_synth_shape){AVCL__SHAPE_CAPSULE, x, y,         x, y,
                              s->radius,           0, s->colour, 0};
}

static float wave(float hz, float phase, double time)
{
    return sinf(TURN * (float)(hz * time + phase));
}

static camera aim(const avcl_synth_scene *s, const avcl_synth_options *o, double time)
{
    camera c = {.width = o->width, .height = o->height};
    float t = (float)(time / o->seconds - 0.5);
    float x = s->pan[0] * t + s->shake * wave(s->shake_hz[0], s->shake_phase[0], time);
    float y = s->pan[1] * t + s->shake * wave(s->shake_hz[1], s->shake_phase[1], time);
    c.step = larger(0.25f, 1.0f + s->zoom * t) / (float)o->height;
    c.x0 = x + (0.5f - 0.5f * (float)o->width) * c.step;
    c.y0 = y + (0.5f - 0.5f * (float)o->height) * c.step;
    return c;
}

/* Light and noise, then to bytes. `noise` holds one row of three channels. */
static void expose(const avcl_synth_scene *s, const camera *c, float light, int64_t frame,
                   const float *planes, float *noise, uint8_t *rgb)
{
    int64_t plane = (int64_t)c->width * c->height;
    int64_t n = 3 * plane;
    avcl_synth_draws d = s->noise;
    d.purpose += (uint32_t)frame;
    avcl__synth_noise(&d, noise, n);
    for (int64_t i = 0; i < plane; i++)
        for (int k = 0; k < 3; k++) {
            float v = planes[k * plane + i] * light + s->sensor * noise[3 * i + k];
            rgb[3 * i + k] = (uint8_t)(255.0f * clamp01(v) + 0.5f);
        }
}

/* Strays, then the object, back to front. */
static int all_shapes(const avcl_synth_scene *scene, const camera *c, double time,
                      avcl_synth_shape *out, int *n_strays)
{
    int n = 0;
    for (int i = 0; i < AVCL__SYNTH_STRAYS; i++)
        if (scene->strays[i].radius > 0)
            out[n++] =
                stray_at(&scene->strays[i], time, (float)c->width / (float)c->height);
    *n_strays = n;
    return n + avcl__synth_look(scene, time, out + n);
}

int64_t avcl__synth_picture_scratch(int32_t width, int32_t height)
{
    return 6 * (int64_t)width * height + 2 * (int64_t)width;
}

void avcl__synth_picture(const avcl_synth_scene *scene, const avcl_synth_options *options,
                         int64_t frame, float *scratch, uint8_t *rgb)
{
    double time = (double)frame / options->fps;
    camera c = aim(scene, options, time);
    float *planes = scratch;
    float *noise = planes + 3 * (int64_t)c.width * c.height;
    float *table = noise + 3 * (int64_t)c.width * c.height;

    fill_slope(&c, scene, planes);
    for (int i = 0; i < AVCL__SYNTH_GRATINGS; i++)
        add_grating(&c, &scene->gratings[i], table, planes);
    avcl_synth_shape shapes[AVCL__SYNTH_STRAYS + AVCL__SYNTH_SHAPES];
    int n_strays = 0;
    int n = all_shapes(scene, &c, time, shapes, &n_strays);
    for (int i = 0; i < n; i++)
        paint(&c, &shapes[i], table, planes);
    float light =
        1.0f + scene->flicker * wave(scene->flicker_hz, scene->flicker_phase, time);
    expose(scene, &c, light, frame, planes, noise, rgb);
}

typedef struct stencil {
    uint8_t *mask;
    int32_t width;
    uint8_t value;
} stencil;

static void stamp_row(void *arg, int32_t j, int32_t left, int32_t n, const float *cover)
{
    const stencil *t = arg;
    uint8_t *row = t->mask + (int64_t)j * t->width + left;
    for (int32_t i = 0; i < n; i++)
        if (cover[i] >= 0.5f) row[i] = t->value;
}

void avcl__synth_mask(const avcl_synth_scene *scene, const avcl_synth_options *options,
                      int64_t frame, float *scratch, uint8_t *mask)
{
    double time = (double)frame / options->fps;
    camera c = aim(scene, options, time);
    avcl_synth_shape shapes[AVCL__SYNTH_STRAYS + AVCL__SYNTH_SHAPES];
    int n_strays = 0;
    int n = all_shapes(scene, &c, time, shapes, &n_strays);
    memset(mask, AVCL__MASK_BACK, (size_t)c.width * (size_t)c.height);
    for (int i = 0; i < n; i++) {
        uint8_t value = i < n_strays      ? AVCL__MASK_STRAY
                        : shapes[i].rests ? AVCL__MASK_REST
                                          : AVCL__MASK_MOVES;
        stencil t = {mask, c.width, value};
        scan(&c, &shapes[i], scratch, stamp_row, &t);
    }
}
