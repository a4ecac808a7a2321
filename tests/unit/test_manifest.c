/* test_manifest.c - opening data sets: rows, classes, splits, refusals, identity. */
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

#include "avcl/data.h"

#include "data/dataset_impl.h"
#include "temp_dir.h"

typedef struct fixture {
    char dir[AVCL_TEMP_PATH];
    char list[AVCL_TEMP_PATH];
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    temp_dir_make(f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    temp_dir_remove(f->dir);
    free(f);
    return 0;
}

static avcl_dataset *open_text(fixture *f, const char *text, avcl_error *err)
{
    temp_file_write(f->dir, "list.csv", text, f->list);
    return avcl_dataset_open(f->list, NULL, err);
}

/* The message without the path of the manifest before it. */
static void expect_refused(fixture *f, const char *text, const char *wanted)
{
    avcl_error err = {0};
    assert_null(open_text(f, text, &err));
    assert_true(err.code < 0);
    assert_memory_equal(err.message, f->list, strlen(f->list));
    assert_string_equal(err.message + strlen(f->list), wanted);
}

static avcl_sample_info sample_at(const avcl_dataset *d, int64_t i)
{
    avcl_sample_info info;
    assert_int_equal(avcl_dataset_get_sample(d, i, &info), AVCL_OK);
    return info;
}

static void test_manifest__reads_columns_by_position(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    avcl_dataset *d =
        open_text(f, "b/x.mp4,wood,val\na.mp4,metal\nz.mp4,wood,train\nu.mp4,\n", &err);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_count(d), 4);
    assert_int_equal(avcl_dataset_n_classes(d), 2);
    assert_string_equal(avcl_dataset_class_name(d, 0),
                        "metal"); /* bytewise, not as met */
    assert_string_equal(avcl_dataset_class_name(d, 1), "wood");
    assert_null(avcl_dataset_class_name(d, 2));
    assert_int_equal(sample_at(d, 0).label, 1);
    assert_int_equal(sample_at(d, 1).label, 0);
    assert_int_equal(sample_at(d, 3).label, -1);
    assert_string_equal(sample_at(d, 0).rel, "b/x.mp4");
    assert_memory_equal(sample_at(d, 0).path, f->dir, strlen(f->dir));
    assert_string_equal(sample_at(d, 0).path + strlen(f->dir), "/b/x.mp4");
    assert_int_equal(avcl_dataset_n_splits(d), 2);
    assert_string_equal(avcl_dataset_split_name(d, 1), "train");
    int64_t n = 0;
    assert_int_equal(avcl_dataset_split_count(d, "train", &n, &err), AVCL_OK);
    assert_int_equal(n, 3);
    avcl_sample_info info;
    assert_int_equal(avcl_dataset_get_sample(d, 4, &info), AVCL_E_NOT_FOUND);
    avcl_dataset_free(d);
}

static void test_manifest__reads_columns_by_header(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    avcl_dataset *d = open_text(
        f, "split,id,path,label\r\nval,7,\"a,b.mp4\",x\r\n,8,/c.mp4,x\r\n", &err);
    assert_non_null(d);
    assert_string_equal(sample_at(d, 0).rel, "a,b.mp4");
    assert_string_equal(avcl_dataset_split_name(d, (uint32_t)sample_at(d, 0).split),
                        "val");
    assert_string_equal(avcl_dataset_split_name(d, (uint32_t)sample_at(d, 1).split),
                        "train");
    assert_string_equal(sample_at(d, 1).path, "/c.mp4");
    avcl_dataset_free(d);
    d = open_text(f, "path\na.mp4\n", &err);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_n_classes(d), 0);
    assert_int_equal(sample_at(d, 0).label, -1);
    avcl_dataset_free(d);
}

