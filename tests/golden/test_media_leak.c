/* test_media_leak.c - 5,000 opens of good and broken files, and their sound: memory and
 * descriptors stay where they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clips.h"

static const char *const names[] = {"good.mp4",    "sound.mkv", "stream.ts", "short.mp4",
                                    "flipped.mp4", "torn.mp4",  "text.mp4",  "empty.mp4",
                                    "absent.mp4",  "folder"};
enum { N_NAMES = sizeof names / sizeof *names };

static int make_all(void **state)
{
    if (clips_set_up(state)) return -1;
    const char *sine = "-f lavfi -i sine=440:duration=0.4 ";
    char command[CLIPS_COMMAND];
    snprintf(command, sizeof command, "%s%s%s", CLIPS_SRC("64", "48", "0.4"), sine,
             CLIPS_X264 "-bf 2 -c:a aac");
    clips_make("good.mp4", command);
    clips_make("sound.mkv", command);
    clips_make("stream.ts", command);
    clips_copy("fast.mp4", "", "good.mp4", "-movflags +faststart");
    clips_truncate("short.mp4", "fast.mp4", clips_size("fast.mp4") * 7 / 10);
    clips_flip("flipped.mp4", "good.mp4");
    clips_truncate("torn.mp4", "good.mp4", clips_size("good.mp4") / 2);
    clips_truncate("empty.mp4", "good.mp4", 0);
    if (clips_run("echo a letter > %s; mkdir %s", clips_file("text.mp4"),
                  clips_file("folder")))
        return -1;
    clips_make("folder/%02d.jpg", CLIPS_SRC("64", "48", "0.2"));
    return 0;
}

/* Opens, reads a window in the middle and the sound, closes. */
static void use(const char *path)
{
    uint8_t rgb[4 * 16 * 12 * 3];
    avcl_wave wave;
    avcl_video *v = avcl_video_open(path, NULL, NULL);
    if (v) avcl_video_read(v, avcl_video_n_frames(v) / 2, 4, 16, 12, rgb, NULL, NULL);
    avcl_video_free(v);
    if (avcl_audio_read(path, 24000, 1, &wave, NULL) == AVCL_OK) avcl_wave_release(&wave);
}

static long resident_kib(void)
{
    long pages = 0;
    long skip = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &skip, &pages), 2);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_all(int from, int n)
{
    for (int i = from; i < from + n; i++)
        use(clips_file(names[i % N_NAMES]));
}

static void test_media__opening_leaves_nothing_behind(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__ /* slow, and it looks for leaks itself */
    enum { WARM = 100, HALF = 300 };
#else
    enum { WARM = 500, HALF = 2250 };
#endif
    /* What allocators keep for reuse; a leak of 1 KiB an open would be 2,200. */
    const long noise_kib = 1500;
    open_all(0, WARM);
    int fds = clips_count_fds();
    open_all(0, HALF);
    long middle = resident_kib();
    open_all(0, HALF);
    long grown = resident_kib() - middle;
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory on purpose */
    if (grown > noise_kib) fail_msg("%ld KiB more after %d opens", grown, HALF);
#endif
    (void)noise_kib;
    (void)grown;
    assert_int_equal(clips_count_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media__opening_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, make_all, clips_tear_down);
}
