/*
 * state.c - the state of a run, from its files alone.
 *
 * done: a sound result.yaml. failed, stopped: the last attempt's last document says so.
 * Otherwise the last claim decides: lost needs proof that its owner is gone, and after a
 * reboot, where the proof is weaker, an old heartbeat too. Without proof it is running.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/claim.h"
#include "store/layout.h"
#include "store/state.h"

enum { LOST_AFTER_S = 600 };

static avcl_status attempt_path(const char *root, const char *run, int32_t attempt,
                                char path[AVCL_PATH_ROOM], avcl_error *err)
{
    char file[32];
    snprintf(file, sizeof file, "attempt-%d.yaml", attempt);
    return avcl_store_run_path(root, run, file, path, err);
}

/* Attempts are claimed one after the other. A copied store may lack claims/, which is not
 * under version control, so an attempt's own file counts as well. */
static avcl_status last_attempt(const char *root, const char *run, int32_t *last,
                                avcl_error *err)
{
    char claim[AVCL_PATH_ROOM];
    char file[AVCL_PATH_ROOM];
    for (int32_t n = 1;; n++) {
        avcl_status rc = avcl__claim_path(root, run, n, claim, err);
        if (!rc) rc = attempt_path(root, run, n, file, err);
        if (rc) return rc;
        *last = n - 1;
        if (access(claim, F_OK) && access(file, F_OK)) return AVCL_OK;
    }
}

static avcl_status is_done(const char *root, const char *run, avcl__run_files *files,
                           int *done, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_error why = {0};
    avcl_status rc = avcl_store_run_path(root, run, "result.yaml", path, err);
    if (rc) return rc;
    rc = avcl__documents_load(&files->result, path, &why);
    *done = files->result.count > 0;
    if (rc == AVCL_E_NOT_FOUND) return AVCL_OK;
    if (rc) return avcl_error_set(err, rc, "%s", why.message);
    return *done ? AVCL_OK : avcl_error_set(err, AVCL_E_CORRUPT, "%s is damaged", path);
}

/* "done" without a result is an attempt that ended before its work was recorded. */
static avcl_status map_stop(const char *path, const char *word, avcl_run_state *state,
                            avcl_error *err)
{
    static const struct {
        const char *word;
        avcl_run_state state;
    } words[] = {{"failed", AVCL_RUN_FAILED},
                 {"preempted", AVCL_RUN_STOPPED},
                 {"cancelled", AVCL_RUN_STOPPED},
                 {"done", AVCL_RUN_STOPPED}};
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) != 0) continue;
        *state = words[i].state;
        return AVCL_OK;
    }
    return avcl_error_set(
        err, AVCL_E_INVALID,
        "%s: state '%.80s' is none of done, failed, preempted, cancelled", path,
        word ? word : "");
}

/* *stopped = 1 and the state when the attempt's last document is its end. */
static avcl_status look_for_stop(const avcl__documents *attempt, int *stopped,
                                 avcl_run_state *state, avcl_error *err)
{
    avcl_error why = {0};
    *stopped = 0;
    if (!attempt->count) return AVCL_OK;
    avcl_doc *doc = avcl__documents_parse(attempt, -1, &why);
    if (!doc) return avcl_error_set(err, why.code, "%s", why.message);
    avcl_status rc = AVCL_OK;
    const char *kind = avcl_doc_get_str(doc, avcl_doc_find(doc, 0, "kind"));
    if (kind && strcmp(kind, "stop") == 0) {
        *stopped = 1;
        rc = map_stop(attempt->path,
                      avcl_doc_get_str(doc, avcl_doc_find(doc, 0, "state")), state, err);
    }
    avcl_doc_free(doc);
    return rc;
}

static avcl_status look_at_claim(const char *root, const char *run, int32_t attempt,
                                 avcl_run_state *state, avcl_error *err)
{
    avcl__owner owner;
    avcl_error why = {0};
    double age;
    avcl_status rc = avcl__claim_owner(root, run, attempt, &owner, &why);
    if (rc == AVCL_E_NOT_FOUND) {
        *state = AVCL_RUN_PLANNED;
        return AVCL_OK;
    }
    if (rc) return avcl_error_set(err, rc, "%s", why.message);
    *state = AVCL_RUN_RUNNING;
    int look = avcl__owner_look(&owner);
    if (look == AVCL__OWNER_GONE) *state = AVCL_RUN_LOST;
    if (look != AVCL__OWNER_REBOOTED) return AVCL_OK;
    rc = avcl__claim_age(root, run, attempt, &age, err);
    if (!rc && age > LOST_AFTER_S) *state = AVCL_RUN_LOST;
    return rc;
}

static int has_record(const char *root, const char *run)
{
    char path[AVCL_PATH_ROOM];
    return !avcl_store_run_path(root, run, "run.yaml", path, NULL) && !access(path, F_OK);
}

static avcl_status load_attempt(const char *root, const char *run, int32_t attempt,
                                avcl__run_files *files, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_error why = {0};
    avcl_status rc = attempt_path(root, run, attempt, path, err);
    if (rc) return rc;
    rc = avcl__documents_load(&files->attempt, path, &why);
    return !rc || rc == AVCL_E_NOT_FOUND ? AVCL_OK
                                         : avcl_error_set(err, rc, "%s", why.message);
}

avcl_status avcl__state_look(const char *root, const char *run, avcl_run_state *state,
                             int32_t *attempt, avcl__run_files *files, avcl_error *err)
{
    avcl_run_state found = AVCL_RUN_PLANNED;
    int known = 0;
    *attempt = 0;
    avcl_status rc = last_attempt(root, run, attempt, err);
    if (!rc && *attempt) rc = load_attempt(root, run, *attempt, files, err);
    if (!rc) rc = is_done(root, run, files, &known, err);
    if (!rc && known) found = AVCL_RUN_DONE;
    if (!rc && !known && *attempt) {
        rc = look_for_stop(&files->attempt, &known, &found, err);
        if (!rc && !known) rc = look_at_claim(root, run, *attempt, &found, err);
    }
    if (rc) return rc;
    /* Claimed, but nothing is there: removed, or ended before its first record. */
    if (found == AVCL_RUN_LOST && !has_record(root, run)) found = AVCL_RUN_PLANNED;
    *state = found;
    return AVCL_OK;
}

void avcl__run_files_release(avcl__run_files *files)
{
    avcl__documents_release(&files->result);
    avcl__documents_release(&files->attempt);
}

avcl_status avcl_store_state(const char *root, const char *run, avcl_run_state *state,
                             int32_t *attempt, avcl_error *err)
{
    avcl__run_files files = {0};
    int32_t last;
    avcl_status rc = avcl__state_look(root, run, state, &last, &files, err);
    if (!rc && attempt) *attempt = last;
    avcl__run_files_release(&files);
    return rc;
}
