/*
 * publish.c - a file appears whole or not at all.
 *
 * Temp file in the same folder, fsync, checked close, link (must not exist) or rename
 * (replace), fsync of the folder. On NFS a link may succeed and say it failed: two links
 * on the temp file are the proof that it did succeed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "avcl/store.h"
#include "base/file.h"

enum { TEMP_TRIES = 100, PATH_ROOM = 4096 };

/* "a/b" -> "a", "/b" -> "/", "b" -> ".". */
static int folder_of(const char *path, char out[PATH_ROOM])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= PATH_ROOM) return ENAMETOOLONG;
    snprintf(out, PATH_ROOM, "%.*s", slash ? (int)(n ? n : 1) : 1, slash ? path : ".");
    return 0;
}

static int sync_folder(const char *path)
{
    char folder[PATH_ROOM];
    int error = folder_of(path, folder);
    if (error) return error;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    if (fsync(fd) && errno != EINVAL)
        error = errno; /* EINVAL: folders are not synced there */
    close(fd);
    return error;
}

/* Opens a new file ".tmp-PID-TIME-TRY" beside `path`. */
static int open_temp(const char *path, char temp[PATH_ROOM], int *fd)
{
    char folder[PATH_ROOM];
    int error = folder_of(path, folder);
    for (int i = 0; !error && i < TEMP_TRIES; i++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        int n = snprintf(temp, PATH_ROOM, "%s/.tmp-%ld-%lx%lx-%d", folder, (long)getpid(),
                         (unsigned long)now.tv_sec, (unsigned long)now.tv_nsec, i);
        if (n < 0 || n >= PATH_ROOM) return ENAMETOOLONG;
        *fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0) return 0;
        if (errno != EEXIST) error = errno;
    }
    return error ? error : EEXIST;
}

static int write_parts(int fd, const avcl__bytes *parts, uint32_t n_parts)
{
    for (uint32_t i = 0; i < n_parts; i++) {
        const char *data = parts[i].data;
        for (uint64_t left = parts[i].n; left > 0;) {
            ssize_t done = write(fd, data, left);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) return errno;
            data += done;
            left -= (uint64_t)done;
        }
    }
    return 0;
}

static int write_temp(int fd, const avcl__bytes *parts, uint32_t n_parts)
{
    int error = write_parts(fd, parts, n_parts);
    if (!error && fsync(fd)) error = errno;
    if (close(fd) && !error) error = errno;
    return error;
}

static int link_new(const char *temp, const char *path)
{
    struct stat st;
    if (link(temp, path) == 0) return 0;
    int error = errno;
    return stat(temp, &st) == 0 && st.st_nlink == 2 ? 0 : error;
}

avcl_status avcl__file_publish_parts(const char *path, const avcl__bytes *parts,
                                     uint32_t n_parts, int32_t replace, avcl_error *err)
{
    char temp[PATH_ROOM] = "";
    int fd;
    int error = open_temp(path, temp, &fd);
    if (error) return avcl__io_error(err, error, "cannot write", path);
    error = write_temp(fd, parts, n_parts);
    int renamed = 0;
    if (!error && replace) {
        error = rename(temp, path) ? errno : 0;
        renamed = !error;
    } else if (!error) {
        error = link_new(temp, path);
    }
    if (!renamed) unlink(temp);
    if (error == EEXIST)
        return avcl_error_set(err, AVCL_E_EXISTS, "%s exists and is written once", path);
    if (!error) error = sync_folder(path);
    return error ? avcl__io_error(err, error, "cannot write", path) : AVCL_OK;
}

avcl_status avcl_file_publish(const char *path, const void *data, uint64_t n,
                              int32_t replace, avcl_error *err)
{
    avcl__bytes part = {data, n};
    return avcl__file_publish_parts(path, &part, 1, replace, err);
}

avcl_status avcl_store_reserve(const char *path, uint64_t n, avcl_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return avcl__io_error(err, errno, "cannot write", path);
    int error = posix_fallocate(fd, 0, (off_t)n);
    if (close(fd) && !error) error = errno;
    if (error) unlink(path);
    return error ? avcl__io_error(err, error, "cannot write", path) : AVCL_OK;
}

avcl_status avcl_store_mkdirs(const char *path, avcl_error *err)
{
    char part[PATH_ROOM];
    size_t n = strlen(path);
    if (n >= sizeof part) return avcl__io_error(err, ENAMETOOLONG, "cannot make", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat st;
        if (mkdir(part, 0777) == 0) continue;
        int error = errno; /* a folder that is there may also answer EROFS or EACCES */
        if (stat(part, &st) == 0 && S_ISDIR(st.st_mode)) continue;
        return avcl__io_error(err, error == EEXIST ? ENOTDIR : error, "cannot make",
                              part);
    }
    return AVCL_OK;
}
