/*
 * synth_looks.c - the moving objects, as shapes at a time. Events (a strike, a
 * bounce, a pluck, the height of a pulse) fall at (k + phase) * period, as in the sound.
 *
 * Rings out and in, discs rising and falling, waves up and down are each other's time
 * reversals, also
 * relative to the sound's events: the pulse is even about the event and where they start
 * is not shared with the sound. So only motion tells them apart.
 */
#include <math.h>

#include "data/synth_impl.h"

static const float TURN = 6.28318530717958647692f;

/* The object being put together: its own coordinates scaled, mirrored and moved. */
typedef struct builder {
    const avcl_synth_scene *scene;
    avcl_synth_shape *out;
    int n;
    float cycle; /* 0 … 1: time since the last event, in periods */
    float beats; /* time since the clip's first event, in periods; may be negative */
} builder;

static float map_x(const builder *b, float x)
{
    return b->scene->x + b->scene->mirror * b->scene->event.size * x;
}

static float map_y(const builder *b, float y)
{
    return b->scene->y + b->scene->event.size * y;
}

static void add_capsule(builder *b, int paint, const float from[2], const float to[2],
                        float r)
{
    if (b->n == AVCL__SYNTH_SHAPES) return;
    avcl_synth_shape *s = &b->out[b->n++];
    *s = (avcl_synth_shape){.kind = AVCL__SHAPE_CAPSULE,
                            .x = map_x(b, from[0]),
                            .y = map_y(b, from[1]),
                            .x2 = map_x(b, to[0]),
                            .y2 = map_y(b, to[1]),
                            .r = b->scene->event.size * r,
                            .colour = b->scene->paint[paint]};
}

static void add_box(builder *b, int paint, const float at[2], const float half[2],
                    float turn)
{
    if (b->n == AVCL__SYNTH_SHAPES) return;
    float size = b->scene->event.size;
    avcl_synth_shape *s = &b->out[b->n++];
    *s = (avcl_synth_shape){.kind = AVCL__SHAPE_BOX,
                            .x = map_x(b, at[0]),
                            .y = map_y(b, at[1]),
                            .x2 = size * half[0],
                            .y2 = size * half[1],
                            .turn = b->scene->mirror * turn,
                            .colour = b->scene->paint[paint]};
}

/* The shape added last does not move. */
static void rests(builder *b)
{
    if (b->n) b->out[b->n - 1].rests = 1;
}

static float fraction(float x)
{
    return x - floorf(x);
}

/* Even about the event, 1 at it and -1 half a period away. */
static float pulse(const builder *b)
{
    return cosf(TURN * b->cycle);
}

/* A hammer about its pivot: it falls on the block and rebounds. */
static void look_hammer(builder *b)
{
    const float pivot[2] = {-0.36f, 0.12f};
    const float reach = 0.44f;
    float angle = 1.05f * sinf(0.5f * TURN * b->cycle);
    const float head[2] = {pivot[0] + reach * cosf(angle),
                           pivot[1] - reach * sinf(angle)};
    add_box(b, 1, (float[2]){0.08f, 0.32f}, (float[2]){0.22f, 0.10f}, 0);
    rests(b);
    add_capsule(b, 0, pivot, head, 0.028f);
    add_box(b, 0, head, (float[2]){0.065f, 0.10f}, -angle);
}

/* A ball that loses nothing at the bounce. */
static void look_ball(builder *b)
{
    const float radius = 0.12f;
    const float floor_y = 0.33f;
    float height = 0.52f * 4.0f * b->cycle * (1.0f - b->cycle);
    const float at[2] = {0.0f, floor_y - radius - height};
    add_box(b, 1, (float[2]){0.0f, floor_y + 0.03f}, (float[2]){0.42f, 0.03f}, 0);
    rests(b);
    add_capsule(b, 0, at, at, radius);
}

