/*
 * recipe.h - what a prepared cache holds, as text: two caches of one recipe are alike.
 */
#ifndef AVCL_RECIPE_H
#define AVCL_RECIPE_H

#include "avcl/prepare.h"

#include "base/text.h"

enum { AVCL_RECIPE_MAX_SIDE = 4096 };

typedef struct avcl_recipe {
    int32_t width;
    int32_t height;
    avcl_prepare_codec codec;
    int32_t quality; /* of MJPEG */
    double fps;      /* 0: every frame */
    int32_t has_mel;
    int32_t has_wave;
    avcl_mel_options mel; /* resolved; rate is that of the wave too */
} avcl_recipe;

/* Defaults filled in, everything in range. */
avcl_status avcl__recipe_resolve(const avcl_prepare_options *options, avcl_recipe *out,
                                 avcl_error *err);
/* One `key: value` a line. */
void avcl__recipe_print(const avcl_recipe *recipe, avcl__text *out);
avcl_status avcl__recipe_parse(const char *text, avcl_recipe *out, avcl_error *err);
/* Refused in one sentence unless both texts are the same. */
avcl_status avcl__recipe_compare(const char *path, const char *have, const char *want,
                                 avcl_error *err);
/* Refused in one sentence when a run with this view cannot be fed from the recipe. */
avcl_status avcl__recipe_check_view(const avcl_recipe *recipe, const char *path,
                                    const avcl_view *view, avcl_error *err);

#endif
