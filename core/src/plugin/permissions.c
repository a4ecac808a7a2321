/*
 * permissions.c - could somebody else have written this plugin?
 *
 * No path component may be writable by everyone or belong to a third user. Since nobody
 * else can then replace any of them, checking first and loading later is no race.
 */
#define _XOPEN_SOURCE 700 /* S_ISVTX */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/host_impl.h"

static avcl_status check_one(const char *path, avcl_error *err)
{
    struct stat st;
    if (stat(path, &st))
        return avcl_error_set(err, AVCL_E_IO, "cannot look at '%s': %s", path,
                              strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return avcl_error_set(err, AVCL_E_ABI,
                              "'%s' belongs to user %u, not to you or root "
                              "(chown %u '%s')",
                              path, (unsigned)st.st_uid, (unsigned)geteuid(), path);
    /* /tmp: everyone may add files, nobody may replace another's. */
    int shared = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) && st.st_uid == 0;
    if ((st.st_mode & S_IWOTH) && !shared)
        return avcl_error_set(
            err, AVCL_E_ABI, "'%s' is writable by everyone (chmod o-w '%s')", path, path);
    return AVCL_OK;
}

avcl_status avcl__plugin_check_owner(const char *path, avcl_error *err)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s", path);
    if (n < 0 || (size_t)n >= sizeof part || *path != '/')
        return avcl_error_set(err, AVCL_E_INVALID, "'%s' is not an absolute path", path);
    avcl_status rc = check_one(part, err);
    while (!rc && part[1]) {
        char *slash = strrchr(part, '/');
        slash[slash == part] = '\0';
        rc = check_one(part, err);
    }
    return rc;
}
