/*
 * One instance of a MySQL or MariaDB source: its settings, connections, and where it is in the log.
 *
 *     mysql.c      ops table, open, start, poll, confirm, close: the table of contents
 *     resume.c     where the stream resumes, and what was lost: the questions before the dump
 *     rewound.c    what a server lacks that is in the stream
 *     file_stamp.c is a log's file the one that it was?
 *     changes.c    binlog events become transactions: the grammar of the log
 *     emission.c   a transaction that is decided becomes events in the batch
 *     parked.c     prepared XA transactions that are not decided
 *     torn_file.c  a file that a crash cut in mid-event, and the proof that nothing was lost
 *     barrier.c    is the catalogue's table the one of the log? (schema: catalogue)
 *     rival.c      another reader with our server_id
 *     monitor.c    lag, asked beside the stream
 *
 * Private to this directory. Threads: the source's.
 */
#ifndef MYSQL_MYSQL_H
#define MYSQL_MYSQL_H

#include <leat/source.h>

#include "sources/mysql/binlog_client.h"
#include "sources/mysql/binlog_event.h"
#include "sources/mysql/binlog_rows.h"
#include "sources/mysql/catalog.h"
#include "sources/mysql/ddl.h"
#include "sources/mysql/group.h"
#include "sources/mysql/gtid.h"
#include "sources/mysql/position.h"
#include "sources/mysql/settings.h"
#include "sources/mysql/table_schema.h"

/* Everything that was executed up to a place, in the flavour's own form. */
struct my_gtids {
    struct my_gtid_set set;        /* MySQL */
    struct maria_gtid_state state; /* MariaDB */
};

/* The transaction whose events are coming in. */
struct my_transaction {
    bool open;
    bool in_body;     /* behind its BEGIN */
    bool stored;      /* all of it is in the store already */
    bool statements;  /* a data change was logged as a statement */
    bool alter_phase; /* MariaDB: the first half of an ALTER in two, or its rollback: of no concern
                       */
    struct my_place begin;                /* of its first event */
    char id[LEAT_TRANSACTION_ID_MAX + 1]; /* its GTID, or "file:position" */
    bool has_gtid;
    struct my_gtid gtid;     /* MySQL */
    struct maria_gtid maria; /* MariaDB */
    char xid[MY_XID_TEXT];   /* of an XA transaction, or "" */
    int64_t commit_time_us;
    uint32_t server_id;
    int64_t thread_id; /* -1: not told */
};

/* A prepared XA transaction that is neither committed nor rolled back yet. */
struct my_parked {
    struct my_parked *next; /* in the order of the log */
    char xid[MY_XID_TEXT];
    struct my_place begin;        /* reading begins here to have it again */
    struct leat_buf gtids_before; /* MariaDB: the state in front of it, as text */
    struct my_gtid gtid;          /* MySQL: its own */
    bool has_gtid;
    struct my_group group;
};

/* A decided transaction on its way into the batch, and where that stopped when the batch was full.
 */
struct my_emission {
    struct my_group *group;   /* NULL: nothing is being emitted */
    struct my_parked *parked; /* whose group it is; NULL: the transaction's own */
    bool begun;               /* told the batch */
    bool pending;             /* source->event did not fit and comes first */
    bool in_rows;             /* inside a rows event */
    bool in_statement;        /* inside a DDL */
    uint64_t event_position;
    struct my_row_reader rows;
    uint32_t skip;  /* rows that an earlier session stored */
    uint32_t count; /* rows so far … */
    uint32_t done;  /* … and how many of them the batch has, or needs not have */
    uint32_t statement_step;
};

struct my_gap_event {
    bool found;
    char reason[32];
    struct leat_buf from, to;
    char text[240];
};

struct my_monitor {
    int64_t next_ms;
    struct my_place end; /* of the server's log when last asked; file "": unknown */
    bool level;          /* everything up to there is durable */
};

/* A reader with our number that ended a stream of ours. */
enum { MY_RIVALS_MAX = 4 };
struct my_rival {
    int64_t begun_ms;                 /* when our stream was asked for (monotonic) */
    unsigned early;                   /* streams in a row that were ended at once */
    unsigned met;                     /* that were ended later */
    uint64_t sessions[MY_RIVALS_MAX]; /* of the server, one of which is it */
    size_t count;                     /* 0: it could not be seen */
    struct leat_err reason;
};

struct my_source {
    struct my_settings settings; /* first: the option table's offsets point here */
    struct leat_source_env env_copy;
    const struct leat_source_env *env;
    char instance[LEAT_INSTANCE_MAX + 1];

