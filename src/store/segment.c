#include "store/segment.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/limits.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const DB_NAMES[LEAT_DB_COUNT] = {
    "log", "offsets", "schemas", "parts", "by_source", "info", "runs",
};

static const char NAME_HEAD[] = "seg-";
static const char NAME_TAIL[] = ".mdb";
enum { NAME_DIGITS = 20, NAME_LEN = 4 + NAME_DIGITS + 4 };

/* Pages that LMDB counts at the end of a file but never wrote: taken and given back in one
 * transaction. A bound well above what our small transactions leave: a sound store must never be
 * refused. */
enum { UNWRITTEN_PAGES_MAX = 256 };

static struct leat_segment *open_segments;
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;

int leat_segment_fail(const struct leat_segment *segment, int rc, const char *what,
                      struct leat_err *err)
{
    return leat_env_fail(err, rc, segment->name, what);
}

/* --- names ------------------------------------------------------------------------------------ */

static void segment_name(uint64_t first_sequence, char *ret_name)
{
    snprintf(ret_name, LEAT_SEGMENT_NAME_BYTES, "%s%020llu%s", NAME_HEAD,
             (unsigned long long)first_sequence, NAME_TAIL);
}

void leat_segment_path(const char *dir, uint64_t first_sequence, char *ret_path)
{
    char name[LEAT_SEGMENT_NAME_BYTES];
    segment_name(first_sequence, name);
    /* A path that does not fit is cut and then not found: the store's own path was checked at open.
     * */
    if (snprintf(ret_path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        ret_path[0] = '\0';
}

/* The number in a segment's file name; 0: it is not one. */
static uint64_t name_sequence(const char *name)
{
    if (strlen(name) != NAME_LEN || memcmp(name, NAME_HEAD, 4) != 0 ||
        memcmp(name + 4 + NAME_DIGITS, NAME_TAIL, 4) != 0)
        return 0;
    uint64_t v = 0;
    for (const char *at = name + 4; at < name + 4 + NAME_DIGITS; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*at - '0'), &v))
            return 0;
    }
    return v;
}

static int compare_sequences(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int leat_segment_list(const char *dir, struct leat_segment_list *ret_list, struct leat_err *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot read the store's directory %s",
                               dir);
    struct leat_segment_list list = {NULL, 0};
    size_t capacity = 0;
    for (struct dirent *e; (e = readdir(d));) {
        uint64_t first = name_sequence(e->d_name);
        if (!first)
            continue;
        if (list.count == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            uint64_t *grown = realloc(list.first, capacity * sizeof *grown);
            if (!grown) {
                free(list.first);
                closedir(d);
                return leat_fail(err, LEAT_ERETRY, "out of memory for the list of segments");
            }
            list.first = grown;
        }
        list.first[list.count++] = first;
    }
    closedir(d);
    if (list.count)
        qsort(list.first, list.count, sizeof *list.first, compare_sequences);
    *ret_list = list;
    return LEAT_OK;
}

int leat_segment_delete(const char *dir, uint64_t first_sequence, struct leat_err *err)
{
    char path[PATH_MAX];
    char lock[PATH_MAX + 8];
    leat_segment_path(dir, first_sequence, path);
    snprintf(lock, sizeof lock, "%s-lock", path);
    if ((unlink(path) && errno != ENOENT) || (unlink(lock) && errno != ENOENT))
        return leat_fail_errno(err, LEAT_ESTORE, errno, "cannot remove %s", path);
    return LEAT_OK;
}

/* --- the process's list, under open_lock ------------------------------------------------------ */

static struct leat_segment *list_find(const struct stat *st)
{
    struct leat_segment *s = open_segments;
    while (s && (s->device != st->st_dev || s->inode != st->st_ino || s->owner != getpid()))
        s = s->next;
    return s;
}

/* By the file that LMDB holds open: its name may stand for another one by now. */
static int list_add(struct leat_segment *segment, struct leat_err *err)
{
    int fd;
    struct stat st;
    if (mdb_env_get_fd(segment->env, &fd) || fstat(fd, &st))
        return leat_fail_errno(err, LEAT_ESTORE, errno, "%s: cannot be looked at", segment->name);
    segment->device = st.st_dev;
    segment->inode = st.st_ino;
    segment->owner = getpid();
    segment->refs = 1;
    segment->next = open_segments;
    open_segments = segment;
    return LEAT_OK;
}

