/* test_store.c - publishing, torn documents, claims and the states that follow. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"

enum { PATH = 4096 };
static const char RUN[] = "3f9c2a717be04d15c2b6a0e94f1d8837";

/* ---- fixtures
 * --------------------------------------------------------------------------- */
static int make_folder(void **state)
{
    char *folder = strdup("/tmp/avcl-store-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    int rc = system(command);
    free(*state);
    return rc;
}

static const char *below(void **state, const char *name, char out[PATH])
{
    snprintf(out, PATH, "%s/%s", (char *)*state, name);
    return out;
}

static avcl_doc *make(const char *text)
{
    avcl_doc *doc = avcl_doc_parse(text, strlen(text), NULL);
    assert_non_null(doc);
    return doc;
}

static void append(const char *path, const char *text)
{
    avcl_error err = {0};
    avcl_doc *doc = make(text);
    if (avcl_store_append(path, doc, &err)) fail_msg("%s", err.message);
    avcl_doc_free(doc);
}

static size_t load(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(out, 1, room, file);
    fclose(file);
    return n;
}

static void store_bytes(const char *path, const char *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    fclose(file);
}

static int count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(dir);
    return n;
}

/* ---- documents
 * -------------------------------------------------------------------------- */
static void test_documents__have_the_written_form(void **state)
{
    char path[PATH];
    char data[256];
    append(below(state, "a.yaml", path), "{kind: start, lr: 0.001}");
    size_t n = load(path, data, sizeof data - 1);
    data[n] = '\0';
    static const char body[] = "kind: start\nlr: 1.0e-03\n";
    char expected[256];
    snprintf(expected, sizeof expected, "---\n%s# crc32c: %08x\n...\n", body,
             (unsigned)avcl_crc32c(0, body, strlen(body)));
    assert_string_equal(data, expected);
}

static void test_documents__are_read_in_order_and_from_the_end(void **state)
{
    char path[PATH];
    below(state, "a.yaml", path);
    for (int i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof text, "{i: %d}", i);
        append(path, text);
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
    append(path, "{which: 0, top1: 61.2345, word: 'no'}");
    append(path, "{which: 1, top1: -12, word: 'no'}");
    return load(path, data, room);
}

static void test_documents__truncation_at_every_byte(void **state)
{
    char path[PATH];
    char cut[PATH];
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
        append(cut, "{which: 1, top1: -12, word: 'no'}");
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
    char path[PATH];
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
    char path[PATH];
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
    char path[PATH];
    char data[64];
    store_bytes(below(state, "e.jsonl", path), "{\"epoch\":1", 10);
    assert_int_equal(avcl_store_append_line(path, "{\"epoch\":2}", NULL), AVCL_OK);
    assert_int_equal(avcl_store_append_line(path, "{\"epoch\":3}", NULL), AVCL_OK);
    assert_int_equal(avcl_store_append_line(path, "a\nb", NULL), AVCL_E_INVALID);
    size_t n = load(path, data, sizeof data);
    static const char expected[] = "{\"epoch\":1\n{\"epoch\":2}\n{\"epoch\":3}\n";
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(data, expected, n);
}

/* ---- publishing
 * ------------------------------------------------------------------------- */
static void test_publish__writes_once_or_replaces(void **state)
{
    char path[PATH];
    char data[16];
    avcl_error err = {0};
    below(state, "f", path);
    assert_int_equal(avcl_file_publish(path, "one", 3, 0, &err), AVCL_OK);
    assert_int_equal(avcl_file_publish(path, "two", 3, 0, &err), AVCL_E_EXISTS);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(load(path, data, sizeof data), 3);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(avcl_file_publish(path, "three", 5, 1, NULL), AVCL_OK);
    assert_int_equal(load(path, data, sizeof data), 5);
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
    char path[PATH];
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
    char path[PATH];
    char folder[PATH];
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
    assert_int_equal(load(path, data, sizeof data), 3);
    assert_memory_equal(data, "old", 3);
}

