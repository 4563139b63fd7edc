#include "store/delivery.h"

#include <leat/clock.h>
#include <leat/failpoint.h>
#include <leat/reader.h>

#include "store/meta.h"
#include "store/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct leat_delivery {
    MDB_env *env;
    MDB_dbi states, dead;
    bool own; /* the environment is ours to close */
};

static int fail(struct leat_err *err, int rc, const char *what)
{
    return leat_env_fail(err, rc, "meta.mdb", what);
}

static struct leat_slice slice_of(MDB_val v)
{
    return leat_slice_of(v.mv_data, v.mv_size);
}

/* --- records ------------------------------------------------------------------------------------
 */

static void put(struct leat_buf *buf, const void *bytes, size_t len)
{
    leat_buf_append(buf, leat_slice_of(bytes, len));
}

static void state_write(struct leat_buf *buf, const struct leat_delivery_state *s)
{
    const uint8_t version = LEAT_LAYOUT_VERSION, paused = s->paused;
    put(buf, &version, 1);
    put(buf, &s->cursor, sizeof s->cursor);
    put(buf, &s->reported, sizeof s->reported);
    put(buf, &paused, 1);
    put(buf, &s->rewinds, sizeof s->rewinds);
    put(buf, &s->updated_at_us, sizeof s->updated_at_us);
    leat_checked_close(buf);
}

static bool state_read(struct leat_slice name, struct leat_slice bytes,
                       struct leat_delivery_state *ret_state)
{
    struct leat_delivery_state s = {.cursor = 0};
    struct leat_slice content;
    if (name.len > LEAT_INSTANCE_MAX || !leat_checked_open(bytes, &content))
        return false;
    struct leat_reader r = leat_reader_of(content);
    memcpy(s.name, name.ptr, name.len);
    bool known = leat_reader_u8(&r) == LEAT_LAYOUT_VERSION;
    s.cursor = leat_reader_le64(&r);
    s.reported = leat_reader_le64(&r);
    s.paused = leat_reader_u8(&r);
    s.rewinds = leat_reader_le64(&r);
    s.updated_at_us = (int64_t)leat_reader_le64(&r);
    if (!known || !leat_reader_done(&r))
        return false;
    *ret_state = s;
    return true;
}

static void letter_write(struct leat_buf *buf, const struct leat_dead_letter *l)
{
    const uint8_t head[3] = {LEAT_LAYOUT_VERSION, l->again, (uint8_t)l->code};
    put(buf, head, sizeof head);
    leat_buf_append_varint(buf, l->tries);
    put(buf, &l->failed_at_us, sizeof l->failed_at_us);
    leat_buf_append_counted(buf, l->reason);
    leat_buf_append_counted(buf, l->topic);
    leat_buf_append_counted(buf, l->key);
    leat_buf_append_counted(buf, l->value);
    leat_checked_close(buf);
}

static bool letter_read(struct leat_slice bytes, struct leat_dead_letter *ret_letter)
{
    struct leat_dead_letter l = {.sequence = 0};
    struct leat_slice content;
    if (!leat_checked_open(bytes, &content))
        return false;
    struct leat_reader r = leat_reader_of(content);
    bool known = leat_reader_u8(&r) == LEAT_LAYOUT_VERSION;
    l.again = leat_reader_u8(&r);
    l.code = (int8_t)leat_reader_u8(&r);
    l.tries = leat_reader_varint(&r);
    l.failed_at_us = (int64_t)leat_reader_le64(&r);
    l.reason = leat_reader_counted(&r);
    l.topic = leat_reader_counted(&r);
    l.key = leat_reader_counted(&r);
    l.value = leat_reader_counted(&r);
    if (!known || !leat_reader_done(&r))
        return false;
    *ret_letter = l;
    return true;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int databases_open(struct leat_delivery *d)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, LEAT_META_EMITTERS, MDB_CREATE, &d->states);
    if (!rc)
        rc = mdb_dbi_open(txn, LEAT_META_DEAD, MDB_CREATE, &d->dead);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* Unlike a key, a cursor makes no sense before there is a store. */
static int own_open(struct leat_delivery *d, const char *dir, struct leat_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    bool fits = leat_meta_path(dir, path, sizeof path);
    if (!fits || stat(path, &st))
        return leat_fail_errno(err, LEAT_ECONFIG, fits ? errno : ENAMETOOLONG,
                               "there is no store in \"%s\"", dir);
    int rc = leat_env_open(path, true, LEAT_META_MAP_BYTES, &d->env);
    d->own = true;
    if (!rc)
        rc = databases_open(d);
    return rc ? leat_env_fail(err, rc, path, "be opened") : LEAT_OK;
}

