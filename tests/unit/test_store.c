/* test_store.c - publishing, torn documents, and where things lie. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "folder.h"

static const char RUN[] = "3f9c2a717be04d15c2b6a0e94f1d8837";

/* ---- documents ------------------------------------------------------------------- */
static void test_documents__have_the_written_form(void **state)
{
    char path[FOLDER_PATH];
    char data[256];
    append_doc(below(state, "a.yaml", path), "{kind: start, lr: 0.001}");
    size_t n = load_bytes(path, data, sizeof data - 1);
    data[n] = '\0';
    static const char body[] = "kind: start\nlr: 1.0e-03\n";
    char expected[256];
    snprintf(expected, sizeof expected, "---\n%s# crc32c: %08x\n...\n", body,
             (unsigned)avcl_crc32c(0, body, strlen(body)));
    assert_string_equal(data, expected);
}

static void test_documents__are_read_in_order_and_from_the_end(void **state)
{
    char path[FOLDER_PATH];
    below(state, "a.yaml", path);
    for (int i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof text, "{i: %d}", i);
        append_doc(path, text);
    }
    for (int i = -5; i < 5; i++) {
        int32_t torn = -1;
        avcl_doc *doc = avcl_store_read(path, i, &torn, NULL);
        assert_non_null(doc);
        assert_int_equal(avcl_doc_get_int(doc, avcl_doc_find(doc, 0, "i")), (i + 5) % 5);
        assert_int_equal(torn, 0);
        avcl_doc_free(doc);
    }
    avcl_error err = {0};
    assert_null(avcl_store_read(path, 5, NULL, &err));
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
    assert_null(avcl_store_read(path, -6, NULL, NULL));
    err = (avcl_error){0};
    assert_null(avcl_store_read(below(state, "none", path), 0, NULL, &err));
    assert_int_equal(err.code, AVCL_E_NOT_FOUND);
}

/* What may be read from a damaged copy of the two documents: nothing, or the very values.
 */
static int check_two(const char *path, int32_t *torn)
{
    static const double values[] = {61.2345, -12};
    int found = 0;
    for (int32_t i = 0; i < 3; i++) {
        avcl_doc *doc = avcl_store_read(path, i, torn, NULL);
        if (!doc) break;
        found++;
        int32_t which = avcl_doc_find(doc, 0, "which");
        int64_t w = avcl_doc_get_int(doc, which);
        assert_true(which >= 0 && (w == 0 || w == 1));
        assert_int_equal(avcl_doc_n_children(doc, 0), 3);
        assert_true(avcl_doc_get_float(doc, avcl_doc_find(doc, 0, "top1")) == values[w]);
        assert_string_equal(avcl_doc_get_str(doc, avcl_doc_find(doc, 0, "word")), "no");
        avcl_doc_free(doc);
    }
    return found;
}

static size_t write_two(const char *path, char *data, size_t room)
{
    append_doc(path, "{which: 0, top1: 61.2345, word: 'no'}");
    append_doc(path, "{which: 1, top1: -12, word: 'no'}");
    return load_bytes(path, data, room);
}

static void test_documents__truncation_at_every_byte(void **state)
{
    char path[FOLDER_PATH];
    char cut[FOLDER_PATH];
    char data[1024] = "";
    size_t n = write_two(below(state, "a.yaml", path), data, sizeof data);
    size_t first = (size_t)(strstr(data + 1, "---\n") - data);
    below(state, "cut.yaml", cut);
    for (size_t i = 0; i <= n; i++) {
        int32_t torn = 0;
        store_bytes(cut, data, i);
        assert_int_equal(check_two(cut, &torn), i < first ? 0 : i < n ? 1 : 2);
        assert_int_equal(torn, i != 0 && i != first && i != n);
        /* and a later document is readable behind any tail */
        append_doc(cut, "{which: 1, top1: -12, word: 'no'}");
        avcl_doc *last = avcl_store_read(cut, -1, NULL, NULL);
        assert_non_null(last);
        assert_int_equal(avcl_doc_get_int(last, avcl_doc_find(last, 0, "which")), 1);
        avcl_doc_free(last);
        /* (the newline that ends a torn line may be all that its document lacked) */
        assert_int_equal(check_two(cut, &torn), i < first - 1 ? 1 : i < n - 1 ? 2 : 3);
    }
}

