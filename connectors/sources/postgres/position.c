#include "sources/postgres/position.h"

#include <leat/words.h>

#include "sources/postgres/connection.h"

#include <inttypes.h>
#include <stdio.h>

void pg_position_format(const struct pg_position *p, struct leat_buf *buf)
{
    char lsn[PG_LSN_TEXT], commit[PG_LSN_TEXT], transaction[PG_LSN_TEXT];
    pg_lsn_format(p->lsn, lsn);
    pg_lsn_format(p->commit_lsn, commit);
    pg_lsn_format(p->transaction_lsn, transaction);
    leat_buf_format(buf,
                    "pg1 system=%s timeline=%" PRIu32 " database=%" PRIu32
                    " lsn=%s commit=%s transaction=%s rows=%" PRIu32 " messages=%" PRIu32,
                    p->system_id, p->timeline, p->database_oid, lsn, commit, transaction, p->rows,
                    p->messages);
}

static uint64_t lsn(struct leat_reader *r, const char *key)
{
    uint64_t v = 0;
    r->bad |= !pg_lsn_parse(leat_word(r, key), &v);
    return v;
}

int pg_position_parse(struct leat_slice text, struct pg_position *ret_position,
                      struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(text);
    struct pg_position p = {.timeline = 0};
    uint64_t system = leat_word_number(&r, "pg1 system=", UINT64_MAX);
    p.timeline = (uint32_t)leat_word_number(&r, " timeline=", UINT32_MAX);
    p.database_oid = (uint32_t)leat_word_number(&r, " database=", UINT32_MAX);
    p.lsn = lsn(&r, " lsn=");
    p.commit_lsn = lsn(&r, " commit=");
    p.transaction_lsn = lsn(&r, " transaction=");
    p.rows = (uint32_t)leat_word_number(&r, " rows=", UINT32_MAX);
    p.messages = (uint32_t)leat_word_number(&r, " messages=", UINT32_MAX);
    if (!leat_reader_done(&r))
        return leat_fail(err, LEAT_ECONFIG, "\"%.*s\" is not a position in a Postgres log",
                         LEAT_SLICE_ARG(text));
    snprintf(p.system_id, sizeof p.system_id, "%" PRIu64, system);
    *ret_position = p;
    return LEAT_OK;
}
