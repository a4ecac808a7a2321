/*
 * folder.h - a folder of its own for a test, and files and documents in it.
 *
 * What cannot be done fails the running test.
 */
#ifndef AVCL_TEST_FOLDER_H
#define AVCL_TEST_FOLDER_H

#include <stddef.h>

#include "avcl/store.h"

enum { FOLDER_PATH = 4096 };

/* Set-up and tear-down of a cmocka test; *state is the folder's path. */
int make_folder(void **state);
int remove_folder(void **state);
/* FOLDER/NAME */
const char *below(void **state, const char *name, char out[FOLDER_PATH]);

avcl_doc *make_doc(const char *text);
/* One more document, parsed from `text`. */
void append_doc(const char *path, const char *text);
size_t load_bytes(const char *path, char *out, size_t room);
void store_bytes(const char *path, const char *data, size_t n);
int count_files(const char *folder);

#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
