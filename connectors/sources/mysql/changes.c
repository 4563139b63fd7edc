/*
 * The grammar of the log: events become transactions (mysql.md 7.1).
 *
 *     MySQL    GTID ( BEGIN body (XID | COMMIT | ROLLBACK) | XA START body XA END XA_PREPARE
 *                   | one statement | TRANSACTION_PAYLOAD, which holds one of these )
 *     MariaDB  GTID, which begins unless it stands alone; body; XID | COMMIT | ROLLBACK |
 * XA_PREPARE
 *
 * Nothing is emitted before its transaction is decided: rolled-back ones and undone savepoints do
 * stand in the log. Until then events lie in source->group, as bytes.
 */
#include "sources/mysql/mysql.h"

#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

enum { SAVEPOINTS_KEEP = 16 << 10 /* bytes, between transactions */ };

/* --- a transaction begins and ends -------------------------------------------------------------
 */

void my_change_reset(struct my_source *s)
{
    leat_buf_reset(&s->savepoints);
    leat_buf_shrink(&s->savepoints, SAVEPOINTS_KEEP);
    my_group_reset(&s->group);
    my_tables_close(&s->tables);
    leat_buf_reset(&s->fragments);
    s->transaction = (struct my_transaction){.open = false};
    s->emission = (struct my_emission){.group = NULL};
}

/* What a crashed server did not finish is in no table of it. */
static void drop_unfinished(struct my_source *s)
{
    LEAT_WARN("source", s->instance, "transaction without end dropped",
              LEAT_F_TEXT("transaction", s->transaction.id), LEAT_F_TEXT("file", s->at.file),
              LEAT_F_INT("position", s->at.position));
    my_change_reset(s);
}

static void name_by_place(struct my_source *s)
{
    struct my_transaction *t = &s->transaction;
    int n = snprintf(t->id, sizeof t->id, "%s:%" PRIu64, s->at.file, s->at.position);
    if (n >= (int)sizeof t->id) /* a long path: its end tells files apart */
        snprintf(t->id, sizeof t->id, "…%s:%" PRIu64, s->at.file + (n - (int)sizeof t->id + 4),
                 s->at.position);
}

/* All that had to come again has come: from here on all is new. By GTID it is counted, because
 * another server may have it at other places and in another order. */
static void end_replay(struct my_source *s)
{
    if (s->gtid_mode ? s->awaited == 0 : my_place_compare(&s->at, &s->stored_place) >= 0)
        s->replaying = false;
}

static void begin(struct my_source *s, const struct my_event_header *h)
{
    end_replay(s);
    if (s->transaction.open)
        drop_unfinished(s);
    s->transaction = (struct my_transaction){
        .open = true,
        .begin = s->at,
        .server_id = h->server_id,
        .thread_id = -1,
        .stored = !s->gtid_mode && my_place_compare(&s->at, &s->stored_place) < 0,
    };
    name_by_place(s);
}

/* Without GTIDs a transaction begins with its first statement. */
void my_change_begin(struct my_source *s, const struct my_event_header *h)
{
    if (!s->transaction.open)
        begin(s, h);
}

static int on_gtid(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    begin(s, h);
    int status = my_event_gtid(h, body, &t->gtid, err);
    if (status)
        return status;
    t->has_gtid = t->gtid.number > 0;
    t->commit_time_us = t->gtid.commit_time_us;
    if (t->has_gtid)
        my_gtid_format(&t->gtid, t->id);
    if (s->gtid_mode)
        t->stored = t->has_gtid && my_gtid_set_contains(&s->gtids.set, &t->gtid);
    s->awaited -= t->stored && s->awaited;
    return LEAT_OK;
}

/* In a domain the log's order counts, and numbers may go back: up to the last one that is stored
 * all are, behind it none is. */