static void list_remove(struct leat_segment *segment)
{
    struct leat_segment **at = &open_segments;
    while (*at != segment)
        at = &(*at)->next;
    *at = segment->next;
}

static void segment_free(struct leat_segment *segment)
{
    if (segment && segment->env)
        mdb_env_close(segment->env);
    free(segment);
}

void leat_segment_unref(struct leat_segment *segment)
{
    if (!segment)
        return;
    pthread_mutex_lock(&open_lock);
    if (--segment->refs == 0) {
        list_remove(segment);
        segment_free(segment);
    }
    pthread_mutex_unlock(&open_lock);
}

/* --- open ------------------------------------------------------------------------------------- */

static int databases_open(struct leat_segment *segment, MDB_txn *txn, unsigned flags)
{
    int rc = 0;
    for (int i = 0; i < LEAT_DB_RUNS && !rc; i++)
        rc = mdb_dbi_open(txn, DB_NAMES[i], flags, &segment->db[i]);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, DB_NAMES[LEAT_DB_RUNS], flags, &segment->db[LEAT_DB_RUNS]);
    segment->has_runs = !rc;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static struct leat_key ready_key(void)
{
    struct leat_key key = {.len = 5};
    memcpy(key.bytes, "ready", key.len);
    return key;
}

/* LEAT_EOF: half-made. */
static int head_read(struct leat_segment *segment, MDB_txn *txn, struct leat_segment_head *ret_head,
                     struct leat_err *err)
{
    struct leat_slice bytes;
    int rc = leat_env_get(txn, segment->db[LEAT_DB_INFO], ready_key(), &bytes);
    if (rc == MDB_NOTFOUND)
        return LEAT_EOF;
    if (rc)
        return leat_segment_fail(segment, rc, "read its head", err);
    if (leat_checked_newer(bytes))
        return leat_fail(err, LEAT_ECONFIG, "%s: was written by a newer leat", segment->name);
    if (!leat_segment_head_read(bytes, ret_head))
        return leat_fail(err, LEAT_ESTORE, "%s: its head fails its checksum", segment->name);
    return LEAT_OK;
}

static int databases_and_head(struct leat_segment *segment, struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return leat_segment_fail(segment, rc, "be read", err);
    rc = databases_open(segment, txn, 0);
    int status = LEAT_EOF; /* not even its databases were made */
    if (rc && rc != MDB_NOTFOUND)
        status = leat_segment_fail(segment, rc, "open its databases", err);
    if (!rc)
        status = head_read(segment, txn, &segment->head, err);
    if (status)
        mdb_txn_abort(txn);
    else if ((rc = mdb_txn_commit(txn))) /* keeps the handles; nothing is written */
        status = leat_segment_fail(segment, rc, "open its databases", err);
    return status;
}

/* A file that was cut answers a read behind its end with SIGBUS: look before reading. What may be
 * LMDB's own doing is padded by the writer: a page of zeros fails a checksum, which is better than
 * a signal. */
static int length_check(struct leat_segment *segment, struct leat_err *err)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat st;
    int fd;
    if (mdb_env_info(segment->env, &info) || mdb_env_stat(segment->env, &stat) ||
        mdb_env_get_fd(segment->env, &fd) || fstat(fd, &st))
        return leat_fail(err, LEAT_ESTORE, "%s: cannot be measured", segment->name);
    uint64_t pages = (uint64_t)st.st_size / stat.ms_psize;
    uint64_t counted = info.me_last_pgno + 1;
    if (pages + UNWRITTEN_PAGES_MAX < counted)
        return leat_fail(err, LEAT_ESTORE, "%s: was cut: it has %llu pages of %llu", segment->name,
                         (unsigned long long)pages, (unsigned long long)counted);
    if (segment->writable && pages < counted && ftruncate(fd, (off_t)(counted * stat.ms_psize)))
        return leat_fail_errno(err, LEAT_ESTORE, errno, "%s: cannot be padded", segment->name);
    return LEAT_OK;
}

