/*
 * Before the dump: is this the server that our offset is about, or one that has the same history by
 * GTID; does its log still hold everything behind the offset; where does reading begin? (mysql.md
 * 7)
 *
 * A file and a position mean nothing on another server, nor after RESET MASTER, when names begin
 * again: so the server's identity and the stamp of the file are stored with every position and
 * compared before any event is believed (I10).
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

enum {
    FILES_ARENA_MAX = 8 << 20,
    FILE_HEAD_BYTES = 4,
    FIRST_EVENT_MS = 1000, /* it mostly takes one; a search by GTID through a long log takes more */
    PATIENCE_DOUBLINGS = 6,
};

/* --- who we are --------------------------------------------------------------------------------
 */

static uint32_t random_number(void)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint32_t)leat_clock_monotonic_us();
    return number;
}

/* server_id is any number that no other replica has; ours is 30 bits without the smallest million,
 * which people give by hand. */
static void name_ourselves(struct my_source *s)
{
    struct my_position *p = &s->position;
    uint8_t uuid[16];
    if (s->settings.server_id)
        p->id = (uint32_t)s->settings.server_id;
    while (p->id < 1000000 && !s->settings.server_id)
        p->id = random_number() & 0x3fffffff;
    if (p->uuid[0])
        return;
    for (size_t i = 0; i < sizeof uuid; i += 4) {
        uint32_t word = random_number();
        memcpy(uuid + i, &word, sizeof word);
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    my_uuid_format(uuid, p->uuid);
}

static void server_identity(const struct my_server *server, char *ret_text)
{
    if (server->mariadb)
        snprintf(ret_text, MY_UUID_TEXT, "%" PRIu32, server->server_id);
    else
        snprintf(ret_text, MY_UUID_TEXT, "%s", server->uuid);
}

static void begin_lineage(struct my_source *s)
{
    snprintf(s->position.lineage, sizeof s->position.lineage, "%s-%" PRIx64, s->position.server,
             leat_clock_wall_us());
}

/* --- GTIDs -------------------------------------------------------------------------------------
 */

static void gtids_release(struct my_gtids *g)
{
    my_gtid_set_release(&g->set);
    maria_gtid_state_release(&g->state);
    *g = (struct my_gtids){.set = {.sids = NULL}};
}

static int gtids_parse(struct my_source *s, struct leat_slice text, struct my_gtids *g,
                       struct leat_err *err)
{
    gtids_release(g);
    return s->server.mariadb ? maria_gtid_state_parse(text, &g->state, err)
                             : my_gtid_set_parse(text, &g->set, err);
}

void my_resume_gtids(struct my_source *s, struct leat_buf *buf)
{
    leat_buf_reset(buf);
    if (s->server.mariadb)
        maria_gtid_state_format(&s->gtids.state, buf);
    else
        my_gtid_set_format(&s->gtids.set, buf);
}

/* --- losses ------------------------------------------------------------------------------------
 */

static void place_text(const struct my_place *place, struct leat_buf *buf)
{
    leat_buf_reset(buf);
    leat_buf_format(buf, "%s:%" PRIu64, place->file, place->position);
}

int my_lose(struct my_source *s, const char *reason, const struct my_place *to, const char *text,
            struct leat_err *err)
{
    place_text(&s->position.at, &s->gap.from);
    place_text(to, &s->gap.to);
    if (s->settings.on_gap == LEAT_GAP_STOP) {
        leat_fail(err, LEAT_ECONFIG, "%s: %s; changes from %s to %s are not in the stream", reason,
                  text, leat_buf_text(&s->gap.from), leat_buf_text(&s->gap.to));
        leat_err_hint(err,
                      "find out who did it; then set on_gap: record for this source and restart, "
                      "which stores one gap event and goes on at %s (or move the offset yourself "
                      "with leat offsets set)",
                      leat_buf_text(&s->gap.to));
        return err->code;
    }
    s->gap.found = true;
    begin_lineage(s); /* what is lost may come again with other rows, under the same numbers */
    snprintf(s->gap.reason, sizeof s->gap.reason, "%s", reason);
    snprintf(s->gap.text, sizeof s->gap.text, "%s", text);
    s->position.at = *to;
    s->position.stamp[0] = s->position.transaction[0] = '\0';
    s->position.rows = s->position.parked = 0;
    s->position.from = (struct my_place){.position = 0};
    leat_buf_reset(&s->position.from_gtids);
    s->position_moved = true;
    LEAT_WARN("source", s->instance, "gap", LEAT_F_TEXT("reason", reason),
              LEAT_F_TEXT("from", leat_buf_text(&s->gap.from)),
              LEAT_F_TEXT("to", leat_buf_text(&s->gap.to)), LEAT_F_TEXT("text", text));
    return LEAT_OK;
}

static int oldest_place(struct my_source *s, struct my_place *ret_place, struct leat_err *err)
{
    struct leat_arena arena;
    struct my_log_file *files;
    size_t count;
    leat_arena_init(&arena, FILES_ARENA_MAX);
    int status = my_catalog_log_files(s->sql, &arena, &files, &count, err);
    if (!status && !count)
        status = leat_fail(err, LEAT_ECONFIG, "the server has no binlog file");
    if (!status) {
        snprintf(ret_place->file, sizeof ret_place->file, "%s", files[0].name);
        ret_place->position = FILE_HEAD_BYTES;
    }
    leat_arena_release(&arena);
    return status;
}

/* Goes on at the oldest log that is there, with everything that was purged taken for known. */
static int lose_to_oldest(struct my_source *s, const char *reason, const char *text,
                          struct leat_err *err)
{
    struct my_place oldest;
    int status = oldest_place(s, &oldest, err);
    if (!status)
        status = my_lose(s, reason, &oldest, text, err);
    if (status || s->server.mariadb) {
        s->gtid_mode = s->gtids_known = false; /* MariaDB's file tells the state at its head */
        return status;
    }
    struct leat_buf purged;
    struct my_gtid_set more = {.sids = NULL};
    leat_buf_init(&purged, LEAT_TOKEN_MAX);
    status = my_catalog_purged(s->sql, &purged, err);
    if (!status)
        status = my_gtid_set_parse(leat_buf_slice(&purged), &more, err);
    if (!status)
        status = my_gtid_set_merge(&s->gtids.set, &more, err);
    s->gtids_known = !status;
    my_gtid_set_release(&more);
    leat_buf_release(&purged);
    return status;
}

/* --- purged ------------------------------------------------------------------------------------
 */

static int check_purged(struct my_source *s, struct leat_err *err)
{
    struct leat_buf text;
    struct my_gtid_set purged = {.sids = NULL};
    leat_buf_init(&text, LEAT_TOKEN_MAX);
    int status = my_catalog_purged(s->sql, &text, err);
    if (!status)
        status = my_gtid_set_parse(leat_buf_slice(&text), &purged, err);
    if (!status && !my_gtid_set_subset(&purged, &s->gtids.set))
        status = lose_to_oldest(s, "purged",
                                "the server purged transactions that are not in the stream", err);
    my_gtid_set_release(&purged);
    leat_buf_release(&text);
    return status;
}

/* --- log that is refused while it streams ------------------------------------------------------
 */

/* With on_gap: record the next start begins with a gap event. */
static int lost(struct my_source *s, struct leat_err *err)
{
    if (s->settings.on_gap == LEAT_GAP_STOP)
        return err->code;
    s->refused = true;
    err->code = LEAT_ERETRY;
    return err->code;
}

static int other_log(struct my_source *s, struct leat_err *err)
{
    s->reset = true;
    return lost(s, err);
}

/* --- file and position -------------------------------------------------------------------------
 */

/* The file is shorter than our place in it: the server lost its end, or it is a file of a log that
 * was reset. */
static int check_end(struct my_source *s, uint64_t bytes, struct leat_err *err)
{
    bool ours;
    uint64_t there;
    int status = my_file_check(s, &ours, &there, err);
    if (status || !ours)
        return status ? status : other_log(s, err);
    return my_rewound_file(s, bytes, err);
}

static int check_file(struct my_source *s, struct leat_err *err)
{
    const struct my_place *from = s->position.parked ? &s->position.from : &s->position.at;
    struct leat_arena arena;
    struct my_log_file *files;
    size_t count;
    leat_arena_init(&arena, FILES_ARENA_MAX);
    int status = my_catalog_log_files(s->sql, &arena, &files, &count, err);
    const struct my_log_file *found = NULL;
    for (size_t i = 0; !status && i < count; i++)
        if (strcmp(files[i].name, from->file) == 0)
            found = &files[i];
    if (!status && !found)
        status =
            lose_to_oldest(s, "purged", "the log file of the offset is not there any more", err);
    else if (!status && found->bytes < from->position)
        status = check_end(s, found->bytes, err);
    leat_arena_release(&arena);
    return status;
}

/* --- which server ------------------------------------------------------------------------------
 */

static int other_server(struct my_source *s, const char *now, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG,
              "other_server: the offset is a file and position of server %s, this one is %s",
              s->position.server, now);
    leat_err_hint(err,
                  "correct host and port; or, if the server was replaced on purpose, set "
                  "accept_server: \"%s\" for this source, which stores a gap event and goes on at "
                  "its oldest log. With GTIDs a source follows a failover by itself",
                  now);
    return err->code;
}

