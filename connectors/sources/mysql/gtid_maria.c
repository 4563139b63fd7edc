/*
 * MariaDB's state: for each replication domain the last transaction of the log, whatever its
 * number, since within a domain the log's order is what counts. A handful of domains is usual, one
 * the rule; they are kept sorted and looked up by halving.
 */
#include "sources/mysql/gtid.h"

#include "sources/mysql/gtid_text.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 4, POSITION_TEXT = 3 * GTID_DIGITS_MAX };

void maria_gtid_state_release(struct maria_gtid_state *state)
{
    free(state->positions);
    *state = (struct maria_gtid_state){.positions = NULL};
}

/* Where the domain is, or belongs. */
static size_t place_of(const struct maria_gtid_state *state, uint32_t domain)
{
    size_t from = 0, to = state->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (state->positions[middle].domain < domain)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool has_at(const struct maria_gtid_state *state, size_t at, uint32_t domain)
{
    return at < state->count && state->positions[at].domain == domain;
}

const struct maria_gtid_position *maria_gtid_state_find(const struct maria_gtid_state *state,
                                                        uint32_t domain)
{
    size_t at = place_of(state, domain);
    return has_at(state, at, domain) ? &state->positions[at] : NULL;
}

static int make_room(struct maria_gtid_state *state, struct leat_err *err)
{
    if (state->count < state->capacity)
        return LEAT_OK;
    if (state->count >= MARIA_DOMAINS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "there are more than %d replication domains",
                         MARIA_DOMAINS_MAX);
    size_t capacity = state->capacity ? 2 * state->capacity : FIRST_CAPACITY;
    struct maria_gtid_position *positions = realloc(state->positions, capacity * sizeof *positions);
    if (!positions)
        return leat_fail(err, LEAT_ERETRY, "out of memory for replication domains");
    state->positions = positions;
    state->capacity = capacity;
    return LEAT_OK;
}

int maria_gtid_state_put(struct maria_gtid_state *state, const struct maria_gtid *gtid,
                         struct leat_err *err)
{
    size_t at = place_of(state, gtid->domain);
    if (!has_at(state, at, gtid->domain)) {
        int status = make_room(state, err);
        if (status)
            return status;
        memmove(state->positions + at + 1, state->positions + at,
                (state->count - at) * sizeof *state->positions);
        state->count++;
    }
    state->positions[at] =
        (struct maria_gtid_position){gtid->domain, gtid->server_id, gtid->sequence};
    return LEAT_OK;
}

void maria_gtid_state_drop(struct maria_gtid_state *state, uint32_t domain)
{
    size_t at = place_of(state, domain);
    if (!has_at(state, at, domain))
        return;
    state->count--;
    memmove(state->positions + at, state->positions + at + 1,
            (state->count - at) * sizeof *state->positions);
}

/* --- text --------------------------------------------------------------------------------------
 */

static char *put_position(char *at, uint32_t domain, uint32_t server_id, uint64_t sequence)
{
    at = gtid_put_number(at, domain);
    *at++ = '-';
    at = gtid_put_number(at, server_id);
    *at++ = '-';
    return gtid_put_number(at, sequence);
}

void maria_gtid_format(const struct maria_gtid *gtid, char *ret_text)
{
    *put_position(ret_text, gtid->domain, gtid->server_id, gtid->sequence) = '\0';
}

void maria_gtid_state_format(const struct maria_gtid_state *state, struct leat_buf *buf)
{
    char text[POSITION_TEXT];
    for (size_t i = 0; i < state->count; i++) {
        const struct maria_gtid_position *p = &state->positions[i];
        char *at = text;
        if (i)
            *at++ = ',';
        at = put_position(at, p->domain, p->server_id, p->sequence);
        leat_buf_append(buf, leat_slice_of(text, (size_t)(at - text)));
    }
}

static bool take_gtid(struct gtid_cursor *c, struct maria_gtid *gtid)
{
    uint64_t domain, server_id;
    if (!gtid_take_number(c, UINT32_MAX, &domain) || !gtid_take(c, '-') ||
        !gtid_take_number(c, UINT32_MAX, &server_id) || !gtid_take(c, '-') ||
        !gtid_take_number(c, UINT64_MAX, &gtid->sequence))
        return false;
    gtid->domain = (uint32_t)domain;
    gtid->server_id = (uint32_t)server_id;
    return true;
}

/* One a domain: the server itself refuses a domain that is named twice. */
static int parse(struct gtid_cursor *c, struct maria_gtid_state *state, struct leat_err *err)
{
    struct maria_gtid gtid = {.flags = 0};
    int status = LEAT_OK;
    if (!gtid_peek(c) && c->at == c->end)
        return LEAT_OK;
    do {
        if (!take_gtid(c, &gtid) || maria_gtid_state_find(state, gtid.domain))
            return LEAT_ECONFIG;
        status = maria_gtid_state_put(state, &gtid, err);
    } while (!status && gtid_take(c, ','));
    return status || (!gtid_peek(c) && c->at == c->end) ? status : LEAT_ECONFIG;
}

static int not_a_list(struct leat_slice text, const char *what, struct leat_err *err)
{
    return leat_fail(err, LEAT_ECONFIG, "\"%.*s\" is no %s", text.len < 200 ? (int)text.len : 200,
                     (const char *)text.ptr, what);
}

int maria_gtid_state_parse(struct leat_slice text, struct maria_gtid_state *ret_state,
                           struct leat_err *err)
{
    struct maria_gtid_state state = {.positions = NULL};
    struct gtid_cursor c = gtid_cursor_of(text);
    int status = parse(&c, &state, err);
    if (!status) {
        *ret_state = state;
        return LEAT_OK;
    }
    maria_gtid_state_release(&state);
    if (status == LEAT_ECONFIG)
        not_a_list(text, "MariaDB GTID position, such as 0-1-100,2-7-55 with one of each domain",
                   err);
    return status;
}

int maria_gtid_binlog_state_find(struct leat_slice text, uint32_t domain, uint32_t server_id,
                                 uint64_t *ret_sequence, bool *ret_domain, struct leat_err *err)
{
    struct gtid_cursor c = gtid_cursor_of(text);
    struct maria_gtid gtid = {.flags = 0};
    bool found = false, of_domain = false;
    bool any = gtid_peek(&c) || c.at != c.end;
    while (any) {
        if (!take_gtid(&c, &gtid))
            return not_a_list(text, "list of MariaDB GTIDs", err);
        of_domain |= gtid.domain == domain;
        if (gtid.domain == domain && gtid.server_id == server_id) {
            *ret_sequence = gtid.sequence;
            found = true;
        }
        any = gtid_take(&c, ',');
    }
    *ret_domain = of_domain;
    return found ? LEAT_OK : LEAT_EOF;
}