static int segment_new(const char *path, uint64_t first_sequence, bool writable, int64_t map_bytes,
                       struct leat_segment **ret_segment, struct leat_err *err)
{
    struct leat_segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a segment");
    segment_name(first_sequence, segment->name);
    segment->writable = writable;
    int rc = leat_env_open(path, writable, map_bytes, &segment->env);
    if (rc) {
        int status = leat_segment_fail(segment, rc, "be opened", err);
        segment_free(segment);
        return leat_env_unmade(path, rc) ? LEAT_EOF : status;
    }
    *ret_segment = segment;
    return LEAT_OK;
}

static int open_new(const char *path, uint64_t first_sequence, bool writable, int64_t map_bytes,
                    struct leat_segment **ret_segment, struct leat_err *err)
{
    struct leat_segment *segment;
    int status = segment_new(path, first_sequence, writable, map_bytes, &segment, err);
    if (status)
        return status;
    status = length_check(segment, err);
    if (!status)
        status = databases_and_head(segment, err);
    if (!status && segment->head.first_sequence != first_sequence)
        status = leat_fail(err, LEAT_ESTORE, "%s: holds the segment of sequence %llu",
                           segment->name, (unsigned long long)segment->head.first_sequence);
    if (!status)
        status = list_add(segment, err);
    if (status) {
        segment_free(segment);
        return status;
    }
    *ret_segment = segment;
    return LEAT_OK;
}

/* An environment that this process has open already: is it ready by now? */
static int open_again(struct leat_segment *segment, bool writable, struct leat_err *err)
{
    if (writable && !segment->writable)
        return leat_fail(err, LEAT_EBUG, "%s: a reader of this process opened it before the writer",
                         segment->name);
    MDB_txn *txn;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return leat_segment_fail(segment, rc, "be read", err);
    struct leat_segment_head head;
    int status = head_read(segment, txn, &head, err);
    mdb_txn_abort(txn);
    if (!status)
        segment->refs++;
    return status;
}

int leat_segment_open(const char *dir, uint64_t first_sequence, bool writable, int64_t map_bytes,
                      struct leat_segment **ret_segment, struct leat_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    leat_segment_path(dir, first_sequence, path);
    if (stat(path, &st)) {
        if (errno == ENOENT)
            return LEAT_EOF;
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot look at %s", path);
    }
    int status;
    pthread_mutex_lock(&open_lock);
    struct leat_segment *segment = list_find(&st);
    if (segment)
        status = open_again(segment, writable, err);
    else
        status = open_new(path, first_sequence, writable, map_bytes, &segment, err);
    pthread_mutex_unlock(&open_lock);
    if (!status)
        *ret_segment = segment;
    return status;
}

/* --- create ----------------------------------------------------------------------------------- */