    struct my_connection *sql;
    struct my_binlog_client *client;
    struct my_server server;
    struct my_charsets *charsets;
    struct my_value_policy policy;

    struct my_position position; /* of what was put into batches */
    struct my_gtids gtids;       /* position.gtids, living */
    bool gtids_known;            /* all of them up to the position; else they are not told */
    bool position_moved;
    bool gtid_mode;
    struct leat_buf request_gtids; /* of the dump, encoded or as text */
    struct leat_buf token;
    struct my_place durable; /* confirmed */
    bool replaying;          /* reading began before the position, for parked transactions … */
    uint64_t awaited; /* … by GTID: so many stored ones (MariaDB: domains' last ones) to come yet */
    struct maria_gtid_state stored_state; /* MariaDB: those last ones; sequence 0: it came */
    struct my_place stored_place;         /* the same by file and position */

    struct my_format format;
    struct my_place at;  /* of the event that is being worked on */
    uint64_t event_end;  /* behind it */
    bool format_checked; /* the first file's stamp was compared */
    bool far;            /* by GTID: the first transaction lies behind the position, gigabytes on */
    struct my_transaction transaction;
    struct my_group group;
    struct leat_buf savepoints; /* of the transaction: changes.c */
    struct my_parked *parked;
    struct my_tables tables;
    struct leat_schema truncated; /* of a table that only its name is known of */
    struct my_emission emission;
    struct my_statement_info statement; /* being emitted; in statement_arena */
    struct leat_slice statement_text, statement_database;
    struct leat_buf fragments; /* MariaDB: a rows event that comes in pieces */

    struct leat_origin origin;
    bool origin_defined;
    struct my_gap_event gap;
    bool refused;   /* the server refused our position: the next start records a gap */
    bool reset;     /* … because its log began again, with other transactions */
    bool rewound;   /* … because it lacks some of ours */
    bool from_head; /* it cannot read its file from there: the next start begins at its head */
    struct my_place torn; /* where a file was left before its end; file "": it needs no proof */
    bool by_position;     /* it cannot go on by GTID set: the next start does without */

    struct leat_event event; /* being added */
    struct leat_transaction event_transaction;
    struct leat_arena scratch;         /* lifetime: a row */
    struct leat_arena event_arena;     /* lifetime: an event of the log */
    struct leat_arena statement_arena; /* lifetime: a DDL statement */

    unsigned silences; /* dumps in a row that brought nothing */
    struct my_rival rival;
    struct my_monitor monitor;
    int64_t counted_bytes;
    struct leat_err deferred; /* ends the session when what came before it was handed over */
    bool opened;
};

/* --- resume.c ----------------------------------------------------------------------------------
 */

/* Is this the server, and the history of it, that the token is about; where does reading begin? A
 * loss is an error with its remedy, or source->gap when on_gap is record. */
int my_resume(struct my_source *source, struct leat_slice token,
              struct my_dump_request *ret_request, struct leat_err *err) LEAT_MUST_CHECK;

/* Something between the position and `to` is not in the stream: an error with its remedy, or a gap
 * to record and a position to go on from. */
int my_lose(struct my_source *source, const char *reason, const struct my_place *to,
            const char *text, struct leat_err *err) LEAT_MUST_CHECK;

/* The living GTIDs as text, in place of what the buffer holds. */
void my_resume_gtids(struct my_source *source, struct leat_buf *buf);

/* How long the first event may take: longer each time that it did not come. */
int64_t my_resume_patience_ms(const struct my_source *source);

