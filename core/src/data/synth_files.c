/*
 * synth_files.c - folders, manifest and record of a synthetic set. Every file is written
 * beside its name and renamed; synth.partial.yaml holds the options until all is done.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/synth_files.h"
#include "data/synth_impl.h"

static const char DONE[] = "synth.yaml";
static const char BEGUN[] = "synth.partial.yaml";

enum { MAX_CLIPS = 1000000 /* six digits in a name */ };

/* ---- options --------------------------------------------------------------------- */
static avcl_status check_count(const char *name, int64_t n, int64_t multiple,
                               avcl_error *err)
{
    if (n < 0 || n > MAX_CLIPS)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "synth: %s %lld is not one of -1 to %d", name, (long long)n,
                              MAX_CLIPS);
    if (n % multiple)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "synth: %s %lld is not a multiple of the %lld classes",
                              name, (long long)n, (long long)multiple);
    return AVCL_OK;
}

static avcl_status check_side(const char *name, int32_t side, avcl_error *err)
{
    if (side >= 16 && side <= 1024 && side % 2 == 0) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID,
                          "synth: %s %d is not an even number of 16 to 1024", name, side);
}

static avcl_status check_range(const char *name, double value, double low, double high,
                               avcl_error *err)
{
    if (value >= low && value <= high) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_INVALID, "synth: %s %g is not in %g to %g", name,
                          value, low, high);
}

static int32_t count_or(int32_t n, int32_t fallback)
{
    if (n == -1) return 0;
    return n ? n : fallback;
}

avcl_status avcl__synth_resolve(const avcl_synth_options *in, avcl_synth_options *out,
                                avcl_error *err)
{
    avcl_synth_options o = *in;
    if (!o.width) o.width = 76;
    if (!o.height) o.height = 56;
    if (!o.fps) o.fps = 12;
    if (o.seconds == 0) o.seconds = 2.0;
    if (!o.classes) o.classes = AVCL__SYNTH_CLASSES;
    if (o.classes != AVCL__SYNTH_CLASSES && o.classes != AVCL__SYNTH_MORE)
        return avcl_error_set(err, AVCL_E_INVALID,
                              "synth: classes %d is neither %d nor %d", o.classes,
                              AVCL__SYNTH_CLASSES, AVCL__SYNTH_MORE);
    o.clips = count_or(o.clips, 0);
    o.train = count_or(o.train, 15 * o.classes);
    o.val = count_or(o.val, 5 * o.classes);
    o.test = count_or(o.test, 50 * o.classes);
    o.masks = o.masks != 0;
    avcl_status status = check_side("width", o.width, err);
    if (!status) status = check_side("height", o.height, err);
    if (!status) status = check_range("fps", o.fps, 4, 120, err);
    if (!status) status = check_range("seconds", o.seconds, 0.25, 60, err);
    if (!status) status = check_range("difficulty", o.difficulty, 0, 1.5, err);
    if (!status) status = check_count("clips", o.clips, 1, err);
    if (!status) status = check_count("train", o.train, o.classes, err);
    if (!status) status = check_count("val", o.val, 1, err);
    if (!status) status = check_count("test", o.test, 1, err);
    if (!status) status = check_range("shift", o.shift, 0, o.test, err);
    if (!status) status = check_range("silent", o.silent, 0, o.test, err);
    if (!status) status = check_range("black", o.black, 0, o.test, err);
    if (!status) status = check_range("workers", o.workers, 0, 256, err);
    if (!status && !o.clips && !o.train && !o.val && !o.test)
        return avcl_error_set(err, AVCL_E_INVALID, "synth: no split has any clips");
    if (!status) *out = o;
    return status;
}

