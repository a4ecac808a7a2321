/* png.c - PNG by libpng's simplified interface, published whole. */
#include <stdlib.h>

#include <png.h>

#include "avcl/media.h"
#include "avcl/store.h"

avcl_status avcl_png_write(const char *path, const uint8_t *pixels, int32_t width,
                           int32_t height, int32_t channels, avcl_error *err)
{
    enum { MAX_SIDE = 65535 };
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
    png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(image);
    void *data = malloc(n);
    avcl_status st = AVCL_OK;
    if (!data)
        st = avcl_error_set(err, AVCL_E_NOMEM, "no memory to write '%s'", path);
    else if (!png_image_write_to_memory(&image, data, &n, 0, pixels, 0, NULL))
        st = avcl_error_set(err, AVCL_E_IO, "cannot write '%s': %s", path, image.message);
    else
        st = avcl_file_publish(path, data, n, 1, err);
    free(data);
    return st;
}
