/*
 * Is there room, and how much is used?
 *
 * Three things may be full, and a user must be told which: the quota (our own bound), the disk (its
 * low-water mark is kept free for others and for the work that makes room), and the map of the
 * newest segment (LMDB's bound, met only when parts keep the segment from being rolled). All three
 * are looked at before a commit, since a refusal in time is cheap; LMDB's own refusal is handled as
 * well (commit.c), since others fill disks too.
 */
#include "store/state.h"

#include <leat/failpoint.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { STAT_BLOCK_BYTES = 512, ROOM_BYTES = 256 << 10, DISK_SPARE_BYTES = 1 << 20 };

static int64_t free_bytes(const char *dir)
{
    struct statvfs v;
    if (statvfs(dir, &v))
        return -1;
    return (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

bool leat_space_nearly_none(const char *dir, int64_t bytes)
{
    int64_t left = free_bytes(dir);
    return left >= 0 && left < 2 * bytes + DISK_SPARE_BYTES;
}

int64_t leat_space_file_bytes(const struct leat_segment *segment)
{
    int fd;
    struct stat st;
    if (mdb_env_get_fd(segment->env, &fd) || fstat(fd, &st))
        return 0;
    return (int64_t)st.st_blocks * STAT_BLOCK_BYTES;
}

int64_t leat_space_map_left(const struct leat_segment *segment)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(segment->env, &info) || mdb_env_stat(segment->env, &stat))
        return 0;
    return (int64_t)info.me_mapsize - (int64_t)((info.me_last_pgno + 1) * stat.ms_psize);
}

/* Bytes in pages that LMDB took back: its database 0 lists them, each entry led by their number. */
static int64_t map_reusable(const struct leat_segment *segment)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_stat stat;
    int64_t pages = 0;
    if (mdb_env_stat(segment->env, &stat) || mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn))
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        struct leat_slice key, value;
        while (leat_env_move(cursor, MDB_NEXT, &key, &value) == 0) {
            size_t count;
            memcpy(&count, value.ptr, sizeof count);
            pages += (int64_t)count;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages * (int64_t)stat.ms_psize;
}

/* --- room ------------------------------------------------------------------------------------- */

/* Bytes of all segment files but the one that begins at `except`. */
static int segments_bytes(const char *dir, uint64_t except, int64_t *ret_bytes,
                          struct leat_err *err)
{
    struct leat_segment_list list;
    int status = leat_segment_list(dir, &list, err);
    if (status)
        return status;
    int64_t bytes = 0;
    for (size_t i = 0; i < list.count; i++) {
        char path[PATH_MAX];
        struct stat st;
        leat_segment_path(dir, list.first[i], path);
        if (list.first[i] != except && stat(path, &st) == 0) /* it may just have expired */
            bytes += (int64_t)st.st_blocks * STAT_BLOCK_BYTES;
    }
    free(list.first);
    *ret_bytes = bytes;
    return LEAT_OK;
}

static int quota_check(struct leat_store *store, int64_t bytes, struct leat_err *err)
{
    int64_t quota = store->options.quota_bytes;
    int64_t active = leat_space_file_bytes(store->active);
    if (!quota || store->sealed_bytes + active + bytes <= quota)
        return LEAT_OK;
    /* Segments may have expired since they were counted. */
    uint64_t first = store->active->head.first_sequence;
    int status = segments_bytes(store->path, first, &store->sealed_bytes, err);
    if (status || store->sealed_bytes + active + bytes <= quota)
        return status;
    leat_fail(err, LEAT_ERETRY, "store %s has reached its quota: %lld of %lld bytes are used",
              store->path, (long long)(store->sealed_bytes + active), (long long)quota);
    leat_err_hint(err, "Raise the store's quota, or shorten its retention.");
    return LEAT_ERETRY;
}

int leat_space_check(struct leat_store *store, int64_t bytes, struct leat_err *err)
{
    int64_t left = free_bytes(store->path);
    if (left < 0)
        return leat_fail_errno(err, LEAT_ESTORE, errno, "cannot ask for the free space of %s",
                               store->path);
    if (LEAT_FAILPOINT_HIT("commit_full"))
        left = 0;
    if (left < store->options.low_water_bytes + 2 * bytes) {
        leat_fail(err, LEAT_ERETRY,
                  "disk of store %s is at its low-water mark: %lld bytes are free, %lld stay so",
                  store->path, (long long)left, (long long)store->options.low_water_bytes);
        leat_err_hint(err, "Free space on that disk, or lower the store's low-water mark.");
        return LEAT_ERETRY;
    }
    return quota_check(store, bytes, err);
}