static bool is_stored_in_domain(struct my_source *s, const struct maria_gtid *gtid)
{
    struct maria_gtid_state *state = &s->stored_state;
    const struct maria_gtid_position *last = maria_gtid_state_find(state, gtid->domain);
    if (!s->replaying || !last || !last->sequence)
        return false;
    if (gtid->sequence == last->sequence && gtid->server_id == last->server_id) {
        state->positions[last - state->positions].sequence = 0;
        s->awaited--;
    }
    return true;
}

static int on_maria_gtid(struct my_source *s, const struct my_event_header *h,
                         struct leat_slice body, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    begin(s, h);
    int status = my_event_maria_gtid(h, body, &t->maria, err);
    if (!status && s->torn.file[0]) {
        status = my_torn_missing(s, &t->maria, err); /* the file has no list of GTIDs */
        s->torn.file[0] = '\0';
    }
    if (status)
        return status;
    t->has_gtid = true;
    t->in_body = !(t->maria.flags & MARIA_GTID_STANDALONE);
    t->alter_phase = t->maria.flags_extra & (MARIA_GTID_START_ALTER | MARIA_GTID_ROLLBACK_ALTER);
    snprintf(t->xid, sizeof t->xid, "%s", t->maria.xid);
    maria_gtid_format(&t->maria, t->id);
    if (s->gtid_mode)
        t->stored = is_stored_in_domain(s, &t->maria);
    return LEAT_OK;
}

static int count_gtid(struct my_source *s, struct leat_err *err)
{
    const struct my_transaction *t = &s->transaction;
    if (!t->has_gtid || t->stored || !s->gtids_known)
        return LEAT_OK;
    return s->server.mariadb ? maria_gtid_state_put(&s->gtids.state, &t->maria, err)
                             : my_gtid_set_add(&s->gtids.set, &t->gtid, err);
}

/* The stamp is of the file in which the position is, wherever the dump began. */
static void move_position(struct my_source *s, const struct my_place *to)
{
    struct my_position *p = &s->position;
    if (!p->stamp[0] || strcmp(p->at.file, to->file) != 0)
        my_file_stamp(&s->format, p->stamp);
    p->at = *to;
    s->position_moved = true;
}

void my_change_move(struct my_source *s)
{
    bool ahead = my_place_compare(&s->at, &s->position.at) > 0;
    if (!s->transaction.open && !s->replaying && ahead)
        move_position(s, &s->at);
}

int my_change_done(struct my_source *s, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    int status = count_gtid(s, err);
    if (status)
        return status;
    struct my_place end = s->at;
    end.position = s->event_end;
    if (!t->stored) {
        s->from_head = false;
        move_position(s, &end);
        bool begun = strcmp(s->position.transaction, t->id) == 0;
        if (begun) { /* if not, another server sent another one first */
            s->position.transaction[0] = '\0';
            s->position.rows = 0;
        }
    }
    if (s->parked || s->position.parked)
        my_parked_position(s);
    s->env->stats->transactions++;
    if (t->commit_time_us)
        s->env->stats->last_event_time_us = t->commit_time_us;
    struct my_parked *parked = s->emission.parked;
    my_change_reset(s);
    if (parked)
        my_parked_drop(s, parked);
    s->at.position = s->event_end;
    return LEAT_OK;
}

/* The open transaction is committed: its group, or the one that was prepared under its xid. */
int my_change_decide(struct my_source *s, const struct my_event_header *h, struct my_group *group,
                     struct my_parked *parked, struct leat_err *err)
{
    struct my_transaction *t = &s->transaction;
    if (!t->commit_time_us)
        t->commit_time_us = (int64_t)h->timestamp * 1000000;
    s->emission.parked = parked;
    if (t->stored || my_group_empty(group))
        return my_change_done(s, err);
    return my_emit_begin(s, group, parked, err);
}

int my_change_drop(struct my_source *s, struct leat_err *err)
{
    my_group_reset(&s->group);
    return my_change_done(s, err);
}

/* --- what a transaction is made of -------------------------------------------------------------
 */

