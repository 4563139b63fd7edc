/*
 * Life of the writer's store: open and recover, sources and their offsets, close.
 *
 * Open, in this order, so that a crash between any two steps is mended by the next open:
 *
 *     LOCK ─▶ meta: epoch + 1 ─▶ newest segment (half-made: deleted)
 *          ─▶ its last block gives sequence and chain ─▶ its offsets give the sources
 *          ─▶ the newest entries of its look-up runs, from their own pages
 *          ─▶ parts that no event came to refer to are dropped
 *
 * 1. A segment that meta.mdb knows as ready is never taken for half-made, and never missing without
 *    an error: that would begin sequences again which cursors have passed (I10).
 * 2. The last block is verified before anything is chained to it.
 * 3. An offset row is read as it was written or not at all: it stands under its own hash.
 */
#include "store/lock.h"
#include "store/state.h"

#include <leat/clock.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Their pages go into LMDB's free list, which is written, too. */
enum { ORPHANS_PER_TRANSACTION = 16 };

/* --- recovery --------------------------------------------------------------------------------- */

static int missing(struct leat_store *store, struct leat_err *err)
{
    leat_fail(err, LEAT_ESTORE,
              "store %s: the segment that begins at sequence %llu is missing or damaged",
              store->path, (unsigned long long)store->meta.identity.newest);
    leat_err_hint(err,
                  "Put the file back. To give its events up, move the whole store directory away: "
                  "sources then begin anew.");
    return LEAT_ESTORE;
}

/* The newest ready segment into store->active, or NULL in a new store. */
static int newest_open(struct leat_store *store, const struct leat_segment_list *list,
                       struct leat_err *err)
{
    for (size_t i = list->count; i-- > 0;) {
        int status = leat_segment_open(store->path, list->first[i], true, store->options.map_bytes,
                                       &store->active, err);
        if (status != LEAT_EOF)
            return status;
        if (list->first[i] <= store->meta.identity.newest)
            return missing(store, err);
        status = leat_segment_delete(store->path, list->first[i], err);
        if (status)
            return status;
    }
    return LEAT_OK;
}

static int active_open(struct leat_store *store, struct leat_err *err)
{
    struct leat_segment_list list;
    int status = leat_segment_list(store->path, &list, err);
    if (status)
        return status;
    status = newest_open(store, &list, err);
    free(list.first);
    if (status)
        return status;
    uint64_t newest = store->meta.identity.newest;
    uint64_t first = store->active ? store->active->head.first_sequence : 0;
    if (first < newest)
        return missing(store, err);
    if (!first)
        return leat_store_roll(store, err);
    if (memcmp(store->active->head.uuid, store->meta.identity.uuid, LEAT_UUID_BYTES) != 0)
        return leat_fail(err, LEAT_ESTORE, "store %s: %s belongs to another store than meta.mdb",
                         store->path, store->active->name);
    return first > newest ? leat_meta_newest(&store->meta, first, err) : LEAT_OK;
}

/* Sequence and chain go on behind the last block; without one, where the segment begins. */
static int tail_read(struct leat_store *store, MDB_txn *txn, struct leat_err *err)
{
    uint64_t sequence;
    struct leat_slice block, payload;
    struct leat_block_header header;
    const struct leat_segment_head *head = &store->active->head;
    store->next_sequence = head->first_sequence;
    store->last_hash = head->previous_hash;
    int status = leat_segment_last(store->active, txn, &sequence, &block, err);
    if (status)
        return status == LEAT_EOF ? LEAT_OK : status;
    status = leat_block_parse(block, &header, &payload, err);
    if (!status && header.sequence != sequence)
        status = leat_fail(err, LEAT_EDATA, "block says it is sequence %llu",
                           (unsigned long long)header.sequence);
    if (status) {
        leat_err_context(err, "%s: the last block, sequence %llu, is damaged", store->active->name,
                         (unsigned long long)sequence);
        return err->code = LEAT_ESTORE;
    }
    store->next_sequence = header.sequence + header.count;
    store->last_hash = header.hash;
    return LEAT_OK;
}

static int known_add(struct leat_store *store, uint32_t id, uint64_t part_next,
                     struct leat_err *err)
{
    size_t count = store->source_count + 1;
    struct leat_known_source *grown = realloc(store->sources, count * sizeof *grown);
    if (!grown)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the list of sources");
    grown[count - 1] = (struct leat_known_source){id, part_next, part_next};
    store->sources = grown;
    store->source_count = count;
    return LEAT_OK;
}

