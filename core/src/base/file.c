/* file.c - reading whole files, and appending by a single write(2). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

avcl_status avcl__io_error(avcl_error *err, int error, const char *what, const char *path)
{
    char reason[128] = "unknown reason";
    strerror_r(error, reason, sizeof reason);
    int reading = strcmp(what, "cannot read") == 0;
    avcl_status code = reading && error == ENOENT ? AVCL_E_NOT_FOUND : AVCL_E_IO;
    return avcl_error_set(err, code, "%s %s: %s", what, path, reason);
}

/* Reads to the end; the size is only a first guess, as it is for /proc. */
static int read_all(int fd, size_t guess, char **data, uint64_t *n)
{
    size_t size = guess + 1;
    size_t used = 0;
    char *text = malloc(size + 1);
    while (text) {
        ssize_t got = read(fd, text + used, size - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        if (got == 0) {
            text[used] = '\0';
            *data = text;
            *n = used;
            return 0;
        }
        used += (size_t)got;
        if (used < size) continue;
        size *= 2;
        char *larger = realloc(text, size + 1);
        if (!larger) break;
        text = larger;
    }
    int error = errno;
    free(text);
    return error;
}

avcl_status avcl__file_read(const char *path, char **data, uint64_t *n, avcl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return avcl__io_error(err, errno, "cannot read", path);
    struct stat st;
    int error = fstat(fd, &st) ? errno : 0;
    if (!error) error = read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 0, data, n);
    close(fd);
    return error ? avcl__io_error(err, error, "cannot read", path) : AVCL_OK;
}

/* 1 when the file ends inside a line: a writer was cut off there. */
static int ends_inside_line(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int write_once(int fd, const char *text, uint64_t n)
{
    ssize_t done;
    do {
        done = write(fd, text, n);
    } while (done < 0 && errno == EINTR);
    if (done < 0) return errno;
    return (uint64_t)done == n ? 0 : ENOSPC; /* a short write is a full disk or a limit */
}

avcl_status avcl__file_append(const char *path, const char *text, uint64_t n,
                              int32_t sync, avcl_error *err)
{
    avcl_status rc = AVCL_OK;
    char *line = malloc(n + 1);
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = avcl__io_error(err, errno, "cannot append to", path);
        goto done;
    }
    if (!line) {
        rc = avcl_error_set(err, AVCL_E_NOMEM, "out of memory while appending to %s",
                            path);
        goto done;
    }
    int cut = ends_inside_line(fd);
    line[0] = '\n';
    memcpy(line + cut, text, n);
    int error = write_once(fd, line, n + (uint64_t)cut);
    if (!error && sync && fdatasync(fd)) error = errno;
    if (close(fd) && !error) error = errno;
    fd = -1;
    if (error) rc = avcl__io_error(err, error, "cannot append to", path);
done:
    if (fd >= 0) close(fd);
    free(line);
    return rc;
}
