/*
 * sidecar.h - clips that are more than a file: pictures in a folder, sound beside them.
 */
#ifndef AVCL_SIDECAR_H
#define AVCL_SIDECAR_H

#include <stddef.h>

/* The wav that belongs to `path`, if there is one: 1 and its name. */
int avcl__sidecar_find(const char *path, char *out, size_t bytes);

/* Whether it is a folder with a JPEG or PNG file in it. */
int avcl__is_picture_folder(const char *path);

#endif
