/* test_runs.c - the table of runs: what it reads, what it remembers, what it never
 * believes. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/runs.h"
#include "avcl/store.h"
#include "folder.h"

static const char ONE[] = "3f9c2a717be04d15c2b6a0e94f1d8837";
static const char TWO[] = "3f00000000000000000000000000aaaa";
static const char THREE[] = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

static const char RUN[] =
    "{schema: avcl.run/1, experiment: a.lua, stage: finetune, kind: supervised, label: "
    "no, "
    "parent: {run: \"12\"}, seed: 3, keys: {graph: abc, seed: 3}, "
    "config: {tau: 0.5, rgb.size: 112, cgra_at: [conv3, pool], frozen: true, none: "
    "null}, "
    "provenance: {git: {sha: f00d, dirty: false}, data: [{name: k32, synthetic: true}]}}";
static const char RESULT[] =
    "{schema: avcl.result/1, select: {rule: last, epoch: 4}, "
    "metrics: {test: {top1: 61.2345, loss: .nan}}, cost: {wall_s: 1.5}}";

static void put(void **state, const char *run, const char *file, const char *text)
{
    char path[FOLDER_PATH];
    assert_int_equal(avcl_store_run_path(*state, run, NULL, path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_mkdirs(path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_run_path(*state, run, file, path, NULL), AVCL_OK);
    append_doc(path, text);
}

static void put_done(void **state, const char *run)
{
    put(state, run, "run.yaml", RUN);
    put(state, run, "attempt-1.yaml", "{kind: start, time: \"2026-11-23T12:00:03Z\"}");
    put(state, run, "result.yaml", RESULT);
    put(state, run, "attempt-1.yaml", "{kind: stop, state: done, phase: record}");
}

static avcl_runs *open_runs(void **state, const char *cache)
{
    avcl_error err = {0};
    avcl_runs *runs = avcl_runs_open(*state, cache, &err);
    if (!runs) print_error("%s\n", err.message);
    assert_non_null(runs);
    return runs;
}

static const avcl_cell *cell_of(const avcl_runs *runs, const char *run, const char *name)
{
    int64_t row = -1;
    assert_int_equal(avcl_runs_find(runs, run, &row, NULL), AVCL_OK);
    int32_t column = avcl_runs_find_column(runs, name);
    assert_true(column >= 0);
    return &avcl_runs_cells(runs, (uint32_t)column)[row];
}

static const char *text_of(const avcl_runs *runs, const char *run, const char *name)
{
    const avcl_cell *cell = cell_of(runs, run, name);
    return cell->text.tag == AVCL_CELL_TEXT ? avcl_runs_text(runs, cell->text.index) : "";
}

static int is_number(const avcl_cell *cell)
{
    return cell->text.tag >= 0 || cell->text.tag < AVCL_CELL_MISSING;
}

static double number_of(const avcl_runs *runs, const char *run, const char *name)
{
    const avcl_cell *cell = cell_of(runs, run, name);
    assert_true(is_number(cell));
    return cell->real;
}

/* ---- reading ---------------------------------------------------------------------- */
static void test_runs__are_rows_of_named_values(void **state)
{
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    put_done(state, ONE);
    put(state, THREE, "run.yaml", "{stage: pretrain, config: {tau: -0.25}}");
    avcl_runs *runs = open_runs(state, "");
    assert_int_equal(avcl_runs_count(runs), 2);
    assert_string_equal(text_of(runs, "3f9c", "run"), ONE);
    assert_string_equal(text_of(runs, ONE, "state"), "done");
    assert_string_equal(text_of(runs, ONE, "label"), "no");
    assert_string_equal(text_of(runs, ONE, "parent"), "12");
    assert_string_equal(text_of(runs, ONE, "data"), "k32");
    assert_string_equal(text_of(runs, ONE, "config.cgra_at"), "conv3+pool");
    assert_string_equal(text_of(runs, ONE, "select.rule"), "last");
    assert_string_equal(text_of(runs, ONE, "started"), "2026-11-23T12:00:03Z");
    assert_true(number_of(runs, ONE, "config.tau") == 0.5);
    assert_true(number_of(runs, ONE, "config.rgb.size") == 112);
    assert_true(number_of(runs, ONE, "metrics.test.top1") == 61.2345);
    assert_true(isnan(number_of(runs, ONE, "metrics.test.loss")));
    assert_true(number_of(runs, THREE, "config.tau") == -0.25);
    assert_int_equal(cell_of(runs, ONE, "config.frozen")->text.tag, AVCL_CELL_TRUE);
    assert_int_equal(cell_of(runs, ONE, "dirty")->text.tag, AVCL_CELL_FALSE);
    assert_int_equal(cell_of(runs, THREE, "dirty")->text.tag, AVCL_CELL_MISSING);
    assert_int_equal(avcl_runs_find_column(runs, "config.none"), -1);
    assert_string_equal(text_of(runs, THREE, "state"), "planned");
    avcl_runs_free(runs);
}