static void test_documents__every_flipped_bit_is_noticed(void **state)
{
    char path[FOLDER_PATH];
    char data[1024] = "";
    size_t n = write_two(below(state, "a.yaml", path), data, sizeof data);
    size_t first = (size_t)(strstr(data + 1, "---\n") - data);
    below(state, "flip.yaml", path);
    for (size_t i = 0; i < n * 8; i++) {
        int32_t torn = 0;
        data[i / 8] = (char)(data[i / 8] ^ (1 << i % 8));
        store_bytes(path, data, n);
        /* without the newline between them both are given up, otherwise the one hit */
        assert_int_equal(check_two(path, &torn), i / 8 == first - 1 ? 0 : 1);
        assert_int_equal(torn, 1);
        data[i / 8] = (char)(data[i / 8] ^ (1 << i % 8));
    }
}

static void test_documents__markers_in_values_do_no_harm(void **state)
{
    char path[FOLDER_PATH];
    below(state, "a.yaml", path);
    avcl_doc *doc = avcl_doc_new();
    avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    static const char text[] = "a\n---\n# crc32c: 00000000\n...\n";
    avcl_doc_set_str(doc, avcl_doc_add(doc, 0, text, AVCL_DOC_STR), text);
    avcl_doc_set_str(doc, avcl_doc_add(doc, 0, "---", AVCL_DOC_STR), "...");
    assert_int_equal(avcl_store_publish(path, doc, 0, NULL), AVCL_OK);
    int32_t torn = 0;
    avcl_doc *back = avcl_store_read(path, 0, &torn, NULL);
    assert_non_null(back);
    assert_int_equal(torn, 0);
    assert_string_equal(avcl_doc_get_str(back, avcl_doc_find(back, 0, text)), text);
    assert_string_equal(avcl_doc_get_str(back, avcl_doc_find(back, 0, "---")), "...");
    avcl_doc_free(doc);
    avcl_doc_free(back);
}

static void test_append_line__ends_a_cut_line_first(void **state)
{
    char path[FOLDER_PATH];
    char data[64];
    store_bytes(below(state, "e.jsonl", path), "{\"epoch\":1", 10);
    assert_int_equal(avcl_store_append_line(path, "{\"epoch\":2}", NULL), AVCL_OK);
    assert_int_equal(avcl_store_append_line(path, "{\"epoch\":3}", NULL), AVCL_OK);
    assert_int_equal(avcl_store_append_line(path, "a\nb", NULL), AVCL_E_INVALID);
    size_t n = load_bytes(path, data, sizeof data);
    static const char expected[] = "{\"epoch\":1\n{\"epoch\":2}\n{\"epoch\":3}\n";
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(data, expected, n);
}

/* ---- publishing ------------------------------------------------------------------ */
static void test_publish__writes_once_or_replaces(void **state)
{
    char path[FOLDER_PATH];
    char data[16];
    avcl_error err = {0};
    below(state, "f", path);
    assert_int_equal(avcl_file_publish(path, "one", 3, 0, &err), AVCL_OK);
    assert_int_equal(avcl_file_publish(path, "two", 3, 0, &err), AVCL_E_EXISTS);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(load_bytes(path, data, sizeof data), 3);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(avcl_file_publish(path, "three", 5, 1, NULL), AVCL_OK);
    assert_int_equal(load_bytes(path, data, sizeof data), 5);
    assert_memory_equal(data, "three", 5);
    assert_int_equal(avcl_file_publish(below(state, "empty", path), NULL, 0, 0, NULL),
                     AVCL_OK);
    assert_int_equal(count_files(*state), 2);
}

static void refused(const char *path, const char *reason, int32_t replace)
{
    avcl_error err = {0};
    assert_int_equal(avcl_file_publish(path, "data", 4, replace, &err), AVCL_E_IO);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, reason));
}

static void test_publish__says_why_the_system_refused(void **state)
{
    char path[FOLDER_PATH];
    refused(below(state, "none/f", path), "No such file", 0);
    store_bytes(below(state, "file", path), "x", 1);
    refused(below(state, "file/f", path), "Not a directory", 1);
    avcl_store_mkdirs(below(state, "folder/sub", path), NULL);
    refused(below(state, "folder", path), "directory", 1);
    assert_int_equal(count_files(path), 1);
    avcl_error err = {0};
    assert_int_equal(avcl_store_mkdirs(below(state, "file/a/b", path), &err), AVCL_E_IO);
    assert_non_null(strstr(err.message, "Not a directory"));
    if (geteuid() != 0) {
        chmod(below(state, "folder", path), 0500);
        refused(below(state, "folder/f", path), "Permission denied", 0);
        chmod(below(state, "folder", path), 0700);
    }
}

