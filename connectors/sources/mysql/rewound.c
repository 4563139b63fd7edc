/*
 * A server that lacks transactions which are in the stream: a failover to one that was behind, a
 * restore, a crash that took the end of its log. With on_gap: record the source goes on with what
 * the server has instead, and what both have must not come again. So the last transaction that both
 * have is looked for, and reading begins behind it; where it cannot be told, the source stops.
 *
 *     MySQL      by GTID: both sets are known whole, and what is in both is subtracted
 *     MariaDB    by GTID: of each domain we know the last transaction, the server knows the last of
 *                each server that ever wrote in it. The one that wrote our last has a last there:
 * up to that one both logs are the same, and behind it all is new. crash      the server's file
 * ends before our place in it: up to its end both are the same
 */
#include "sources/mysql/mysql.h"

#include <inttypes.h>
#include <stdio.h>

static const char REASON[] = "source_rewound";
static const char TEXT[] = "the server lacks transactions that are in the stream: a failover or a "
                           "restore lost them, or its log was reset";

/* --- MySQL ------------------------------------------------------------------------------------
 */

static int executed_set(struct my_source *s, struct my_gtid_set *ret_set,
                        struct my_log_end *ret_end, struct leat_err *err)
{
    struct leat_buf text;
    leat_buf_init(&text, LEAT_TOKEN_MAX);
    int status = my_catalog_log_end(s->sql, &s->server, ret_end, &text, err);
    if (!status)
        status = my_gtid_set_parse(leat_buf_slice(&text), ret_set, err);
    leat_buf_release(&text);
    return status;
}

/* What the server does not have of what we stored never happened there. */
int my_rewound_set(struct my_source *s, struct leat_err *err)
{
    struct my_gtid_set executed = {.sids = NULL}, extra = {.sids = NULL}, rest = {.sids = NULL};
    struct my_log_end end;
    struct my_place to = {.position = 0};
    int status = executed_set(s, &executed, &end, err);
    if (!status && !my_gtid_set_subset(&s->gtids.set, &executed)) {
        memcpy(to.file, end.file, sizeof to.file);
        to.position = end.position;
        status = my_gtid_set_subtract(&s->gtids.set, &executed, &extra, err);
        if (!status)
            status = my_lose(s, REASON, &to, TEXT, err);
        if (!status)
            status = my_gtid_set_subtract(&s->gtids.set, &extra, &rest, err);
        if (!status) {
            my_gtid_set_release(&s->gtids.set);
            s->gtids.set = rest;
            rest = (struct my_gtid_set){.sids = NULL};
        }
    }
    my_gtid_set_release(&executed);
    my_gtid_set_release(&extra);
    my_gtid_set_release(&rest);
    return status;
}

/* --- MariaDB ----------------------------------------------------------------------------------
 */

static int unknown_common(const struct my_source *s, const struct maria_gtid_position *ours,
                          struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG,
              "%s: %s; which ones cannot be told, because server %" PRIu32
              ", which wrote the last of domain %" PRIu32
              " that is stored, wrote nothing that is in the log of server %s",
              REASON, TEXT, ours->server_id, ours->domain, s->position.server);
    leat_err_hint(
        err, "connect to the server that has them; or compare gtid_binlog_state with the "
             "stream's last transactions, and set the last common one of each domain as gtids= "
             "with leat offsets set");
    return err->code;
}

/* What the server says of itself. */
struct states {
    struct leat_buf log;    /* gtid_binlog_state */
    struct leat_buf copied; /* gtid_slave_pos: a replica may have what its own log never had */
};

static bool has_copied(const struct states *states, const struct maria_gtid_position *ours)
{
    struct maria_gtid_state copied;
    struct leat_err err;
    if (maria_gtid_state_parse(leat_buf_slice(&states->copied), &copied, &err) != LEAT_OK)
        return false;
    const struct maria_gtid_position *last = maria_gtid_state_find(&copied, ours->domain);
    bool has = last && last->sequence >= ours->sequence;
    maria_gtid_state_release(&copied);
    return has;
}

/* Takes one domain back to what both have. LEAT_EOF: that cannot be told. */
static int rewind_domain(struct my_source *s, const struct states *states,
                         const struct maria_gtid_position *ours, bool *ret_moved,
                         struct leat_err *err)
{
    struct maria_gtid common = {.domain = ours->domain, .server_id = ours->server_id};
    bool others = false;
    int status = maria_gtid_binlog_state_find(leat_buf_slice(&states->log), ours->domain,
                                              ours->server_id, &common.sequence, &others, err);
    bool has = !status ? common.sequence >= ours->sequence : !others && has_copied(states, ours);
    if (status < 0 || has)
        return status < 0 ? status : LEAT_OK;
    if (status == LEAT_EOF && others)
        return LEAT_EOF;
    *ret_moved = true;
    if (!status)
        return maria_gtid_state_put(&s->gtids.state, &common, err);
    maria_gtid_state_drop(&s->gtids.state, ours->domain);
    return LEAT_OK;
}

static int rewind_all(struct my_source *s, const struct states *states, bool refused,
                      bool *ret_moved, struct leat_err *err)
{
    for (size_t left = s->gtids.state.count; left; left--) {
        const struct maria_gtid_position ours = s->gtids.state.positions[left - 1];
        int status = rewind_domain(s, states, &ours, ret_moved, err);
        bool unknown = status == LEAT_EOF || (!status && refused && !*ret_moved && left == 1);
        if (unknown && refused)
            return unknown_common(s, &ours, err);
        if (status < 0)
            return status;
    }
    return LEAT_OK;
}

int my_rewound_state(struct my_source *s, bool refused, struct leat_err *err)
{
    struct states states;
    struct my_log_end end;
    struct my_place to;
    bool moved = false;
    leat_buf_init(&states.log, LEAT_TOKEN_MAX);
    leat_buf_init(&states.copied, LEAT_TOKEN_MAX);
    int status = my_catalog_log_end(s->sql, &s->server, &end, &states.log, err);
    leat_buf_reset(&states.log);
    if (!status)
        status = my_catalog_maria_states(s->sql, &states.log, &states.copied, err);
    if (!status)
        status = rewind_all(s, &states, refused, &moved, err);
    leat_buf_release(&states.log);
    leat_buf_release(&states.copied);
    if (status || !moved)
        return status;
    memcpy(to.file, end.file, sizeof to.file);
    to.position = end.position;
    status = my_lose(s, REASON, &to, TEXT, err);
    if (!status)
        s->position.at = (struct my_place){.position = 0}; /* no place of this server's is ours */
    return status;
}

/* --- a file that lost its end -----------------------------------------------------------------
 */

int my_rewound_file(struct my_source *s, uint64_t bytes, struct leat_err *err)
{
    struct my_place end = s->position.at;
    end.position = bytes;
    int status = my_lose(s, "server_behind", &end,
                         "the log ends before the offset: the server lost its end in a crash", err);
    if (!status) { /* transactions may have got numbers that we know for others */
        my_gtid_set_release(&s->gtids.set);
        maria_gtid_state_release(&s->gtids.state);
        s->gtid_mode = s->gtids_known = false; /* the head of the next file tells them */
    }
    return status;
}
