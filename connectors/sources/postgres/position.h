/*
 * Where we are in a server's log, and its one-line text, which is the resume token (I1):
 *
 *     pg1 system=7385020611530956829 timeline=1 database=16384 lsn=0/19D0D88 commit=0/19D0D58
 *         transaction=0/1A00000 rows=1200 messages=0
 *
 * lsn          resume here: end LSN of the last commit that is stored whole, or a keepalive's
 * position after it commit       that commit's own LSN, for people transaction  commit LSN of a
 * transaction of which a beginning is stored; 0/0: none rows, messages   how much of it: the server
 * sends it again whole, and so many are dropped
 *
 * Threads: pure.
 */
#ifndef POSTGRES_POSITION_H
#define POSTGRES_POSITION_H

#include <leat/buf.h>
#include <leat/err.h>

struct pg_position {
    char system_id[24];
    uint32_t timeline;
    uint32_t database_oid;
    uint64_t lsn;
    uint64_t commit_lsn;
    uint64_t transaction_lsn;
    uint32_t rows, messages;
};

void pg_position_format(const struct pg_position *position, struct leat_buf *buf);

/* LEAT_ECONFIG: not such a text. */
int pg_position_parse(struct leat_slice text, struct pg_position *ret_position,
                      struct leat_err *err) LEAT_MUST_CHECK;

#endif
