/*
 * Readers: the log from any sequence on, across segments, beside a live writer.
 *
 * 1. A read transaction lives for one block: a reader that holds one pins every page freed after
 *    it, until the writer's map is full. Decompression reads the map directly, so the copy out
 *    costs nothing extra.
 * 2. Nothing is served before both hashes, the key, the density of sequences and the chain were
 *    right (I7). After a seek the first block has no predecessor to compare with; the first of a
 *    segment is compared with the segment's head.
 * 3. The step to a newer segment is taken when that one holds a block, and after one more look at
 *    the older: its last commit may have come between our look and the listing. Until then schemas
 *    and parts of the last block are found where it is.
 */
#include "store/lookup.h"
#include "store/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

struct name {
    struct name *next;
    uint32_t source_id;
    char text[LEAT_INSTANCE_MAX + 1];
};

struct leat_store_reader {
    uint32_t only; /* source whose blocks come whole; 0: all */
    int64_t from_us, to_us; /* times of events whose blocks come whole */
    char *path;
    const struct leat_store *store; /* the writer's, if it is in this process */
    struct leat_segment *segment;   /* NULL: to be found by `next` */
    MDB_txn *txn;                   /* of `segment`; reset between calls */
    uint64_t next;                  /* the sequence to be read */
    bool chained;                   /* the block before `next` was read: */
    uint64_t last_hash;             /* … this was its hash */
    struct leat_buf raw;
    struct name *names;
};

int leat_store_reader_open(const char *path, struct leat_store *store,
                           struct leat_store_reader **ret_reader, struct leat_err *err)
{
    struct stat st;
    if (stat(path, &st))
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot open store %s", path);
    struct leat_store_reader *reader = calloc(1, sizeof *reader);
    char *copy = strdup(path);
    if (!reader || !copy) {
        free(reader);
        free(copy);
        return leat_fail(err, LEAT_ERETRY, "out of memory for a reader");
    }
    reader->path = copy;
    reader->store = store;
    reader->next = 1;
    reader->from_us = INT64_MIN;
    reader->to_us = INT64_MAX;
    leat_buf_init(&reader->raw, LEAT_BLOCK_RAW_MAX);
    *ret_reader = reader;
    return LEAT_OK;
}

static void segment_leave(struct leat_store_reader *reader)
{
    if (reader->txn)
        mdb_txn_abort(reader->txn);
    leat_segment_unref(reader->segment);
    reader->txn = NULL;
    reader->segment = NULL;
}

void leat_store_reader_close(struct leat_store_reader *reader)
{
    if (!reader)
        return;
    segment_leave(reader);
    leat_buf_release(&reader->raw);
    while (reader->names) {
        struct name *next = reader->names->next;
        free(reader->names);
        reader->names = next;
    }
    free(reader->path);
    free(reader);
}

