#include "store/meta.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

static const char META_NAME[] = "meta.mdb";

static struct leat_key identity_key(void)
{
    struct leat_key key = {.len = 8};
    memcpy(key.bytes, "identity", key.len);
    return key;
}

static int identity_put(MDB_txn *txn, MDB_dbi db, const struct leat_identity *identity)
{
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    leat_identity_write(&buf, identity);
    int rc = buf.full ? ENOMEM : leat_env_put(txn, db, identity_key(), leat_buf_slice(&buf), 0);
    leat_buf_release(&buf);
    return rc;
}

/* The record, or a new one for a new store. */
static int identity_get(MDB_txn *txn, MDB_dbi db, struct leat_identity *ret_identity)
{
    struct leat_slice bytes;
    int rc = leat_env_get(txn, db, identity_key(), &bytes);
    if (!rc && leat_checked_newer(bytes))
        return MDB_VERSION_MISMATCH;
    if (!rc)
        return leat_identity_read(bytes, ret_identity) ? 0 : MDB_CORRUPTED;
    if (rc != MDB_NOTFOUND)
        return rc;
    *ret_identity = (struct leat_identity){.epoch = 0};
    if (getrandom(ret_identity->uuid, LEAT_UUID_BYTES, 0) != LEAT_UUID_BYTES)
        return EIO;
    return 0;
}

static int meta_begin(struct leat_meta *meta)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(meta->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, "store", MDB_CREATE, &meta->db);
    if (!rc)
        rc = mdb_dbi_open(txn, LEAT_META_KEYS, MDB_CREATE, &meta->keys);
    if (!rc)
        rc = mdb_dbi_open(txn, LEAT_META_READERS, MDB_CREATE, &meta->readers);
    if (!rc)
        rc = identity_get(txn, meta->db, &meta->identity);
    if (!rc) {
        meta->identity.epoch++;
        rc = identity_put(txn, meta->db, &meta->identity);
    }
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

bool leat_meta_path(const char *dir, char *ret_path, size_t max)
{
    return snprintf(ret_path, max, "%s/%s", dir, META_NAME) < (int)max;
}

int leat_meta_open(const char *dir, struct leat_meta *ret_meta, struct leat_err *err)
{
    char path[PATH_MAX];
    if (!leat_meta_path(dir, path, sizeof path))
        return leat_fail(err, LEAT_ECONFIG, "store path is too long: %s", dir);
    struct leat_meta meta = {.env = NULL};
    int rc = leat_env_open(path, true, LEAT_META_MAP_BYTES, &meta.env);
    if (rc && leat_env_unmade(path, rc) && unlink(path) == 0)
        rc = leat_env_open(path, true, LEAT_META_MAP_BYTES, &meta.env);
    if (!rc)
        rc = meta_begin(&meta);
    if (rc) {
        leat_meta_close(&meta);
        return leat_env_fail(err, rc, path, "be opened");
    }
    *ret_meta = meta;
    return LEAT_OK;
}

int leat_meta_newest(struct leat_meta *meta, uint64_t first_sequence, struct leat_err *err)
{
    struct leat_identity identity = meta->identity;
    identity.newest = first_sequence;
    MDB_txn *txn;
    int rc = mdb_txn_begin(meta->env, NULL, 0, &txn);
    if (!rc) {
        rc = identity_put(txn, meta->db, &identity);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    if (rc)
        return leat_env_fail(err, rc, META_NAME, "remember the newest segment");
    meta->identity = identity;
    return LEAT_OK;
}

void leat_meta_close(struct leat_meta *meta)
{
    if (meta->env)
        mdb_env_close(meta->env);
    *meta = (struct leat_meta){.env = NULL};
}
