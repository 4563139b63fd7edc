/* Numbers are wall microseconds, moved up where the clock gave one twice or went back: they order
 * requests as they were put in, and none comes twice. */
#include "store/requests.h"

#include <leat/clock.h>
#include <leat/reader.h>

#include "store/meta.h"
#include "store/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct leat_requests {
    MDB_env *env;
    MDB_dbi db;
    bool own; /* the environment is ours to close */
};

static int fail(struct leat_err *err, int rc, const char *what)
{
    return leat_env_fail(err, rc, "meta.mdb", what);
}

/* --- life --------------------------------------------------------------------------------------
 */

static int database_open(struct leat_requests *r)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(r->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, LEAT_META_REQUESTS, MDB_CREATE, &r->db);
    if (!rc)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

int leat_requests_open(const char *dir, struct leat_store *store,
                       struct leat_requests **ret_requests, struct leat_err *err)
{
    struct leat_requests *r = calloc(1, sizeof *r);
    char path[PATH_MAX];
    int rc = 0;
    if (!r)
        return leat_fail(err, LEAT_ERETRY, "out of memory for requests");
    if (store) {
        r->env = store->meta.env;
        r->db = store->meta.requests;
    } else {
        r->own = true;
        rc = leat_meta_path(dir, path, sizeof path)
                 ? leat_env_open(path, true, LEAT_META_MAP_BYTES, &r->env)
                 : ENAMETOOLONG;
        if (!rc)
            rc = database_open(r);
    }
    if (rc) {
        leat_requests_close(r);
        return leat_env_fail(err, rc, dir, "take a request");
    }
    *ret_requests = r;
    return LEAT_OK;
}

void leat_requests_close(struct leat_requests *r)
{
    if (!r)
        return;
    if (r->own && r->env)
        mdb_env_close(r->env);
    free(r);
}

/* --- use ---------------------------------------------------------------------------------------
 */

/* The first number that nobody has. */
static int number_find(struct leat_requests *r, MDB_txn *txn, uint64_t *ret_number)
{
    MDB_cursor *cursor;
    struct leat_slice key, value;
    *ret_number = (uint64_t)leat_clock_wall_us();
    int rc = mdb_cursor_open(txn, r->db, &cursor);
    if (rc)
        return rc;
    rc = leat_env_move(cursor, MDB_LAST, &key, &value);
    if (!rc && leat_key_u64(key, 0) >= *ret_number)
        *ret_number = leat_key_u64(key, 0) + 1;
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int leat_requests_put(struct leat_requests *r, const char *source, struct leat_slice body,
                      uint64_t *ret_number, struct leat_err *err)
{
    struct leat_buf buf;
    MDB_txn *txn;
    uint64_t number;
    uint8_t version = LEAT_LAYOUT_VERSION;
    leat_buf_init(&buf, LEAT_REQUEST_BODY_MAX + 1024);
    leat_buf_append(&buf, leat_slice_of(&version, 1));
    leat_buf_append_counted(&buf, leat_slice_text(source));
    leat_buf_append_counted(&buf, body);
    leat_checked_close(&buf);
    int rc = buf.full ? ENOMEM : mdb_txn_begin(r->env, NULL, 0, &txn);
    if (!rc) {
        rc = number_find(r, txn, &number);
        if (!rc)
            rc = leat_env_put(txn, r->db, leat_key_log(number), leat_buf_slice(&buf), 0);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    leat_buf_release(&buf);
    if (rc)
        return fail(err, rc, "store a request");
    *ret_number = number;
    return LEAT_OK;
}

static int each_one(struct leat_slice key, struct leat_slice value, leat_request_fn each, void *arg,
                    struct leat_err *err)
{
    struct leat_slice content;
    if (!leat_checked_open(value, &content))
        return leat_fail(err, LEAT_EDATA, "meta.mdb: the record of a request is damaged");
    struct leat_reader reader = leat_reader_of(content);
    bool known = leat_reader_u8(&reader) == LEAT_LAYOUT_VERSION;
    struct leat_slice source = leat_reader_counted(&reader), body = leat_reader_counted(&reader);
    if (!known || !leat_reader_done(&reader))
        return leat_fail(err, LEAT_EDATA,
                         "meta.mdb: the record of a request is of another version");
    return each(arg, leat_key_u64(key, 0), source, body, err);
}

int leat_requests_each(struct leat_requests *r, leat_request_fn each, void *arg,
                       struct leat_err *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct leat_slice key, value;
    int status = LEAT_OK, rc = mdb_txn_begin(r->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read requests");
    rc = mdb_cursor_open(txn, r->db, &cursor);
    if (!rc) {
        while (!status && !(rc = leat_env_move(cursor, MDB_NEXT, &key, &value)))
            status = each_one(key, value, each, arg, err);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return !status && rc && rc != MDB_NOTFOUND ? fail(err, rc, "read requests") : status;
}

int leat_requests_remove(struct leat_requests *r, uint64_t number, struct leat_err *err)
{
    MDB_txn *txn;
    struct leat_key key = leat_key_log(number);
    MDB_val k = {key.len, key.bytes};
    int rc = mdb_txn_begin(r->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "remove a request");
    rc = mdb_del(txn, r->db, &k, NULL);
    if (rc && rc != MDB_NOTFOUND)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? fail(err, rc, "remove a request") : LEAT_OK;
}

uint64_t leat_requests_version(struct leat_requests *r)
{
    MDB_envinfo info;
    return mdb_env_info(r->env, &info) ? 0 : info.me_last_txnid;
}