int64_t avcl__synth_splits(const avcl_synth_options *options,
                           avcl_synth_split out[AVCL__SYNTH_SPLITS])
{
    out[0] = (avcl_synth_split){"unlab", options->clips, 0};
    out[1] = (avcl_synth_split){"train", options->train, 1};
    out[2] = (avcl_synth_split){"val", options->val, 1};
    out[3] = (avcl_synth_split){"test", options->test, 1};
    out[4] = (avcl_synth_split){"shift", options->shift, 1};
    out[5] = (avcl_synth_split){"silent", options->silent, 1};
    out[6] = (avcl_synth_split){"black", options->black, 1};
    int64_t n = 0;
    for (int i = 0; i < AVCL__SYNTH_SPLITS; i++)
        n += out[i].n;
    return n;
}

/* ---- files ------------------------------------------------------------------------ */
static avcl_status refuse(const char *what, const char *path, avcl_error *err)
{
    char text[128] = "unknown error";
    int code = errno;
    (void)!strerror_r(code, text, sizeof text);
    return avcl_error_set(err, AVCL_E_IO, "cannot %s %s: %s", what, path, text);
}

static char *join(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = malloc(n);
    if (path) snprintf(path, n, "%s/%s", dir, name);
    return path;
}

static avcl_status no_memory(avcl_error *err)
{
    return avcl_error_set(err, AVCL_E_NOMEM, "synth: out of memory");
}

/* A folder and those above it. */
static avcl_status make_folder(const char *path, avcl_error *err)
{
    char *part = malloc(strlen(path) + 1);
    if (!part) return no_memory(err);
    strcpy(part, path);
    avcl_status status = AVCL_OK;
    for (char *at = part + 1; !status; at++) {
        char end = *at;
        if (end && end != '/') continue;
        *at = '\0';
        if (mkdir(part, 0777) && errno != EEXIST)
            status = refuse("make the folder", path, err);
        *at = end;
        if (!end) break;
    }
    struct stat st;
    if (!status && (stat(path, &st) || !S_ISDIR(st.st_mode)))
        status = avcl_error_set(err, AVCL_E_IO, "%s is not a folder", path);
    free(part);
    return status;
}

/* A text that grows. NULL data after a failed allocation; the caller asks once, at the
 * end. */
typedef struct text {
    FILE *file;
    char *data;
    size_t size;
} text;

static avcl_status write_text(const char *dir, const char *name, text *t, avcl_error *err)
{
    avcl_status status = AVCL_OK;
    char *path = join(dir, name);
    char *beside = NULL;
    int bad = ferror(t->file);
    bad |= fclose(t->file);
    size_t room = path ? strlen(path) + 32 : 0;
    if (path) beside = malloc(room);
    if (bad || !beside) {
        status = no_memory(err);
        goto done;
    }
    snprintf(beside, room, "%s.%ld-0.tmp", path, (long)getpid());
    FILE *f = fopen(beside, "we");
    if (!f) {
        status = refuse("write", path, err);
        goto done;
    }
    int wrote =
        fwrite(t->data, 1, t->size, f) == t->size && !fflush(f) && !fsync(fileno(f));
    if (!wrote) status = refuse("write", path, err);
    if (fclose(f) && !status) status = refuse("write", path, err);
    if (!status && rename(beside, path)) status = refuse("write", path, err);
    if (status) unlink(beside);
done:
    free(t->data);
    free(beside);
    free(path);
    return status;
}

static avcl_status open_text(text *t, avcl_error *err)
{
    *t = (text){0};
    t->file = open_memstream(&t->data, &t->size);
    return t->file ? AVCL_OK : no_memory(err);
}

/* ---- the record ---------------------------------------------------------------------
 */
/* The shortest decimal that reads back as the same number. */
static const char *shortest(double x, char out[32])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}

