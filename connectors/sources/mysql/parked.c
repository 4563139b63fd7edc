/*
 * Prepared XA transactions: their rows are in the log long before it is known whether they ever
 * happen (mysql.md 7.3). They wait here, as bytes, in the order of the log.
 *
 * Nothing of them is stored: as long as one waits, the position says where reading has to begin so
 * that its rows come again after a restart. What is behind that place and stored already is then
 * passed over.
 */
#include "sources/mysql/mysql.h"

#include <leat/log.h>

#include <stdio.h>
#include <stdlib.h>

enum { PARKED_MAX = 4096, PARKED_MEMORY = 256 << 10 /* of one; of all: transaction_memory */ };

struct my_parked *my_parked_find(struct my_source *s, const char *xid)
{
    struct my_parked *p = s->parked;
    while (p && strcmp(p->xid, xid) != 0)
        p = p->next;
    return p;
}

static void parked_free(struct my_parked *p)
{
    my_group_release(&p->group);
    leat_buf_release(&p->gtids_before);
    free(p);
}

void my_parked_drop(struct my_source *s, struct my_parked *parked)
{
    struct my_parked **at = &s->parked;
    while (*at && *at != parked)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = parked->next;
    parked_free(parked);
    my_parked_position(s);
}

void my_parked_release(struct my_source *s)
{
    while (s->parked) {
        struct my_parked *next = s->parked->next;
        parked_free(s->parked);
        s->parked = next;
    }
}

static int too_many(const struct my_source *s, struct leat_err *err)
{
    leat_fail(err, LEAT_ELIMIT, "more than %d transactions are prepared and undecided at %s",
              PARKED_MAX, s->at.file);
    leat_err_hint(err, "XA RECOVER; shows them: commit them or roll them back");
    return err->code;
}

/* Moves the open transaction's group; what it has in memory stays there, the rest in its file. */
static void take_group(struct my_source *s, struct my_parked *p)
{
    p->group = s->group;
    my_group_init(&s->group, p->group.directory, p->group.memory_max, p->group.max);
}

int my_park(struct my_source *s, struct leat_err *err)
{
    const struct my_transaction *t = &s->transaction;
    struct my_parked **at = &s->parked, *old = my_parked_find(s, t->xid);
    size_t count = 0, memory = (size_t)s->settings.transaction_memory;
    if (old)
        my_parked_drop(s, old);
    for (; *at; at = &(*at)->next, count++)
        memory -= memory < (*at)->group.memory.len ? memory : (*at)->group.memory.len;
    struct my_parked *p = count < PARKED_MAX ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return count < PARKED_MAX ? leat_fail(err, LEAT_ERETRY, "out of memory for a transaction")
                                  : too_many(s, err);
    snprintf(p->xid, sizeof p->xid, "%s", t->xid);
    p->begin = t->begin;
    p->gtid = t->gtid;
    p->has_gtid = t->has_gtid;
    leat_buf_init(&p->gtids_before, LEAT_TOKEN_MAX);
    if (s->replaying &&
        t->stored) /* the state is ahead of it: begin again where this session did */
        leat_buf_append(&p->gtids_before, leat_buf_slice(&s->position.from_gtids));
    else
        maria_gtid_state_format(&s->gtids.state, &p->gtids_before);
    take_group(s, p);
    *at = p;
    return my_group_shrink(&p->group, memory < PARKED_MEMORY ? memory : PARKED_MEMORY, err);
}

/* MySQL sends what is not in the set: everything but those that wait. */
static void set_without_parked(struct my_source *s)
{
    struct leat_err err;
    struct my_gtid_set waiting = {.sids = NULL}, rest = {.sids = NULL};
    int status = LEAT_OK;
    for (struct my_parked *p = s->parked; p && !status; p = p->next)
        if (p->has_gtid)
            status = my_gtid_set_add(&waiting, &p->gtid, &err);
    if (!status)
        status = my_gtid_set_subtract(&s->gtids.set, &waiting, &rest, &err);
    if (status)
        leat_log_err(LEAT_LOG_WARN, "source", s->instance, "prepared transactions not kept", &err);
    else
        my_gtid_set_format(&rest, &s->position.from_gtids);
    my_gtid_set_release(&waiting);
    my_gtid_set_release(&rest);
}

void my_parked_position(struct my_source *s)
{
    struct my_position *p = &s->position;
    if (s->replaying)
        return;
    p->parked = 0;
    leat_buf_reset(&p->from_gtids);
    p->from = (struct my_place){.position = 0};
    for (struct my_parked *waiting = s->parked; waiting; waiting = waiting->next)
        p->parked++;
    if (!s->parked)
        return;
    p->from = s->parked->begin;
    if (s->server.mariadb)
        leat_buf_append(&p->from_gtids, leat_buf_slice(&s->parked->gtids_before));
    else
        set_without_parked(s);
}
