/* png.c - PNG by libpng's simplified interface, written beside and renamed into place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavutil/error.h>
#include <png.h>

#include "avcl/media.h"

static avcl_status fail_io(avcl_error *err, const char *path, int code)
{
    char reason[128] = "";
    av_strerror(AVERROR(code), reason, sizeof reason);
    return avcl_error_set(err, AVCL_E_IO, "cannot write '%s': %s", path, reason);
}

/* Writes the picture to an open temporary file and closes it. */
static avcl_status write_file(int fd, const char *path, png_image *image,
                              const uint8_t *pixels, avcl_error *err)
{
    FILE *file = fdopen(fd, "wb");
    if (!file) {
        int code = errno;
        close(fd);
        return fail_io(err, path, code);
    }
    errno = 0;
    int ok = png_image_write_to_stdio(image, file, 0, pixels, 0, NULL);
    int code = errno;
    if (fclose(file) != 0 && ok) {
        ok = 0;
        code = errno;
    }
    if (ok) return AVCL_OK;
    if (code) return fail_io(err, path, code);
    return avcl_error_set(err, AVCL_E_IO, "cannot write '%s': %s", path, image->message);
}

avcl_status avcl_png_write(const char *path, const uint8_t *pixels, int32_t width,
                           int32_t height, int32_t channels, avcl_error *err)
{
    enum { MAX_SIDE = 65535, MODE = 0644 };
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "'%s': a picture of %dx%d; sides are 1 to %d", path,
                              (int)width, (int)height, MAX_SIDE);
    if (channels != 1 && channels != 3)
        return avcl_error_set(err, AVCL_E_INVALID, "'%s': %d channels, not 1 or 3", path,
                              (int)channels);
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    size_t room = strlen(path) + sizeof ".XXXXXX";
    char *temp = malloc(room);
    if (!temp) return avcl_error_set(err, AVCL_E_NOMEM, "no memory to write '%s'", path);
    snprintf(temp, room, "%s.XXXXXX", path);
    int fd = mkstemp(temp);
    avcl_status st = fd < 0 ? fail_io(err, path, errno) : AVCL_OK;
    if (!st) {
        (void)fchmod(fd,
                     MODE); /* mkstemp's 0600 is for secrets; harmless where refused */
        st = write_file(fd, path, &image, pixels, err);
        if (!st && rename(temp, path) != 0) st = fail_io(err, path, errno);
        if (st) unlink(temp);
    }
    free(temp);
    return st;
}