static void print_record(FILE *f, const avcl_synth_options *o)
{
    char number[32];
    fprintf(f, "generator: avcl-synth-%d\n", AVCL__SYNTH_VERSION);
    fprintf(f, "seed: %llu\n", (unsigned long long)o->seed);
    fprintf(f, "width: %d\nheight: %d\nfps: %d\n", o->width, o->height, o->fps);
    fprintf(f, "seconds: %s\n", shortest(o->seconds, number));
    fprintf(f, "difficulty: %s\n", shortest(o->difficulty, number));
    fprintf(f, "clips: %d\ntrain: %d\nval: %d\ntest: %d\n", o->clips, o->train, o->val,
            o->test);
    if (o->classes != AVCL__SYNTH_CLASSES) fprintf(f, "classes: %d\n", o->classes);
    if (o->shift) fprintf(f, "shift: %d\n", o->shift);
    if (o->silent) fprintf(f, "silent: %d\n", o->silent);
    if (o->black) fprintf(f, "black: %d\n", o->black);
    if (o->masks) fprintf(f, "masks: %d\n", o->masks);
}

/* Where two records differ: the lines of each, or 0 when they do not. */
static int differ(const char *old, const char *wanted, char was[80], char is[80])
{
    while (*old || *wanted) {
        size_t n = strcspn(old, "\n");
        size_t m = strcspn(wanted, "\n");
        if (n != m || memcmp(old, wanted, n)) {
            snprintf(was, 80, "%.*s", (int)n, old);
            snprintf(is, 80, "%.*s", (int)m, wanted);
            return 1;
        }
        old += n + (old[n] == '\n');
        wanted += m + (wanted[m] == '\n');
    }
    return 0;
}

static avcl_status compare_record(const char *dir, FILE *f,
                                  const avcl_synth_options *options, avcl_error *err)
{
    char old[2048];
    text t;
    size_t n = fread(old, 1, sizeof old - 1, f);
    old[n] = '\0';
    avcl_status status = open_text(&t, err);
    if (status) return status;
    print_record(t.file, options);
    if (fclose(t.file)) return no_memory(err);
    char was[80];
    char is[80];
    if (differ(old, t.data, was, is))
        status =
            avcl_error_set(err, AVCL_E_EXISTS,
                           "%s was made with '%s', not '%s'; name another directory or "
                           "delete this one",
                           dir, was, is);
    free(t.data);
    return status;
}

/* Leaves of a process that is gone: NAME.PID-TAG.tmp. */
static int is_stale(const char *name)
{
    const char *end = strrchr(name, '.');
    if (!end || strcmp(end, ".tmp")) return 0;
    const char *tag = end;
    while (tag > name && *tag != '-')
        tag--;
    const char *pid = tag;
    while (pid > name && pid[-1] != '.')
        pid--;
    long id = strtol(pid, NULL, 10);
    return id > 0 && kill((pid_t)id, 0) && errno == ESRCH;
}

static void sweep(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        char *path = is_stale(e->d_name) ? join(folder, e->d_name) : NULL;
        if (path) unlink(path);
        free(path);
    }
    closedir(d);
}

static avcl_status make_split(const char *dir, const char *split, avcl_error *err)
{
    char *folder = join(dir, split);
    if (!folder) return no_memory(err);
    avcl_status status = make_folder(folder, err);
    if (!status) sweep(folder);
    free(folder);
    return status;
}

static avcl_status make_splits(const char *dir, const avcl_synth_options *options,
                               avcl_error *err)
{
    avcl_synth_split splits[AVCL__SYNTH_SPLITS];
    avcl_status status = AVCL_OK;
    char *masks = options->masks ? join(dir, "masks") : NULL;
    if (options->masks && !masks) return no_memory(err);
    avcl__synth_splits(options, splits);
    for (int i = 0; i < AVCL__SYNTH_SPLITS && !status; i++) {
        if (!splits[i].n) continue;
        status = make_split(dir, splits[i].name, err);
        if (!status && masks && strcmp(splits[i].name, "black"))
            status = make_split(masks, splits[i].name, err);
    }
    free(masks);
    return status;
}

