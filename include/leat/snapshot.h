/*
 * The rows that were there before: tables are copied beside the stream, as events of the op `read`.
 *
 * Here is what all databases share: the list of tables to copy, how far each came, what users ask
 * for meanwhile, a window for rows that the stream may change while they are read, and a measure of
 * haste. How rows are read, and at which position of the log they are true, is the source's.
 *
 *     waiting ─▶ running ─▶ done        paused: on the user's word, from either of the first two
 *        │          └─────▶ failed      known: the stream has all of it, there is nothing to copy
 *        └─▶ cancelled                  excluded: the filter leaves it out, for now
 *
 * A job is one table's copy. It is stored as a note (notes.h) with the rows that it is about, in
 * the same commit, so a kill repeats none and leaves none out. `progress` is the source's own text
 * about where it goes on.
 *
 * Order:     the runner makes one per source and gives it in the source's env; jobs are restored
 *            before each session; then plan, next, save … from poll.
 * Ownership: jobs belong to the snapshot and live until the next restore; texts until changed.
 * Units:     rows and bytes as they came from the database; times are wall microseconds.
 * Threads:   the source's, but for leat_snapshot_ask(), _answered() and _each(), which are any's.
 * Errors:    LEAT_ERETRY out of memory, and what leat_batch_note() gives.
 */
#ifndef LEAT_SNAPSHOT_H
#define LEAT_SNAPSHOT_H

#include <leat/batch.h>
#include <leat/notes.h>

#include <stdatomic.h>

/* The numbers are stored: never change or reuse one. */
enum leat_snapshot_state {
    LEAT_SNAPSHOT_WAITING = 1,
    LEAT_SNAPSHOT_RUNNING = 2,
    LEAT_SNAPSHOT_PAUSED = 3,
    LEAT_SNAPSHOT_DONE = 4,
    LEAT_SNAPSHOT_CANCELLED = 5,
    LEAT_SNAPSHOT_FAILED = 6,
    LEAT_SNAPSHOT_KNOWN = 7,
    LEAT_SNAPSHOT_EXCLUDED = 8,
};

enum leat_snapshot_kind {
    LEAT_SNAPSHOT_INITIAL = 1, /* planned when the source began */
    LEAT_SNAPSHOT_ADDED = 2,   /* the table came into the configuration later */
    LEAT_SNAPSHOT_ASKED = 3,   /* `leat snapshot` */
    LEAT_SNAPSHOT_OWED = 4,    /* one row that another copy of its table passes over; forgotten when done */
};

enum { LEAT_SNAPSHOT_TEXT_MAX = 2048, LEAT_SNAPSHOT_REASON_MAX = 400 };

struct leat_snapshot_job {
    uint64_t id;    /* of the request; 0 for all others */
    uint64_t table; /* the source's own number; 0: not found yet */
    _Atomic uint8_t state;
    uint8_t kind;
    char *schema, *name;
    char *where;     /* a condition in the database's language, or NULL */
    char *from, *to; /* both inclusive, in the order of the key, or NULL */
    struct leat_buf progress;
    _Atomic int64_t rows, bytes;
    int64_t rows_estimate;                 /* -1: unknown */
    int64_t started_us, ended_us;          /* 0: not yet */
    char reason[LEAT_SNAPSHOT_REASON_MAX]; /* of failed */
};

struct leat_snapshot;

/* "waiting" …; "?" for a number out of range. */
const char *leat_snapshot_state_name(unsigned state);

/* What is there to be copied now: waiting or running, in the order of the plan; NULL: nothing. */
struct leat_snapshot_job *leat_snapshot_next(struct leat_snapshot *snapshot);

/* The n-th job of all, NULL behind the last. */
struct leat_snapshot_job *leat_snapshot_at(struct leat_snapshot *snapshot, size_t n);

struct leat_snapshot_job *leat_snapshot_find(struct leat_snapshot *snapshot, uint64_t id,
                                             uint64_t table);

/* Adds a job, and its note to the batch; texts are copied, and may be NULL. Of a job that is there
 * already (id and table) nothing changes. *ret_job may be NULL. */
