/*
 * The commit path: many writes, one LMDB transaction, one fsync; and the roll to the next segment.
 *
 * 1. Sequence, chain and sources change in memory only after LMDB's commit returned; a transaction
 *    that failed leaves nothing behind, and the same writes may be handed in again (I1).
 * 2. Parts stay in the segment of the record that refers to them: while any source has parts ahead
 *    of their record there is no roll.
 * 3. "No space" is believed only of an environment that LMDB has not given up: its data pages are
 *    written before the page that makes them count, so a failed data write has a known outcome and
 *    a failed meta write has not. LMDB reports a short write as EIO; it is taken for a full disk
 *    when the disk is nearly full.
 *
 * Not done: retrying an fsync. Whatever else fails sets `failed`, and every later call is refused.
 */
#include "store/state.h"

#include <leat/clock.h>

#include <assert.h>
#include <errno.h>

enum {
    PAGE_BYTES = 4096,
    ROLL_SPARE_BYTES = 256 << 10,
    SEGMENT_EVENTS_MAX = 1 << 30, /* look-up runs count events of a segment in 32 bits */
};

/* --- transactions ----------------------------------------------------------------------------- */

static int attempt(struct leat_store *store, leat_store_body body, void *arg)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->active->env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = body(store, txn, arg);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* LMDB gave the environment up after a meta page that it could not write. */
static bool panicked(struct leat_segment *segment)
{
    MDB_txn *txn;
    if (mdb_txn_begin(segment->env, NULL, 0, &txn))
        return true;
    mdb_txn_abort(txn);
    return false;
}

static bool no_space(struct leat_store *store, int64_t rc, int64_t bytes)
{
    return rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL ||
           (rc == EIO && leat_space_nearly_none(store->path, bytes));
}

static int transact_fail(struct leat_store *store, int rc, int64_t bytes, const char *what,
                         struct leat_err *err)
{
    if (no_space(store, rc, bytes) && !panicked(store->active)) {
        const char *full = rc == MDB_MAP_FULL ? "the segment's map" : "the disk";
        leat_fail_native(err, LEAT_ERETRY, LEAT_DOMAIN_LMDB, rc, "%s: cannot %s: %s is full: %s",
                         store->active->name, what, full, mdb_strerror(rc));
        leat_err_hint(
            err, rc == MDB_MAP_FULL
                     ? "Raise the store's map size and start again; it costs address space only."
                     : "Free space on the disk of the store.");
        return LEAT_ERETRY;
    }
    store->failed = true;
    leat_fail_native(err, LEAT_ESTORE, LEAT_DOMAIN_LMDB, rc, "%s: store I/O error: cannot %s: %s",
                     store->active->name, what, mdb_strerror(rc));
    leat_err_hint(err,
                  "Whether this commit is durable is unknown. Look at the disk, then start again: "
                  "the stored offsets decide.");
    return LEAT_ESTORE;
}

int leat_store_transact(struct leat_store *store, leat_store_body body, void *arg, int64_t bytes,
                        const char *what, struct leat_err *err)
{
    if (store->failed)
        return leat_fail(err, LEAT_ESTORE, "store %s failed before and takes no more: start again",
                         store->path);
    int rc = attempt(store, body, arg);
    if (rc == MDB_MAP_FULL) { /* a reader that died holds pages back for ever */
        leat_store_reap(store);
        rc = attempt(store, body, arg);
    }
    return rc ? transact_fail(store, rc, bytes, what, err) : LEAT_OK;
}

void leat_store_reap(struct leat_store *store)
{
    int dead;
    mdb_reader_check(store->active->env, &dead);
    mdb_reader_check(store->meta.env, &dead);
}

/* --- offsets ---------------------------------------------------------------------------------- */

struct leat_known_source *leat_store_known(struct leat_store *store, uint32_t source_id)
{
    for (size_t i = 0; i < store->source_count; i++)
        if (store->sources[i].id == source_id)
            return &store->sources[i];
    return NULL;
}

bool leat_store_parts_ahead(const struct leat_store *store)
{
    for (size_t i = 0; i < store->source_count; i++)
        if (store->sources[i].part_end > store->sources[i].part_next)
            return true;
    return false;
}