/* One spacing a period, outwards (+1) or inwards (-1). */
static void add_rings(builder *b, float way)
{
    if (b->n == AVCL__SYNTH_SHAPES) return;
    float size = b->scene->event.size;
    avcl_synth_shape *s = &b->out[b->n++];
    *s = (avcl_synth_shape){.kind = AVCL__SHAPE_RINGS,
                            .x = b->scene->x,
                            .y = b->scene->y,
                            .x2 = 0.22f * size,
                            .y2 = 0.05f * size * (1.0f + 0.5f * pulse(b)),
                            .r = 0.44f * size,
                            .turn = fraction(b->scene->offset + way * b->beats),
                            .colour = b->scene->paint[0]};
}

static void look_rings_out(builder *b)
{
    add_rings(b, 1.0f);
}

static void look_rings_in(builder *b)
{
    add_rings(b, -1.0f);
}

/* Discs in a column of three half heights of which the middle third is seen. */
static void add_discs(builder *b, float way)
{
    const float span =
        1.5f; /* picture heights from where a disc enters to where it leaves */
    const float speed = 0.3f; /* spans a period */
    const avcl_synth_scene *s = b->scene;
    for (int i = 0; i < AVCL__SYNTH_DISCS && b->n < AVCL__SYNTH_SHAPES; i++) {
        float y = fraction(s->disc_y[i] + s->offset + way * speed * b->beats);
        avcl_synth_shape *t = &b->out[b->n++];
        *t = (avcl_synth_shape){.kind = AVCL__SHAPE_CAPSULE,
                                .x = s->x + s->disc_x[i] - 0.5f,
                                .y = (y - 0.5f) * span,
                                .r = s->event.size * s->disc_r[i] *
                                     (1.0f + 0.25f * pulse(b)),
                                .colour = s->paint[i % 2]};
        t->x2 = t->x;
        t->y2 = t->y;
    }
}

static void look_rise(builder *b)
{
    add_discs(b, -1.0f);
}

static void look_fall(builder *b)
{
    add_discs(b, 1.0f);
}

/* A bar on a rail, at one end at each event. */
static void look_slide(builder *b)
{
    const float rail[2] = {0.0f, 0.0f};
    add_box(b, 1, rail, (float[2]){0.42f, 0.02f}, 0);
    rests(b);
    add_box(b, 0, (float[2]){0.34f * pulse(b), 0.0f}, (float[2]){0.055f, 0.28f}, 0);
}

enum { STRING_PIECES = 12 };

/* Height of the string at `u` in 0 … 1: drawn to a corner in the last quarter, then free.
 */
static float string_height(float u, float cycle)
{
    const float reach = 0.22f;
    const float corner = 0.5f;
    if (cycle < 0.75f) {
        float swing = expf(-cycle / 0.35f) * cosf(3.0f * TURN * cycle);
        return reach * swing * sinf(0.5f * TURN * u);
    }
    float pull = (cycle - 0.75f) * 4.0f;
    float bend = u < corner ? u / corner : (1.0f - u) / (1.0f - corner);
    return reach * pull * bend;
}

/* A string between two posts, drawn down by a plectrum and let go at the event. */
static void look_string(builder *b)
{
    const float half = 0.42f;
    for (int end = -1; end <= 1; end += 2) {
        add_box(b, 1, (float[2]){(float)end * half, 0.0f}, (float[2]){0.03f, 0.16f}, 0);
        rests(b);
    }
    float from[2] = {-half, 0.0f};
    for (int i = 1; i <= STRING_PIECES; i++) {
        float u = (float)i / STRING_PIECES;
        float to[2] = {half * (2.0f * u - 1.0f), string_height(u, b->cycle)};
        add_capsule(b, 0, from, to, 0.022f);
        from[0] = to[0];
        from[1] = to[1];
    }
    float rest = b->cycle < 0.75f ? 0.22f + 0.2f * b->cycle / 0.75f
                                  : string_height(0.5f, b->cycle);
    const float tip[2] = {0.0f, rest};
    add_capsule(b, 1, tip, tip, 0.05f);
}