static void test_append__a_full_disk_tears_only_the_tail(void **state)
{
    char path[PATH];
    char data[4096];
    append(below(state, "a.yaml", path), "{which: 0, top1: 61.2345, word: 'no'}");
    size_t n = load(path, data, sizeof data);
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = {n + 20, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    avcl_doc *doc = make("{which: 1, top1: -12, word: 'no'}");
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

/* ---- store and layout
 * ------------------------------------------------------------------- */
static void test_store__is_made_once_and_recognised(void **state)
{
    char root[PATH];
    char path[PATH];
    char first[512];
    char second[512];
    avcl_error err = {0};
    below(state, "deep/results", root);
    if (avcl_store_init(root, &err)) fail_msg("%s", err.message);
    below(state, "deep/results/store.yaml", path);
    size_t n = load(path, first, sizeof first);
    assert_int_equal(avcl_store_init(root, NULL), AVCL_OK);
    assert_int_equal(load(path, second, sizeof second), n);
    assert_memory_equal(first, second, n);
    avcl_doc *doc = make("{schema: avcl.store/2}");
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
    char path[PATH];
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

/* ---- claims and states
 * ------------------------------------------------------------------ */
enum { RACERS = 8, CLAIMS = 200 };

static int race(const char *root, int go)
{
    char byte;
    int won = 0;
    if (read(go, &byte, 1) < 0) return 255;
    for (int i = 0; i < CLAIMS; i++) {
        char run[32];
        snprintf(run, sizeof run, "run%04d", i);
        avcl_status rc = avcl_store_claim(root, run, 1, NULL);
        if (rc == AVCL_OK)
            won++;
        else if (rc != AVCL_E_EXISTS)
            return 255;
    }
    return won;
}

static void test_claim__each_is_won_once(void **state)
{
    int go[2];
    int total = 0;
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    assert_int_equal(pipe(go), 0);
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (racers[i] == 0) {
            close(go[1]);
            _exit(race(*state, go[0]));
        }
    }
    close(go[0]);
    close(go[1]); /* end of file: all start */
    for (int i = 0; i < RACERS; i++) {
        int status;
        waitpid(racers[i], &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 255);
        total += WEXITSTATUS(status);
    }
    char claims[PATH];
    assert_int_equal(total, CLAIMS);
    assert_int_equal(count_files(below(state, "claims", claims)), CLAIMS);
}

static avcl_run_state state_of(const char *root, int32_t *attempt)
{
    avcl_error err = {0};
    avcl_run_state found = -1;
    if (avcl_store_state(root, RUN, &found, attempt, &err)) fail_msg("%s", err.message);
    return found;
}

static void age_claim(void **state, const char *claim, int seconds)
{
    char path[PATH];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    struct timespec times[2] = {now, now};
    assert_int_equal(utimensat(AT_FDCWD, below(state, claim, path), times, 0), 0);
}

static const char *run_file(void **state, const char *file, char path[PATH])
{
    assert_int_equal(avcl_store_run_path(*state, RUN, NULL, path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_mkdirs(path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_run_path(*state, RUN, file, path, NULL), AVCL_OK);
    return path;
}

static void test_state__follows_the_documents(void **state)
{
    char path[PATH];
    int32_t attempt = -1;
    avcl_store_init(*state, NULL);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_PLANNED);
    assert_int_equal(attempt, 0);
    assert_int_equal(avcl_store_claim(*state, RUN, 1, NULL), AVCL_OK);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_RUNNING);
    assert_int_equal(attempt, 1);
    run_file(state, "attempt-1.yaml", path);
    append(path, "{kind: start}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING);
    append(path, "{kind: stop, state: preempted}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_STOPPED);
    assert_int_equal(avcl_store_claim(*state, RUN, 2, NULL), AVCL_OK);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_RUNNING);
    assert_int_equal(attempt, 2);
    run_file(state, "attempt-2.yaml", path);
    append(path, "{kind: start}");
    append(path, "{kind: stop, state: failed, message: 'x'}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_FAILED);
    append(run_file(state, "attempt-3.yaml", path), "{kind: stop, state: lots}");
    avcl_run_state found = -1;
    assert_int_equal(avcl_store_state(*state, RUN, &found, NULL, NULL), AVCL_E_INVALID);
    assert_int_equal(found, -1);
    append(run_file(state, "result.yaml", path), "{schema: avcl.result/1}");
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_DONE);
    assert_int_equal(attempt, 3);
    store_bytes(path, "---\nmetrics:", 12);
    assert_int_equal(avcl_store_state(*state, RUN, &found, NULL, NULL), AVCL_E_CORRUPT);
}

static void test_state__an_owner_alive_is_never_lost(void **state)
{
    avcl_store_init(*state, NULL);
    assert_int_equal(avcl_store_claim(*state, RUN, 1, NULL), AVCL_OK);
    char claim[64];
    snprintf(claim, sizeof claim, "claims/%s.1", RUN);
    age_claim(state, claim, 5000);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING);
}

static void test_state__a_killed_owner_is_lost_once_stale(void **state)
{
    int ready[2];
    char byte;
    avcl_store_init(*state, NULL);
    assert_int_equal(pipe(ready), 0);
    pid_t owner = fork();
    if (owner == 0) {
        avcl_status rc = avcl_store_claim(*state, RUN, 1, NULL);
        if (write(ready[1], rc ? "n" : "y", 1) < 0) _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    char claim[64];
    snprintf(claim, sizeof claim, "claims/%s.1", RUN);
    age_claim(state, claim, 5000);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING); /* stale, but alive */
    kill(owner, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)owner, &info, WEXITED | WNOWAIT);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_LOST); /* a zombie runs nothing */
    assert_int_equal(avcl_store_heartbeat(*state, RUN, 1, NULL), AVCL_OK);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING); /* gone, but fresh */
    waitpid(owner, NULL, 0);
    age_claim(state, claim, 500);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING);
    age_claim(state, claim, 700);
    int32_t attempt = 0;
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_LOST);
    assert_int_equal(attempt, 1);
    close(ready[0]);
    close(ready[1]);
}

