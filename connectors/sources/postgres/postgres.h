/*
 * One instance of a Postgres source: its settings, connections, and where it is in the log.
 *
 *     postgres.c    ops table, open, start, poll, confirm, close: the table of contents
 *     resume.c      where the stream resumes, and what was lost: the questions before
 * START_REPLICATION changes.c     pgoutput messages become events in the batch feedback.c
 * keepalives, confirmations, timers monitor.c     lag and retained log, asked beside the stream
 *
 * Private to this directory. Threads: the source's.
 */
#ifndef POSTGRES_POSTGRES_H
#define POSTGRES_POSTGRES_H

#include <leat/source.h>

#include "sources/postgres/catalog.h"
#include "sources/postgres/encoding.h"
#include "sources/postgres/pgoutput.h"
#include "sources/postgres/position.h"
#include "sources/postgres/relcache.h"
#include "sources/postgres/settings.h"
#include "sources/postgres/snapshot.h"
#include "sources/postgres/walsender.h"

/* The transaction between BEGIN and COMMIT. */
struct pg_transaction {
    bool open;
    bool begun;  /* told the batch: it has had an event */
    bool stored; /* all of it is in the store already: dropped */
    uint64_t commit_lsn;
    int64_t commit_time_us;
    uint32_t xid;
    uint32_t rows, messages;           /* counted so far */
    uint32_t skip_rows, skip_messages; /* stored by an earlier session */
    struct leat_slice origin;          /* name of the replication origin, if any */
    uint64_t origin_lsn;
    char origin_name[64];
};

/* Something that did not fit into the batch and is added first in the next one. */
enum pg_pending {
    PG_PENDING_NONE,
    PG_PENDING_EVENT,
    PG_PENDING_TRUNCATE,
    PG_PENDING_BEGIN, /* a transaction behind the place where a copy holds the stream */
};

/* The prefix of our own messages, which are not shown. */
#define PG_WATERMARK "leat.watermark"

/* Log that is gone: from … to is not in the stream. */
struct pg_gap {
    bool found;
    char reason[32];
    uint64_t from, to;
    char text[200];
};

struct pg_feedback {
    uint64_t durable_lsn; /* what may be confirmed */
    int64_t durable_ms;   /* when it moved last, monotonic */
    bool due;             /* durable_lsn moved since the last status update */
    bool owed;            /* the server asked */
    int64_t answered_ms;  /* last answer to a question: answers are rate-limited */
    int64_t adopted_ms;   /* last time a keepalive's position became the position */
    int64_t asked_ms;
    int64_t receive_limit_ms;
    int64_t ask_after_ms;
    int64_t status_limit_ms;
    uint64_t keepalive_lsn; /* of the last keepalive: decoded up to here at the server */
};

struct pg_monitor {
    int64_t lost_ms; /* since when there is no connection for questions */
    bool asked;      /* a question is on its way */
    bool names;      /* … for the names of schemas, not for positions */
    bool renamed;    /* some relation moved to another schema: announce it */
    int64_t next_ms;
    uint64_t server_lsn; /* end of the server's log when last asked */
    int64_t clock_us;    /* the server's clock less our monotonic one; 0: not known */
};

/* How much comes: a busy stream is read in gulps. */
struct pg_rate {
    int64_t since_ms, bytes;
    bool busy;
};

struct pg_source {
    struct pg_settings settings; /* first: the option table's offsets point here */
    const struct leat_source_env *env;
    char instance[LEAT_INSTANCE_MAX + 1];
    struct leat_source_env env_copy;
    char slot[PG_NAME_BYTES], publication[PG_NAME_BYTES];
    bool insert_publication;
    bool binary;    /* wire format that is spoken now */
    bool text_only; /* a type without exact binary form was met: this and later sessions use text */

    PGconn *sql;    /* questions */
    PGconn *stream; /* until START_REPLICATION; then the walsender has it */
    struct pg_walsender walsender;
    struct pg_server server;
    bool own_encoding; /* the server cannot convert a character: this and later sessions … */
    struct leat_encoding encoding; /* … take text as it is there and convert it here */
    struct pgoutput decoder;
    struct pg_relcache relations;

