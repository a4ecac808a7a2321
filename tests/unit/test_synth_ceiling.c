/*
 * test_synth_ceiling.c - the ceilings of the synthetic sets, counted and tried: what is
 * said to be equal for two classes must not tell them apart to a classifier that is fit
 * to.
 *
 * The classifier is Fisher's, on features that do tell sounds (and looks) apart: that is
 * checked first, so a test that sees nothing cannot pass.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/synth_impl.h"

enum {
    CLASSES = AVCL__SYNTH_MORE,
    CLIPS = 40, /* a class, and as many to test with */
    MAX_DIM = 96,
    W = 40,
    H = 30,
};

static const avcl_synth_options more = {.width = W,
                                        .height = H,
                                        .fps = 12,
                                        .seconds = 1.0,
                                        .difficulty = 0.2,
                                        .seed = 5,
                                        .classes = CLASSES};

/* ---- counted
 * --------------------------------------------------------------------------- */
/* Looks of which a still says the same. */
static int still_of(enum avcl_synth_look look)
{
    switch (look) {
    case AVCL__LOOK_RINGS_IN:
        return AVCL__LOOK_RINGS_OUT;
    case AVCL__LOOK_FALL:
        return AVCL__LOOK_RISE;
    case AVCL__LOOK_WAVE_DOWN:
        return AVCL__LOOK_WAVE_UP;
    default:
        return look;
    }
}

/* With balanced classes the best guess is right once for each value that can be told. */
static int n_told(int n_classes, int sound, int still, int look)
{
    int n = 0;
    unsigned seen[AVCL__LOOKS + 1][AVCL__SOUNDS + 1] = {{0}};
    for (int i = 0; i < n_classes; i++) {
        const avcl_synth_class *c = &avcl__synth_classes[i];
        int l = look ? (int)c->look : still ? still_of(c->look) : AVCL__LOOKS;
        int s = sound ? (int)c->sound : AVCL__SOUNDS;
        n += !seen[l][s]++;
    }
    return n;
}

static void test_ceilings__are_as_documented(void **state)
{
    (void)state;
    assert_int_equal(n_told(12, 1, 0, 0), 5);  /* sound alone */
    assert_int_equal(n_told(12, 0, 0, 1), 8);  /* moving pictures */
    assert_int_equal(n_told(12, 0, 1, 0), 6);  /* one still */
    assert_int_equal(n_told(12, 1, 1, 0), 10); /* sound and a still */
    assert_int_equal(n_told(12, 1, 0, 1), 12);
    assert_int_equal(n_told(24, 1, 0, 0), 8);
    assert_int_equal(n_told(24, 0, 0, 1), 14);
    assert_int_equal(n_told(24, 0, 1, 0), 11);
    assert_int_equal(n_told(24, 1, 1, 0), 21);
    assert_int_equal(n_told(24, 1, 0, 1), 24);
    for (int i = 0; i < CLASSES; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(avcl__synth_classes[i].name,
                                    avcl__synth_classes[k].name);
}

/* ---- Fisher's classifier
 * --------------------------------------------------------------- */
typedef struct fisher {
    int dim;
    int n_classes;
    double mean[CLASSES][MAX_DIM];
    double weight[CLASSES][MAX_DIM]; /* covariance^-1 mean */
    double bias[CLASSES];
} fisher;

/* a x = b in place: Cholesky of a, symmetric and positive. */
static void factor(int n, double (*a)[MAX_DIM])
{
    for (int j = 0; j < n; j++) {
        for (int k = 0; k < j; k++)
            a[j][j] -= a[j][k] * a[j][k];
        assert_true(a[j][j] > 0);
        a[j][j] = sqrt(a[j][j]);
        for (int i = j + 1; i < n; i++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
    }
}

static void solve(int n, double (*l)[MAX_DIM], double *x)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++)
            x[i] -= l[i][k] * x[k];
        x[i] /= l[i][i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++)
            x[i] -= l[k][i] * x[k];
        x[i] /= l[i][i];
    }
}