int leat_store_reader_seek(struct leat_store_reader *reader, uint64_t sequence,
                           struct leat_err *err)
{
    (void)err;
    segment_leave(reader);
    reader->next = sequence ? sequence : 1;
    reader->chained = false;
    return LEAT_OK;
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* As leat_segment_fail(), but what would stop a writer is, for a reader, this data being bad. */
static int read_fail(const struct leat_segment *segment, int rc, struct leat_err *err)
{
    leat_segment_fail(segment, rc, "be read", err);
    if (err->code == LEAT_ESTORE)
        err->code = LEAT_EDATA;
    return err->code;
}

static int open_fail(int status, struct leat_err *err)
{
    if (status == LEAT_ESTORE)
        status = err->code = LEAT_EDATA;
    return status;
}

static int begin_or_renew(struct leat_store_reader *reader)
{
    if (reader->txn)
        return mdb_txn_renew(reader->txn);
    return mdb_txn_begin(reader->segment->env, NULL, MDB_RDONLY, &reader->txn);
}

static int snapshot_begin(struct leat_store_reader *reader, struct leat_err *err)
{
    int rc = begin_or_renew(reader);
    if (rc == MDB_READERS_FULL) {
        int dead;
        mdb_reader_check(reader->segment->env, &dead);
        rc = begin_or_renew(reader);
    }
    if (!rc)
        return LEAT_OK;
    int status = read_fail(reader->segment, rc, err);
    if (rc == MDB_MAP_RESIZED)
        segment_leave(reader); /* a writer with a larger map: the next call maps it anew */
    return status;
}

static void snapshot_end(struct leat_store_reader *reader)
{
    mdb_txn_reset(reader->txn);
}

/* --- segments --------------------------------------------------------------------------------- */

/* The segment for `next`: the last that begins at or before it, else the oldest. LEAT_EOF: none
 * yet. */
static int segment_choose(struct leat_store_reader *reader, const struct leat_segment_list *list,
                          struct leat_segment **ret_segment, struct leat_err *err)
{
    int status = LEAT_EOF;
    size_t behind = 0;
    while (behind < list->count && list->first[behind] <= reader->next)
        behind++;
    for (size_t i = behind; i-- > 0 && status == LEAT_EOF;)
        status = leat_segment_open(reader->path, list->first[i], false, 0, ret_segment, err);
    for (size_t i = behind; i < list->count && status == LEAT_EOF; i++)
        status = leat_segment_open(reader->path, list->first[i], false, 0, ret_segment, err);
    return open_fail(status, err);
}

static int segment_enter(struct leat_store_reader *reader, struct leat_err *err)
{
    struct leat_segment_list list;
    if (reader->segment)
        return LEAT_OK;
    int status = leat_segment_list(reader->path, &list, err);
    if (status)
        return status;
    status = segment_choose(reader, &list, &reader->segment, err);
    free(list.first);
    return status;
}

/* LEAT_EOF: the segment has no block. */
static int segment_has_block(struct leat_segment *segment, struct leat_err *err)
{
    MDB_txn *txn;
    uint64_t sequence;
    struct leat_slice block;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return read_fail(segment, rc, err);
    int status = leat_segment_first(segment, txn, &sequence, &block, err);
    mdb_txn_abort(txn);
    return open_fail(status, err);
}

/* The segment behind the current one, once it holds a block; else LEAT_EOF. */
static int segment_newer(struct leat_store_reader *reader, struct leat_segment **ret_segment,
                         struct leat_err *err)
{
    struct leat_segment_list list;
    struct leat_segment *segment;
    int status = leat_segment_list(reader->path, &list, err);
    if (status)
        return status;
    size_t i = 0;
    while (i < list.count && list.first[i] <= reader->segment->head.first_sequence)
        i++;
    status = LEAT_EOF;
    if (i < list.count)
        status = leat_segment_open(reader->path, list.first[i], false, 0, &segment, err);
    free(list.first);
    if (status)
        return open_fail(status, err);
    status = segment_has_block(segment, err);
    if (status)
        leat_segment_unref(segment);
    else
        *ret_segment = segment;
    return status;
}

/* The newest that is ready. */
static int segment_newest(struct leat_store_reader *reader, struct leat_segment **ret_segment,
                          struct leat_err *err)
{
    struct leat_segment_list list;
    int status = leat_segment_list(reader->path, &list, err);
    if (status)
        return status;
    status = LEAT_EOF;
    for (size_t i = list.count; i-- > 0 && status == LEAT_EOF;)
        status = leat_segment_open(reader->path, list.first[i], false, 0, ret_segment, err);
    free(list.first);
    return open_fail(status, err);
}

/* --- blocks ----------------------------------------------------------------------------------- */

struct found {
    uint64_t sequence; /* the key */
    struct leat_slice block;
};

static bool covers(const struct leat_block_header *header, uint64_t sequence)
{
    return header->sequence <= sequence && sequence - header->sequence < header->count;
}

/* After a seek `next` may lie inside the block before the cursor, which then is the one. */
static int find_before(struct leat_store_reader *reader, MDB_cursor *cursor, MDB_cursor_op op,
                       struct found *found, struct leat_err *err)
{
    struct leat_slice key, block;
    struct leat_block_header header;
    int rc = leat_env_move(cursor, op, &key, &block);
    if (rc == MDB_NOTFOUND)
        return LEAT_EOF;
    if (rc)
        return read_fail(reader->segment, rc, err);
    int status = leat_block_parse_header(block, &header, err);
    if (status) {
        leat_err_context(err, "%s: sequence %llu is damaged", reader->segment->name,
                         (unsigned long long)leat_key_u64(key, 0));
        return status;
    }
    if (!covers(&header, reader->next))
        return LEAT_EOF;
    *found = (struct found){leat_key_u64(key, 0), block};
    return LEAT_OK;
}

static int find_from(struct leat_store_reader *reader, MDB_cursor *cursor, struct found *ret_found,
                     struct leat_err *err)
{
    struct leat_slice key, block;
    int rc = leat_env_seek(cursor, leat_key_log(reader->next), &key, &block);
    if (rc && rc != MDB_NOTFOUND)
        return read_fail(reader->segment, rc, err);
    struct found found = {rc ? 0 : leat_key_u64(key, 0), block};
    int status = rc ? LEAT_EOF : LEAT_OK;
    if (!reader->chained && (rc || found.sequence != reader->next)) {
        int before = find_before(reader, cursor, rc ? MDB_LAST : MDB_PREV, &found, err);
        status = before == LEAT_EOF ? status : before;
    }
    if (!status)
        *ret_found = found;
    return status;
}

/* Inside a snapshot. LEAT_EOF: not in this segment. */
static int block_find(struct leat_store_reader *reader, struct found *ret_found,
                      struct leat_err *err)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(reader->txn, reader->segment->db[LEAT_DB_LOG], &cursor);
    if (rc)
        return read_fail(reader->segment, rc, err);
    int status = find_from(reader, cursor, ret_found, err);
    mdb_cursor_close(cursor);
    return status;
}