static int check_server(struct my_source *s, struct leat_err *err)
{
    char now[MY_UUID_TEXT];
    server_identity(&s->server, now);
    if (strcmp(now, s->position.server) == 0)
        return LEAT_OK;
    const char *accepted = s->settings.accept_server;
    bool accept = accepted && strcmp(accepted, now) == 0;
    if (!s->gtid_mode && !accept)
        return other_server(s, now, err);
    LEAT_WARN("source", s->instance, "another server", LEAT_F_TEXT("from", s->position.server),
              LEAT_F_TEXT("to", now));
    snprintf(s->position.server, sizeof s->position.server, "%s", now);
    s->position.stamp[0] = '\0';
    s->position_moved = true;
    if (s->gtid_mode)
        return LEAT_OK;
    gtids_release(&s->gtids);
    int on_gap = s->settings.on_gap; /* accepting is the operator's word for this one */
    s->settings.on_gap = LEAT_GAP_RECORD;
    int status = lose_to_oldest(s, "other_server", "the source goes on with another server", err);
    s->settings.on_gap = on_gap;
    return status;
}

static int choose_mode(struct my_source *s, bool has_gtids, struct leat_err *err)
{
    s->gtid_mode = s->server.gtid_mode && has_gtids && !s->by_position &&
                   s->settings.resume != MY_RESUME_POSITION;
    s->by_position = false;
    if (s->settings.resume == MY_RESUME_GTID && !s->server.gtid_mode) {
        leat_fail(err, LEAT_ECONFIG, "resume: gtid, but gtid_mode is off at the server");
        leat_err_hint(err, "set resume: auto, or switch gtid_mode on");
        return err->code;
    }
    if (s->settings.resume == MY_RESUME_GTID && !has_gtids)
        LEAT_WARN("source", s->instance, "no GTIDs in the offset",
                  LEAT_F_TEXT("text", "by position until the next log file tells them"));
    if (!s->gtid_mode && s->server.innodb_binlog)
        return leat_fail(err, LEAT_ECONFIG,
                         "this server's log has no files and positions: "
                         "resume: position cannot be");
    return LEAT_OK;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

/* The first time: from where the log ends now. */
static int begin_here(struct my_source *s, struct leat_err *err)
{
    struct my_log_end end;
    struct my_position *p = &s->position;
    leat_buf_reset(&p->gtids);
    int status = my_catalog_log_end(s->sql, &s->server, &end, &p->gtids, err);
    if (!status)
        status = choose_mode(s, true, err);
    if (!status)
        status = gtids_parse(s, leat_buf_slice(&p->gtids), &s->gtids, err);
    if (status)
        return status;
    s->gtids_known = true;
    p->mariadb = s->server.mariadb;
    memcpy(p->at.file, end.file, sizeof p->at.file);
    p->at.position = end.position;
    server_identity(&s->server, p->server);
    begin_lineage(s);
    s->position_moved = true;
    return LEAT_OK;
}

/* MariaDB by GTID, on a server of which we know no place. */
static bool is_elsewhere(const struct my_source *s, bool moved)
{
    return s->server.mariadb && s->gtid_mode && (moved || !s->position.at.file[0]);
}

/* By GTID: did the server lose or purge what we need? */
static int check_gtids(struct my_source *s, bool moved, struct leat_err *err)
{
    if (is_elsewhere(s, moved)) /* it says nothing of a domain that it never had */
        return my_rewound_state(s, false, err);
    if (s->server.mariadb)
        return LEAT_OK; /* the server itself judges the state when the dump begins */
    int status = my_rewound_set(s, err);
    return status || s->gap.found ? status : check_purged(s, err);
}

/* The session before this one was told that log is lost. */
static int go_on_refused(struct my_source *s, bool moved, struct leat_err *err)
{
    bool behind = s->rewound && is_elsewhere(s, moved);
    int status = behind ? my_rewound_state(s, true, err) : LEAT_OK;
    if (status)
        return status; /* and again at the next start */
    if (s->reset)      /* its GTIDs are of other transactions than those that we know */
        gtids_release(&s->gtids);
    s->refused = s->reset = s->rewound = false;
    return behind ? LEAT_OK
                  : lose_to_oldest(s, "refused", "the server cannot go on from the offset", err);
}

static int go_on(struct my_source *s, struct leat_slice token, struct leat_err *err)
{
    char server[MY_UUID_TEXT];
    struct my_position *p = &s->position;
    int status = my_position_parse(token, p, err);
    if (!status && p->mariadb != s->server.mariadb)
        status = leat_fail(err, LEAT_ECONFIG, "the offset is of a %s server, this one is %s",
                           p->mariadb ? "MariaDB" : "MySQL", s->server.version);
    if (!status)
        status = choose_mode(s, p->gtids.len > 0, err);
    s->gtids_known = p->gtids.len > 0;
    if (!status)
        status = gtids_parse(s, leat_buf_slice(&p->gtids), &s->gtids, err);
    memcpy(server, p->server, sizeof server);
    if (!status)
        status = check_server(s, err);
    if (status || s->gap.found)
        return status;
    bool moved = strcmp(server, p->server) != 0;
    if (s->refused)
        return go_on_refused(s, moved, err);
    bool ours = true;
    uint64_t bytes = UINT64_MAX;
    if (!moved && (s->gtid_mode || p->parked))
        status = my_file_check(s, &ours, &bytes, err);
    if (status || !ours)
        return status ? status : other_log(s, err);
    if (!s->gtid_mode)
        return check_file(s, err);
    if (bytes < p->at.position) /* by GTID nobody would notice, once the numbers are used again */
        return my_rewound_file(s, bytes, err);
    status = check_gtids(s, moved, err);
    if (!status && !s->gap.found && moved)
        p->at = (struct my_place){.position = 0}; /* it was the other server's */
    return status;
}

static int request_gtids(struct my_source *s, struct my_dump_request *request, struct leat_err *err)
{
    struct my_gtid_set waiting_out = {.sids = NULL};
    leat_buf_reset(&s->request_gtids);
    request->gtid_mode = true;
    bool replay = s->position.parked && !s->gap.found;
    if (s->server.mariadb) {
        if (replay)
            leat_buf_append(&s->request_gtids, leat_buf_slice(&s->position.from_gtids));
        else
            maria_gtid_state_format(&s->gtids.state, &s->request_gtids);
        request->gtid_state = leat_buf_text(&s->request_gtids);
        return LEAT_OK;
    }
    if (!replay) {
        my_gtid_set_encode(&s->gtids.set, &s->request_gtids);
    } else {
        int status = my_gtid_set_parse(leat_buf_slice(&s->position.from_gtids), &waiting_out, err);
        my_gtid_set_encode(&waiting_out, &s->request_gtids);
        my_gtid_set_release(&waiting_out);
        if (status)
            return status;
    }
    request->gtid_set = leat_buf_slice(&s->request_gtids);
    return LEAT_OK;
}

/* Which transactions that are stored come again, when reading begins in front of them. */
static int await_stored(struct my_source *s, struct leat_err *err)
{
    struct my_gtids from = {.set = {.sids = NULL}};
    struct my_gtid_set again = {.sids = NULL};
    int status = gtids_parse(s, leat_buf_slice(&s->position.from_gtids), &from, err);
    if (!status && !s->server.mariadb)
        status = my_gtid_set_subtract(&s->gtids.set, &from.set, &again, err);
    s->awaited = my_gtid_set_count(&again);
    for (size_t i = 0; !status && i < s->stored_state.count; i++) {
        struct maria_gtid_position *last = &s->stored_state.positions[i];
        const struct maria_gtid_position *begin = maria_gtid_state_find(&from.state, last->domain);
        bool same =
            begin && begin->sequence == last->sequence && begin->server_id == last->server_id;
        last->sequence = same ? 0 : last->sequence;
        s->awaited += !same;
    }
    my_gtid_set_release(&again);
    gtids_release(&from);
    return status;
}

int64_t my_resume_patience_ms(const struct my_source *s)
{
    return FIRST_EVENT_MS << (s->silences < PATIENCE_DOUBLINGS ? s->silences : PATIENCE_DOUBLINGS);
}

int my_resume(struct my_source *s, struct leat_slice token, struct my_dump_request *request,
              struct leat_err *err)
{
    s->gap.found = false;
    int status = token.len ? go_on(s, token, err) : begin_here(s, err);
    if (status)
        return status;
    name_ourselves(s);
    s->replaying = s->position.parked > 0;
    s->stored_place = s->position.at;
    maria_gtid_state_release(&s->stored_state);
    if (s->server.mariadb) {
        my_resume_gtids(s, &s->position.gtids);
        status = maria_gtid_state_parse(leat_buf_slice(&s->position.gtids), &s->stored_state, err);
    }
    if (!status && s->replaying && s->gtid_mode)
        status = await_stored(s, err);
    const struct my_place *from = s->replaying ? &s->position.from : &s->position.at;
    *request = (struct my_dump_request){
        .mariadb = s->server.mariadb,
        .server_id = s->position.id,
        .uuid = s->position.uuid,
        .patience_ms = my_resume_patience_ms(s),
    };
    if (status || s->gtid_mode)
        return status ? status : request_gtids(s, request, err);
    s->at = *from;
    if (s->from_head) /* what we have already is passed over */
        s->at.position = FILE_HEAD_BYTES;
    request->file = s->at.file;
    request->position = s->at.position;
    return LEAT_OK;
}

/* --- while it streams --------------------------------------------------------------------------
 */

int my_resume_rewound(struct my_source *s, struct leat_err *err)
{
    leat_fail(
        err, LEAT_ECONFIG,
        "source_rewound: the server lacks transactions that are in the stream: a failover or a "
        "restore lost them");
    leat_err_hint(err, "connect to the server that has them; or set on_gap: record, which stores "
                       "one gap event and goes on with this one's log");
    s->rewound = true;
    return lost(s, err);
}

/* By GTID set a dump may begin in a newer file than ours, of which all is known. On another server
 * the head of a file is no place of ours: behind it may be what we know, which only the set says.
 */
static bool begins_ahead(const struct my_source *s)
{
    return s->gtid_mode && !s->replaying && s->position.stamp[0] &&
           my_place_compare(&s->at, &s->position.at) > 0;
}

int my_resume_format(struct my_source *s, struct leat_err *err)
{
    char stamp[MY_STAMP_MAX];
    my_file_stamp(&s->format, stamp);
    bool same_file = strcmp(s->at.file, s->position.at.file) == 0;
    s->format_checked = true;
    s->silences = 0;
    if (same_file && !my_file_is_same(s, stamp, err))
        return other_log(s, err);
    s->far = s->gtid_mode && same_file && !s->replaying && s->position.at.position > INT32_MAX;
    if (!same_file && begins_ahead(s)) {
        s->position.at = s->at;
        s->position_moved = same_file = true;
    }
    if (same_file)
        snprintf(s->position.stamp, sizeof s->position.stamp, "%s", stamp);
    return LEAT_OK;
}

/* A position where no event begins, which a reset log has for us: read from its head the file says
 * by its stamp what it is. If that does not help, the file is broken. */
static int unreadable(struct my_source *s, struct leat_err *err)
{
    s->from_head = !s->from_head;
    if (s->from_head)
        return err->code;
    err->code = LEAT_ECONFIG;
    leat_err_hint(err, "the server cannot read its own log there: mysqlbinlog shows how far it is "
                       "whole; move behind the broken place with leat offsets set");
    return err->code;
}

/* Only what says that log is lost is a gap: an account without a privilege, a number that another
 * replica has, an event that is not known lose nothing as long as we wait. */
int my_resume_refused(struct my_source *s, struct leat_err *err)
{
    if (my_number_is_taken(err))
        return my_rival_met(s, err);
    if (my_log_is_lost(err)) {
        s->rewound = my_log_is_other(err);
        return lost(s, err);
    }
    if (my_log_is_unreadable(err))
        return unreadable(s, err);
    if (my_log_lacks_gtids(err) && s->gtid_mode && s->settings.resume == MY_RESUME_AUTO) {
        s->by_position = true; /* on this server the position is as good */
        err->code = LEAT_ERETRY;
    }
    return err->code;
}