static int row_damaged(struct leat_store *store, uint32_t source_id, struct leat_err *err)
{
    return leat_fail(err, LEAT_ESTORE, "%s: the offset of source number %u fails its checksum",
                     store->active->name, source_id);
}

typedef int (*each_offset)(struct leat_store *store, uint32_t id, const struct leat_offset *offset,
                           void *arg, struct leat_err *err);

/* Calls back for each offset row; stops at the first status that is not LEAT_OK and returns it. */
static int offsets_walk(struct leat_store *store, MDB_txn *txn, each_offset each, void *arg,
                        struct leat_err *err)
{
    MDB_cursor *cursor;
    struct leat_slice key, value;
    int status = LEAT_OK;
    int rc = mdb_cursor_open(txn, store->active->db[LEAT_DB_OFFSETS], &cursor);
    if (rc)
        return leat_segment_fail(store->active, rc, "read the offsets", err);
    while (!status && !(rc = leat_env_move(cursor, MDB_NEXT, &key, &value))) {
        struct leat_offset offset;
        uint32_t id = leat_key_u32(key, 0);
        status = leat_offset_read(value, &offset) ? each(store, id, &offset, arg, err)
                                                  : row_damaged(store, id, err);
    }
    mdb_cursor_close(cursor);
    if (!status && rc != MDB_NOTFOUND)
        return leat_segment_fail(store->active, rc, "read the offsets", err);
    return status;
}

static int remember(struct leat_store *store, uint32_t id, const struct leat_offset *offset,
                    void *arg, struct leat_err *err)
{
    (void)arg;
    return known_add(store, id, offset->part_next, err);
}

static int snapshot(struct leat_store *store, MDB_txn **ret_txn, struct leat_err *err)
{
    int rc = mdb_txn_begin(store->active->env, NULL, MDB_RDONLY, ret_txn);
    return rc ? leat_segment_fail(store->active, rc, "be read", err) : LEAT_OK;
}

static int tail_and_sources(struct leat_store *store, struct leat_err *err)
{
    MDB_txn *txn;
    int status = snapshot(store, &txn, err);
    if (status)
        return status;
    status = tail_read(store, txn, err);
    if (!status)
        status = offsets_walk(store, txn, remember, NULL, err);
    mdb_txn_abort(txn);
    return status;
}

/* --- orphaned parts --------------------------------------------------------------------------- */

struct orphans {
    uint32_t source_id;
    uint64_t from; /* the first set that no event refers to */
    bool look_only;
    bool more;
};

static int orphans_body(struct leat_store *store, MDB_txn *txn, void *arg)
{
    struct orphans *o = arg;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, store->active->db[LEAT_DB_PARTS], &cursor);
    if (rc)
        return rc;
    o->more = true;
    for (int i = 0; i < ORPHANS_PER_TRANSACTION && o->more && !rc; i++) {
        struct leat_slice key, value;
        rc = leat_env_seek(cursor, leat_key_part(o->source_id, o->from, 0), &key, &value);
        if (rc == MDB_NOTFOUND || (!rc && leat_key_u32(key, 0) != o->source_id)) {
            o->more = false;
            rc = 0;
        } else if (o->look_only) {
            break;
        } else if (!rc) {
            rc = mdb_cursor_del(cursor, 0);
        }
    }
    mdb_cursor_close(cursor);
    return rc;
}

/* In bounded transactions: up to a gigabyte may have been ahead. */
static int orphans_drop(struct leat_store *store, struct leat_known_source *known,
                        struct leat_err *err)
{
    struct orphans o = {.source_id = known->id, .from = known->part_next, .look_only = true};
    MDB_txn *txn;
    int status = snapshot(store, &txn, err);
    if (status)
        return status;
    int rc = orphans_body(store, txn, &o);
    mdb_txn_abort(txn);
    if (rc)
        return leat_segment_fail(store->active, rc, "look for orphaned parts", err);
    o.look_only = false;
    while (!status && o.more)
        status = leat_store_transact(store, orphans_body, &o, 0, "drop orphaned parts", err);
    if (!status)
        known->part_end = known->part_next;
    return status;
}

/* --- life cycle ------------------------------------------------------------------------------- */