/* Density and chain. */
static int place_check(const struct leat_store_reader *reader, uint64_t key,
                       const struct leat_block_header *h, struct leat_err *err)
{
    const struct leat_segment_head *head = &reader->segment->head;
    if (h->sequence != key)
        return leat_fail(err, LEAT_EDATA, "block says it is sequence %llu",
                         (unsigned long long)h->sequence);
    if (reader->chained && key != reader->next)
        return leat_fail(err, LEAT_EDATA, "sequences %llu to %llu before it are missing",
                         (unsigned long long)reader->next, (unsigned long long)key - 1);
    bool begins = key == head->first_sequence;
    if ((reader->chained && h->previous_hash != reader->last_hash) ||
        (begins && h->previous_hash != head->previous_hash))
        return leat_fail(err, LEAT_EDATA,
                         "block does not follow the one before it: the chain is broken");
    return LEAT_OK;
}

/* Out of the map into reader->raw. */
static int raw_copy(struct leat_store_reader *reader, const struct leat_block_header *h,
                    struct leat_slice payload, struct leat_err *err)
{
    struct leat_slice raw;
    int status = leat_block_open(h, payload, &reader->raw, &raw, err);
    if (status || raw.ptr == reader->raw.data)
        return status;
    leat_buf_append(&reader->raw, raw);
    return reader->raw.full ? leat_fail(err, LEAT_ERETRY, "out of memory for a block") : LEAT_OK;
}

static int block_read(struct leat_store_reader *reader, struct leat_block_header *ret_header,
                      struct leat_err *err)
{
    struct found found = {0};
    struct leat_slice payload;
    struct leat_block_header h;
    int status = block_find(reader, &found, err);
    if (status)
        return status;
    status = leat_block_parse(found.block, &h, &payload, err);
    if (!status)
        status = place_check(reader, found.sequence, &h, err);
    leat_buf_reset(&reader->raw);
    if (!status && (!reader->only || reader->only == h.source_id) && h.max_time_us >= reader->from_us &&
        h.min_time_us <= reader->to_us)
        status = raw_copy(reader, &h, payload, err);
    if (status) {
        leat_err_context(err, "%s: sequence %llu cannot be served", reader->segment->name,
                         (unsigned long long)found.sequence);
        return status;
    }
    reader->next = h.sequence + h.count;
    reader->last_hash = h.hash;
    reader->chained = true;
    *ret_header = h;
    return LEAT_OK;
}

/* In a snapshot of its own. */
static int block_look(struct leat_store_reader *reader, struct leat_block_header *ret_header,
                      struct leat_err *err)
{
    int status = snapshot_begin(reader, err);
    if (status)
        return status;
    status = block_read(reader, ret_header, err);
    snapshot_end(reader);
    return status;
}

void leat_store_reader_between(struct leat_store_reader *reader, int64_t from_us, int64_t to_us)
{
    reader->from_us = from_us;
    reader->to_us = to_us;
}

void leat_store_reader_only(struct leat_store_reader *reader, uint32_t source_id)
{
    reader->only = source_id;
}