int leat_store_offset(struct leat_store *store, MDB_txn *txn, uint32_t source_id,
                      struct leat_offset *ret_offset)
{
    struct leat_slice bytes;
    MDB_dbi db = store->active->db[LEAT_DB_OFFSETS];
    int rc = leat_env_get(txn, db, leat_key_source(source_id), &bytes);
    if (rc)
        return rc;
    return leat_offset_read(bytes, ret_offset) ? 0 : MDB_CORRUPTED;
}

int leat_store_offset_put(struct leat_store *store, MDB_txn *txn, uint32_t source_id,
                          const struct leat_offset *offset)
{
    /* Written aside first: `offset` may view the page that the put replaces. */
    struct leat_buf buf;
    leat_buf_init(&buf, LEAT_OFFSET_RECORD_MAX);
    leat_offset_write(&buf, offset);
    int rc = ENOMEM;
    if (!buf.full)
        rc = leat_env_put(txn, store->active->db[LEAT_DB_OFFSETS], leat_key_source(source_id),
                          leat_buf_slice(&buf), 0);
    leat_buf_release(&buf);
    return rc;
}

/* --- one commit ------------------------------------------------------------------------------- */

struct commit {
    struct leat_store_write *writes;
    size_t count;
    int64_t now_us;
    size_t key_count;
    uint64_t sequence; /* running; begin again with each attempt */
    uint64_t hash;
};

static int put_block(struct leat_store *store, MDB_txn *txn, struct commit *c, uint32_t source_id,
                     struct leat_block *block)
{
    c->hash = leat_block_stamp(block, c->sequence, c->hash);
    struct leat_slice bytes = leat_slice_of(block->bytes, block->len);
    struct leat_block_header header;
    struct leat_err err;
    int status = leat_block_parse_header(bytes, &header, &err);
    assert(!status && header.count == block->count && header.source_id == source_id);
    const MDB_dbi *db = store->active->db;
    int rc = leat_env_put(txn, db[LEAT_DB_LOG], leat_key_log(c->sequence), bytes, MDB_APPEND);
    if (!rc)
        rc = leat_env_put(txn, db[LEAT_DB_BY_SOURCE],
                          leat_key_by_source(source_id, header.ingested_at_us, c->sequence),
                          leat_slice_of(&header.count, sizeof header.count), 0);
    c->sequence += block->count;
    return rc;
}

static int put_parts(struct leat_store *store, MDB_txn *txn, const struct leat_store_write *w)
{
    int rc = 0;
    for (size_t i = 0; i < w->part_count && !rc; i++) {
        const struct leat_store_part *part = &w->parts[i];
        rc = leat_env_put(txn, store->active->db[LEAT_DB_PARTS],
                          leat_key_part(w->source_id, part->set, part->index), part->bytes, 0);
    }
    return rc;
}

/* A schema number stands for one content for ever: records already refer to it. */
static int put_schema(struct leat_store *store, MDB_txn *txn, uint32_t source_id,
                      const struct leat_store_schema *schema)
{
    struct leat_key key = leat_key_schema(source_id, schema->ref);
    MDB_dbi db = store->active->db[LEAT_DB_SCHEMAS];
    struct leat_buf buf;
    leat_buf_init(&buf, schema->bytes.len + 64);
    leat_buf_append(&buf, schema->bytes);
    leat_checked_close(&buf);
    int rc = buf.full ? ENOMEM : leat_env_put(txn, db, key, leat_buf_slice(&buf), MDB_NOOVERWRITE);
    struct leat_slice stored;
    if (rc == MDB_KEYEXIST && !leat_env_get(txn, db, key, &stored) &&
        leat_slice_equal(stored, leat_buf_slice(&buf)))
        rc = 0;
    leat_buf_release(&buf);
    return rc;
}

/* The offset row: token and part_next with a token, schema_next with schemas, else untouched. */
static int put_offset(struct leat_store *store, MDB_txn *txn, const struct commit *c,
                      const struct leat_store_write *w)
{
    struct leat_offset offset;
    if (!w->token.ptr && !w->schema_count)
        return 0;
    int rc = leat_store_offset(store, txn, w->source_id, &offset);
    if (rc)
        return rc;
    for (size_t i = 0; i < w->schema_count; i++)
        if (w->schemas[i].ref >= offset.schema_next)
            offset.schema_next = w->schemas[i].ref + 1;
    if (w->token.ptr) {
        offset.token = w->token;
        offset.part_next = w->part_next;
        offset.committed_at_us = c->now_us;
    }
    return leat_store_offset_put(store, txn, w->source_id, &offset);
}