static void test_manifest__names_line_and_value(void **state)
{
    fixture *f = *state;
    expect_refused(f, "", ": no rows");
    expect_refused(f, "path,label\n", ": no rows");
    expect_refused(f, "a,x\n\nb\n", ": line 3: 1 column, expected path,label[,split]");
    expect_refused(f, "a,x,train,9\n",
                   ": line 1: 4 columns, expected path,label[,split]");
    expect_refused(f, "path,label\na\n", ": line 2: 1 columns, the header has 2");
    expect_refused(f, "a,x\n,x\n", ": line 2: the path is empty");
    expect_refused(f, "a,x\nb,x\na,y\n",
                   ": line 3: duplicate path 'a' in split 'train', first in line 1");
    expect_refused(f, "path,lable\na,x\n",
                   ": line 1: unknown column 'lable', did you mean 'label'");
    expect_refused(f, "path,label,path\na,x,b\n", ": line 1: column 'path' twice");
    expect_refused(
        f, "path,label,start\na,x,1\n",
        ": line 1: column 'start' is not supported, whole files of equal weight are");
    expect_refused(f, "a,x\nb,y,test\n",
                   ": line 2: label 'y' is in split 'test' but in none to train on");
}

static void test_manifest__allows_a_path_in_several_splits(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    avcl_dataset *d = open_text(f, "a,x,train\na,x,few5\nb,x,few5\n", &err);
    assert_non_null(d);
    assert_true(sample_at(d, 0).key == sample_at(d, 1).key);
    assert_true(sample_at(d, 0).key != sample_at(d, 2).key);
    avcl_dataset_free(d);
    /* Nothing is trained here: a test set of its own. */
    d = open_text(f, "a,x,test\n", &err);
    assert_non_null(d);
    avcl_dataset_free(d);
}

static void test_manifest__unknown_split_lists_those_present(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    avcl_dataset *d = open_text(f, "a,x,train\nb,x,val\n", &err);
    int64_t n = 7;
    assert_int_equal(avcl_dataset_split_count(d, "few5", &n, &err), AVCL_E_NOT_FOUND);
    assert_int_equal(n, 7);
    assert_non_null(strstr(err.message, "no split 'few5', there are: train, val"));
    avcl_dataset_free(d);
}

static void test_manifest__class_file_orders_and_limits(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    char path[AVCL_TEMP_PATH];
    temp_file_write(f->dir, "classes.txt", "# ours\nwood\r\n\n metal \nunused\n", path);
    avcl_dataset *d = open_text(f, "a,metal\nb,wood\n", &err);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_n_classes(d), 3);
    assert_int_equal(sample_at(d, 0).label, 1);
    avcl_dataset_free(d);
    expect_refused(f, "a,metal\nb,woood\n",
                   ": line 2: unknown label 'woood', did you mean 'wood'");
    temp_file_write(f->dir, "classes.txt", "wood\nwood\n", path);
    assert_null(open_text(f, "a,wood\n", &err));
    assert_non_null(strstr(err.message, "classes.txt: line 2: class 'wood' twice"));
}

static void test_manifest__reads_class_folders(void **state)
{
    fixture *f = *state;
    avcl_error err = {0};
    temp_file_write(f->dir, "set/b/2.mp4", "", NULL);
    temp_file_write(f->dir, "set/b/10.MP4", "", NULL);
    temp_file_write(f->dir, "set/B/1.webm", "", NULL);
    temp_file_write(f->dir, "set/B/notes.txt", "", NULL);
    temp_file_write(f->dir, "set/readme.txt", "", NULL);
    char path[AVCL_TEMP_PATH];
    snprintf(path, sizeof path, "%.400s/set", f->dir);
    avcl_dataset *d = avcl_dataset_open(path, NULL, &err);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_count(d), 3);
    assert_string_equal(sample_at(d, 0).rel, "B/1.webm");
    assert_string_equal(sample_at(d, 1).rel, "b/10.MP4");
    assert_string_equal(sample_at(d, 2).rel, "b/2.mp4");
    assert_int_equal(sample_at(d, 2).label, 1);
    avcl_dataset_free(d);
    temp_file_write(f->dir, "set/c/x.txt", "", NULL);
    assert_null(avcl_dataset_open(path, NULL, &err));
    assert_non_null(strstr(err.message, "class folder 'c' holds no video"));
    /* A folder with a manifest is that manifest, whatever else lies in it. */
    temp_file_write(f->dir, "set/manifest.csv", "b/2.mp4,only\n", NULL);
    d = avcl_dataset_open(path, NULL, NULL);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_count(d), 1);
    avcl_dataset_free(d);
}

static void test_manifest__absent_file_is_not_found(void **state)
{
    (void)state;
    avcl_error err = {0};
    assert_null(avcl_dataset_open("no/such.csv", NULL, &err));
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
}