    struct pg_position position; /* of what was put into batches */
    bool position_moved;
    struct leat_buf token;
    struct pg_transaction transaction;
    struct leat_origin origin;
    bool origin_defined;
    struct pg_gap gap;
    bool first_run; /* there is no position of this cluster yet */
    bool resnapshot; /* log is gone and snapshot is when_needed: all tables are copied again */
    bool exports;   /* the slot that is made exports a snapshot: `exported` */
    char exported[64];

    struct leat_event event;                   /* being added */
    struct leat_transaction event_transaction; /* outside of BEGIN … COMMIT: messages, gaps */
    char transaction_id[LEAT_TRANSACTION_ID_MAX];
    enum pg_pending pending;
    struct pgoutput_message message; /* being worked on; views the receive buffer */
    uint32_t truncate_next;
    struct leat_arena scratch; /* lifetime: a message */

    struct pg_snapshot snapshot;
    struct pg_feedback feedback;
    struct pg_monitor monitor;
    struct pg_rate rate;
    int64_t counted_bytes; /* of walsender.received_bytes, in the stats already */
    bool opened;
};

/* --- resume.c ----------------------------------------------------------------------------------
 */

/* Is this the cluster, and the history of it, that the token is about? Asks only, changes nothing.
 * A loss is an error with its remedy, or source->gap when on_gap is record. */
int pg_resume_identify(struct pg_source *source, struct leat_slice token,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Does the slot hold all that is behind the position? Creates it on the first run. */
int pg_resume_slot(struct pg_source *source, struct leat_err *err) LEAT_MUST_CHECK;

/* --- changes.c ---------------------------------------------------------------------------------
 */

/* Works on one WAL payload. LEAT_AGAIN: something is pending; return from poll. */
int pg_change(struct pg_source *source, const struct pg_wal_message *wal, struct leat_batch *batch,
              struct leat_err *err) LEAT_MUST_CHECK;

/* Adds what is pending, and the gap's event. LEAT_AGAIN: still no room. */
int pg_change_pending(struct pg_source *source, struct leat_batch *batch,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Announces relations whose schema was renamed, which servers before 16 do not tell in the log. */
int pg_change_renamed(struct pg_source *source, struct leat_batch *batch,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* --- feedback.c --------------------------------------------------------------------------------
 */

void pg_feedback_init(struct pg_source *source);
void pg_feedback_keepalive(struct pg_source *source, const struct pg_wal_message *wal);

/* Makes the last keepalive's position ours. Everything before it has been received, and what of it
 * is an event is ahead in the same queue; it costs one commit: so at once when the server asks,
 * else now and then. */
void pg_feedback_adopt(struct pg_source *source);

/* Sends what is due; finds a peer that fell silent. */
int pg_feedback_service(struct pg_source *source, struct leat_err *err) LEAT_MUST_CHECK;

/* When pg_feedback_service() must be called next, monotonic. */
int64_t pg_feedback_due_ms(const struct pg_source *source);

/* The server, or our patience, wants the next confirmation at once. */
void pg_feedback_durable(struct pg_source *source, uint64_t lsn);

/* --- monitor.c ---------------------------------------------------------------------------------
 */

/* Never blocks: asks every few seconds and takes the answer when it is there. */
void pg_monitor_service(struct pg_source *source);
void pg_monitor_lag(struct pg_source *source);

/* Waits for an answer that is on its way, so that the connection is free. False: it is not. */
bool pg_monitor_settle(struct pg_source *source, int64_t timeout_ms);

/* --- preflight.c -------------------------------------------------------------------------------
 */

int pg_preflight(struct pg_source *source, struct leat_report *report,
                 struct leat_err *err) LEAT_MUST_CHECK;

extern const struct leat_source_ops pg_source_ops;

#endif