/* The events of this write begin at that sequence. */
static void add_keys(struct leat_store *store, const struct leat_store_write *w, uint64_t sequence)
{
    uint64_t first = sequence - store->active->head.first_sequence;
    for (size_t i = 0; i < w->key_count; i++)
        leat_runs_add(store->runs,
                      (struct leat_run_entry){w->keys[i].hash, (uint32_t)(first + w->keys[i].event)});
}

static int commit_body(struct leat_store *store, MDB_txn *txn, void *arg)
{
    struct commit *c = arg;
    int rc = c->key_count ? leat_runs_begin(store->runs, c->key_count) : 0;
    c->sequence = store->next_sequence;
    c->hash = store->last_hash;
    for (size_t i = 0; i < c->count && !rc; i++) {
        struct leat_store_write *w = &c->writes[i];
        for (size_t k = 0; k < w->schema_count && !rc; k++)
            rc = put_schema(store, txn, w->source_id, &w->schemas[k]);
        if (!rc)
            rc = put_parts(store, txn, w);
        if (!rc && c->key_count)
            add_keys(store, w, c->sequence);
        for (size_t k = 0; k < w->block_count && !rc; k++)
            rc = put_block(store, txn, c, w->source_id, &w->blocks[k]);
        if (!rc)
            rc = put_offset(store, txn, c, w);
    }
    if (!rc && c->key_count)
        rc = leat_runs_end(store->runs, store->active, txn);
    return rc;
}

/* Durable now: memory follows, and everybody may know. */
static void commit_done(struct leat_store *store, const struct commit *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct leat_store_write *w = &c->writes[i];
        struct leat_known_source *known = leat_store_known(store, w->source_id);
        for (size_t k = 0; k < w->part_count; k++)
            if (w->parts[k].set >= known->part_end)
                known->part_end = w->parts[k].set + 1;
        if (w->token.ptr)
            known->part_next = w->part_next;
    }
    if (c->key_count)
        leat_runs_done(store->runs);
    store->next_sequence = c->sequence;
    store->last_hash = c->hash;
    store->durable = c->sequence - 1;
}

/* --- before it -------------------------------------------------------------------------------- */