static void hash_of(const char *list, const char *cache, char hex[65])
{
    avcl_error err = {0};
    avcl_dataset_options options = {.cache_path = cache};
    avcl_dataset *d = avcl_dataset_open(list, &options, &err);
    assert_non_null(d);
    assert_int_equal(avcl_dataset_hash(d, hex, &err), AVCL_OK);
    avcl_dataset_free(d);
}

static void test_manifest__hash_sees_rows_and_content(void **state)
{
    fixture *f = *state;
    char a[65], b[65];
    char cache[AVCL_TEMP_PATH];
    snprintf(cache, sizeof cache, "%.400s/hashes", f->dir);
    temp_file_write(f->dir, "a.mp4", "one", NULL);
    temp_file_write(f->dir, "list.csv", "a.mp4,x\nmissing.mp4,x\n", f->list);
    hash_of(f->list, NULL, a);
    hash_of(f->list, cache, b);
    assert_string_equal(a, b);
    hash_of(f->list, cache, b); /* now from the remembered hash */
    assert_string_equal(a, b);
    temp_file_write(f->dir, "a.mp4", "two!", NULL);
    hash_of(f->list, cache, b);
    assert_string_not_equal(a, b);
    temp_file_write(f->dir, "a.mp4", "one", NULL);
    hash_of(f->list, NULL, b);
    assert_string_equal(a, b);
    temp_file_write(f->dir, "list.csv", "a.mp4,y\nmissing.mp4,y\n", f->list);
    hash_of(f->list, NULL, b);
    assert_string_not_equal(a, b);
}

/* A remembered hash is believed while inode, size and time hold; a torn line is not. */
static void test_manifest__hash_cache_is_used_and_may_be_torn(void **state)
{
    fixture *f = *state;
    char a[65], b[65], line[256];
    char cache[AVCL_TEMP_PATH], video[AVCL_TEMP_PATH];
    struct stat st;
    temp_file_write(f->dir, "a.mp4", "one", video);
    temp_file_write(f->dir, "list.csv", "a.mp4,x\n", f->list);
    hash_of(f->list, NULL, a);
    assert_int_equal(stat(video, &st), 0);
    snprintf(line, sizeof line, "%llu 3 %lld.%09ld %064d\n",
             (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec, 7);
    temp_file_write(f->dir, "hashes", line, cache);
    hash_of(f->list, cache, b);
    assert_string_not_equal(a, b);
    line[strlen(line) - 5] = '\0';
    temp_file_write(f->dir, "hashes", line, cache);
    hash_of(f->list, cache, b);
    assert_string_equal(a, b);
}

static void test_manifest__generator_stands_for_the_files(void **state)
{
    fixture *f = *state;
    char a[65], b[65];
    temp_file_write(f->dir, "list.csv", "a.mp4,x\n", f->list);
    hash_of(f->list, NULL, a);
    temp_file_write(f->dir, "synth.yaml", "# x\ngenerator: one\nseed: 1\n", NULL);
    avcl_dataset *d = avcl_dataset_open(f->list, NULL, NULL);
    assert_true(avcl_dataset_is_synthetic(d));
    avcl_dataset_free(d);
    hash_of(f->list, NULL, b);
    assert_string_not_equal(a, b);
    temp_file_write(f->dir, "a.mp4", "any", NULL); /* not looked at */
    hash_of(f->list, NULL, a);
    assert_string_equal(a, b);
    temp_file_write(f->dir, "synth.yaml", "# x\ngenerator: one\nseed: 2\n", NULL);
    hash_of(f->list, NULL, a);
    assert_string_not_equal(a, b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_manifest__reads_columns_by_position),
        TEST(test_manifest__reads_columns_by_header),
        TEST(test_manifest__names_line_and_value),
        TEST(test_manifest__allows_a_path_in_several_splits),
        TEST(test_manifest__unknown_split_lists_those_present),
        TEST(test_manifest__class_file_orders_and_limits),
        TEST(test_manifest__reads_class_folders),
        TEST(test_manifest__absent_file_is_not_found),
        TEST(test_manifest__hash_sees_rows_and_content),
        TEST(test_manifest__hash_cache_is_used_and_may_be_torn),
        TEST(test_manifest__generator_stands_for_the_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
