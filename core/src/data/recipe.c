/* recipe.c - options to text and back, and what a run may ask of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/recipe.h"

#include "data/transform_impl.h"

static const char *const codecs[] = {"mjpeg", "yuv"};

static avcl_status check_range(const char *name, int64_t value, int64_t low, int64_t high,
                               avcl_error *err)
{
    if (value >= low && value <= high) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "%s is %lld, expected %lld to %lld", name,
                          (long long)value, (long long)low, (long long)high);
}

static avcl_status resolve_mel(const avcl_mel_options *given, avcl_mel_options *out,
                               avcl_error *err)
{
    avcl_mel *mel = avcl_mel_new(given, err);
    if (!mel) return AVCL_E_INVALID;
    *out = *avcl_mel_get_options(mel);
    avcl_mel_free(mel);
    return AVCL_OK;
}

avcl_status avcl__recipe_resolve(const avcl_prepare_options *o, avcl_recipe *out,
                                 avcl_error *err)
{
    enum { MAX_SIDE = AVCL_RECIPE_MAX_SIDE, MAX_FPS = 1000 };
    *out = (avcl_recipe){
        .width = o->width ? o->width : 171,
        .height = o->height ? o->height : 128,
        .codec = o->codec,
        .quality = o->codec == AVCL_PREPARE_YUV ? 0
                   : o->quality                 ? o->quality
                                                : 3,
        .fps = o->fps,
        .has_mel = o->audio != AVCL_PREPARE_WAVE,
        .has_wave = o->audio != AVCL_PREPARE_MEL,
    };
    avcl_status st = check_range("width", out->width, 2, MAX_SIDE, err);
    if (!st) st = check_range("height", out->height, 2, MAX_SIDE, err);
    if (!st) st = check_range("codec", out->codec, 0, AVCL_PREPARE_YUV, err);
    if (!st) st = check_range("audio", o->audio, 0, AVCL_PREPARE_BOTH, err);
    if (!st && out->codec == AVCL_PREPARE_MJPEG)
        st = check_range("quality", out->quality, 1, 31, err);
    if (!st && !(out->fps >= 0 && out->fps <= MAX_FPS))
        st = avcl_error_set(err, AVCL_E_INVALID, "fps is %g, expected 0 to %d", out->fps,
                            MAX_FPS);
    return st ? st : resolve_mel(&o->mel, &out->mel, err);
}

/* %.17g brings every double back. */
static void print_mel(const avcl_mel_options *m, avcl__text *out)
{
    avcl__text_format(
        out,
        "mel: rate %d window %d hop %d n_fft %d bands %d columns %d scale %d no_norm %d "
        "fmin %.17g fmax %.17g log_eps %.17g normalise %d\n",
        m->rate, m->window, m->hop, m->n_fft, m->bands, m->columns, m->scale, m->no_norm,
        m->fmin, m->fmax, m->log_eps, m->normalise);
}

void avcl__recipe_print(const avcl_recipe *r, avcl__text *out)
{
    avcl__text_format(out, "size: %dx%d\n", r->width, r->height);
    avcl__text_format(out, "codec: %s", codecs[r->codec]);
    if (r->codec == AVCL_PREPARE_MJPEG) avcl__text_format(out, " %d", r->quality);
    avcl__text_format(out, "\nfps: %.17g\n", r->fps);
    avcl__text_format(out, "audio: %s%s\n", r->has_mel ? "mel" : "",
                      r->has_wave ? (r->has_mel ? " wave" : "wave") : "");
    print_mel(&r->mel, out);
}

static int parse_mel(const char *line, avcl_mel_options *m)
{
    *m = (avcl_mel_options){0};
    return sscanf(line,
                  "mel: rate %d window %d hop %d n_fft %d bands %d columns %d scale %d "
                  "no_norm %d fmin %lf fmax %lf log_eps %lf normalise %d",
                  &m->rate, &m->window, &m->hop, &m->n_fft, &m->bands, &m->columns,
                  &m->scale, &m->no_norm, &m->fmin, &m->fmax, &m->log_eps,
                  &m->normalise) == 12;
}