static int databases_create(struct leat_segment *segment, struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(segment->env, NULL, 0, &txn);
    if (!rc) {
        rc = databases_open(segment, txn, MDB_CREATE);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    return rc ? leat_segment_fail(segment, rc, "make its databases", err) : LEAT_OK;
}

int leat_segment_create(const char *dir, const struct leat_segment_head *head, int64_t map_bytes,
                        struct leat_segment **ret_segment, struct leat_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    leat_segment_path(dir, head->first_sequence, path);
    if (stat(path, &st) == 0)
        return leat_fail(err, LEAT_EBUG, "%s exists already", path);
    struct leat_segment *segment;
    pthread_mutex_lock(&open_lock);
    int status = segment_new(path, head->first_sequence, true, map_bytes, &segment, err);
    if (!status) {
        segment->head = *head;
        status = databases_create(segment, err);
        if (!status)
            status = list_add(segment, err);
        if (status)
            segment_free(segment);
    }
    pthread_mutex_unlock(&open_lock);
    if (!status)
        *ret_segment = segment;
    return status == LEAT_EOF ? LEAT_ESTORE : status; /* the directory went away */
}

/* Copies a database; a full transaction is committed on the way, so that dirty pages stay bounded
 * (I6). */
static int carry(struct leat_segment *segment, MDB_txn **txn, MDB_txn *from, MDB_dbi from_db,
                 MDB_dbi db)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(from, from_db, &cursor);
    if (rc)
        return rc;
    MDB_val k, v;
    size_t bytes = 0;
    while (!rc && !(rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))) {
        rc = mdb_put(*txn, db, &k, &v, MDB_APPEND);
        bytes += k.mv_size + v.mv_size;
        if (!rc && bytes > LEAT_COMMIT_BYTES) {
            bytes = 0;
            rc = mdb_txn_commit(*txn);
            *txn = NULL;
            if (!rc)
                rc = mdb_txn_begin(segment->env, NULL, 0, txn);
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int carry_all(struct leat_segment *segment, MDB_txn **txn, struct leat_segment *older)
{
    MDB_txn *from;
    int rc = mdb_txn_begin(older->env, NULL, MDB_RDONLY, &from);
    if (rc)
        return rc;
    rc = carry(segment, txn, from, older->db[LEAT_DB_OFFSETS], segment->db[LEAT_DB_OFFSETS]);
    if (!rc)
        rc = carry(segment, txn, from, older->db[LEAT_DB_SCHEMAS], segment->db[LEAT_DB_SCHEMAS]);
    mdb_txn_abort(from);
    return rc;
}

static int put_ready(struct leat_segment *segment, MDB_txn *txn)
{
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    leat_segment_head_write(&buf, &segment->head);
    int rc = buf.full ? ENOMEM
                      : leat_env_put(txn, segment->db[LEAT_DB_INFO], ready_key(),
                                     leat_buf_slice(&buf), 0);
    leat_buf_release(&buf);
    return rc;
}

int leat_segment_sync_directory(const char *dir, struct leat_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) {
        leat_fail_errno(err, LEAT_ESTORE, errno, "cannot make the store's directory %s durable",
                        dir);
        if (fd >= 0)
            close(fd);
        return LEAT_ESTORE;
    }
    close(fd);
    return LEAT_OK;
}

/* The name is made durable first: once "ready" can be read, nothing is missing but blocks. */
int leat_segment_finish(struct leat_segment *segment, struct leat_segment *older, const char *dir,
                        struct leat_err *err)
{
    int status = leat_segment_sync_directory(dir, err);
    if (status)
        return status;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(segment->env, NULL, 0, &txn);
    if (!rc && older)
        rc = carry_all(segment, &txn, older);
    if (!rc)
        rc = put_ready(segment, txn);
    LEAT_FAILPOINT("segment_roll");
    if (rc)
        mdb_txn_abort(txn); /* accepts NULL */
    else
        rc = mdb_txn_commit(txn);
    return rc ? leat_segment_fail(segment, rc, "be filled", err) : LEAT_OK;
}

/* --- both ends of the log --------------------------------------------------------------------- */

static int log_end(struct leat_segment *segment, MDB_txn *txn, MDB_cursor_op op,
                   uint64_t *ret_sequence, struct leat_slice *ret_block, struct leat_err *err)
{
    MDB_cursor *cursor;
    struct leat_slice key, block;
    int rc = mdb_cursor_open(txn, segment->db[LEAT_DB_LOG], &cursor);
    if (!rc) {
        rc = leat_env_move(cursor, op, &key, &block);
        mdb_cursor_close(cursor);
    }
    if (rc == MDB_NOTFOUND)
        return LEAT_EOF;
    if (rc)
        return leat_segment_fail(segment, rc, "read its log", err);
    *ret_sequence = leat_key_u64(key, 0);
    *ret_block = block;
    return LEAT_OK;
}

int leat_segment_last(struct leat_segment *segment, MDB_txn *txn, uint64_t *ret_sequence,
                      struct leat_slice *ret_block, struct leat_err *err)
{
    return log_end(segment, txn, MDB_LAST, ret_sequence, ret_block, err);
}

int leat_segment_first(struct leat_segment *segment, MDB_txn *txn, uint64_t *ret_sequence,
                       struct leat_slice *ret_block, struct leat_err *err)
{
    return log_end(segment, txn, MDB_FIRST, ret_sequence, ret_block, err);
}
