/*
 * Copies of tables. What is asked for and how far it came is the engine's (leat/snapshot.h); here
 * is how Postgres' rows are read, and at which position of the log they are true.
 *
 *     snapshot.c       which tables there are, the plan, one table's columns and statements
 *     snapshot_rows.c  rows become read events
 *     snapshot_load.c  the initial copy: workers read at the point where the slot begins, before
 *                      the stream does
 *     backfill.c       chunks beside the stream, put where it has passed what they saw
 *     copy_row, copy_progress, xid_snapshot: pure
 *
 *     slot made ─▶ load ─┬─ all done ───────▶ stream ──▶ stream … (asked for, added: backfill)
 *                        └─ killed, too old ─▶ stream + backfill of what is left
 *
 * Private to this directory. Threads: the source's.
 */
#ifndef POSTGRES_SNAPSHOT_H
#define POSTGRES_SNAPSHOT_H

#include <leat/encoding.h>
#include <leat/snapshot.h>

#include <libpq-fe.h>

#include "sources/postgres/copy_progress.h"
#include "sources/postgres/relcache.h"
#include "sources/postgres/xid_snapshot.h"

enum { PG_WORKERS_MAX = 16 };

struct pg_source;

/* One table being copied: the relation it is reported as, and the table its rows lie in, which
 * differ for partitions that are published as their root. */
struct pg_copy {
    struct leat_snapshot_job *job;
    struct pg_relcache
        relations; /* of this one: copies come and go, and columns are as they are now */
    struct pg_relation *relation;
    bool announced;
    struct leat_arena arena; /* of all texts below */
    char *source;            /* "schema"."table" of the rows, quoted; with ONLY */
    char *columns;           /* what is selected behind the row's place or key */
    char *condition;         /* the publication's row filter and the user's condition; "" none */
    char *shape;             /* columns of the present, to see a change */
    bool binary;             /* form of COPY */
    bool keyed;
    unsigned key_count;
    char *key_names[PG_KEY_COLUMNS_MAX]; /* quoted, of the alias r */
    char *key_types[PG_KEY_COLUMNS_MAX];
    uint16_t key_wire[PG_KEY_COLUMNS_MAX]; /* where it stands in the relation's row */
    bool long_values;                      /* some value lies in the TOAST table */
    uint32_t file;                         /* pg_relation_filenode() */
    struct pg_progress progress;
    bool first_done; /* a row of it was given the mark of the first */
};

/* One connection of the initial copy. */
struct pg_worker {
    PGconn *conn;
    struct pg_copy *copy;    /* NULL: idle */
    struct pg_range range;   /* being read; behind what was added */
    struct pg_range crossed; /* the held row is of this one, which is read to its end */
    bool has_crossed;
    bool marked;             /* its transaction has the savepoint behind which a table's locks are */
    bool starting, copying; /* the statement was sent; its rows come */
    bool first, held_first; /* the next message, the held one is the first of its statement */
    char *held;             /* a row of libpq's that is held back, because the last one is marked */
    int held_len;
    char *waiting; /* the row behind it, when that found no room */
    int waiting_len;
};

struct pg_load {
    bool active;
    bool planned;     /* the jobs are in the list of jobs */
    bool wanted;      /* the tables shall be copied, at the next poll */
    PGresult *tables; /* as they were before the slot was made */
    struct pg_worker workers[PG_WORKERS_MAX];
    unsigned worker_count;
    struct pg_copy *copies[PG_WORKERS_MAX]; /* being read */
    bool first_done;
    int64_t started_ms;
    struct pg_worker *pending; /* its held row was decoded and found no room */
    const char *pending_mark;
    struct leat_snapshot_job *only; /* copied beside the stream; NULL: all */
    size_t next_job;                /* of the list: those before it were begun or left */
};

/* Rows of one table that were added one behind the other: a transaction of the stream. */
struct pg_piece {
    struct pg_copy *copy; /* NULL: none is open */
    uint32_t ordinal;
    int64_t time_us;
};