int my_change_keep(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    if (s->transaction.stored && !s->transaction.xid[0]) /* a prepared one may be needed again */
        return LEAT_OK;
    struct leat_slice whole =
        leat_slice_of(body.ptr - MY_EVENT_HEADER_BYTES, body.len + MY_EVENT_HEADER_BYTES);
    return my_group_append(&s->group, s->at.position, whole, err);
}

static int on_rows(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                   struct leat_err *err)
{
    if (!s->transaction.open || !s->transaction.in_body)
        return leat_fail(err, LEAT_EPROTO, "%s outside of a transaction", my_event_name(h->type));
    return my_change_keep(s, body, err);
}

static int on_xa_prepare(struct my_source *s, const struct my_event_header *h,
                         struct leat_slice body, struct leat_err *err)
{
    struct my_xa_prepare prepare;
    int status = my_event_xa_prepare(body, &prepare, err);
    if (status)
        return status;
    my_change_begin(s, h);
    if (prepare.one_phase)
        return my_change_decide(s, h, &s->group, NULL, err);
    snprintf(s->transaction.xid, sizeof s->transaction.xid, "%s", prepare.xid);
    status = my_park(s, err);
    return status ? status : my_change_done(s, err);
}

/* A rows event in pieces: together they are one event. */
static int on_fragment(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_row_fragment fragment;
    struct my_event_header inner;
    struct leat_slice inner_body;
    int status = my_event_row_fragment(body, &fragment, err);
    if (status)
        return status;
    if (fragment.number == 1)
        leat_buf_reset(&s->fragments);
    leat_buf_append(&s->fragments, fragment.bytes);
    if (s->fragments.full)
        return leat_fail(err, LEAT_ELIMIT, "an event in %" PRIu32 " pieces is longer than row_max",
                         fragment.total);
    if (fragment.number < fragment.total)
        return LEAT_OK;
    status = my_event_open_inner(leat_buf_slice(&s->fragments), &inner, &inner_body, err);
    return status ? status : on_rows(s, &inner, inner_body, err);
}

static int on_incident(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_incident incident;
    int status = my_event_incident(body, &incident, err);
    if (status)
        return status;
    leat_fail(err, LEAT_ECONFIG,
              "the server lost events of its log at %s:%" PRIu64 ": incident %u, %.*s", s->at.file,
              s->at.position, incident.number, LEAT_SLICE_ARG(incident.message));
    leat_err_hint(err,
                  "what was lost is in no log: compare the tables, then move behind that place "
                  "with leat offsets set");
    return err->code;
}

static int on_unknown(struct my_source *s, const struct my_event_header *h, struct leat_err *err)
{
    if (h->flags & MY_EVENT_IGNORABLE)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG,
              "an event of type %u at %s:%" PRIu64 " is not known and may not be passed over",
              h->type, s->at.file, s->at.position);
    leat_err_hint(err, "this server is newer than leat; upgrade leat");
    return err->code;
}

/* The head of a file says which GTIDs lie before it. That is news for an offset without any, which
 * somebody set by hand, or which is from before the server's first transaction. */
static int on_gtids_before(struct my_source *s, const struct my_event_header *h,
                           struct leat_slice body, struct leat_err *err)
{
    struct my_gtid_set before = {.sids = NULL};
    uint32_t count = 0;
    int status = h->type == MARIA_GTID_LIST_EVENT ? my_torn_prove(s, body, err) : LEAT_OK;
    if (status || s->gtids_known || s->gtid_mode || my_place_compare(&s->at, &s->stored_place) < 0)
        return status;
    if (h->type == MY_PREVIOUS_GTIDS_EVENT) {
        status = my_gtid_set_decode(body, &before, err);
        if (!status)
            status = my_gtid_set_merge(&s->gtids.set, &before, err);
        my_gtid_set_release(&before);
    } else {
        status = my_event_maria_gtid_list(body, &count, err);
    }
    for (uint32_t i = 0; !status && i < count; i++) {
        struct maria_gtid last = my_event_maria_gtid_at(body, i);
        status = maria_gtid_state_put(&s->gtids.state, &last, err);
    }
    s->gtids_known = !status;
    return status;
}