/* x[class][clip][dim], the first CLIPS of 2 CLIPS. */
static void fit(fisher *f, int dim, int n_classes, double (*x[])[MAX_DIM])
{
    static double spread[MAX_DIM][MAX_DIM];
    *f = (fisher){.dim = dim, .n_classes = n_classes};
    memset(spread, 0, sizeof spread);
    for (int c = 0; c < n_classes; c++) {
        for (int i = 0; i < CLIPS; i++)
            for (int k = 0; k < dim; k++)
                f->mean[c][k] += x[c][i][k] / CLIPS;
        for (int i = 0; i < CLIPS; i++)
            for (int j = 0; j < dim; j++)
                for (int k = 0; k <= j; k++)
                    spread[j][k] += (x[c][i][j] - f->mean[c][j]) *
                                    (x[c][i][k] - f->mean[c][k]) / (CLIPS * n_classes);
    }
    double trace = 0;
    for (int k = 0; k < dim; k++)
        trace += spread[k][k];
    for (int k = 0; k < dim; k++)
        spread[k][k] += 0.05 * trace / dim;
    factor(dim, spread);
    for (int c = 0; c < n_classes; c++) {
        memcpy(f->weight[c], f->mean[c], sizeof f->weight[c]);
        solve(dim, spread, f->weight[c]);
        for (int k = 0; k < dim; k++)
            f->bias[c] -= 0.5 * f->weight[c][k] * f->mean[c][k];
    }
}

/* Fraction of the last CLIPS of each class that is guessed. */
static double score(const fisher *f, double (*x[])[MAX_DIM])
{
    int n = 0;
    for (int c = 0; c < f->n_classes; c++)
        for (int i = CLIPS; i < 2 * CLIPS; i++) {
            int best = 0;
            double most = -INFINITY;
            for (int k = 0; k < f->n_classes; k++) {
                double v = f->bias[k];
                for (int j = 0; j < f->dim; j++)
                    v += f->weight[k][j] * x[c][i][j];
                if (v > most) {
                    most = v;
                    best = k;
                }
            }
            n += best == c;
        }
    return (double)n / (f->n_classes * CLIPS);
}

typedef double clip_features[2 * CLIPS][MAX_DIM];

static double tell(int dim, int n_classes, clip_features **list)
{
    static fisher f;
    double(*x[CLASSES])[MAX_DIM];
    for (int i = 0; i < n_classes; i++)
        x[i] = *list[i];
    fit(&f, dim, n_classes, x);
    return score(&f, x);
}

/* At chance: at most four standard deviations above it. */
static void expect_chance(int dim, int n_classes, clip_features **list, const char *what)
{
    double chance = 1.0 / n_classes;
    double sd = sqrt(chance * (1 - chance) / (n_classes * CLIPS));
    double found = tell(dim, n_classes, list);
    if (found > chance + 4 * sd)
        fail_msg("%s: %.3f of the guesses are right, chance is %.3f +- %.3f", what, found,
                 chance, sd);
}

/* Clips by class: the i-th of each. */
static void draw_clips(const avcl_synth_options *o,
                       void (*each)(const avcl_synth_clip *, double[MAX_DIM]),
                       clip_features *out)
{
    int n[CLASSES] = {0};
    for (int64_t i = 0; i < CLASSES * 2 * CLIPS; i++) {
        avcl_synth_clip clip;
        avcl__synth_draw(o, "train", i, &clip);
        each(&clip, out[clip.label][n[clip.label]++]);
    }
    for (int i = 0; i < CLASSES; i++)
        assert_int_equal(n[i], 2 * CLIPS);
}

/* ---- sound
 * ----------------------------------------------------------------------------- */
enum { BANDS = 14, PARTS = 12, N = AVCL__SYNTH_RATE };