/* The claim of another host, of a reused pid and of an earlier boot. */
static void test_state__proof_needs_the_same_host(void **state)
{
    static const struct {
        const char *key;
        const char *text;
        avcl_run_state expected;
    } rows[] = {
        {"host", "elsewhere", AVCL_RUN_RUNNING},
        {"pid_space", "pid:[1]", AVCL_RUN_RUNNING},
        {"boot_id", "an-earlier-boot", AVCL_RUN_LOST},
        {"start", NULL, AVCL_RUN_LOST},
    };
    char path[PATH];
    char claim[64];
    avcl_store_init(*state, NULL);
    snprintf(claim, sizeof claim, "claims/%s.1", RUN);
    assert_int_equal(avcl_store_claim(*state, RUN, 1, NULL), AVCL_OK);
    below(state, claim, path);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        avcl_doc *doc = avcl_store_read(path, 0, NULL, NULL);
        avcl_doc *other = avcl_store_read(path, 0, NULL, NULL);
        int32_t node = avcl_doc_find(other, 0, rows[i].key);
        assert_true(node > 0);
        if (rows[i].text)
            avcl_doc_set_str(other, node, rows[i].text);
        else
            avcl_doc_set_int(other, node, avcl_doc_get_int(doc, node) + 1);
        avcl_store_publish(path, other, 1, NULL);
        age_claim(state, claim, 700);
        assert_int_equal(state_of(*state, NULL), rows[i].expected);
        avcl_store_publish(path, doc, 1, NULL);
        avcl_doc_free(doc);
        avcl_doc_free(other);
    }
}

static void test_heartbeat__needs_a_claim(void **state)
{
    avcl_error err = {0};
    avcl_store_init(*state, NULL);
    assert_int_equal(avcl_store_heartbeat(*state, RUN, 1, &err), AVCL_E_IO);
    assert_int_equal(avcl_store_claim(*state, RUN, 0, NULL), AVCL_E_INVALID);
    assert_int_equal(avcl_store_claim(*state, "../x", 1, NULL), AVCL_E_INVALID);
}

#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

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
        WITH_FOLDER(test_claim__each_is_won_once),
        WITH_FOLDER(test_state__follows_the_documents),
        WITH_FOLDER(test_state__an_owner_alive_is_never_lost),
        WITH_FOLDER(test_state__a_killed_owner_is_lost_once_stale),
        WITH_FOLDER(test_state__proof_needs_the_same_host),
        WITH_FOLDER(test_heartbeat__needs_a_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