int leat_delivery_open(const char *path, struct leat_store *store,
                       struct leat_delivery **ret_delivery, struct leat_err *err)
{
    struct leat_delivery *d = calloc(1, sizeof *d);
    if (!d)
        return leat_fail(err, LEAT_ERETRY, "out of memory for cursors");
    if (store) {
        d->env = store->meta.env;
        d->states = store->meta.emitters;
        d->dead = store->meta.dead;
    }
    int status = store ? LEAT_OK : own_open(d, path, err);
    if (status) {
        leat_delivery_close(d);
        return status;
    }
    *ret_delivery = d;
    return LEAT_OK;
}

void leat_delivery_close(struct leat_delivery *d)
{
    if (!d)
        return;
    if (d->own && d->env)
        mdb_env_close(d->env);
    free(d);
}

uint64_t leat_delivery_version(struct leat_delivery *d)
{
    MDB_envinfo info;
    return mdb_env_info(d->env, &info) ? 0 : info.me_last_txnid;
}

/* --- states -------------------------------------------------------------------------------------
 */

static int state_get(struct leat_delivery *d, MDB_txn *txn, const char *name,
                     struct leat_delivery_state *ret_state)
{
    MDB_val k = {strlen(name), (void *)(uintptr_t)name}, v;
    int rc = mdb_get(txn, d->states, &k, &v);
    if (!rc && !state_read(leat_slice_text(name), slice_of(v), ret_state))
        rc = MDB_CORRUPTED;
    return rc;
}

static int damaged(struct leat_err *err, const char *what)
{
    return leat_fail(err, LEAT_EDATA, "meta.mdb: the record of %s is damaged", what);
}

int leat_delivery_get(struct leat_delivery *d, const char *name,
                      struct leat_delivery_state *ret_state, struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read a cursor");
    rc = state_get(d, txn, name, ret_state);
    mdb_txn_abort(txn);
    if (rc == MDB_CORRUPTED)
        return damaged(err, "an emitter");
    return rc == MDB_NOTFOUND ? LEAT_EOF : rc ? fail(err, rc, "read a cursor") : LEAT_OK;
}

static int state_put(struct leat_delivery *d, MDB_txn *txn, struct leat_delivery_state *state)
{
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    state->updated_at_us = leat_clock_wall_us();
    state_write(&buf, state);
    MDB_val k = {strlen(state->name), state->name}, v = {buf.len, buf.data};
    int rc = buf.full ? ENOMEM : mdb_put(txn, d->states, &k, &v, 0);
    leat_buf_release(&buf);
    return rc;
}

int leat_delivery_update(struct leat_delivery *d, const char *name, leat_delivery_change_fn change,
                         void *arg, struct leat_delivery_state *ret_state, struct leat_err *err)
{
    struct leat_delivery_state state = {.cursor = 0};
    MDB_txn *txn;
    int rc = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "store a cursor");
    rc = state_get(d, txn, name, &state);
    if (rc == MDB_NOTFOUND)
        snprintf(state.name, sizeof state.name, "%s", name);
    bool changed = (!rc || rc == MDB_NOTFOUND) && change(arg, &state);
    if (!rc || rc == MDB_NOTFOUND)
        rc = changed ? state_put(d, txn, &state) : 0;
    if (rc || !changed) {
        mdb_txn_abort(txn);
    } else {
        LEAT_FAILPOINT("emit_cursor");
        rc = mdb_txn_commit(txn);
    }
    if (rc == MDB_CORRUPTED)
        return damaged(err, "an emitter");
    if (rc)
        return fail(err, rc, "store a cursor");
    *ret_state = state;
    return LEAT_OK;
}

static int states_walk(struct leat_delivery *d, MDB_txn *txn, leat_delivery_state_fn each,
                       void *arg, struct leat_err *err)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    struct leat_delivery_state state;
    int status = LEAT_OK, rc = mdb_cursor_open(txn, d->states, &cursor);
    if (rc)
        return fail(err, rc, "read cursors");
    while (!status && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
        status = state_read(slice_of(k), slice_of(v), &state) ? each(arg, &state, err)
                                                              : damaged(err, "an emitter");
    mdb_cursor_close(cursor);
    return !status && rc != MDB_NOTFOUND ? fail(err, rc, "read cursors") : status;
}

int leat_delivery_each(struct leat_delivery *d, leat_delivery_state_fn each, void *arg,
                       struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read cursors");
    int status = states_walk(d, txn, each, arg, err);
    mdb_txn_abort(txn);
    return status;
}

/* --- dead letters -------------------------------------------------------------------------------
 */

struct letter_key {
    uint8_t bytes[LEAT_INSTANCE_MAX + 1 + 8];
    size_t len;
};