static void test_find__takes_a_beginning_that_is_one_run_only(void **state)
{
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    put_done(state, ONE);
    put_done(state, TWO);
    avcl_runs *runs = open_runs(state, "");
    int64_t row = 7;
    avcl_error err = {0};
    assert_int_equal(avcl_runs_find(runs, "3f", &row, &err), AVCL_E_INVALID);
    assert_non_null(strstr(err.message, "3f9c2a717be0"));
    assert_int_equal(avcl_runs_find(runs, "77", &row, NULL), AVCL_E_NOT_FOUND);
    assert_int_equal(avcl_runs_find(runs, "", &row, NULL), AVCL_E_NOT_FOUND);
    assert_int_equal(avcl_runs_find(runs, "3f0", &row, NULL), AVCL_OK);
    avcl_runs_free(runs);
}

static void test_runs__follow_the_store(void **state)
{
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    put(state, ONE, "run.yaml", RUN);
    avcl_runs *runs = open_runs(state, "");
    assert_string_equal(text_of(runs, ONE, "state"), "planned");
    put(state, ONE, "attempt-1.yaml", "{kind: stop, state: failed, message: boom}");
    assert_int_equal(avcl_runs_refresh(runs, NULL), AVCL_OK);
    assert_string_equal(text_of(runs, ONE, "state"), "failed");
    assert_string_equal(text_of(runs, ONE, "message"), "boom");
    put(state, ONE, "result.yaml", RESULT);
    put_done(state, TWO);
    assert_int_equal(avcl_runs_refresh(runs, NULL), AVCL_OK);
    assert_int_equal(avcl_runs_count(runs), 2);
    assert_string_equal(text_of(runs, ONE, "state"), "done");
    char path[FOLDER_PATH];
    char away[FOLDER_PATH];
    assert_int_equal(avcl_store_run_path(*state, ONE, NULL, path, NULL), AVCL_OK);
    assert_int_equal(rename(path, below(state, "trash/x", away)), 0);
    assert_int_equal(avcl_runs_refresh(runs, NULL), AVCL_OK);
    assert_int_equal(avcl_runs_count(runs), 1);
    assert_string_equal(text_of(runs, "3f", "run"), TWO);
    avcl_runs_free(runs);
}

/* A record cut at every byte: its values or none, and the other run is always there. */
static void test_runs__never_read_a_wrong_value(void **state)
{
    static const char *const files[] = {"run.yaml", "result.yaml", "attempt-1.yaml"};
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    put_done(state, ONE);
    put_done(state, TWO);
    int done = 0;
    for (int k = 0; k < 3; k++) {
        char path[FOLDER_PATH];
        char data[4096];
        assert_int_equal(avcl_store_run_path(*state, ONE, files[k], path, NULL), AVCL_OK);
        size_t n = load_bytes(path, data, sizeof data);
        assert_true(n > 100);
        for (size_t cut = 0; cut <= n; cut++) {
            store_bytes(path, data, cut);
            avcl_runs *runs = open_runs(state, "");
            assert_int_equal(avcl_runs_count(runs), 2);
            assert_string_equal(text_of(runs, TWO, "state"), "done");
            const avcl_cell *tau = cell_of(runs, ONE, "config.tau");
            const avcl_cell *top1 = cell_of(runs, ONE, "metrics.test.top1");
            assert_true(is_number(tau) ? tau->real == 0.5 : cut < n);
            assert_true(is_number(top1) ? top1->real == 61.2345 : cut < n);
            const char *is = text_of(runs, ONE, "state");
            done += strcmp(is, "done") == 0;
            if (k == 1 && cut < n) assert_string_not_equal(is, "done");
            avcl_runs_free(runs);
        }
        store_bytes(path, data, n);
    }
    assert_true(done >= 3);
}

static void test_reading__writes_nothing_into_the_store(void **state)
{
    char path[FOLDER_PATH];
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    put(state, ONE, "run.yaml", RUN);
    assert_int_equal(avcl_store_claim(*state, ONE, 1, NULL), AVCL_OK);
    int claims = count_files(below(state, "claims", path));
    avcl_runs_free(open_runs(state, ""));
    assert_int_equal(count_files(below(state, "claims", path)), claims);
    assert_int_equal(count_files(below(state, "log", path)), 0);
    assert_int_equal(avcl_store_run_path(*state, ONE, NULL, path, NULL), AVCL_OK);
    assert_int_equal(count_files(path), 1);
}

enum { N_CACHED = 40 }; /* more than what is not worth saving */

/* ---- the cache -------------------------------------------------------------------- */
/* Times of the last second are not trusted: see runs_scan.c. */
static void wait_until_times_count(void)
{
    nanosleep(&(struct timespec){1, 200000000}, NULL);
}

static void make_cached(void **state, char cache[FOLDER_PATH])
{
    assert_int_equal(avcl_store_init(*state, NULL), AVCL_OK);
    for (int i = 0; i < N_CACHED; i++) {
        char run[40];
        snprintf(run, sizeof run, "%02x%030d", i * 2, i);
        put_done(state, run);
    }
    wait_until_times_count();
    below(state, "cache/c.runs", cache);
    avcl_runs *runs = open_runs(state, cache);
    assert_int_equal(avcl_runs_get_stats(runs).n_read, N_CACHED);
    assert_true(avcl_runs_get_stats(runs).is_saved);
    avcl_runs_free(runs);
}