static void test_publish__a_full_disk_leaves_nothing_behind(void **state)
{
    char path[FOLDER_PATH];
    char folder[FOLDER_PATH];
    struct rlimit before;
    static char data[65536];
    avcl_store_mkdirs(below(state, "d", folder), NULL);
    store_bytes(below(state, "d/f", path), "old", 3);
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = {4096, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    avcl_error err = {0};
    avcl_status publish = avcl_file_publish(path, data, sizeof data, 1, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    assert_int_equal(publish, AVCL_E_IO);
    assert_non_null(strstr(err.message, "File too large"));
    assert_int_equal(count_files(folder), 1);
    assert_int_equal(load_bytes(path, data, sizeof data), 3);
    assert_memory_equal(data, "old", 3);
}

static void test_append__a_full_disk_tears_only_the_tail(void **state)
{
    char path[FOLDER_PATH];
    char data[4096];
    append_doc(below(state, "a.yaml", path), "{which: 0, top1: 61.2345, word: 'no'}");
    size_t n = load_bytes(path, data, sizeof data);
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = {n + 20, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    avcl_doc *doc = make_doc("{which: 1, top1: -12, word: 'no'}");
    setrlimit(RLIMIT_FSIZE, &small);
    avcl_status rc = avcl_store_append(path, doc, NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    int32_t torn = 0;
    assert_int_equal(rc, AVCL_E_IO);
    assert_int_equal(check_two(path, &torn), 1);
    assert_int_equal(torn, 1);
    assert_int_equal(avcl_store_append(path, doc, NULL), AVCL_OK);
    assert_int_equal(check_two(path, &torn), 2);
    avcl_doc_free(doc);
}

/* ---- store and layout ------------------------------------------------------------ */
static void test_store__is_made_once_and_recognised(void **state)
{
    char root[FOLDER_PATH];
    char path[FOLDER_PATH];
    char first[512];
    char second[512];
    avcl_error err = {0};
    below(state, "deep/results", root);
    if (avcl_store_init(root, &err)) fail_msg("%s", err.message);
    below(state, "deep/results/store.yaml", path);
    size_t n = load_bytes(path, first, sizeof first);
    assert_int_equal(avcl_store_init(root, NULL), AVCL_OK);
    assert_int_equal(load_bytes(path, second, sizeof second), n);
    assert_memory_equal(first, second, n);
    avcl_doc *doc = make_doc("{schema: avcl.store/2}");
    avcl_store_publish(path, doc, 1, NULL);
    avcl_doc_free(doc);
    assert_int_equal(avcl_store_init(root, &err), AVCL_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "avcl.store/2"));
    store_bytes(path, "---\nsch", 7);
    assert_int_equal(avcl_store_init(root, NULL), AVCL_E_CORRUPT);
}

static void test_layout__paths_stay_in_the_store(void **state)
{
    (void)state;
    char path[FOLDER_PATH];
    assert_int_equal(avcl_store_run_path("r", RUN, "run.yaml", path, NULL), AVCL_OK);
    assert_string_equal(path, "r/runs/3f/3f9c2a717be04d15c2b6a0e94f1d8837/run.yaml");
    assert_int_equal(avcl_store_work_path("r", "ab", NULL, path, NULL), AVCL_OK);
    assert_string_equal(path, "r/work/ab/ab");
    static const char *const bad[] = {"", "a", "../../etc", "a/b", "ab.1", ".."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(avcl_store_run_path("r", bad[i], NULL, path, NULL),
                         AVCL_E_INVALID);
    assert_string_equal(path, "r/work/ab/ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_documents__have_the_written_form),
        WITH_FOLDER(test_documents__are_read_in_order_and_from_the_end),
        WITH_FOLDER(test_documents__truncation_at_every_byte),
        WITH_FOLDER(test_documents__every_flipped_bit_is_noticed),
        WITH_FOLDER(test_documents__markers_in_values_do_no_harm),
        WITH_FOLDER(test_append_line__ends_a_cut_line_first),
        WITH_FOLDER(test_publish__writes_once_or_replaces),
        WITH_FOLDER(test_publish__says_why_the_system_refused),
        WITH_FOLDER(test_publish__a_full_disk_leaves_nothing_behind),
        WITH_FOLDER(test_append__a_full_disk_tears_only_the_tail),
        WITH_FOLDER(test_store__is_made_once_and_recognised),
        cmocka_unit_test(test_layout__paths_stay_in_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
