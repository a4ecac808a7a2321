/* clips.c - the ffmpeg program behind clips.h. */
#include <dirent.h>
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

static char dir[64];

int clips_set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/avcl_clips_XXXXXX");
    if (!mkdtemp(dir)) return -1;
    if (system("command -v ffmpeg >/dev/null")) {
        fprintf(stderr, "the ffmpeg program is needed to make the test files\n");
        return -1;
    }
    return 0;
}

int clips_tear_down(void **state)
{
    (void)state;
    return clips_run("chmod -R u+rwx %s && rm -r %s", dir, dir);
}

const char *clips_dir(void)
{
    return dir;
}

int clips_run(const char *fmt, ...)
{
    char command[CLIPS_COMMAND];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_in_range(n, 1, (int)sizeof command - 1);
    int rc = system(command);
    if (rc) fprintf(stderr, "exit %d: %s\n", rc, command);
    return rc;
}

const char *clips_file(const char *name)
{
    enum { TURNS = 8 };
    static char path[TURNS][CLIPS_PATH];
    static int turn;
    char *p = path[turn++ % TURNS];
    snprintf(p, CLIPS_PATH, "%s/%s", dir, name);
    return p;
}

void clips_make(const char *name, const char *arguments)
{
    assert_int_equal(
        clips_run("ffmpeg -v error -nostdin -y %s '%s'", arguments, clips_file(name)), 0);
}

void clips_copy(const char *name, const char *before, const char *from, const char *after)
{
    assert_int_equal(clips_run("ffmpeg -v error -nostdin -y %s -i '%s' -c copy %s '%s'",
                               before, clips_file(from), after, clips_file(name)),
                     0);
}

long clips_size(const char *name)
{
    FILE *f = fopen(clips_file(name), "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    fclose(f);
    return size;
}

static unsigned char *read_file(const char *name, long size)
{
    FILE *f = fopen(clips_file(name), "rb");
    unsigned char *bytes = malloc((size_t)size + 1);
    assert_non_null(f);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
    fclose(f);
    return bytes;
}

static void write_file(const char *name, unsigned char *bytes, long size)
{
    FILE *f = fopen(clips_file(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, (size_t)size, f), size);
    assert_int_equal(fclose(f), 0);
    free(bytes);
}

void clips_truncate(const char *name, const char *from, long bytes)
{
    write_file(name, read_file(from, bytes), bytes);
}

void clips_flip(const char *name, const char *from)
{
    long size = clips_size(from);
    unsigned char *bytes = read_file(from, size);
    for (long i = size / 4; i < size * 3 / 4; i += 997)
        bytes[i] ^= 0x5a;
    write_file(name, bytes, size);
}

int64_t clips_oracle_md5(const char *path, char (*hex)[33])
{
    char command[CLIPS_COMMAND];
    char line[512];
    snprintf(command, sizeof command,
             "ffmpeg -v quiet -nostdin -noautorotate -i '%s' -map 0:v:0 -vsync 0 -f "
             "framemd5 -",
             path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    int64_t n = 0;
    while (fgets(line, sizeof line, pipe)) {
        if (line[0] == '#') continue;
        const char *comma = strrchr(line, ',');
        assert_non_null(comma);
        assert_true(n < CLIPS_MAX_FRAMES);
        assert_int_equal(sscanf(comma + 1, " %32s", hex[n++]), 1);
    }
    assert_int_equal(pclose(pipe), 0);
    return n;
}

avcl_video *clips_open(const char *path)
{
    avcl_error err = {0};
    avcl_video *v = avcl_video_open(path, NULL, &err);
    if (!v) fail_msg("%s", err.message);
    return v;
}

void clips_check_window(avcl_video *v, int64_t start, int64_t n, char (*want)[33],
                        const char *path)
{
    avcl_error err = {0};
    char got[CLIPS_MAX_FRAMES][33];
    if (avcl_video_md5(v, start, n, got, &err)) fail_msg("%s: %s", path, err.message);
    for (int64_t i = 0; i < n; i++)
        if (strcmp(got[i], want[start + i]) != 0)
            fail_msg("%s: frame %d of window %d+%d differs", path, (int)(start + i),
                     (int)start, (int)n);
}

void clips_check_frames(const char *name)
{
    enum { WINDOWS = 40 };
    char path[CLIPS_PATH];
    snprintf(path, sizeof path, "%s", clips_file(name));
    char want[CLIPS_MAX_FRAMES][33];
    int64_t n = clips_oracle_md5(path, want);
    avcl_video *v = clips_open(path);
    avcl_media_info info;
    avcl_video_get_info(v, &info);
    assert_int_equal(info.n_frames, n);
    clips_check_window(v, 0, n, want, path);
    assert_int_equal(avcl_video_n_decoded(v), n);
    uint32_t seed = 12345;
    for (int i = 0; i < WINDOWS; i++) {
        seed = seed * 1664525u + 1013904223u;
        int64_t start = (seed >> 8) % n;
        int64_t most = n - start < 16 ? n - start : 16;
        clips_check_window(v, start, 1 + (seed >> 4) % most, want, path);
    }
    for (int64_t s = 0; s < n; s += 7)
        clips_check_window(v, s, n - s < 7 ? n - s : 7, want, path);
    for (int64_t s = n - 1; s >= 0 && s > n - 12; s--)
        clips_check_window(v, s, 1, want, path);
    avcl_video_free(v);
}

int clips_count_fds(void)
{
    int n = 0;
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    while (readdir(fds))
        n++;
    closedir(fds);
    return n;
}