int leat_snapshot_plan(struct leat_snapshot *snapshot, struct leat_batch *batch,
                       const struct leat_snapshot_job *job, struct leat_snapshot_job **ret_job,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets all that was planned and done: the copy begins anew. */
int leat_snapshot_clear(struct leat_snapshot *snapshot, struct leat_batch *batch,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* The job's note: call when rows were added, before poll returns. */
int leat_snapshot_save(struct leat_snapshot *snapshot, struct leat_batch *batch,
                       struct leat_snapshot_job *job, struct leat_err *err) LEAT_MUST_CHECK;

/* The same with another state; times follow. `reason` may be NULL. */
int leat_snapshot_turn(struct leat_snapshot *snapshot, struct leat_batch *batch,
                       struct leat_snapshot_job *job, enum leat_snapshot_state state,
                       const char *reason, struct leat_err *err) LEAT_MUST_CHECK;

/* Takes a job out of the list, and its note away. */
int leat_snapshot_drop(struct leat_snapshot *snapshot, struct leat_batch *batch,
                       struct leat_snapshot_job *job, struct leat_err *err) LEAT_MUST_CHECK;

/* Puts `bytes` in place of the job's progress. False: too long. */
bool leat_snapshot_progress(struct leat_snapshot *snapshot, struct leat_snapshot_job *job,
                            struct leat_slice bytes) LEAT_MUST_CHECK;

/* --- requests -----------------------------------------------------------------------------------
 */

enum leat_snapshot_verb {
    LEAT_SNAPSHOT_COPY = 1,
    LEAT_SNAPSHOT_PAUSE = 2,
    LEAT_SNAPSHOT_RESUME = 3,
    LEAT_SNAPSHOT_CANCEL = 4,
};

struct leat_snapshot_request {
    uint64_t id; /* not 0, of one request for ever */
    uint8_t verb;
    char table[LEAT_SNAPSHOT_TEXT_MAX]; /* schema.table; for all but copy also "": every one */
    char where[LEAT_SNAPSHOT_TEXT_MAX], from[LEAT_SNAPSHOT_TEXT_MAX], to[LEAT_SNAPSHOT_TEXT_MAX];
};

/* Any thread: puts a request in; one that is there already changes nothing. */
int leat_snapshot_ask(struct leat_snapshot *snapshot, const struct leat_snapshot_request *request,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Any thread: true when what the request did is durable, so that it need not be put in again. */
bool leat_snapshot_answered(struct leat_snapshot *snapshot, uint64_t id);

/* Works off what was asked: copies become jobs (table 0, for the source to look up), the other
 * verbs turn the jobs they name. */
int leat_snapshot_serve(struct leat_snapshot *snapshot, struct leat_batch *batch,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* Any thread: calls back for each job under the lock; must not block. */
typedef void (*leat_snapshot_fn)(void *arg, const struct leat_snapshot_job *job);
void leat_snapshot_each(struct leat_snapshot *snapshot, leat_snapshot_fn each, void *arg);

/* --- the mark of a row --------------------------------------------------------------------------
 * What the envelope's source block says of a row's place in an initial copy. */
struct leat_snapshot_place {
    bool first_table, last_table; /* of all that are copied together */
    bool first_row, last_row;     /* of the table */
};

/* "first" "first_in_data_collection" "true" "last_in_data_collection" "last" */
const char *leat_snapshot_mark(struct leat_snapshot_place place);

/* --- the window -------------------------------------------------------------------------------
 * Rows that were read at one moment, by key, until the stream has passed that moment. What the
 * stream changes meanwhile is taken out, because its event is newer.
 *
 *     add, add … ─▶ { take by key } … ─▶ next, next … (what is left, in the order of adding) ─▶
 * reset
 */
struct leat_window_row {
    struct leat_slice key, bytes;
    bool taken;
};

struct leat_window {
    struct leat_arena arena;
    struct leat_window_row *rows;
    size_t count, capacity;
    size_t next; /* of the rows: given out by leat_window_next() */
    uint32_t *slots;
    size_t slot_count;
};

/* `max` bounds the bytes of keys and rows. */
void leat_window_init(struct leat_window *window, size_t max);
void leat_window_reset(struct leat_window *window);
void leat_window_release(struct leat_window *window); /* accepts a zeroed one */

/* Copies both. False: there is no room. A key must not be added twice. */
bool leat_window_add(struct leat_window *window, struct leat_slice key,
                     struct leat_slice bytes) LEAT_MUST_CHECK;

/* The row of that key, which is no longer given out by next; NULL: there is none. */
const struct leat_window_row *leat_window_take(struct leat_window *window, struct leat_slice key);

/* None of the rows is given out any more. */
void leat_window_clear(struct leat_window *window);

/* The row that comes next, without moving; NULL behind the last. Then leat_window_pass(). */
const struct leat_window_row *leat_window_peek(struct leat_window *window);
void leat_window_pass(struct leat_window *window);

/* --- haste ------------------------------------------------------------------------------------
 */

/* At most so many a second, 0: any number. What is not used up in a second is lost. */
struct leat_pace {
    int64_t rows_per_s, bytes_per_s;
    int64_t free_at_ms; /* monotonic: before that there is nothing to spend */
};

void leat_pace_spend(struct leat_pace *pace, int64_t rows, int64_t bytes, int64_t now_ms);
static inline bool leat_pace_free(const struct leat_pace *pace, int64_t now_ms)
{
    return now_ms >= pace->free_at_ms;
}

/* How many rows to read next, when the last so many took so long: towards target_ms and at most
 * bytes_max, never more than four times as many as before. */
struct leat_chunk {
    int64_t rows; /* the next chunk's */
    int64_t rows_min, rows_max;
    int64_t target_ms, bytes_max;
};

void leat_chunk_learn(struct leat_chunk *chunk, int64_t rows, int64_t bytes, int64_t took_ms);

#endif
