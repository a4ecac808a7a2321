/*
 * crumb.h - whose code is running, so that a crash can name it.
 *
 * A crumb is set around every call into a plugin. It is the thread's own and the
 * process's latest, because a kernel's pieces run on threads of the pool.
 *
 *     const avcl_crumb *before = avcl__crumb_set(&crumb);
 *     kernel->forward(…);
 *     avcl__crumb_set(before);
 */
#ifndef AVCL_CRUMB_H
#define AVCL_CRUMB_H

/* Borrowed while it is set. */
typedef struct avcl_crumb {
    const char *who;   /* "org.example.net/shift3d" */
    const char *doing; /* "forward", "build", "init" … */
    const char *path;  /* of the plugin file; NULL = comes with avcl */
    const char *stamp; /* tells this file from a later one at that path */
} avcl_crumb;

/* Returns what was set before, to be set again behind the call. NULL = our own code. */
const avcl_crumb *avcl__crumb_set(const avcl_crumb *crumb);
/* The same for a call that stays on its thread, while others do something else. */
const avcl_crumb *avcl__crumb_set_own(const avcl_crumb *crumb);

/* A folder for markers, one file a crash: lines path, stamp, who, doing, signal. NULL =
 * none. Copied; at most 3900 bytes. */
void avcl__crumb_mark_in(const char *folder);

#endif
