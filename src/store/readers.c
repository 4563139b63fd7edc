#include "store/readers.h"

#include <leat/clock.h>
#include <leat/reader.h>

#include "store/meta.h"
#include "store/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct leat_readers {
    MDB_env *env;
    MDB_dbi db;
    bool own;  /* the environment is ours to close */
    bool none; /* there is no such database yet */
};

bool leat_reader_name_valid(const char *name)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t len = strlen(name);
    if (!len || len > LEAT_READER_NAME_MAX || !strchr(LETTERS, name[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr(LETTERS, name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

/* --- the record ------------------------------------------------------------------------------- */

static void record_write(struct leat_buf *buf, const struct leat_named_reader *r)
{
    uint8_t version = LEAT_LAYOUT_VERSION;
    leat_buf_append(buf, leat_slice_of(&version, 1));
    leat_buf_append(buf, leat_slice_of(&r->sequence, sizeof r->sequence));
    leat_buf_append(buf, leat_slice_of(&r->created_at_us, sizeof r->created_at_us));
    leat_buf_append(buf, leat_slice_of(&r->committed_at_us, sizeof r->committed_at_us));
    leat_buf_append_counted(buf, leat_slice_text(r->tenant));
    leat_buf_append_counted(buf, leat_slice_text(r->source));
    leat_checked_close(buf);
}

static bool scope_read(struct leat_reader *r, char *ret_text)
{
    struct leat_slice s = leat_reader_counted(r);
    if (s.len > LEAT_READER_SCOPE_MAX)
        return false;
    if (s.len)
        memcpy(ret_text, s.ptr, s.len);
    ret_text[s.len] = '\0';
    return true;
}

static bool record_read(struct leat_slice name, struct leat_slice bytes,
                        struct leat_named_reader *ret_reader)
{
    struct leat_named_reader n = {.sequence = 0};
    struct leat_slice content;
    if (name.len > LEAT_READER_NAME_MAX || !leat_checked_open(bytes, &content))
        return false;
    struct leat_reader r = leat_reader_of(content);
    memcpy(n.name, name.ptr, name.len);
    bool known = leat_reader_u8(&r) == LEAT_LAYOUT_VERSION;
    n.sequence = leat_reader_le64(&r);
    n.created_at_us = (int64_t)leat_reader_le64(&r);
    n.committed_at_us = (int64_t)leat_reader_le64(&r);
    bool fits = scope_read(&r, n.tenant) && scope_read(&r, n.source);
    if (!known || !fits || !leat_reader_done(&r))
        return false;
    *ret_reader = n;
    return true;
}

static int fail(struct leat_err *err, int rc, const char *what)
{
    return rc == MDB_CORRUPTED
               ? leat_fail(err, LEAT_EDATA, "meta.mdb: the record of a reader is damaged")
               : leat_env_fail(err, rc, "meta.mdb", what);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Nothing is made by looking: a store that was never written since readers have names has none. */
static int database_open(struct leat_readers *readers)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(readers->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, LEAT_META_READERS, 0, &readers->db);
    readers->none = rc == MDB_NOTFOUND;
    if (rc) {
        mdb_txn_abort(txn);
        return readers->none ? 0 : rc;
    }
    return mdb_txn_commit(txn); /* keeps the handle */
}

static int own_open(struct leat_readers *readers, const char *dir, struct leat_err *err)
{
    char path[PATH_MAX];
    bool fits = leat_meta_path(dir, path, sizeof path);
    if (fits && access(path, F_OK))
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "there is no store in \"%s\"", dir);
    int rc = fits ? leat_env_open(path, true, LEAT_META_MAP_BYTES, &readers->env) : ENAMETOOLONG;
    readers->own = true;
    if (!rc)
        rc = database_open(readers);
    return rc ? leat_env_fail(err, rc, path, "be opened") : LEAT_OK;
}

int leat_readers_open(const char *path, struct leat_store *store, struct leat_readers **ret_readers,
                      struct leat_err *err)
{
    struct leat_readers *readers = calloc(1, sizeof *readers);
    if (!readers)
        return leat_fail(err, LEAT_ERETRY, "out of memory for readers");
    if (store) {
        readers->env = store->meta.env;
        readers->db = store->meta.readers;
    }
    int status = store ? LEAT_OK : own_open(readers, path, err);
    if (status) {
        leat_readers_close(readers);
        return status;
    }
    *ret_readers = readers;
    return LEAT_OK;
}

void leat_readers_close(struct leat_readers *readers)
{
    if (!readers)
        return;
    if (readers->own && readers->env)
        mdb_env_close(readers->env);
    free(readers);
}

/* --- looking ---------------------------------------------------------------------------------- */

static MDB_val name_val(const char *name)
{
    return (MDB_val){strlen(name), (void *)(uintptr_t)name};
}

/* LMDB's number; MDB_CORRUPTED if its hash is wrong. */
static int find(struct leat_readers *readers, MDB_txn *txn, const char *name,
                struct leat_named_reader *ret_reader)
{
    MDB_val k = name_val(name), v;
    int rc = mdb_get(txn, readers->db, &k, &v);
    if (rc)
        return rc;
    return record_read(leat_slice_text(name), leat_slice_of(v.mv_data, v.mv_size), ret_reader)
               ? 0
               : MDB_CORRUPTED;
}

int leat_readers_get(struct leat_readers *readers, const char *name,
                     struct leat_named_reader *ret_reader, struct leat_err *err)
{
    MDB_txn *txn;
    int rc = readers->none ? MDB_NOTFOUND : mdb_txn_begin(readers->env, NULL, MDB_RDONLY, &txn);
    if (!rc) {
        rc = find(readers, txn, name, ret_reader);
        mdb_txn_abort(txn);
    }
    if (rc == MDB_NOTFOUND)
        return LEAT_EOF;
    return rc ? fail(err, rc, "read a reader") : LEAT_OK;
}

static int walk(struct leat_readers *readers, MDB_txn *txn, leat_named_reader_fn each, void *arg,
                struct leat_err *err)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    struct leat_named_reader reader;
    int status = LEAT_OK, rc = mdb_cursor_open(txn, readers->db, &cursor);
    if (rc)
        return fail(err, rc, "read the readers");
    while (!status && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        bool good = record_read(leat_slice_of(k.mv_data, k.mv_size),
                                leat_slice_of(v.mv_data, v.mv_size), &reader);
        status = good ? each(arg, &reader, err) : fail(err, MDB_CORRUPTED, "");
    }
    mdb_cursor_close(cursor);
    return !status && rc != MDB_NOTFOUND ? fail(err, rc, "read the readers") : status;
}

int leat_readers_each(struct leat_readers *readers, leat_named_reader_fn each, void *arg,
                      struct leat_err *err)
{
    MDB_txn *txn;
    if (readers->none)
        return LEAT_OK;
    int rc = mdb_txn_begin(readers->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read the readers");
    int status = walk(readers, txn, each, arg, err);
    mdb_txn_abort(txn);
    return status;
}

struct oldest {
    int64_t alive_since_us;
    uint64_t sequence;
};

static int oldest_of(void *arg, const struct leat_named_reader *reader, struct leat_err *err)
{
    struct oldest *o = arg;
    (void)err;
    if (reader->committed_at_us >= o->alive_since_us && reader->sequence < o->sequence)
        o->sequence = reader->sequence;
    return LEAT_OK;
}

int leat_readers_oldest(struct leat_readers *readers, int64_t now_us, int64_t patience_ms,
                        uint64_t *ret_sequence, struct leat_err *err)
{
    int64_t patience_us =
        patience_ms && patience_ms < INT64_MAX / 1000 ? patience_ms * 1000 : INT64_MAX;
    struct oldest o = {patience_us < now_us ? now_us - patience_us : INT64_MIN, UINT64_MAX};
    int status = leat_readers_each(readers, oldest_of, &o, err);
    if (!status)
        *ret_sequence = o.sequence;
    return status;
}

/* --- changing --------------------------------------------------------------------------------- */

static int put(struct leat_readers *readers, MDB_txn *txn, const struct leat_named_reader *reader)
{
    struct leat_buf buf;
    MDB_val k = name_val(reader->name);
    leat_buf_init(&buf, 1024);
    record_write(&buf, reader);
    MDB_val v = {buf.len, buf.data};
    int rc = buf.full ? ENOMEM : mdb_put(txn, readers->db, &k, &v, 0);
    leat_buf_release(&buf);
    return rc;
}

static int make(struct leat_readers *readers, MDB_txn *txn, struct leat_reader_commit *c,
                int64_t now_us)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, readers->db, &stat);
    if (rc)
        return rc;
    if (stat.ms_entries >= LEAT_READERS_MAX) {
        c->outcome = LEAT_READER_FULL;
        return 0;
    }
    c->outcome = LEAT_READER_MOVED;
    c->reader.created_at_us = c->reader.committed_at_us = now_us;
    return put(readers, txn, &c->reader);
}

static int move(struct leat_readers *readers, MDB_txn *txn, struct leat_reader_commit *c,
                int64_t now_us)
{
    struct leat_named_reader stored;
    int rc = find(readers, txn, c->reader.name, &stored);
    if (rc)
        return rc == MDB_NOTFOUND ? make(readers, txn, c, now_us) : rc;
    bool foreign = strcmp(stored.tenant, c->reader.tenant) != 0 ||
                   strcmp(stored.source, c->reader.source) != 0;
    bool forward = c->reader.sequence > stored.sequence;
    int64_t silent_us = now_us - stored.committed_at_us;
    c->outcome = foreign && !c->admin ? LEAT_READER_FOREIGN
                 : forward            ? LEAT_READER_MOVED
                                      : LEAT_READER_STOOD;
    bool noted = forward || silent_us < 0 || silent_us >= INT64_C(1000000) * LEAT_READER_TOUCH_S;
    if (forward)
        stored.sequence = c->reader.sequence;
    if (noted)
        stored.committed_at_us = now_us;
    c->reader = stored;
    return noted && c->outcome != LEAT_READER_FOREIGN ? put(readers, txn, &stored) : 0;
}

int leat_readers_commit(struct leat_readers *readers, struct leat_reader_commit *commits,
                        size_t count, struct leat_err *err)
{
    MDB_txn *txn;
    int64_t now_us = leat_clock_wall_us();
    if (readers->none)
        return leat_fail(err, LEAT_ECONFIG, "the store is of an older leat: start the daemon once");
    int rc = mdb_txn_begin(readers->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "move a reader");
    for (size_t i = 0; i < count && !rc; i++)
        rc = move(readers, txn, &commits[i], now_us);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? fail(err, rc, "move a reader") : LEAT_OK;
}

int leat_readers_drop(struct leat_readers *readers, const char *name, struct leat_err *err)
{
    MDB_txn *txn;
    MDB_val k = name_val(name);
    int rc = readers->none ? MDB_NOTFOUND : mdb_txn_begin(readers->env, NULL, 0, &txn);
    if (!rc) {
        rc = mdb_del(txn, readers->db, &k, NULL);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    if (rc == MDB_NOTFOUND)
        return LEAT_EOF;
    return rc ? fail(err, rc, "drop a reader") : LEAT_OK;
}