int leat_store_reader_next(struct leat_store_reader *reader, struct leat_block_header *ret_header,
                           struct leat_slice *ret_raw, struct leat_err *err)
{
    if (reader->store && leat_store_durable(reader->store) < reader->next)
        return LEAT_EOF; /* the usual answer at the head, without a look at any file */
    int status = segment_enter(reader, err);
    if (!status)
        status = block_look(reader, ret_header, err);
    while (status == LEAT_EOF && reader->segment) {
        struct leat_segment *newer;
        status = segment_newer(reader, &newer, err);
        if (status)
            return status;
        status = block_look(reader, ret_header, err); /* sealed by now: this answer is final */
        if (status != LEAT_EOF) {
            leat_segment_unref(newer);
            break;
        }
        segment_leave(reader);
        reader->segment = newer;
        status = block_look(reader, ret_header, err);
    }
    if (!status)
        *ret_raw = leat_buf_slice(&reader->raw);
    return status;
}

/* --- what blocks refer to --------------------------------------------------------------------- */

int leat_store_reader_schema(struct leat_store_reader *reader, uint32_t source_id, uint32_t ref,
                             struct leat_arena *arena, struct leat_slice *ret_bytes,
                             struct leat_err *err)
{
    int status = segment_enter(reader, err);
    if (!status)
        status = snapshot_begin(reader, err);
    if (status)
        return status == LEAT_EOF ? leat_fail(err, LEAT_EDATA, "the store is empty") : status;
    struct leat_slice value, bytes, copy = {NULL, 0};
    int rc = leat_env_get(reader->txn, reader->segment->db[LEAT_DB_SCHEMAS],
                          leat_key_schema(source_id, ref), &value);
    if (rc)
        status = leat_fail_native(err, LEAT_EDATA, LEAT_DOMAIN_LMDB, rc,
                                  "%s: schema %u of source number %u cannot be read: %s",
                                  reader->segment->name, ref, source_id, mdb_strerror(rc));
    else if (!leat_checked_open(value, &bytes))
        status = leat_fail(err, LEAT_EDATA, "%s: schema %u of source number %u fails its checksum",
                           reader->segment->name, ref, source_id);
    else if (copy = leat_arena_copy(arena, bytes), copy.len != bytes.len)
        status = leat_fail(err, LEAT_ELIMIT, "no room for a schema of %zu bytes", bytes.len);
    snapshot_end(reader);
    if (!status)
        *ret_bytes = copy;
    return status;
}

/* One part, in a snapshot of its own: a value may have a thousand. */
static int part_read(struct leat_store_reader *reader, uint32_t source_id, uint64_t set,
                     uint32_t index, struct leat_buf *buf, struct leat_err *err)
{
    struct leat_slice bytes;
    int status = snapshot_begin(reader, err);
    if (status)
        return status;
    int rc = leat_env_get(reader->txn, reader->segment->db[LEAT_DB_PARTS],
                          leat_key_part(source_id, set, index), &bytes);
    if (rc == MDB_NOTFOUND)
        status = leat_fail(err, LEAT_EDATA, "it is missing");
    else if (rc)
        status = read_fail(reader->segment, rc, err);
    else
        status = leat_part_open(bytes, index, buf, err);
    snapshot_end(reader);
    return status;
}

int leat_store_reader_parts(struct leat_store_reader *reader, uint32_t source_id, uint64_t set,
                            uint64_t raw_len, struct leat_buf *buf, struct leat_err *err)
{
    size_t before = buf->len;
    int status = segment_enter(reader, err);
    if (status)
        return status == LEAT_EOF ? leat_fail(err, LEAT_EDATA, "the store is empty") : status;
    for (uint32_t index = 0; !status && buf->len - before < raw_len; index++) {
        status = part_read(reader, source_id, set, index, buf, err);
        if (status)
            leat_err_context(err, "part %u of set %llu of source number %u", index,
                             (unsigned long long)set, source_id);
    }
    if (!status && buf->len - before != raw_len)
        status = leat_fail(err, LEAT_EDATA, "set %llu of source number %u has %zu bytes, not %llu",
                           (unsigned long long)set, source_id, buf->len - before,
                           (unsigned long long)raw_len);
    if (status)
        buf->len = before;
    return status;
}

