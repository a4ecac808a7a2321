/* owner.c - process identity from /proc. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "store/owner.h"

/* First line of a small file, "" when it cannot be read. */
static void read_line(const char *path, char *out, size_t room)
{
    char *data = NULL;
    uint64_t n;
    out[0] = '\0';
    if (avcl__file_read(path, &data, &n, NULL)) return;
    snprintf(out, room, "%.*s", (int)strcspn(data, "\n"), data);
    free(data);
}

/* State letter and start time of a process; 0 when /proc does not tell. The name, field
 * 2, may hold spaces and parentheses, so fields are counted from the last ')'. */
static int read_stat(int64_t pid, char *state, int64_t *start)
{
    enum { STATE = 3, START = 22 };
    char path[64];
    char line[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    read_line(path, line, sizeof line);
    const char *p = strrchr(line, ')');
    if (!p || p[1] != ' ') return 0;
    p += 2;
    *state = *p;
    for (int field = STATE; field < START; field++) {
        p = strchr(p, ' ');
        if (!p) return 0;
        p++;
    }
    *start = strtoll(p, NULL, 10);
    return 1;
}

static void read_user(char *out, size_t room)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found)
        snprintf(out, room, "%s", found->pw_name);
    else
        snprintf(out, room, "%lu", (unsigned long)getuid());
}

void avcl__owner_self(avcl__owner *out)
{
    char state;
    *out = (avcl__owner){.pid = getpid(), .start = -1};
    gethostname(out->host, sizeof out->host - 1);
    read_line("/proc/sys/kernel/random/boot_id", out->boot_id, sizeof out->boot_id);
    if (readlink("/proc/self/ns/pid", out->pid_space, sizeof out->pid_space - 1) < 0)
        out->pid_space[0] = '\0';
    read_user(out->user, sizeof out->user);
    read_stat(out->pid, &state, &out->start);
}

static int is_same_place(const avcl__owner *a, const avcl__owner *b)
{
    return a->boot_id[0] && a->pid_space[0] && strcmp(a->host, b->host) == 0 &&
           strcmp(a->pid_space, b->pid_space) == 0;
}

int avcl__owner_look(const avcl__owner *owner)
{
    avcl__owner self;
    avcl__owner_self(&self);
    if (owner->pid <= 0 || owner->start < 0) return AVCL__OWNER_MAY_LIVE;
    if (!is_same_place(owner, &self)) return AVCL__OWNER_MAY_LIVE;
    if (strcmp(owner->boot_id, self.boot_id) != 0) return AVCL__OWNER_REBOOTED;
    if (kill((pid_t)owner->pid, 0) && errno == ESRCH) return AVCL__OWNER_GONE;
    char state;
    int64_t start;
    if (!read_stat(owner->pid, &state, &start)) return AVCL__OWNER_MAY_LIVE;
    int gone = start != owner->start || state == 'Z' || state == 'X';
    return gone ? AVCL__OWNER_GONE : AVCL__OWNER_MAY_LIVE;
}