avcl_status avcl__recipe_parse(const char *text, avcl_recipe *out, avcl_error *err)
{
    char codec[16] = "";
    char audio[32] = "";
    const char *mel = strstr(text, "mel: ");
    *out = (avcl_recipe){0};
    int n = sscanf(text, "size: %dx%d codec: %15s", &out->width, &out->height, codec);
    out->codec = strcmp(codec, "yuv") == 0 ? AVCL_PREPARE_YUV : AVCL_PREPARE_MJPEG;
    const char *rest = strstr(text, "codec: ");
    if (n == 3 && rest && out->codec == AVCL_PREPARE_MJPEG)
        n += sscanf(rest, "codec: mjpeg %d", &out->quality) - 1;
    rest = strstr(text, "fps: ");
    if (rest) n += sscanf(rest, "fps: %lf audio: %31[a-z ]", &out->fps, audio);
    out->has_mel = strstr(audio, "mel") != NULL;
    out->has_wave = strstr(audio, "wave") != NULL;
    if (n == 5 && mel && parse_mel(mel, &out->mel) && out->width > 1 && out->height > 1 &&
        out->width <= AVCL_RECIPE_MAX_SIDE && out->height <= AVCL_RECIPE_MAX_SIDE)
        return AVCL_OK;
    return avcl_error_set(err, AVCL_E_CORRUPT, "its recipe cannot be read");
}

avcl_status avcl__recipe_compare(const char *path, const char *have, const char *want,
                                 avcl_error *err)
{
    while (*have || *want) {
        int a = (int)strcspn(have, "\n");
        int b = (int)strcspn(want, "\n");
        if (a != b || strncmp(have, want, (size_t)a) != 0)
            return avcl_error_set(err, AVCL_E_EXISTS,
                                  "'%s' was made by another recipe, with '%.*s' and not "
                                  "'%.*s': remove it, or name another file",
                                  path, a, have, b, want);
        have += a + (have[a] != '\0');
        want += b + (want[b] != '\0');
    }
    return AVCL_OK;
}

static avcl_status check_sound(const avcl_recipe *r, const char *path,
                               const avcl_view *view, avcl_error *err)
{
    avcl_mel_options want;
    if (resolve_mel(&view->mel, &want, err)) return AVCL_E_INVALID;
    if (!r->has_wave && view->sound != AVCL_SOUND_WHOLE)
        return avcl_error_set(
            err, AVCL_E_INVALID,
            "'%s' holds no waveform, which %s is made of: prepare it "
            "with --audio both",
            path, view->sound == AVCL_SOUND_WAVE ? "a folded one" : "a window of sound");
    if (r->has_wave && want.rate == r->mel.rate) return AVCL_OK;
    if (!r->has_mel || view->sound != AVCL_SOUND_WHOLE)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s' holds sound at %d Hz and the run wants %d Hz", path,
                              r->mel.rate, want.rate);
    avcl__text have = {0};
    avcl__text wanted = {0};
    print_mel(&r->mel, &have);
    print_mel(&want, &wanted);
    avcl_status st = AVCL_OK;
    if (have.failed || wanted.failed)
        st = avcl_error_set(err, AVCL_E_NOMEM, "no memory to compare recipes");
    else if (strcmp(have.data, wanted.data) != 0)
        st = avcl_error_set(err, AVCL_E_INVALID,
                            "'%s' holds '%.*s' and the run wants '%.*s': prepare it with "
                            "these, or with --audio both",
                            path, (int)strcspn(have.data, "\n"), have.data,
                            (int)strcspn(wanted.data, "\n"), wanted.data);
    avcl__text_release(&have);
    avcl__text_release(&wanted);
    return st;
}

avcl_status avcl__recipe_check_view(const avcl_recipe *r, const char *path,
                                    const avcl_view *view, avcl_error *err)
{
    if (view->frames && (view->resize_w != r->width || view->resize_h != r->height))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s' holds pictures of %dx%d and the run wants %dx%d: "
                              "prepare it with --size %dx%d",
                              path, r->width, r->height, view->resize_w, view->resize_h,
                              view->resize_w, view->resize_h);
    if (view->frames && view->fps != r->fps)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s' holds frames at fps %g and the run wants %g (0 = "
                              "every frame): prepare it with --fps %g",
                              path, r->fps, view->fps, view->fps);
    if (view->mel_crop && view->random && !r->has_wave &&
        avcl__transforms_touch(view->transforms, AVCL_FIELD_WAVE))
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s' holds no waveform, which the run's transforms of "
                              "sound change: prepare it with --audio both",
                              path);
    return view->mel_crop ? check_sound(r, path, view, err) : AVCL_OK;
}