/* --- look-up ---------------------------------------------------------------------------------- */

int leat_store_reader_find(struct leat_store_reader *reader, uint64_t hash, uint64_t from,
                           struct leat_store_found *ret_found, struct leat_err *err)
{
    return leat_lookup_find(reader->path, hash, from ? from : 1, ret_found, err);
}

int leat_store_reader_hashes(struct leat_store_reader *reader, uint64_t hash, uint64_t from,
                             leat_store_hash_fn each, void *arg, struct leat_err *err)
{
    return leat_lookup_hashes(reader->path, hash, from, each, arg, err);
}

int leat_store_reader_check_runs(struct leat_store_reader *reader, uint64_t *ret_entries,
                                 struct leat_err *err)
{
    return leat_lookup_check(reader->path, ret_entries, err);
}

/* --- sources ---------------------------------------------------------------------------------- */

/* A row of the offsets, copied out. */
struct row {
    uint32_t id;
    char instance[LEAT_INSTANCE_MAX + 1];
    struct leat_store_source source;
};

static int row_copy(uint32_t id, struct leat_slice value, struct row *row)
{
    struct leat_offset offset;
    if (!leat_offset_read(value, &offset) || offset.instance.len > LEAT_INSTANCE_MAX)
        return MDB_CORRUPTED;
    row->id = id;
    memcpy(row->instance, offset.instance.ptr, offset.instance.len);
    row->instance[offset.instance.len] = '\0';
    leat_buf_reset(&row->source.token);
    leat_buf_append(&row->source.token, offset.token);
    row->source.id = id;
    row->source.part_next = offset.part_next;
    row->source.schema_next = offset.schema_next;
    row->source.committed_at_us = offset.committed_at_us;
    return row->source.token.full ? ENOMEM : 0;
}

/* The first row whose number is not below `from`; LMDB's numbers. */
static int row_read(struct leat_segment *segment, uint32_t from, struct row *row)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    struct leat_slice key, value;
    int rc = mdb_txn_begin(segment->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, segment->db[LEAT_DB_OFFSETS], &cursor);
    if (!rc) {
        rc = leat_env_seek(cursor, leat_key_source(from), &key, &value);
        if (!rc)
            rc = row_copy(leat_key_u32(key, 0), value, row);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}

int leat_store_reader_sources(struct leat_store_reader *reader, leat_store_source_fn each,
                              void *arg, struct leat_err *err)
{
    struct leat_segment *segment;
    int status = segment_newest(reader, &segment, err);
    if (status)
        return status == LEAT_EOF ? LEAT_OK : status;
    struct row row = {.id = 0};
    leat_buf_init(&row.source.token, LEAT_TOKEN_MAX);
    int rc = 0;
    while (!status && !(rc = row_read(segment, row.id + 1, &row)))
        status = each(arg, row.instance, &row.source, err);
    if (!status && rc != MDB_NOTFOUND)
        status = read_fail(segment, rc, err);
    leat_buf_release(&row.source.token);
    leat_segment_unref(segment);
    return status;
}

static int name_keep(void *arg, const char *instance, const struct leat_store_source *source,
                     struct leat_err *err)
{
    struct leat_store_reader *reader = arg;
    for (struct name *n = reader->names; n; n = n->next)
        if (n->source_id == source->id)
            return LEAT_OK;
    struct name *name = calloc(1, sizeof *name);
    if (!name)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a source's name");
    name->source_id = source->id;
    memcpy(name->text, instance, strlen(instance));
    name->next = reader->names;
    reader->names = name;
    return LEAT_OK;
}

static const char *name_find(const struct leat_store_reader *reader, uint32_t source_id)
{
    const struct name *n = reader->names;
    while (n && n->source_id != source_id)
        n = n->next;
    return n ? n->text : NULL;
}

const char *leat_store_reader_source_name(struct leat_store_reader *reader, uint32_t source_id)
{
    const char *text = name_find(reader, source_id);
    struct leat_err err;
    if (text || leat_store_reader_sources(reader, name_keep, reader, &err))
        return text;
    return name_find(reader, source_id);
}

int leat_store_reader_usage(struct leat_store_reader *reader, struct leat_store_usage *ret_usage,
                            struct leat_err *err)
{
    return leat_space_usage(reader->path, ret_usage, err);
}