static int directory_make(const char *path, struct leat_err *err)
{
    char parent[PATH_MAX];
    if (mkdir(path, 0700)) {
        if (errno == EEXIST)
            return LEAT_OK;
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot make the store's directory %s",
                               path);
    }
    if (snprintf(parent, sizeof parent, "%s/..", path) >= (int)sizeof parent)
        return leat_fail(err, LEAT_ECONFIG, "store path is too long: %s", path);
    return leat_segment_sync_directory(parent, err); /* its name is the parent's content */
}

static int store_recover(struct leat_store *store, struct leat_err *err)
{
    int status = directory_make(store->path, err);
    if (!status)
        status = leat_lock_take(store->path, &store->lock_fd, err);
    if (!status)
        status = leat_meta_open(store->path, &store->meta, err);
    if (!status)
        status = leat_lock_describe(store->lock_fd, store->meta.identity.epoch, err);
    store->next_sequence = 1;
    if (!status)
        status = active_open(store, err);
    if (!status)
        status = tail_and_sources(store, err);
    if (!status)
        status = leat_runs_open(store, err);
    if (!status)
        leat_store_reap(store);
    for (size_t i = 0; i < store->source_count && !status; i++)
        status = orphans_drop(store, &store->sources[i], err);
    return status;
}

int leat_store_open(const struct leat_store_options *options, struct leat_store **ret_store,
                    struct leat_err *err)
{
    struct leat_store *store = calloc(1, sizeof *store);
    struct leat_runs *runs = calloc(1, sizeof *runs);
    char *path = strdup(options->path);
    if (!store || !runs || !path) {
        free(store);
        free(runs);
        free(path);
        return leat_fail(err, LEAT_ERETRY, "out of memory for a store");
    }
    leat_runs_reset(runs);
    store->runs = runs;
    store->options = *options;
    store->options.path = store->path = path;
    store->lock_fd = -1;
    int status = store_recover(store, err);
    struct leat_store_usage usage = {.bytes = 0};
    if (!status)
        status = leat_space_usage(path, &usage, err);
    if (status) {
        leat_store_close(store);
        return status;
    }
    store->sealed_bytes = usage.bytes - leat_space_file_bytes(store->active);
    store->durable = store->next_sequence - 1;
    *ret_store = store;
    return LEAT_OK;
}

void leat_store_close(struct leat_store *store)
{
    if (!store)
        return;
    leat_segment_unref(store->active);
    leat_meta_close(&store->meta);
    leat_lock_drop(store->lock_fd); /* last: the next writer finds everything closed */
    leat_runs_release(store->runs);
    free(store->runs);
    free(store->sources);
    free(store->path);
    free(store);
}

uint32_t leat_store_tag(const struct leat_store *store)
{
    uint32_t tag;
    memcpy(&tag, store->meta.identity.uuid, sizeof tag);
    return tag;
}

const char *leat_store_path(const struct leat_store *store)
{
    return store->path;
}

uint64_t leat_store_durable(const struct leat_store *store)
{
    return store->durable;
}

int leat_store_usage(struct leat_store *store, struct leat_store_usage *ret_usage,
                     struct leat_err *err)
{
    return leat_space_usage(store->path, ret_usage, err);
}

/* --- sources ---------------------------------------------------------------------------------- */

struct search {
    struct leat_slice instance;
    uint32_t id;     /* found */
    uint32_t id_max; /* of all that were passed */
    struct leat_offset offset;
};

static int search_row(struct leat_store *store, uint32_t id, const struct leat_offset *offset,
                      void *arg, struct leat_err *err)
{
    (void)store;
    (void)err;
    struct search *s = arg;
    s->id_max = id > s->id_max ? id : s->id_max;
    if (!leat_slice_equal(s->instance, offset->instance))
        return LEAT_OK;
    s->id = id;
    s->offset = *offset;
    return LEAT_OK;
}

static int register_body(struct leat_store *store, MDB_txn *txn, void *arg)
{
    const struct search *s = arg;
    struct leat_offset offset = {.instance = s->instance, .part_next = 1, .schema_next = 1};
    return leat_store_offset_put(store, txn, s->id_max + 1, &offset);
}

static int source_register(struct leat_store *store, const struct search *s, struct leat_err *err)
{
    int status = known_add(store, s->id_max + 1, 1, err);
    if (status)
        return status;
    struct search copy = *s;
    status = leat_store_transact(store, register_body, &copy, 0, "register a source", err);
    if (status)
        store->source_count--;
    return status;
}