enum pg_backfill_state { PG_BACKFILL_IDLE, PG_BACKFILL_OPEN, PG_BACKFILL_EMIT };

struct pg_backfill {
    enum pg_backfill_state state;
    PGconn *conn;
    struct pg_copy *copy;
    struct leat_window window;
    struct pg_xid_snapshot seen; /* what the chunk's rows are made of */
    uint64_t high_lsn;           /* the stream has passed the chunk when it has passed this */
    struct leat_chunk chunk;
    bool chunk_last, chunk_cut; /* nothing is behind it; the window was full before its end */
    bool decoded;               /* the next row, which found no room */
    bool limited;               /* the chunk ends at `limit`, whether or not there is such a row */
    struct leat_slice limit[PG_KEY_COLUMNS_MAX];
    struct pg_range range; /* of pages: what the chunk took */
    int64_t retry_ms;      /* monotonic: not before */
    int64_t asked_ms;      /* for a keepalive, monotonic */
    uint64_t gate; /* transactions older than this may have written unpublished: they end first; 0:
                      none */
    uint64_t hold_lsn; /* the stream must not pass it before the copy is done; 0: nothing is held */
};

struct pg_snapshot {
    struct leat_origin origin;
    bool origin_defined;
    struct pg_piece piece;
    struct pg_load load;
    struct pg_backfill backfill;
    struct leat_pace pace;
    int64_t read_bytes; /* of rows that were added */
    struct pg_xid_ring emitted;
    bool compared; /* the published tables were compared with the jobs */
    struct pgoutput_field *fields;
    struct leat_arena scratch; /* lifetime: a row */
};

