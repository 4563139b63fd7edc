#include "store/env.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ENV_DATABASES_MAX = 16,
    ENV_READERS_MAX = 254, /* slots of 64 bytes: each reader takes one in the segment it is in */
};

int leat_env_open(const char *path, bool writable, int64_t map_bytes, MDB_env **ret_env)
{
    MDB_env *env = NULL;
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (writable ? 0 : MDB_RDONLY);
    int rc = mdb_env_create(&env);
    if (!rc)
        rc = mdb_env_set_maxdbs(env, ENV_DATABASES_MAX);
    if (!rc)
        rc = mdb_env_set_maxreaders(env, ENV_READERS_MAX);
    if (!rc && map_bytes)
        rc = mdb_env_set_mapsize(env, (size_t)map_bytes);
    if (!rc)
        rc = mdb_env_open(env, path, flags, 0600);
    if (rc && env) {
        mdb_env_close(env);
        env = NULL;
    }
    *ret_env = env;
    return rc;
}

bool leat_env_unmade(const char *path, int rc)
{
    struct stat st;
    if (rc == ENOENT)
        return true;
    /* EBADF: of an empty file LMDB writes the first pages even when it is to read only. */
    return (rc == MDB_INVALID || rc == EBADF) && stat(path, &st) == 0 &&
           st.st_size <= 2 * sysconf(_SC_PAGESIZE);
}

int leat_env_code(int rc)
{
    switch (rc) {
    case 0:
        return LEAT_OK;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case MDB_MAP_FULL:
    case MDB_MAP_RESIZED:
    case MDB_READERS_FULL:
        return LEAT_ERETRY;
    case EACCES:
    case EPERM:
    case EROFS:
    case MDB_VERSION_MISMATCH:
        return LEAT_ECONFIG;
    default:
        return LEAT_ESTORE;
    }
}

int leat_env_fail(struct leat_err *err, int rc, const char *path, const char *what)
{
    return leat_fail_native(err, leat_env_code(rc), LEAT_DOMAIN_LMDB, rc, "%s: cannot %s: %s", path,
                            what, mdb_strerror(rc));
}

static MDB_val val_of(struct leat_slice s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr}; /* LMDB never writes through it */
}

static struct leat_slice slice_of(MDB_val v)
{
    return leat_slice_of(v.mv_data, v.mv_size);
}

int leat_env_get(MDB_txn *txn, MDB_dbi db, struct leat_key key, struct leat_slice *ret_value)
{
    MDB_val k = {key.len, key.bytes};
    MDB_val v;
    int rc = mdb_get(txn, db, &k, &v);
    if (!rc)
        *ret_value = slice_of(v);
    return rc;
}

int leat_env_put(MDB_txn *txn, MDB_dbi db, struct leat_key key, struct leat_slice value,
                 unsigned flags)
{
    MDB_val k = {key.len, key.bytes};
    MDB_val v = val_of(value);
    return mdb_put(txn, db, &k, &v, flags);
}

static int cursor_get(MDB_cursor *cursor, MDB_cursor_op op, MDB_val k, struct leat_slice *ret_key,
                      struct leat_slice *ret_value)
{
    MDB_val v = {0, NULL};
    int rc = mdb_cursor_get(cursor, &k, &v, op);
    if (!rc) {
        *ret_key = slice_of(k);
        *ret_value = slice_of(v);
    }
    return rc;
}

int leat_env_seek(MDB_cursor *cursor, struct leat_key key, struct leat_slice *ret_key,
                  struct leat_slice *ret_value)
{
    return cursor_get(cursor, MDB_SET_RANGE, (MDB_val){key.len, key.bytes}, ret_key, ret_value);
}

int leat_env_move(MDB_cursor *cursor, MDB_cursor_op op, struct leat_slice *ret_key,
                  struct leat_slice *ret_value)
{
    return cursor_get(cursor, op, (MDB_val){0, NULL}, ret_key, ret_value);
}
