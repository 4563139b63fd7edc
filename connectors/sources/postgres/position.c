#include "sources/postgres/position.h"

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

int pg_position_parse(struct leat_slice text, struct pg_position *ret_position,
                      struct leat_err *err)
{
    char line[400], lsn[PG_LSN_TEXT], commit[PG_LSN_TEXT], transaction[PG_LSN_TEXT];
    struct pg_position p = {.timeline = 0};
    snprintf(line, sizeof line, "%.*s", LEAT_SLICE_ARG(text));
    int end = 0;
    int fields =
        sscanf(line,
               "pg1 system=%23[0-9] timeline=%" SCNu32 " database=%" SCNu32
               " lsn=%19s commit=%19s transaction=%19s rows=%" SCNu32 " messages=%" SCNu32 "%n",
               p.system_id, &p.timeline, &p.database_oid, lsn, commit, transaction, &p.rows,
               &p.messages, &end);
    if (fields != 8 || line[end] != '\0' || !pg_lsn_parse(leat_slice_text(lsn), &p.lsn) ||
        !pg_lsn_parse(leat_slice_text(commit), &p.commit_lsn) ||
        !pg_lsn_parse(leat_slice_text(transaction), &p.transaction_lsn))
        return leat_fail(err, LEAT_ECONFIG, "\"%.*s\" is not a position in a Postgres log",
                         LEAT_SLICE_ARG(text));
    *ret_position = p;
    return LEAT_OK;
}