/* The published tables with rows of their own, by size. */
int pg_snapshot_list(struct pg_source *source, PGconn *conn, PGresult **ret_list,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* One of them as a job without state; its texts live as long as the list. */
void pg_snapshot_listed(const PGresult *list, int row, struct leat_snapshot_job *ret_job);

/* The file of a table when the list was made; 0: it is not in it. */
uint32_t pg_snapshot_file(const struct pg_source *source, uint64_t table);

/* --- snapshot.c ---------------------------------------------------------------------------------
 */

void pg_snapshot_open(struct pg_source *source);
void pg_snapshot_close(struct pg_source *source); /* idempotent */

/* The published tables into load.tables, and whether they shall be copied: before the slot is made.
 */
int pg_snapshot_prepare(struct pg_source *source, struct leat_err *err) LEAT_MUST_CHECK;

/* Puts the tables into the list of jobs, or finds those that are new in it. Once a session, with
 * room. */
int pg_snapshot_plan(struct pg_source *source, struct leat_batch *batch,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* Whether anything is left to do that needs poll not to wait. */
bool pg_snapshot_busy(struct pg_source *source);

/* A connection to read rows with. `patience_ms` bounds a statement at the server; 0: nothing does.
 */
int pg_snapshot_connect(struct pg_source *source, int64_t patience_ms, PGconn **ret_conn,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* Looks at a job's table. LEAT_EOF: it is not there (any more), or not published. Free with
 * pg_copy_free(). */
int pg_copy_open(struct pg_source *source, PGconn *conn, struct leat_snapshot_job *job,
                 struct pg_copy **ret_copy, struct leat_err *err) LEAT_MUST_CHECK;
void pg_copy_free(struct pg_copy *copy); /* accepts NULL */

/* The shape of a table's columns as text, to be compared; in the arena. */
int pg_copy_shape(struct pg_source *source, PGconn *conn, const struct leat_snapshot_job *job,
                  struct leat_arena *arena, char **ret_shape, struct leat_err *err) LEAT_MUST_CHECK;

/* COPY of the rows in a range of pages; each begins with its place. */
void pg_copy_places(const struct pg_copy *copy, const struct pg_range *range,
                    struct leat_buf *ret_sql);

/* COPY of the next rows by key; each begins with the texts of its key. */
void pg_copy_keys(PGconn *conn, const struct pg_copy *copy, int64_t limit,
                  struct leat_buf *ret_sql);

/* The key of the last of so many rows from where the copy is, whatever the condition says of them.
 */
void pg_copy_limit(PGconn *conn, const struct pg_copy *copy, int64_t limit,
                   struct leat_buf *ret_sql);

/* The columns in front of a row: its place, or its key. */
static inline uint16_t pg_copy_head(const struct pg_copy *copy)
{
    return copy->progress.form == PG_PROGRESS_KEYS ? (uint16_t)copy->key_count : 1;
}

/* The progress as the job's bytes, which it views from then on. */
int pg_copy_keep(struct pg_source *source, struct pg_copy *copy,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* --- snapshot_rows.c -----------------------------------------------------------------------------
 */

/* Cuts a message of COPY into the source's fields: the head, then the row. LEAT_EOF: end of the
 * data. */
int pg_rows_cut(struct pg_source *source, const struct pg_copy *copy, uint8_t *message, size_t len,
                bool first, struct leat_err *err) LEAT_MUST_CHECK;

/* Text of what was cut, in UTF-8: the row without its head. Once only. */
int pg_rows_utf8(struct pg_source *source, const struct pg_copy *copy,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* Decodes what was cut into relation->after. */
int pg_rows_decode(struct pg_source *source, struct pg_copy *copy,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* Adds what was decoded as a read event. LEAT_AGAIN: there is no room, the same row comes again. */
int pg_rows_add(struct pg_source *source, struct leat_batch *batch, struct pg_copy *copy,
                const char *mark, size_t bytes, struct leat_err *err) LEAT_MUST_CHECK;

/* Ends what was added one behind the other, and notes how far it came. */
int pg_rows_end(struct pg_source *source, struct leat_batch *batch,
                struct leat_err *err) LEAT_MUST_CHECK;

/* --- snapshot_load.c -----------------------------------------------------------------------------
 */

/* Workers import the snapshot that the slot's making exported; before R is used again. */
int pg_load_begin(struct pg_source *source, const char *snapshot,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* What is begun of a table, into its progress. */
void pg_load_gather(struct pg_source *source, struct pg_copy *copy);

/* Reads and adds. LEAT_AGAIN: the batch is full. When all is done load.active is false. */
int pg_load_poll(struct pg_source *source, int64_t until_ms, struct leat_batch *batch,
                 struct leat_err *err) LEAT_MUST_CHECK;
void pg_load_end(struct pg_source *source);

/* --- backfill.c ----------------------------------------------------------------------------------
 */

/* One step: reads a chunk, or adds the rows of one that the stream has passed. Between transactions
 * of the stream only. LEAT_AGAIN: the batch is full. */
int pg_backfill_poll(struct pg_source *source, struct leat_batch *batch,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* The stream changes a row of the relation while a chunk is open: takes it out of the chunk.
 * *ret_row are its values, for those that the stream leaves out; NULL: there was none. */
int pg_backfill_row(struct pg_source *source, const struct pgoutput_message *message,
                    const struct leat_value **ret_row, struct leat_err *err) LEAT_MUST_CHECK;
/* A row whose key changed and that is not whole in its event: if its table is being copied by key,
 * it may have moved from what is not copied yet to what is, so it is copied once more by itself. */
int pg_backfill_owe(struct pg_source *source, const struct pg_relation *relation,
                    struct leat_batch *batch, struct leat_err *err) LEAT_MUST_CHECK;
void pg_backfill_truncate(struct pg_source *source, uint32_t oid);

/* True when the stream has passed the open chunk: poll should return. */
bool pg_backfill_passed(const struct pg_source *source);

/* True when the stream is there and the held copy may be read. */
bool pg_backfill_held(const struct pg_source *source);

/* True when the transaction must wait until the held copy is done. */
bool pg_backfill_holds(const struct pg_source *source, uint64_t commit_lsn);
void pg_backfill_end(struct pg_source *source);

#endif
