#include "store/keys.h"

#include <leat/reader.h>

#include "store/meta.h"
#include "store/state.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { KEY_VERSION = 2, KEY_VERSION_WITHOUT_USE = 1 };

struct leat_api_keys {
    MDB_env *env;
    MDB_dbi db;
    bool own; /* the environment is ours to close */
};

void leat_api_key_hash(const uint8_t *salt, struct leat_slice secret, uint8_t *ret_hash)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned len = 0;
    if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) || !EVP_DigestUpdate(ctx, salt, 16) ||
        !EVP_DigestUpdate(ctx, secret.ptr, secret.len) || !EVP_DigestFinal_ex(ctx, ret_hash, &len))
        abort(); /* out of memory for a hundred bytes; a wrong hash must not be compared */
    EVP_MD_CTX_free(ctx);
}

/* --- the record ------------------------------------------------------------------------------- */

static void key_write(struct leat_buf *buf, const struct leat_api_key *k)
{
    uint8_t version = KEY_VERSION;
    leat_buf_append(buf, leat_slice_of(&version, 1));
    leat_buf_append(buf, leat_slice_of(k->salt, sizeof k->salt));
    leat_buf_append(buf, leat_slice_of(k->hash, sizeof k->hash));
    leat_buf_append(buf, leat_slice_of(&k->rights, 1));
    leat_buf_append_counted(buf, leat_slice_text(k->tenant));
    leat_buf_append_counted(buf, leat_slice_text(k->source));
    leat_buf_append_counted(buf, leat_slice_text(k->label));
    leat_buf_append(buf, leat_slice_of(&k->created_at_us, sizeof k->created_at_us));
    leat_buf_append(buf, leat_slice_of(&k->revoked_at_us, sizeof k->revoked_at_us));
    leat_buf_append(buf, leat_slice_of(&k->used_at_us, sizeof k->used_at_us));
    leat_checked_close(buf);
}

static bool text_read(struct leat_reader *r, char *ret_text)
{
    struct leat_slice s = leat_reader_counted(r);
    if (s.len > LEAT_API_KEY_TEXT_MAX)
        return false;
    if (s.len)
        memcpy(ret_text, s.ptr, s.len);
    ret_text[s.len] = '\0';
    return true;
}

static void bytes_read(struct leat_reader *r, uint8_t *ret_bytes, size_t len)
{
    struct leat_slice s = leat_reader_bytes(r, len);
    if (s.len)
        memcpy(ret_bytes, s.ptr, len);
}

static bool key_read(struct leat_slice id, struct leat_slice bytes, struct leat_api_key *ret_key)
{
    struct leat_api_key k = {.rights = 0};
    struct leat_slice content;
    if (id.len > LEAT_API_KEY_ID_MAX || !leat_checked_open(bytes, &content))
        return false;
    struct leat_reader r = leat_reader_of(content);
    memcpy(k.id, id.ptr, id.len);
    uint8_t version = leat_reader_u8(&r);
    bool known = version == KEY_VERSION || version == KEY_VERSION_WITHOUT_USE;
    bytes_read(&r, k.salt, sizeof k.salt);
    bytes_read(&r, k.hash, sizeof k.hash);
    k.rights = leat_reader_u8(&r);
    bool fits = text_read(&r, k.tenant) && text_read(&r, k.source) && text_read(&r, k.label);
    k.created_at_us = (int64_t)leat_reader_le64(&r);
    k.revoked_at_us = (int64_t)leat_reader_le64(&r);
    if (version != KEY_VERSION_WITHOUT_USE)
        k.used_at_us = (int64_t)leat_reader_le64(&r);
    if (!known || !fits || !leat_reader_done(&r))
        return false;
    *ret_key = k;
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

static int fail(struct leat_err *err, int rc, const char *what)
{
    return leat_env_fail(err, rc, "meta.mdb", what);
}

static int database_open(struct leat_api_keys *keys)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(keys->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, LEAT_META_KEYS, MDB_CREATE, &keys->db);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static int own_open(struct leat_api_keys *keys, const char *dir, struct leat_err *err)
{
    char path[PATH_MAX];
    if (mkdir(dir, 0700) && errno != EEXIST)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot make the store's directory \"%s\"",
                               dir);
    int rc = leat_meta_path(dir, path, sizeof path)
                 ? leat_env_open(path, true, LEAT_META_MAP_BYTES, &keys->env)
                 : ENAMETOOLONG;
    keys->own = true;
    if (!rc)
        rc = database_open(keys);
    return rc ? leat_env_fail(err, rc, path, "be opened") : LEAT_OK;
}

