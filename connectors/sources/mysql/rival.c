/*
 * Another reader with our server_id. A server that is asked for its log by a number that reads it
 * already ends the older stream, with error 4052 or 1236. That is either our own past or somebody
 * else's present:
 *
 *     early    at once, when no event has come yet: the dump that we asked for in an earlier
 * session, and which was ended before the server came to it, is taken up late and ends ours. A few
 *              new tries get over that.
 *     later    a rival: mostly a leat with a copy of this store. The older one stops and says so.
 * It looks again from time to time, but must not begin while the rival reads, or the two would end
 * each other for ever.
 *
 * Whether the rival still reads is asked of the list of sessions, where an account sees its own: a
 * copy has our account. A rival with another account is not seen; then we try again, but not often.
 */
#include "sources/mysql/mysql.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <inttypes.h>
#include <stdio.h>

enum {
    EARLY_MS = 1000,
    EARLY_TRIES = 3,
    EARLY_SPAN_MS = 10 * 1000, /* between two sessions that have nothing to do with each other */
    UNSEEN_TRIES = 2,
    FORGOTTEN_MS = 10 * 60 * 1000, /* a stream that lasted so long had no rival at its side */
    JUST_BEGUN_S = 5,
};

static const char DUMP[] = "Binlog Dump"; /* MySQL by GTID: "Binlog Dump GTID" */

/* A session that began to read just now, after ours did, is the rival; other sources of this
 * account may read too, but hardly began in the same moment. */
static bool may_be_rival(const struct my_session *session, uint64_t ours)
{
    return session->id > ours && session->seconds <= JUST_BEGUN_S &&
           strncmp(session->command, DUMP, sizeof DUMP - 1) == 0;
}

static int sessions_read(struct my_source *s, struct leat_arena *arena, struct my_session **ret,
                         size_t *ret_count)
{
    struct leat_err err;
    int status = s->sql ? my_catalog_sessions(s->sql, arena, ret, ret_count, &err) : LEAT_ERETRY;
    if (status)
        *ret_count = 0;
    return status;
}

static void rivals_note(struct my_source *s)
{
    struct my_rival *r = &s->rival;
    struct leat_arena arena;
    struct my_session *sessions = NULL;
    size_t count = 0;
    leat_arena_init(&arena, MY_SESSIONS_BYTES_MAX);
    r->count = 0;
    sessions_read(s, &arena, &sessions, &count);
    for (size_t i = 0; i < count && r->count < MY_RIVALS_MAX; i++)
        if (may_be_rival(&sessions[i], my_binlog_client_session(s->client)))
            r->sessions[r->count++] = sessions[i].id;
    leat_arena_release(&arena);
}

/* *ret_host: from where the first one reads, in the arena; NULL: none of them is there any more. */
static int rivals_find(struct my_source *s, struct leat_arena *arena, const char **ret_host,
                       struct leat_err *err)
{
    const struct my_rival *r = &s->rival;
    struct my_session *sessions = NULL;
    size_t count = 0;
    *ret_host = NULL;
    int status = my_catalog_sessions(s->sql, arena, &sessions, &count, err);
    for (size_t i = 0; !status && i < count; i++)
        for (size_t k = 0; k < r->count; k++)
            if (sessions[i].id == r->sessions[k])
                *ret_host = sessions[i].host;
    return status;
}

int my_rival_check(struct my_source *s, struct leat_err *err)
{
    struct my_rival *r = &s->rival;
    struct leat_arena arena;
    const char *host = NULL;
    int status = LEAT_OK;
    leat_arena_init(&arena, MY_SESSIONS_BYTES_MAX);
    if (r->count)
        status = rivals_find(s, &arena, &host, err);
    bool waits = host || (r->met > UNSEEN_TRIES && !r->count);
    if (!status && waits) {
        *err = r->reason;
        leat_err_context(err, "%s%s",
                         host ? "it still reads, from " : "this source waits for a restart",
                         host ? host : "");
        status = err->code;
    }
    if (!status && r->count) /* it is gone */
        r->count = r->met = 0;
    leat_arena_release(&arena);
    int64_t now_ms = leat_clock_monotonic_ms();
    if (now_ms - r->begun_ms > EARLY_SPAN_MS)
        r->early = 0;
    r->begun_ms = now_ms;
    return status;
}

int my_rival_met(struct my_source *s, struct leat_err *err)
{
    struct my_rival *r = &s->rival;
    int64_t lasted_ms = leat_clock_monotonic_ms() - r->begun_ms;
    if (lasted_ms < EARLY_MS && r->early < EARLY_TRIES) {
        r->early++;
        err->code = LEAT_ERETRY;
        return err->code;
    }
    r->early = 0;
    r->met = lasted_ms > FORGOTTEN_MS ? 1 : r->met + 1;
    r->reason = *err;
    rivals_note(s);
    return err->code;
}