/* Events of transactions, also those inside a payload. */
int my_change_inner(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                    struct leat_err *err)
{
    if (my_event_is_rows(h->type))
        return on_rows(s, h, body, err);
    switch (h->type) {
    case MY_TABLE_MAP_EVENT:
        return on_rows(s, h, body, err);
    case MY_QUERY_EVENT:
    case MARIA_QUERY_COMPRESSED_EVENT:
        return my_change_query(s, h, body, h->type == MARIA_QUERY_COMPRESSED_EVENT, err);
    case MY_XID_EVENT:
        return my_change_decide(s, h, &s->group, NULL, err);
    case MY_GTID_EVENT:
    case MY_ANONYMOUS_GTID_EVENT:
    case MY_GTID_TAGGED_EVENT:
        return on_gtid(s, h, body, err);
    case MARIA_GTID_EVENT:
        return on_maria_gtid(s, h, body, err);
    case MY_XA_PREPARE_EVENT:
        return on_xa_prepare(s, h, body, err);
    case MY_TRANSACTION_PAYLOAD_EVENT:
        return my_change_payload(s, body, err);
    case MARIA_PARTIAL_ROW_DATA_EVENT:
        return on_fragment(s, body, err);
    case MY_EXECUTE_LOAD_EVENT:
        return my_change_load(s, h, body, err);
    case MY_INCIDENT_EVENT:
        return on_incident(s, body, err);
    case MY_PREVIOUS_GTIDS_EVENT:
    case MARIA_GTID_LIST_EVENT:
        return on_gtids_before(s, h, body, err);
    case MY_STOP_EVENT:
    case MY_INTVAR_EVENT:
    case MY_RAND_EVENT:
    case MY_USER_VAR_EVENT:
    case MY_LOAD_EVENT_FIRST:
    case MY_LOAD_EVENT_FIRST + 2:
    case MY_BEGIN_LOAD_EVENT:
    case MY_IGNORABLE_EVENT:
    case MY_ROWS_QUERY_EVENT:
    case MY_TRANSACTION_CONTEXT_EVENT:
    case MY_VIEW_CHANGE_EVENT:
    case MARIA_ANNOTATE_ROWS_EVENT:
    case MARIA_BINLOG_CHECKPOINT_EVENT:
    case MARIA_START_ENCRYPTION_EVENT:
        return LEAT_OK;
    default:
        return on_unknown(s, h, err);
    }
}

/* --- files and positions -----------------------------------------------------------------------
 */

/* A new file begins, or the dump. A real ROTATE only ends the old one. */
static int on_rotate(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                     struct leat_err *err)
{
    struct my_rotate rotate;
    int status = my_event_rotate(body, &rotate, err);
    if (status || !(h->flags & MY_EVENT_ARTIFICIAL))
        return status;
    if (rotate.file.len >= sizeof s->at.file || memchr(rotate.file.ptr, ' ', rotate.file.len))
        return leat_fail(err, LEAT_ECONFIG,
                         "a log file is called \"%.*s\": too long, or with blanks",
                         LEAT_SLICE_ARG(rotate.file));
    if (s->transaction.open)
        drop_unfinished(s);
    snprintf(s->at.file, sizeof s->at.file, "%.*s", LEAT_SLICE_ARG(rotate.file));
    s->at.position = s->event_end = rotate.position;
    s->format.known = false; /* its own description follows; the checksum's kind holds until then */
    return LEAT_OK;
}

static int on_format(struct my_source *s, const struct my_event_header *h, struct leat_slice body,
                     struct leat_err *err)
{
    int status = my_event_format(h, body, &s->format, err);
    if (status)
        return status;
    if (!s->format_checked)
        return my_resume_format(s, err);
    end_replay(s);
    if (!s->torn.file[0])  /* else what is missing in front of this file would be passed over */
        my_change_move(s); /* by GTID set a dump may begin at an older file */
    return LEAT_OK;
}