static void check_all(const avcl_runs *runs)
{
    assert_int_equal(avcl_runs_count(runs), N_CACHED);
    for (int i = 0; i < N_CACHED; i++) {
        char run[40];
        snprintf(run, sizeof run, "%02x%030d", i * 2, i);
        assert_string_equal(text_of(runs, run, "state"), "done");
        assert_true(number_of(runs, run, "metrics.test.top1") == 61.2345);
        assert_string_equal(text_of(runs, run, "config.cgra_at"), "conv3+pool");
    }
}

static void test_cache__saves_reading_what_is_done(void **state)
{
    char cache[FOLDER_PATH];
    make_cached(state, cache);
    avcl_runs *runs = open_runs(state, cache);
    avcl_runs_stats stats = avcl_runs_get_stats(runs);
    assert_int_equal(stats.n_cached, N_CACHED);
    assert_int_equal(stats.n_read, 0);
    check_all(runs);
    avcl_runs_free(runs);
    put_done(state, ONE); /* nobody wrote a line for it: as when a store is copied in */
    runs = open_runs(state, cache);
    assert_int_equal(avcl_runs_get_stats(runs).n_read, 1);
    assert_int_equal(avcl_runs_count(runs), N_CACHED + 1);
    assert_string_equal(text_of(runs, ONE, "state"), "done");
    avcl_runs_free(runs);
}

static void test_cache__damaged_is_none(void **state)
{
    char cache[FOLDER_PATH];
    static char data[1 << 20];
    make_cached(state, cache);
    size_t n = load_bytes(cache, data, sizeof data);
    assert_true(n > 1000 && n < sizeof data);
    for (size_t cut = 0; cut < n; cut += n / 23) {
        store_bytes(cache, data, cut);
        avcl_runs *runs = open_runs(state, cache);
        assert_int_equal(avcl_runs_get_stats(runs).n_cached, 0);
        check_all(runs);
        avcl_runs_free(runs);
    }
    for (size_t at = 0; at < n; at += n / 23) {
        data[at] ^= 16;
        store_bytes(cache, data, n);
        avcl_runs *runs = open_runs(state, cache);
        check_all(runs);
        avcl_runs_free(runs);
        data[at] ^= 16;
    }
}

static void say(void **state, const char *text)
{
    avcl_doc *doc = make_doc(text);
    assert_int_equal(avcl_store_log(*state, doc, NULL), AVCL_OK);
    avcl_doc_free(doc);
}

static void test_log__names_runs_to_read_again(void **state)
{
    char cache[FOLDER_PATH];
    char line[128];
    make_cached(state, cache);
    snprintf(line, sizeof line, "{event: done, run: \"%02x%030d\"}", 4, 2);
    say(state, line);
    avcl_runs *runs = open_runs(state, cache);
    assert_int_equal(avcl_runs_get_stats(runs).n_lines, 1);
    assert_int_equal(avcl_runs_get_stats(runs).n_read, 1);
    assert_int_equal(avcl_runs_refresh(runs, NULL), AVCL_OK);
    assert_int_equal(avcl_runs_get_stats(runs).n_lines, 0); /* the offset is remembered */
    say(state, "{event: rm, run: \"0000\"}");               /* a run that is not there */
    say(state, "{event: note}");
    assert_int_equal(avcl_runs_refresh(runs, NULL), AVCL_OK);
    assert_int_equal(avcl_runs_get_stats(runs).n_lines, 2);
    check_all(runs);
    avcl_runs_free(runs);
}

static void test_log__is_passed_over_where_it_is_cut(void **state)
{
    char path[FOLDER_PATH];
    char cache[FOLDER_PATH];
    make_cached(state, cache);
    below(state, "log/elsewhere-1-2.yaml", path);
    static const char text[] =
        "- {\"event\":\"done\",\"run\":\"aa\"} # crc32c: 00000000\nnonsense\n- {\"ev";
    store_bytes(path, text, sizeof text - 1);
    avcl_runs *runs = open_runs(state, cache);
    assert_int_equal(avcl_runs_get_stats(runs).n_lines, 0);
    check_all(runs);
    avcl_runs_free(runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_runs__are_rows_of_named_values),
        WITH_FOLDER(test_find__takes_a_beginning_that_is_one_run_only),
        WITH_FOLDER(test_runs__follow_the_store),
        WITH_FOLDER(test_runs__never_read_a_wrong_value),
        WITH_FOLDER(test_reading__writes_nothing_into_the_store),
        WITH_FOLDER(test_cache__saves_reading_what_is_done),
        WITH_FOLDER(test_cache__damaged_is_none),
        WITH_FOLDER(test_log__names_runs_to_read_again),
        WITH_FOLDER(test_log__is_passed_over_where_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
