/* test_png.c - pictures come back pixel for pixel; a failed write leaves what was there.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>

#include "avcl/media.h"

enum { W = 37, H = 23 };

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/avcl_png_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static int count_files(void)
{
    int n = -2; /* . and .. */
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void fill(uint8_t *pixels, size_t n)
{
    uint32_t seed = 99;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
}

static void expect_pixels(const char *path, const uint8_t *want, int channels)
{
    uint8_t got[W * H * 3];
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_file(&image, path));
    assert_int_equal(image.width, W);
    assert_int_equal(image.height, H);
    assert_int_equal(image.format, channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB);
    assert_true(png_image_finish_read(&image, NULL, got, 0, NULL));
    assert_memory_equal(got, want, (size_t)(W * H * channels));
}

static void test_png__round_trip(void **state)
{
    (void)state;
    uint8_t pixels[W * H * 3];
    char path[128];
    fill(pixels, sizeof pixels);
    snprintf(path, sizeof path, "%s/x.png", dir);
    for (int channels = 1; channels <= 3; channels += 2) {
        assert_int_equal(avcl_png_write(path, pixels, W, H, channels, NULL), AVCL_OK);
        expect_pixels(path, pixels, channels);
        assert_int_equal(count_files(), 1); /* no temporary file stays */
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void test_png__a_refused_write_changes_nothing(void **state)
{
    (void)state;
    uint8_t pixels[W * H * 3];
    char path[128];
    avcl_error err = {0};
    fill(pixels, sizeof pixels);
    snprintf(path, sizeof path, "%s/absent/x.png", dir);
    assert_int_equal(avcl_png_write(path, pixels, W, H, 3, &err), AVCL_E_IO);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No such file"));
    /* A folder in the way: written beside, never renamed, cleaned up. */
    snprintf(path, sizeof path, "%s/folder", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(avcl_png_write(path, pixels, W, H, 3, NULL), AVCL_E_IO);
    assert_int_equal(count_files(), 1);
    assert_int_equal(rmdir(path), 0);
}

static void test_png__refuses_shapes_it_cannot_write(void **state)
{
    (void)state;
    uint8_t pixels[4] = {0};
    const struct {
        int32_t width, height, channels;
        const char *text;
    } cases[] = {{0, 1, 1, "0x1"}, {1, 70000, 1, "1x70000"}, {1, 1, 2, "2 channels"}};
    for (int i = 0; i < 3; i++) {
        avcl_error err = {0};
        assert_int_equal(avcl_png_write("/tmp/never.png", pixels, cases[i].width,
                                        cases[i].height, cases[i].channels, &err),
                         AVCL_E_INVALID);
        assert_non_null(strstr(err.message, cases[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_png__round_trip, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_png__a_refused_write_changes_nothing,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_png__refuses_shapes_it_cannot_write,
                                        make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
