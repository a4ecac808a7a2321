/* folder.c - test folders under /tmp. */
#define _GNU_SOURCE
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "folder.h"

int make_folder(void **state)
{
    char *folder = strdup("/tmp/avcl-store-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

int remove_folder(void **state)
{
    char command[FOLDER_PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    int rc = system(command);
    free(*state);
    return rc;
}

const char *below(void **state, const char *name, char out[FOLDER_PATH])
{
    snprintf(out, FOLDER_PATH, "%s/%s", (char *)*state, name);
    return out;
}

avcl_doc *make_doc(const char *text)
{
    avcl_doc *doc = avcl_doc_parse(text, strlen(text), NULL);
    assert_non_null(doc);
    return doc;
}

void append_doc(const char *path, const char *text)
{
    avcl_error err = {0};
    avcl_doc *doc = make_doc(text);
    if (avcl_store_append(path, doc, &err)) fail_msg("%s", err.message);
    avcl_doc_free(doc);
}

size_t load_bytes(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(out, 1, room, file);
    fclose(file);
    return n;
}

void store_bytes(const char *path, const char *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    fclose(file);
}

int count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}