int leat_api_keys_open(const char *path, struct leat_store *store, struct leat_api_keys **ret_keys,
                       struct leat_err *err)
{
    struct leat_api_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return leat_fail(err, LEAT_ERETRY, "out of memory for keys");
    if (store) {
        keys->env = store->meta.env;
        keys->db = store->meta.keys;
    }
    int status = store ? LEAT_OK : own_open(keys, path, err);
    if (status) {
        leat_api_keys_close(keys);
        return status;
    }
    *ret_keys = keys;
    return LEAT_OK;
}

void leat_api_keys_close(struct leat_api_keys *keys)
{
    if (!keys)
        return;
    if (keys->own && keys->env)
        mdb_env_close(keys->env);
    free(keys);
}

/* --- use -------------------------------------------------------------------------------------- */

static int put(struct leat_api_keys *keys, MDB_txn *txn, const struct leat_api_key *key)
{
    struct leat_buf buf;
    MDB_val k = {strlen(key->id), (void *)(uintptr_t)key->id};
    leat_buf_init(&buf, 1024);
    key_write(&buf, key);
    MDB_val v = {buf.len, buf.data};
    int rc = buf.full ? ENOMEM : mdb_put(txn, keys->db, &k, &v, 0);
    leat_buf_release(&buf);
    return rc;
}

static int end(MDB_txn *txn, int rc)
{
    if (!rc)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

int leat_api_keys_put(struct leat_api_keys *keys, const struct leat_api_key *key,
                      struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(keys->env, NULL, 0, &txn);
    if (!rc)
        rc = end(txn, put(keys, txn, key));
    return rc ? fail(err, rc, "store a key") : LEAT_OK;
}

int leat_api_keys_used(struct leat_api_keys *keys, const char *id, int64_t used_at_us,
                       struct leat_err *err)
{
    MDB_txn *txn;
    MDB_val k = {strlen(id), (void *)(uintptr_t)id}, v;
    struct leat_api_key key;
    int rc = mdb_txn_begin(keys->env, NULL, 0, &txn);
    if (rc)
        return fail(err, rc, "note the use of a key");
    rc = mdb_get(txn, keys->db, &k, &v);
    if (!rc && !key_read(leat_slice_text(id), leat_slice_of(v.mv_data, v.mv_size), &key))
        rc = MDB_CORRUPTED;
    if (!rc) {
        key.used_at_us = used_at_us;
        rc = put(keys, txn, &key);
    }
    rc = end(txn, rc);
    return rc && rc != MDB_NOTFOUND ? fail(err, rc, "note the use of a key") : LEAT_OK;
}

static int walk(struct leat_api_keys *keys, MDB_txn *txn, leat_api_key_fn each, void *arg,
                struct leat_err *err)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    struct leat_api_key key;
    int status = LEAT_OK, rc = mdb_cursor_open(txn, keys->db, &cursor);
    if (rc)
        return fail(err, rc, "read keys");
    while (!status && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        if (!key_read(leat_slice_of(k.mv_data, k.mv_size), leat_slice_of(v.mv_data, v.mv_size), &key))
            status = leat_fail(err, LEAT_EDATA, "meta.mdb: the record of a key is damaged");
        else
            status = each(arg, &key, err);
    }
    mdb_cursor_close(cursor);
    return !status && rc != MDB_NOTFOUND ? fail(err, rc, "read keys") : status;
}

int leat_api_keys_each(struct leat_api_keys *keys, leat_api_key_fn each, void *arg,
                       struct leat_err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(keys->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return fail(err, rc, "read keys");
    int status = walk(keys, txn, each, arg, err);
    mdb_txn_abort(txn);
    return status;
}

uint64_t leat_api_keys_version(struct leat_api_keys *keys)
{
    MDB_envinfo info;
    return mdb_env_info(keys->env, &info) ? 0 : info.me_last_txnid;
}
