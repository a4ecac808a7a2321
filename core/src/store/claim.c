/*
 * claim.c - the right to an attempt: claims/<run>.<attempt>, made by link(2).
 *
 * link decides between racing processes on any file system, NFS too (publish.c). A claim
 * is never deleted or reused; its mtime is the heartbeat.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "store/claim.h"
#include "store/layout.h"

static void set_str(avcl_doc *doc, const char *key, const char *value)
{
    avcl_doc_set_str(doc, avcl_doc_add(doc, 0, key, AVCL_DOC_STR), value);
}

static void set_int(avcl_doc *doc, const char *key, int64_t value)
{
    avcl_doc_set_int(doc, avcl_doc_add(doc, 0, key, AVCL_DOC_INT), value);
}

static void utc_now(char out[32])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static avcl_doc *describe_claim(const char *run, int32_t attempt)
{
    avcl__owner self;
    char now[32];
    const char *job = getenv("SLURM_JOB_ID");
    avcl__owner_self(&self);
    utc_now(now);
    avcl_doc *doc = avcl_doc_new();
    avcl_doc_add(doc, -1, NULL, AVCL_DOC_MAP);
    set_str(doc, "schema", "avcl.claim/1");
    set_str(doc, "run", run);
    set_int(doc, "attempt", attempt);
    set_str(doc, "time", now);
    set_str(doc, "host", self.host);
    set_str(doc, "boot_id", self.boot_id);
    set_str(doc, "pid_space", self.pid_space);
    set_int(doc, "pid", self.pid);
    set_int(doc, "start", self.start);
    set_str(doc, "user", self.user);
    if (job) set_str(doc, "slurm_job", job);
    return doc;
}

avcl_status avcl_store_claim(const char *root, const char *run, int32_t attempt,
                             avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_status rc = avcl__claim_path(root, run, attempt, path, err);
    if (rc) return rc;
    avcl_doc *doc = describe_claim(run, attempt);
    rc = avcl_store_publish(path, doc, 0, err);
    avcl_doc_free(doc);
    return rc;
}

avcl_status avcl_store_heartbeat(const char *root, const char *run, int32_t attempt,
                                 avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_status rc = avcl__claim_path(root, run, attempt, path, err);
    if (rc) return rc;
    if (utimensat(AT_FDCWD, path, NULL, 0) == 0) return AVCL_OK;
    return avcl__io_error(err, errno, "cannot touch", path);
}

static void get_str(const avcl_doc *doc, const char *key, char *out, size_t room)
{
    const char *text = avcl_doc_get_str(doc, avcl_doc_find(doc, 0, key));
    snprintf(out, room, "%s", text ? text : "");
}

avcl_status avcl__claim_owner(const char *root, const char *run, int32_t attempt,
                              avcl__owner *owner, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    avcl_status rc = avcl__claim_path(root, run, attempt, path, err);
    if (rc) return rc;
    if (access(path, F_OK)) return avcl__io_error(err, errno, "cannot read", path);
    avcl_doc *doc = avcl_store_read(path, 0, NULL, NULL);
    if (!doc) return avcl_error_set(err, AVCL_E_CORRUPT, "%s is damaged", path);
    *owner =
        (avcl__owner){.pid = avcl_doc_get_int(doc, avcl_doc_find(doc, 0, "pid")),
                      .start = avcl_doc_get_int(doc, avcl_doc_find(doc, 0, "start"))};
    get_str(doc, "host", owner->host, sizeof owner->host);
    get_str(doc, "boot_id", owner->boot_id, sizeof owner->boot_id);
    get_str(doc, "pid_space", owner->pid_space, sizeof owner->pid_space);
    get_str(doc, "user", owner->user, sizeof owner->user);
    avcl_doc_free(doc);
    return AVCL_OK;
}

/* The file server's clock, by a probe file; ours when the store is read-only. */
static struct timespec server_now(const char *root)
{
    char path[AVCL_PATH_ROOM];
    struct timespec now;
    struct stat st;
    clock_gettime(CLOCK_REALTIME, &now);
    int n = snprintf(path, sizeof path, "%s/claims/.probe-%ld-%lx", root, (long)getpid(),
                     (unsigned long)now.tv_nsec);
    if (n < 0 || n >= AVCL_PATH_ROOM) return now;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return now;
    if (fstat(fd, &st) == 0) now = st.st_mtim;
    close(fd);
    unlink(path);
    return now;
}

avcl_status avcl__claim_age(const char *root, const char *run, int32_t attempt,
                            double *age, avcl_error *err)
{
    char path[AVCL_PATH_ROOM];
    struct stat st;
    avcl_status rc = avcl__claim_path(root, run, attempt, path, err);
    if (rc) return rc;
    if (stat(path, &st)) return avcl__io_error(err, errno, "cannot read", path);
    struct timespec now = server_now(root);
    *age = (double)(now.tv_sec - st.st_mtim.tv_sec) +
           1e-9 * (double)(now.tv_nsec - st.st_mtim.tv_nsec);
    return AVCL_OK;
}
