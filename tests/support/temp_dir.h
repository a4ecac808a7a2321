/* temp_dir.h - a folder of a test's own, and text files in it. */
#ifndef AVCL_TEST_TEMP_DIR_H
#define AVCL_TEST_TEMP_DIR_H

enum { AVCL_TEMP_PATH = 512 };

/* Makes a new folder below the current one. */
void temp_dir_make(char dir[AVCL_TEMP_PATH]);
/* Removes it and what is in it. */
void temp_dir_remove(const char *dir);
/* Writes dir/name; path receives the whole name. Folders on the way are made. */
void temp_file_write(const char *dir, const char *name, const char *text,
                     char path[AVCL_TEMP_PATH]);

#endif
