/*
 * An engine in a scratch directory: store, committer, and what a reader finds in them. The disk can
 * be told to be full or to fail: the program's own statvfs and fdatasync come before the C
 * library's, also for LMDB.
 *
 * Threads of the engine run beside the test; nothing sleeps, everything waits for a condition with
 * a deadline.
 */
#ifndef UNIT_ENGINE_SUPPORT_H
#define UNIT_ENGINE_SUPPORT_H

#include "pipeline/committer.h"
#include "pipeline/stream.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "unit/event/event_model.h"

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* --- faults
 * ------------------------------------------------------------------------------------------ */

static _Atomic int64_t fault_free_bytes = -1; /* what statvfs says; -1: the truth */
static _Atomic int fault_sync_errno;          /* what fdatasync fails with; 0: it does not */
static _Atomic int64_t fsyncs;

int statvfs(const char *path, struct statvfs *ret)
{
    static int (*real)(const char *, struct statvfs *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "statvfs");
    int rc = real(path, ret);
    if (fault_free_bytes >= 0) {
        ret->f_frsize = 1;
        ret->f_bavail = (fsblkcnt_t)fault_free_bytes;
    }
    return rc;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    fsyncs++;
    if (fault_sync_errno) {
        errno = fault_sync_errno;
        return -1;
    }
    return real(fd);
}

/* --- waiting
 * ------------------------------------------------------------------------------------------ */

enum { DEADLINE_MS = 30 * 1000 };

/* Until the condition holds; fails the test after DEADLINE_MS. */
#define wait_for(condition)                                                                        \
    do {                                                                                           \
        int64_t wait_until_ms = leat_clock_monotonic_ms() + DEADLINE_MS;                           \
        while (!(condition)) {                                                                     \
            if (leat_clock_monotonic_ms() > wait_until_ms)                                         \
                fail_msg("%s:%d: waited in vain for %s", __FILE__, __LINE__, #condition);          \
            leat_clock_pause_us(500);                                                              \
        }                                                                                          \
    } while (0)

/* --- the engine
 * --------------------------------------------------------------------------------------- */

struct engine {
    char path[64];
    struct leat_store_options options;
    struct leat_store *store;
    struct leat_committer *committer;
    int failed_fd;
};

static UNUSED int engine_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static UNUSED void engine_open(struct engine *g)
{
    ok(leat_store_open(&g->options, &g->store, &err));
    ok(leat_committer_new(g->store, &g->committer, &err));
    g->failed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static UNUSED void engine_start(struct engine *g)
{
    ok(leat_committer_start(g->committer, g->failed_fd, &err));
}

/* Sources must have ended. */
static UNUSED void engine_close(struct engine *g)
{
    if (g->committer)
        leat_committer_stop(g->committer);
    leat_committer_free(g->committer);
    leat_store_close(g->store);
    close(g->failed_fd);
    g->committer = NULL;
    g->store = NULL;
}

/* In memory where that is possible: these tests lose no power. */
static UNUSED struct engine *engine_new(void)
{
    struct engine *g = calloc(1, sizeof *g);
    snprintf(g->path, sizeof g->path, "/dev/shm/leat-pipeline-XXXXXX");
    if (!mkdtemp(g->path)) {
        snprintf(g->path, sizeof g->path, "/tmp/leat-pipeline-XXXXXX");
        assert_non_null(mkdtemp(g->path));
    }
    g->options = (struct leat_store_options){
        .path = g->path, .segment_bytes = 64 << 20, .map_bytes = 256 << 20};
    fault_free_bytes = -1;
    fault_sync_errno = 0;
    return g;
}

static UNUSED void engine_free(struct engine *g)
{
    nftw(g->path, engine_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(g);
}

/* --- what is stored
 * ------------------------------------------------------------------------------------- */

struct stored {
    char **lines; /* told events in the order of the stream */
    char **instances;
    size_t count, capacity;
};

static UNUSED void stored_free(struct stored *s)
{
    while (s->count--) {
        free(s->lines[s->count]);
        free(s->instances[s->count]);
    }
    free(s->lines);
    free(s->instances);
}

/* Reads from `sequence` to the end; sequences must be dense. `store` NULL reads as another process
 * would. */
static UNUSED struct stored stored_from(const char *path, struct leat_store *store,
                                        uint64_t sequence)
{
    struct stored s = {NULL, NULL, 0, 0};
    struct leat_stream *stream;
    struct leat_stream_event e;
    ok(leat_stream_open(path, store, &stream, &err));
    ok(leat_stream_seek(stream, sequence, &err));
    int status;
    while ((status = leat_stream_next(stream, &e, &err)) == LEAT_OK) {
        assert_true(e.sequence == sequence + s.count);
        if (s.count == s.capacity) {
            s.capacity = s.capacity ? 2 * s.capacity : 64;
            s.lines = realloc(s.lines, s.capacity * sizeof *s.lines);
            s.instances = realloc(s.instances, s.capacity * sizeof *s.instances);
        }
        s.instances[s.count] = strdup(e.instance);
        s.lines[s.count++] = told(&e.event);
    }
    outcome_check(status, LEAT_EOF, "leat_stream_next", __FILE__, __LINE__);
    leat_stream_close(stream);
    return s;
}

#endif