/* The server has nothing for us up to there: so has the store. */
static int on_heartbeat(struct my_source *s, const struct my_event_header *h,
                        struct leat_slice body, struct leat_err *err)
{
    struct my_rotate beat;
    int status = my_event_heartbeat(h, body, &beat, err);
    if (status || s->transaction.open || !s->format_checked)
        return status;
    if (s->server.mariadb && s->replaying && s->awaited) /* the log is at its end */
        return my_resume_rewound(s, err);
    if (!leat_slice_equal(beat.file, leat_slice_text(s->at.file)))
        return LEAT_OK;
    uint64_t position = beat.position;
    if (h->type == MY_HEARTBEAT_EVENT && h->log_pos) /* 32 bits of it; else the body has them all */
        position |= s->at.position & ~(uint64_t)UINT32_MAX;
    struct my_place end = s->at;
    end.position = position;
    if (my_place_compare(&end, &s->position.at) <= 0 || s->replaying)
        return LEAT_OK;
    s->at.position = s->event_end = position;
    move_position(s, &s->at);
    return LEAT_OK;
}

static bool is_mysql_gtid(uint8_t type)
{
    return type == MY_GTID_EVENT || type == MY_ANONYMOUS_GTID_EVENT || type == MY_GTID_TAGGED_EVENT;
}

/* The position behind an event, in 64 bits: the log tells 32. By GTID the server passes over what
 * we have, without a word about how far that is: our own position says so. */
static int locate(struct my_source *s, const struct my_event_header *h, struct leat_err *err)
{
    if (s->far && (h->type == MARIA_GTID_EVENT || is_mysql_gtid(h->type))) {
        s->far = false;
        s->at.position = s->position.at.position;
    }
    uint64_t from = s->at.position, end = (from & ~(uint64_t)UINT32_MAX) | h->log_pos;
    bool heartbeat = h->type == MY_HEARTBEAT_EVENT || h->type == MY_HEARTBEAT_V2_EVENT;
    s->event_end = from;
    if (!h->log_pos || (h->flags & MY_EVENT_ARTIFICIAL) || heartbeat) /* not of the file */
        return LEAT_OK;
    if (end < from && from - end > UINT32_MAX / 2)
        end += (uint64_t)UINT32_MAX + 1;
    if (end < from || end < h->size)
        return leat_fail(err, LEAT_EPROTO,
                         "an event ends at %" PRIu64 ", before its place %" PRIu64 " in %s", end,
                         from, s->at.file);
    if (!s->server.mariadb && !s->gtid_mode && end - h->size != from)
        return leat_fail(err, LEAT_EPROTO,
                         "events are missing in %s between %" PRIu64 " and %" PRIu64, s->at.file,
                         from, end - h->size);
    s->at.position = end - h->size;
    s->event_end = end;
    return LEAT_OK;
}

int my_change(struct my_source *s, struct leat_slice event, struct leat_err *err)
{
    struct my_event_header h;
    struct leat_slice body;
    int status = my_event_open(&s->format, event, &h, &body, err);
    leat_arena_reset(&s->event_arena);
    s->env->stats->received_messages++;
    if (!status)
        status = locate(s, &h, err);
    if (status)
        return status;
    switch (h.type) {
    case MY_ROTATE_EVENT:
        status = on_rotate(s, &h, body, err);
        break;
    case MY_FORMAT_EVENT:
        status = on_format(s, &h, body, err);
        break;
    case MY_HEARTBEAT_EVENT:
    case MY_HEARTBEAT_V2_EVENT:
        status = on_heartbeat(s, &h, body, err);
        break;
    default:
        status = my_change_inner(s, &h, body, err);
    }
    if (status == LEAT_OK && !s->emission.group)
        s->at.position = s->event_end;
    return status;
}