static struct letter_key letter_key(const char *name, uint64_t sequence)
{
    struct letter_key key = {.len = strnlen(name, LEAT_INSTANCE_MAX)};
    uint64_t be = __builtin_bswap64(sequence);
    memcpy(key.bytes, name, key.len);
    key.bytes[key.len++] = 0;
    memcpy(key.bytes + key.len, &be, sizeof be);
    key.len += sizeof be;
    return key;
}

static int64_t dead_bytes(struct leat_delivery *d, MDB_txn *txn)
{
    MDB_stat st;
    if (mdb_stat(txn, d->dead, &st))
        return 0;
    return (int64_t)(st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) * st.ms_psize;
}

static int bury(struct leat_delivery *d, MDB_txn *txn, const char *name, uint64_t sequence,
                struct leat_slice record, struct leat_err *err)
{
    struct letter_key key = letter_key(name, sequence);
    MDB_val k = {key.len, key.bytes}, v = {record.len, (void *)(uintptr_t)record.ptr};
    if (dead_bytes(d, txn) + (int64_t)record.len > LEAT_DEAD_BYTES_MAX) {
        leat_fail(err, LEAT_ELIMIT,
                  "dead letters take more than %lld MiB; none is dropped for a new one",
                  (long long)(LEAT_DEAD_BYTES_MAX >> 20));
        leat_err_hint(err, "leat dlq list; then leat dlq retry or leat dlq drop");
        return LEAT_ELIMIT;
    }
    int rc = mdb_put(txn, d->dead, &k, &v, 0);
    return rc ? fail(err, rc, "store a dead letter") : LEAT_OK;
}

int leat_delivery_bury(struct leat_delivery *d, const char *name,
                       const struct leat_dead_letter *letter, struct leat_err *err)
{
    struct leat_buf buf;
    MDB_txn *txn;
    leat_buf_init(&buf, letter->value.len + letter->key.len + letter->topic.len +
                            letter->reason.len + 256);
    letter_write(&buf, letter);
    int rc = buf.full ? ENOMEM : mdb_txn_begin(d->env, NULL, 0, &txn);
    int status = rc ? fail(err, rc, "store a dead letter")
                    : bury(d, txn, name, letter->sequence, leat_buf_slice(&buf), err);
    if (!rc && status)
        mdb_txn_abort(txn);
    if (!rc && !status && (rc = mdb_txn_commit(txn)))
        status = fail(err, rc, "store a dead letter");
    leat_buf_release(&buf);
    return status;
}

int leat_delivery_drop(struct leat_delivery *d, const char *name, uint64_t sequence,
                       struct leat_err *err)
{
    struct letter_key key = letter_key(name, sequence);
    MDB_val k = {key.len, key.bytes};
    MDB_txn *txn;
    int rc = mdb_txn_begin(d->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "drop a dead letter");
    rc = mdb_del(txn, d->dead, &k, NULL);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc == MDB_NOTFOUND ? LEAT_EOF : rc ? fail(err, rc, "drop a dead letter") : LEAT_OK;
}

static bool letter_is_of(struct leat_slice key, struct leat_slice prefix)
{
    return key.len == prefix.len + 8 && memcmp(key.ptr, prefix.ptr, prefix.len) == 0;
}

static int letters_walk(MDB_cursor *cursor, struct letter_key begin, leat_dead_letter_fn each,
                        void *arg, struct leat_err *err)
{
    struct leat_slice prefix = leat_slice_of(begin.bytes, begin.len - 8);
    MDB_val k = {begin.len, begin.bytes}, v;
    int status = LEAT_OK, rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; !rc && !status && letter_is_of(slice_of(k), prefix);
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct leat_dead_letter letter;
        uint64_t be;
        if (!letter_read(slice_of(v), &letter))
            return damaged(err, "a dead letter");
        memcpy(&be, (uint8_t *)k.mv_data + prefix.len, sizeof be);
        letter.sequence = __builtin_bswap64(be);
        status = each(arg, &letter, err);
    }
    if (status)
        return status > 0 ? LEAT_OK : status;
    return rc && rc != MDB_NOTFOUND ? fail(err, rc, "read dead letters") : LEAT_OK;
}

int leat_delivery_letters(struct leat_delivery *d, const char *name, uint64_t from,
                          leat_dead_letter_fn each, void *arg, struct leat_err *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    int rc = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read dead letters");
    rc = mdb_cursor_open(txn, d->dead, &cursor);
    int status = rc ? fail(err, rc, "read dead letters")
                    : letters_walk(cursor, letter_key(name, from), each, arg, err);
    if (!rc)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return status;
}