/* Room for the commit that was refused, so that a yes is not followed by the next no. */
int leat_store_room(struct leat_store *store, struct leat_err *err)
{
    int64_t bytes = store->wanted_bytes > ROOM_BYTES ? store->wanted_bytes : ROOM_BYTES;
    int status = leat_space_check(store, bytes, err);
    if (status)
        return status;
    bool empty = store->next_sequence == store->active->head.first_sequence;
    bool may_roll = !empty && !leat_store_parts_ahead(store);
    if (may_roll || leat_space_map_left(store->active) >= bytes || map_reusable(store->active) >= bytes)
        return LEAT_OK;
    leat_fail(err, LEAT_ERETRY, "%s: its map of %lld bytes is full", store->active->name,
              (long long)store->options.map_bytes);
    leat_err_hint(err, "Raise the store's map size and start again; it costs address space only.");
    return LEAT_ERETRY;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A value's parts stay in one segment, which is not rolled under them: its map bounds them as well. */
int64_t leat_store_left(const struct leat_store *store)
{
    const struct leat_store_options *o = &store->options;
    struct leat_segment_list list;
    struct leat_err ignored;
    int64_t all = 0, newest = 0, left = free_bytes(store->path) - o->low_water_bytes;
    if (leat_segment_list(store->path, &list, &ignored))
        return 0;
    for (size_t i = 0; i < list.count; i++) {
        char path[PATH_MAX];
        struct stat st;
        leat_segment_path(store->path, list.first[i], path);
        newest = stat(path, &st) ? 0 : (int64_t)st.st_blocks * STAT_BLOCK_BYTES;
        all += newest;
    }
    free(list.first);
    if (o->quota_bytes)
        left = least(left, o->quota_bytes - all);
    left = least(left, o->map_bytes - least(newest, o->segment_bytes));
    return left > 0 ? left : 0;
}

/* --- usage ------------------------------------------------------------------------------------ */

/* What the first and the last block of a segment say; LEAT_EOF if it has none, or is not there. */
static int segment_usage(const char *dir, uint64_t first, struct leat_block_header *ret_first,
                         struct leat_block_header *ret_last, struct leat_err *err)
{
    struct leat_segment *segment;
    int status = leat_segment_open(dir, first, false, 0, &segment, err);
    if (status)
        return status;
    MDB_txn *txn;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn);
    if (rc) {
        status = leat_segment_fail(segment, rc, "be read", err);
    } else {
        uint64_t sequence;
        struct leat_slice block;
        status = leat_segment_first(segment, txn, &sequence, &block, err);
        if (!status)
            status = leat_block_parse_header(block, ret_first, err);
        if (!status)
            status = leat_segment_last(segment, txn, &sequence, &block, err);
        if (!status)
            status = leat_block_parse_header(block, ret_last, err);
        mdb_txn_abort(txn);
    }
    if (status < 0)
        leat_err_context(err, "%s", segment->name);
    leat_segment_unref(segment);
    return status;
}

static int ends_usage(const char *dir, const struct leat_segment_list *list,
                      struct leat_store_usage *usage, struct leat_err *err)
{
    struct leat_block_header first, last;
    int status = LEAT_EOF;
    for (size_t i = 0; i < list->count && status == LEAT_EOF; i++)
        status = segment_usage(dir, list->first[i], &first, &last, err);
    if (status)
        return status;
    usage->first_sequence = first.sequence;
    usage->oldest_event_us = first.min_time_us;
    status = LEAT_EOF;
    for (size_t i = list->count; i-- > 0 && status == LEAT_EOF;)
        status = segment_usage(dir, list->first[i], &first, &last, err);
    if (!status)
        usage->last_sequence = last.sequence + last.count - 1;
    return status;
}

int leat_space_usage(const char *dir, struct leat_store_usage *ret_usage, struct leat_err *err)
{
    struct leat_segment_list list;
    struct leat_store_usage usage = {.free_bytes = free_bytes(dir)};
    int status = segments_bytes(dir, 0, &usage.bytes, err);
    if (status)
        return status;
    status = leat_segment_list(dir, &list, err);
    if (status)
        return status;
    usage.segment_count = (uint32_t)list.count;
    status = ends_usage(dir, &list, &usage, err);
    free(list.first);
    if (status < 0)
        return status;
    *ret_usage = usage;
    return LEAT_OK;
}