/* What a value takes in the file: whole pages, and its share of the tree above it. */
static int64_t footprint(size_t len)
{
    return (int64_t)((len + PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES) + PAGE_BYTES / 4;
}

static int64_t write_bytes(const struct leat_store_write *w)
{
    int64_t bytes = 2 * PAGE_BYTES;
    for (size_t i = 0; i < w->block_count; i++)
        bytes += footprint(w->blocks[i].len);
    for (size_t i = 0; i < w->part_count; i++)
        bytes += footprint(w->parts[i].bytes.len);
    for (size_t i = 0; i < w->schema_count; i++)
        bytes += footprint(w->schemas[i].bytes.len);
    return bytes;
}

static int check_write(struct leat_store *store, const struct leat_store_write *w,
                       struct leat_err *err)
{
    if (!leat_store_known(store, w->source_id))
        return leat_fail(err, LEAT_EBUG, "source number %u is not known to the store",
                         w->source_id);
    if (w->token.len > LEAT_TOKEN_MAX)
        return leat_fail(err, LEAT_EBUG, "a resume token of %zu bytes; at most %d are stored",
                         w->token.len, LEAT_TOKEN_MAX);
    uint64_t events = 0;
    for (size_t i = 0; i < w->block_count; i++) {
        if (w->blocks[i].len < LEAT_BLOCK_HEADER_BYTES || !w->blocks[i].count)
            return leat_fail(err, LEAT_EBUG, "a block of source number %u is empty", w->source_id);
        events += w->blocks[i].count;
    }
    for (size_t i = 0; i < w->key_count; i++)
        if (w->keys[i].event >= events)
            return leat_fail(err, LEAT_EBUG, "a key of source number %u has no event", w->source_id);
    return LEAT_OK;
}

static bool roll_possible(const struct leat_store *store)
{
    return store->next_sequence != store->active->head.first_sequence &&
           !leat_store_parts_ahead(store);
}

static bool roll_due(const struct leat_store *store, int64_t bytes)
{
    const struct leat_store_options *o = &store->options;
    if (!roll_possible(store))
        return false;
    if (leat_runs_roll_due(store->runs) ||
        store->next_sequence - store->active->head.first_sequence > SEGMENT_EVENTS_MAX)
        return true;
    if (leat_space_file_bytes(store->active) > o->segment_bytes ||
        leat_space_map_left(store->active) < bytes + ROLL_SPARE_BYTES)
        return true;
    int64_t age_us = leat_clock_wall_us() - store->active->head.created_at_us;
    return o->segment_age_ms && age_us / 1000 > o->segment_age_ms;
}

int leat_store_commit(struct leat_store *store, struct leat_store_write *writes, size_t count,
                      struct leat_err *err)
{
    int64_t bytes = 0;
    struct commit c = {.writes = writes, .count = count, .now_us = leat_clock_wall_us()};
    for (size_t i = 0; i < count; i++) {
        int status = check_write(store, &writes[i], err);
        if (status)
            return status;
        bytes += write_bytes(&writes[i]);
        c.key_count += writes[i].key_count;
    }
    bytes += leat_runs_bytes(store->runs, c.key_count);
    int status = store->failed ? LEAT_OK : leat_space_check(store, bytes, err);
    if (!status && !store->failed && roll_due(store, bytes))
        status = leat_store_roll(store, err);
    if (!status)
        status = leat_store_transact(store, commit_body, &c, bytes, "commit", err);
    if (status == LEAT_ERETRY && err->native == MDB_MAP_FULL && roll_possible(store)) {
        status = leat_store_roll(store, err);
        if (!status)
            status = leat_store_transact(store, commit_body, &c, bytes, "commit", err);
    }
    store->wanted_bytes = status == LEAT_ERETRY ? bytes : 0;
    if (!status)
        commit_done(store, &c);
    return status;
}

/* --- roll ------------------------------------------------------------------------------------- */

/* A half-made segment is in nobody's way: no reader looks into it, and without its file it never
 * was. */
static int roll_fail(struct leat_store *store, uint64_t first, int status, struct leat_err *err)
{
    if (status == LEAT_ESTORE && err->domain == LEAT_DOMAIN_LMDB &&
        no_space(store, err->native, ROLL_SPARE_BYTES))
        status = err->code = LEAT_ERETRY;
    struct leat_err ignored;
    if (status == LEAT_ERETRY && leat_segment_delete(store->path, first, &ignored)) {
        *err = ignored;
        status = LEAT_ESTORE;
    }
    if (status != LEAT_ERETRY)
        store->failed = true;
    leat_err_context(err, "cannot begin a new segment");
    return status;
}

int leat_store_roll(struct leat_store *store, struct leat_err *err)
{
    struct leat_segment_head head = {
        .first_sequence = store->next_sequence,
        .previous_hash = store->last_hash,
        .created_at_us = leat_clock_wall_us(),
    };
    memcpy(head.uuid, store->meta.identity.uuid, LEAT_UUID_BYTES);
    struct leat_segment *segment = NULL;
    int status = store->active ? leat_runs_seal(store, err) : LEAT_OK;
    if (status)
        return status;
    status = leat_segment_create(store->path, &head, store->options.map_bytes, &segment, err);
    if (!status)
        status = leat_segment_finish(segment, store->active, store->path, err);
    if (status) {
        leat_segment_unref(segment);
        return roll_fail(store, head.first_sequence, status, err);
    }
    if (store->active)
        store->sealed_bytes += leat_space_file_bytes(store->active);
    leat_segment_unref(store->active);
    store->active = segment;
    leat_runs_reset(store->runs);
    status = leat_meta_newest(&store->meta, head.first_sequence, err);
    if (status == LEAT_ERETRY)
        return LEAT_OK; /* the next open or roll will say it again: the segment itself is durable */
    store->failed |= status != LEAT_OK;
    return status;
}