/* The first format description of the dump: is it the file that the position is from? */
int my_resume_format(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;

/* MariaDB: the log was read again to its end, and what is stored did not come. */
int my_resume_rewound(struct my_source *source, struct leat_err *err);

/* The server refused the dump, or its log ends. Log that is lost is a gap, if so configured; what
 * another way of reading may get over is tried at the next start; else the error is as it was. */
int my_resume_refused(struct my_source *source, struct leat_err *err);

/* --- rewound.c ---------------------------------------------------------------------------------
 */

/* MySQL by GTID: if the server lacks transactions that are in the stream, it is a loss. */
int my_rewound_set(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;
/* MariaDB by GTID, on another server: the same. `refused`: it said so, and LEAT_ECONFIG too when
 * what both have cannot be told. */
int my_rewound_state(struct my_source *source, bool refused, struct leat_err *err) LEAT_MUST_CHECK;
/* Our file has only so many bytes. */
int my_rewound_file(struct my_source *source, uint64_t bytes, struct leat_err *err) LEAT_MUST_CHECK;

/* --- file_stamp.c ------------------------------------------------------------------------------
 */

/* What tells log files of one name apart: when and by what a file was begun, as one word.
 * MY_STAMP_MAX bytes. */
void my_file_stamp(const struct my_format *format, char *ret_stamp);
/* False: a file of the position's name has another stamp than the position says; so does err. */
bool my_file_is_same(const struct my_source *source, const char *stamp,
                     struct leat_err *err) LEAT_MUST_CHECK;
/* Reads the stamp of the position's file, if it is still there. *ret_ours false: it is another log,
 * and err says why; LEAT_OK then too. *ret_bytes: how long it is; UINT64_MAX: it is not there. */
int my_file_check(struct my_source *source, bool *ret_ours, uint64_t *ret_bytes,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* --- changes.c ---------------------------------------------------------------------------------
 */

/* Works on one event. When a transaction is decided, source->emission says what comes next. */
int my_change(struct my_source *source, struct leat_slice event,
              struct leat_err *err) LEAT_MUST_CHECK;

/* Nothing is missing between the position and the event that is worked on, no transaction is open:
 * the position moves there. */
void my_change_move(struct my_source *source);

/* The transaction is over, emitted or dropped: the position moves behind it. */
int my_change_done(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;

/* A logged statement as UTF-8, and what it is about, with names as the table maps have them; in the
 * arena. */
int my_change_statement(struct my_source *source, const struct my_query *query,
                        struct leat_arena *arena, struct leat_slice *ret_text,
                        struct my_statement_info *ret_info, struct leat_err *err) LEAT_MUST_CHECK;

/* Forgets the open transaction. */
void my_change_reset(struct my_source *source);

/* --- emission.c --------------------------------------------------------------------------------
 */

/* Begins with a group; `parked` is the prepared transaction it is of, or NULL. */
int my_emit_begin(struct my_source *source, struct my_group *group, struct my_parked *parked,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* Goes on with what is being emitted. LEAT_AGAIN: the batch is full. */
int my_emit(struct my_source *source, struct leat_batch *batch,
            struct leat_err *err) LEAT_MUST_CHECK;

/* An error about what is too long, with the place and the table; the session ends with it. */
void my_emit_place(struct my_source *source, struct leat_err *err);

/* How much of a transaction the batch has, into the position. */
void my_emit_position(struct my_source *source);

/* The gap's event, if there is one. */
int my_emit_gap(struct my_source *source, struct leat_batch *batch,
                struct leat_err *err) LEAT_MUST_CHECK;

/* --- parked.c ----------------------------------------------------------------------------------
 */

/* The open transaction is prepared: its group is kept until it is decided. */
int my_park(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;
struct my_parked *my_parked_find(struct my_source *source, const char *xid); /* NULL: not parked */
void my_parked_drop(struct my_source *source, struct my_parked *parked);
void my_parked_release(struct my_source *source);
/* Where reading must begin again, into position.from…, from the oldest one. While replaying that
 * stays as it was: those that did not come again yet are not parked, and must not be forgotten. */
void my_parked_position(struct my_source *source);

/* --- torn_file.c -------------------------------------------------------------------------------
 */

/* The stream ended with `err`. If that is only because a file has no proper end, it goes on with
 * the next file: LEAT_OK. Else the error, as it was or of the attempt. */
int my_torn_pass(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;
/* A file's GTID list: nothing is missing in front of it. */
int my_torn_prove(struct my_source *source, struct leat_slice gtid_list,
                  struct leat_err *err) LEAT_MUST_CHECK;
/* Something is, up to this GTID; or nobody can tell. LEAT_OK: it is a gap. */
int my_torn_missing(struct my_source *source, const struct maria_gtid *gtid,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* --- barrier.c ---------------------------------------------------------------------------------
 */

/* schema: catalogue. Facts about a table that are certain for the place where the stream is: read
 * now, and no DDL of the table between there and now. LEAT_ECONFIG: there was one. */
int my_barrier(struct my_source *source, struct leat_slice database, struct leat_slice table,
               struct leat_arena *arena, struct my_column_fact **ret_facts, size_t *ret_count,
               struct leat_err *err) LEAT_MUST_CHECK;

/* --- rival.c -----------------------------------------------------------------------------------
 */

/* Before the dump. An error: who ended our stream still reads. */
int my_rival_check(struct my_source *source, struct leat_err *err) LEAT_MUST_CHECK;
/* The stream was ended by another one with our number (err): what is to be done. */
int my_rival_met(struct my_source *source, struct leat_err *err);

/* --- monitor.c ---------------------------------------------------------------------------------
 */

void my_monitor_service(struct my_source *source, bool idle);

extern const struct leat_source_ops my_source_ops;

#endif