/* The record of a directory: the finished one, else the one of a set begun. */
static FILE *open_record(const char *dir)
{
    const char *names[2] = {DONE, BEGUN};
    FILE *f = NULL;
    for (int i = 0; i < 2 && !f; i++) {
        char *path = join(dir, names[i]);
        if (path) f = fopen(path, "re");
        free(path);
    }
    return f;
}

static avcl_status refuse_foreign(const char *dir, avcl_error *err)
{
    char *manifest = join(dir, "manifest.csv");
    if (!manifest) return no_memory(err);
    int there = !access(manifest, F_OK);
    free(manifest);
    if (!there) return AVCL_OK;
    return avcl_error_set(err, AVCL_E_EXISTS,
                          "%s holds a manifest.csv that synth did not make; name another "
                          "directory",
                          dir);
}

avcl_status avcl__synth_begin(const char *dir, const avcl_synth_options *options,
                              avcl_error *err)
{
    avcl_status status = make_folder(dir, err);
    if (status) return status;
    sweep(dir);
    FILE *record = open_record(dir);
    if (record) {
        status = compare_record(dir, record, options, err);
        fclose(record);
    } else {
        text t;
        status = refuse_foreign(dir, err);
        if (!status) status = open_text(&t, err);
        if (status) return status;
        print_record(t.file, options);
        status = write_text(dir, BEGUN, &t, err);
    }
    return status ? status : make_splits(dir, options, err);
}

/* ---- the manifest ---------------------------------------------------------------------
 */
/* The first `per_class` clips of each class of train, under a name of their own; none
 * when train has fewer: a split called few5 holds five. */
static void print_few(FILE *f, const avcl_synth_options *o, int per_class)
{
    int seen[AVCL__SYNTH_MORE] = {0};
    if (o->train < per_class * o->classes) return;
    for (int64_t i = 0; i < o->train; i++) {
        int32_t label = avcl__synth_label(o->seed, "train", i, o->classes);
        if (seen[label]++ >= per_class) continue;
        fprintf(f, "train/%06lld.mp4,%s,few%d\n", (long long)i,
                avcl__synth_classes[label].name, per_class);
    }
}

static void print_manifest(FILE *f, const avcl_synth_options *o)
{
    avcl_synth_split splits[AVCL__SYNTH_SPLITS];
    avcl__synth_splits(o, splits);
    fprintf(f, "path,label,split\n");
    for (int s = 0; s < AVCL__SYNTH_SPLITS; s++) {
        for (int64_t i = 0; i < splits[s].n; i++) {
            avcl_synth_format format = avcl__synth_format_of(o, splits[s].name, i);
            int32_t label = avcl__synth_label(o->seed, format.draws, i, o->classes);
            fprintf(f, "%s/%06lld.mp4,%s,%s\n", splits[s].name, (long long)i,
                    splits[s].labelled ? avcl__synth_classes[label].name : "",
                    splits[s].name);
        }
    }
    print_few(f, o, 5);
    print_few(f, o, 15);
}

static avcl_status publish_one(const char *dir, const char *name,
                               void (*print)(FILE *, const avcl_synth_options *),
                               const avcl_synth_options *options, avcl_error *err)
{
    text t;
    avcl_status status = open_text(&t, err);
    if (status) return status;
    print(t.file, options);
    return write_text(dir, name, &t, err);
}

static void print_classes(FILE *f, const avcl_synth_options *o)
{
    for (int i = 0; i < o->classes; i++)
        fprintf(f, "%s\n", avcl__synth_classes[i].name);
}

avcl_status avcl__synth_publish(const char *dir, const avcl_synth_options *options,
                                avcl_error *err)
{
    avcl_status status = publish_one(dir, "manifest.csv", print_manifest, options, err);
    if (!status) status = publish_one(dir, "classes.txt", print_classes, options, err);
    if (!status) status = publish_one(dir, DONE, print_record, options, err);
    char *begun = status ? NULL : join(dir, BEGUN);
    if (begun) unlink(begun);
    free(begun);
    return status;
}