static int source_fill(struct leat_store *store, const struct search *s,
                       struct leat_store_source *ret_source, struct leat_err *err)
{
    struct leat_store_source source = {
        .id = s->id,
        .part_next = s->offset.part_next,
        .schema_next = s->offset.schema_next,
        .committed_at_us = s->offset.committed_at_us,
    };
    leat_buf_init(&source.token, LEAT_TOKEN_MAX);
    leat_buf_append(&source.token, s->offset.token);
    if (source.token.full) {
        leat_buf_release(&source.token);
        return leat_fail(err, LEAT_ESTORE, "%s: source number %u has an impossible token",
                         store->active->name, s->id);
    }
    *ret_source = source;
    return LEAT_OK;
}

/* LEAT_EOF: not registered, and nothing is filled. */
static int source_find(struct leat_store *store, struct search *s,
                       struct leat_store_source *ret_source, struct leat_err *err)
{
    MDB_txn *txn;
    int status = snapshot(store, &txn, err);
    if (status)
        return status;
    status = offsets_walk(store, txn, search_row, s, err);
    if (!status)
        status = s->id ? source_fill(store, s, ret_source, err) : LEAT_EOF;
    mdb_txn_abort(txn);
    return status;
}

int leat_store_source(struct leat_store *store, const char *instance,
                      struct leat_store_source *ret_source, struct leat_err *err)
{
    struct search s = {.instance = leat_slice_text(instance)};
    if (s.instance.len == 0 || s.instance.len > LEAT_INSTANCE_MAX)
        return leat_fail(err, LEAT_ECONFIG, "source name \"%.80s\" must have 1 to %d bytes",
                         instance, LEAT_INSTANCE_MAX);
    int status = source_find(store, &s, ret_source, err);
    if (status == LEAT_EOF) {
        status = source_register(store, &s, err);
        if (!status)
            status = source_find(store, &s, ret_source, err);
    } else if (!status) {
        /* It begins again at its token: what it had sent ahead comes again, perhaps cut otherwise.
         * */
        status = orphans_drop(store, leat_store_known(store, s.id), err);
        if (status)
            leat_buf_release(&ret_source->token);
    }
    return status;
}

int leat_store_schemas(struct leat_store *store, uint32_t source_id, leat_store_schema_fn each,
                       void *arg, struct leat_err *err)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct leat_slice key, value, bytes;
    int status = snapshot(store, &txn, err);
    if (status)
        return status;
    int rc = mdb_cursor_open(txn, store->active->db[LEAT_DB_SCHEMAS], &cursor);
    if (!rc) {
        rc = leat_env_seek(cursor, leat_key_schema(source_id, 0), &key, &value);
        while (!rc && !status && leat_key_u32(key, 0) == source_id) {
            uint32_t ref = leat_key_u32(key, sizeof source_id);
            status = leat_checked_open(value, &bytes)
                         ? each(arg, ref, bytes, err)
                         : leat_fail(err, LEAT_ESTORE,
                                     "%s: schema %u of source number %u fails its checksum",
                                     store->active->name, ref, source_id);
            rc = leat_env_move(cursor, MDB_NEXT, &key, &value);
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    if (!status && rc && rc != MDB_NOTFOUND)
        status = leat_segment_fail(store->active, rc, "read the schemas", err);
    return status;
}

/* --- by hand ---------------------------------------------------------------------------------- */

struct new_token {
    uint32_t id;
    struct leat_slice token;
};

static int token_body(struct leat_store *store, MDB_txn *txn, void *arg)
{
    const struct new_token *n = arg;
    struct leat_offset offset;
    int rc = leat_store_offset(store, txn, n->id, &offset);
    if (rc)
        return rc;
    offset.token = n->token;
    offset.committed_at_us = leat_clock_wall_us();
    return leat_store_offset_put(store, txn, n->id, &offset);
}

int leat_store_set_token(struct leat_store *store, const char *instance, struct leat_slice token,
                         struct leat_err *err)
{
    struct search s = {.instance = leat_slice_text(instance)};
    struct leat_store_source source;
    if (token.len > LEAT_TOKEN_MAX)
        return leat_fail(err, LEAT_ECONFIG, "a token has at most %d bytes, this one has %zu",
                         LEAT_TOKEN_MAX, token.len);
    int status = source_find(store, &s, &source, err);
    if (status == LEAT_EOF)
        return leat_fail(err, LEAT_ECONFIG, "store %s knows no source \"%s\"", store->path,
                         instance);
    if (status)
        return status;
    leat_buf_release(&source.token);
    struct new_token n = {s.id, token};
    return leat_store_transact(store, token_body, &n, 0, "set a token", err);
}