/* Log energy of log-spaced bands, and how it is spread over twelfths of a second. */
static void hear(const avcl_synth_clip *clip, double x[MAX_DIM])
{
    static float scratch[2 * N];
    static float wave[N];
    avcl__synth_sound(clip, scratch, wave, N);
    for (int b = 0; b < BANDS; b++) {
        double hz = 120.0 * pow(2.0, 0.45 * b);
        double pole = exp(-3.14159265 * 0.3 * hz / AVCL__SYNTH_RATE);
        double a1 = 2 * pole * cos(6.2831853 * hz / AVCL__SYNTH_RATE);
        double a2 = -pole * pole;
        double y1 = 0;
        double y2 = 0;
        double part[PARTS] = {0};
        for (int i = 0; i < N; i++) {
            double y = (double)wave[i] * (1 - pole) + a1 * y1 + a2 * y2;
            y2 = y1;
            y1 = y;
            part[i * PARTS / N] += y * y;
        }
        double sum = 1e-12;
        double most = 1e-12;
        double least = INFINITY;
        for (int p = 0; p < PARTS; p++) {
            sum += part[p];
            most = fmax(most, part[p]);
            least = fmin(least, part[p]);
        }
        x[b] = log(sum);
        x[BANDS + b] = log(most / sum);
        x[2 * BANDS + b] = log((least + 1e-9 * sum) / sum);
    }
}

static void test_ceiling__sound_tells_sounds_and_no_more(void **state)
{
    (void)state;
    clip_features *x = calloc(CLASSES, sizeof *x);
    assert_non_null(x);
    draw_clips(&more, hear, x);
    clip_features *one_each[AVCL__SOUNDS];
    for (int s = 0; s < AVCL__SOUNDS; s++) {
        clip_features *same[CLASSES];
        int n = 0;
        for (int c = 0; c < CLASSES; c++)
            if ((int)avcl__synth_classes[c].sound == s) same[n++] = &x[c];
        one_each[s] = same[0];
        expect_chance(3 * BANDS, n, same, avcl__synth_classes[same[0] - x].name);
    }
    double sounds = tell(3 * BANDS, AVCL__SOUNDS, one_each);
    if (sounds < 0.6) fail_msg("the features tell %.3f of the sounds only", sounds);
    free(x);
}

/* ---- one still
 * ------------------------------------------------------------------------- */
enum { CELL = 4, CELLS = (W / CELL) * (H / CELL) };

/* How far from the background each cell is: where something stands. */
static void see(const avcl_synth_clip *clip, double x[MAX_DIM])
{
    static float scratch[6 * W * H + 2 * W];
    uint8_t rgb[W * H * 3];
    avcl__synth_picture(&clip->scene, &more, 6, scratch, rgb);
    memset(x, 0, MAX_DIM * sizeof *x);
    for (int y = 0; y < H / CELL * CELL; y++)
        for (int i = 0; i < W; i++)
            for (int k = 0; k < 3; k++)
                x[y / CELL * (W / CELL) + i / CELL] +=
                    fabs(rgb[3 * (y * W + i) + k] / 255.0 - (double)clip->scene.back[k]);
}

static void test_ceiling__a_still_tells_stills_and_no_more(void **state)
{
    (void)state;
    clip_features *x = calloc(CLASSES, sizeof *x);
    assert_non_null(x);
    draw_clips(&more, see, x);
    clip_features *one_each[AVCL__LOOKS];
    int n_stills = 0;
    for (int look = 0; look < AVCL__LOOKS; look++) {
        clip_features *same[CLASSES];
        int n = 0;
        for (int c = 0; c < CLASSES; c++)
            if (still_of(avcl__synth_classes[c].look) == look) same[n++] = &x[c];
        if (!n) continue;
        one_each[n_stills++] = same[0];
        if (n > 1) expect_chance(CELLS, n, same, avcl__synth_classes[same[0] - x].name);
    }
    assert_int_equal(n_stills, 11);
    double stills = tell(CELLS, n_stills, one_each);
    if (stills < 0.3) fail_msg("the features tell %.3f of the stills only", stills);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceilings__are_as_documented),
        cmocka_unit_test(test_ceiling__sound_tells_sounds_and_no_more),
        cmocka_unit_test(test_ceiling__a_still_tells_stills_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
