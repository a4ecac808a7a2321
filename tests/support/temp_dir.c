/* temp_dir.c - mkdtemp in the working directory, removed by walking it. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "temp_dir.h"

void temp_dir_make(char dir[AVCL_TEMP_PATH])
{
    char name[] = "avcl_test_XXXXXX";
    char *real = mkdtemp(name) ? realpath(name, NULL) : NULL;
    if (!real || strlen(real) >= AVCL_TEMP_PATH / 2) abort();
    strcpy(dir, real);
    free(real);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void temp_dir_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void temp_file_write(const char *dir, const char *name, const char *text,
                     char path[AVCL_TEMP_PATH])
{
    char full[AVCL_TEMP_PATH];
    if (snprintf(full, sizeof full, "%s/%s", dir, name) >= (int)sizeof full) abort();
    for (char *slash = full + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0777);
        *slash = '/';
    }
    FILE *f = fopen(full, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) abort();
    if (path) strcpy(path, full);
}