/* ---- the larger set's -------------------------------------------------------------- */
/* A bob on a rod, at one end of its swing at each event. */
static void look_pendulum(builder *b)
{
    const float pivot[2] = {0.0f, -0.38f};
    const float length = 0.62f;
    float angle = 0.6f * cosf(0.5f * TURN * b->beats);
    const float bob[2] = {pivot[0] + length * sinf(angle),
                          pivot[1] + length * cosf(angle)};
    add_box(b, 1, pivot, (float[2]){0.2f, 0.03f}, 0);
    rests(b);
    add_capsule(b, 1, pivot, bob, 0.02f);
    add_capsule(b, 0, bob, bob, 0.1f);
}

/* Two slabs that meet at the event. */
static void look_clap(builder *b)
{
    float gap = 0.15f * (1.0f - pulse(b));
    for (int side = -1; side <= 1; side += 2)
        add_box(b, side > 0, (float[2]){(float)side * (0.06f + gap), 0.0f},
                (float[2]){0.055f, 0.26f}, 0);
}

/* A stamp that meets its bed at the event. */
static void look_piston(builder *b)
{
    float rise = 0.2f * (1.0f - pulse(b));
    add_box(b, 1, (float[2]){0.0f, 0.36f}, (float[2]){0.32f, 0.05f}, 0);
    rests(b);
    add_box(b, 1, (float[2]){0.0f, 0.0f - rise}, (float[2]){0.04f, 0.3f}, 0);
    add_box(b, 0, (float[2]){0.0f, 0.24f - rise}, (float[2]){0.2f, 0.07f}, 0);
}

/* An eye whose pupil, a hole that shows what is behind, is widest at the event. */
static void look_blink(builder *b)
{
    const float middle[2] = {0.0f, 0.0f};
    float open = 0.5f + 0.5f * pulse(b);
    add_capsule(b, 0, middle, middle, 0.3f);
    rests(b);
    add_capsule(b, 1, middle, middle, 0.03f + 0.24f * open);
    b->out[b->n - 1].colour = b->scene->back;
}

/* A column of beads bent into a wave that runs up (+1) or down (-1). */
static void add_wave(builder *b, float way)
{
    enum { BEADS = 11 };
    float r = 0.045f * (1.0f + 0.35f * pulse(b));
    for (int i = 0; i < BEADS; i++) {
        float y = (float)(2 * i + 1 - BEADS) / (float)BEADS;
        float turns = y + b->scene->offset + way * b->beats;
        const float at[2] = {0.24f * sinf(TURN * turns), 0.42f * y};
        add_capsule(b, i % 2, at, at, r);
    }
}

static void look_wave_up(builder *b)
{
    add_wave(b, 1.0f);
}

static void look_wave_down(builder *b)
{
    add_wave(b, -1.0f);
}

int avcl__synth_look(const avcl_synth_scene *scene, double time,
                     avcl_synth_shape out[AVCL__SYNTH_SHAPES])
{
    static void (*const looks[AVCL__LOOKS])(builder *) = {
        [AVCL__LOOK_HAMMER] = look_hammer,       [AVCL__LOOK_BALL] = look_ball,
        [AVCL__LOOK_RINGS_OUT] = look_rings_out, [AVCL__LOOK_RINGS_IN] = look_rings_in,
        [AVCL__LOOK_RISE] = look_rise,           [AVCL__LOOK_FALL] = look_fall,
        [AVCL__LOOK_SLIDE] = look_slide,         [AVCL__LOOK_STRING] = look_string,
        [AVCL__LOOK_PENDULUM] = look_pendulum,   [AVCL__LOOK_CLAP] = look_clap,
        [AVCL__LOOK_PISTON] = look_piston,       [AVCL__LOOK_BLINK] = look_blink,
        [AVCL__LOOK_WAVE_UP] = look_wave_up,     [AVCL__LOOK_WAVE_DOWN] = look_wave_down,
    };
    builder b = {.scene = scene, .out = out};
    b.beats = (float)(time / (double)scene->event.period - (double)scene->event.phase);
    b.cycle = fraction(b.beats);
    looks[scene->look](&b);
    return b.n;
}
