/* test_claim.c - the race for an attempt, and the state of a run from its files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "avcl/store.h"
#include "folder.h"

static const char RUN[] = "3f9c2a717be04d15c2b6a0e94f1d8837";

/* ---- claims and states ----------------------------------------------------------- */
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
    char claims[FOLDER_PATH];
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
    char path[FOLDER_PATH];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    struct timespec times[2] = {now, now};
    assert_int_equal(utimensat(AT_FDCWD, below(state, claim, path), times, 0), 0);
}

static const char *run_file(void **state, const char *file, char path[FOLDER_PATH])
{
    assert_int_equal(avcl_store_run_path(*state, RUN, NULL, path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_mkdirs(path, NULL), AVCL_OK);
    assert_int_equal(avcl_store_run_path(*state, RUN, file, path, NULL), AVCL_OK);
    return path;
}

static void test_state__follows_the_documents(void **state)
{
    char path[FOLDER_PATH];
    int32_t attempt = -1;
    avcl_store_init(*state, NULL);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_PLANNED);
    assert_int_equal(attempt, 0);
    assert_int_equal(avcl_store_claim(*state, RUN, 1, NULL), AVCL_OK);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_RUNNING);
    assert_int_equal(attempt, 1);
    run_file(state, "attempt-1.yaml", path);
    append_doc(path, "{kind: start}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING);
    append_doc(path, "{kind: stop, state: preempted}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_STOPPED);
    assert_int_equal(avcl_store_claim(*state, RUN, 2, NULL), AVCL_OK);
    assert_int_equal(state_of(*state, &attempt), AVCL_RUN_RUNNING);
    assert_int_equal(attempt, 2);
    run_file(state, "attempt-2.yaml", path);
    append_doc(path, "{kind: start}");
    append_doc(path, "{kind: stop, state: failed, message: 'x'}");
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_FAILED);
    append_doc(run_file(state, "attempt-3.yaml", path), "{kind: stop, state: lots}");
    avcl_run_state found = -1;
    assert_int_equal(avcl_store_state(*state, RUN, &found, NULL, NULL), AVCL_E_INVALID);
    assert_int_equal(found, -1);
    append_doc(run_file(state, "result.yaml", path), "{schema: avcl.result/1}");
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

/* A run with a record of its own: without one, a claim of nobody is as good as none. */
static void begin_run(void **state)
{
    char path[FOLDER_PATH];
    append_doc(run_file(state, "run.yaml", path), "{schema: avcl.run/1}");
}

static void test_state__a_killed_owner_is_lost_at_once(void **state)
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
    char path[FOLDER_PATH];
    begin_run(state);
    snprintf(claim, sizeof claim, "claims/%s.1", RUN);
    age_claim(state, claim, 5000);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_RUNNING); /* stale, but alive */
    kill(owner, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)owner, &info, WEXITED | WNOWAIT);
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_LOST); /* a zombie runs nothing */
    unlink(run_file(state, "run.yaml", path));
    assert_int_equal(state_of(*state, NULL), AVCL_RUN_PLANNED);
    begin_run(state);
    waitpid(owner, NULL, 0);
    assert_int_equal(avcl_store_heartbeat(*state, RUN, 1, NULL), AVCL_OK);
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
        int age;
        avcl_run_state expected;
    } rows[] = {
        {"host", "elsewhere", 700, AVCL_RUN_RUNNING},
        {"pid_space", "pid:[1]", 700, AVCL_RUN_RUNNING},
        {"boot_id", "an-earlier-boot", 500, AVCL_RUN_RUNNING},
        {"boot_id", "an-earlier-boot", 700, AVCL_RUN_LOST},
        {"start", NULL, 0, AVCL_RUN_LOST},
    };
    char path[FOLDER_PATH];
    char claim[64];
    avcl_store_init(*state, NULL);
    snprintf(claim, sizeof claim, "claims/%s.1", RUN);
    begin_run(state);
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
        age_claim(state, claim, rows[i].age);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_claim__each_is_won_once),
        WITH_FOLDER(test_state__follows_the_documents),
        WITH_FOLDER(test_state__an_owner_alive_is_never_lost),
        WITH_FOLDER(test_state__a_killed_owner_is_lost_at_once),
        WITH_FOLDER(test_state__proof_needs_the_same_host),
        WITH_FOLDER(test_heartbeat__needs_a_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
