/*
 * What the decoders of event bodies share: how each of them is closed, and the one text of an XA
 * transaction's id, so that the event that prepares it, the GTID that decides it and the statement
 * that names it all spell it alike.
 *
 *     struct leat_reader r = leat_reader_of(body);
 *     … reads in wire order …
 *     return my_body_done(&r, "XID", err);        nothing missing, nothing left
 *     return my_body_enough(&r, "GTID", err);     nothing missing; what follows is of no concern
 *
 * Private to binlog_*.c and ddl.c. Threads: pure.
 */
#ifndef MYSQL_BINLOG_BODY_H
#define MYSQL_BINLOG_BODY_H

#include "sources/mysql/binlog_event.h"

enum { MY_XID_PART_MAX = 64 }; /* bytes of gtrid, and of bqual */

/* "a QUERY event is cut …", or what `what` says of it. LEAT_EPROTO. */
int my_body_fail(const char *event, const char *what, struct leat_err *err);

static inline LEAT_MUST_CHECK int my_body_enough(const struct leat_reader *r, const char *event,
                                                 struct leat_err *err)
{
    return __builtin_expect(r->bad, 0) ? my_body_fail(event, "is cut, or not one", err) : LEAT_OK;
}

static inline LEAT_MUST_CHECK int my_body_done(const struct leat_reader *r, const char *event,
                                               struct leat_err *err)
{
    if (__builtin_expect(leat_reader_done(r), 1))
        return LEAT_OK;
    return my_body_fail(event, r->bad ? "is cut, or not one" : "is longer than its content", err);
}

/* my_lenenc for cursors that should stay in registers: the one whose address goes to it is a copy.
 */
static inline uint64_t my_body_lenenc(struct leat_reader *r)
{
    if (__builtin_expect(!r->bad && r->at != r->end && *r->at < 251, 1))
        return *r->at++;
    struct leat_reader copy = *r;
    uint64_t n = my_lenenc(&copy);
    *r = copy;
    return n;
}

/* X'gtrid',X'bqual',format in lower-case hex into MY_XID_TEXT bytes; neither part is longer than
 * MY_XID_PART_MAX. */
void my_xid_format(struct leat_slice gtrid, struct leat_slice bqual, uint32_t format,
                   char *ret_text);

#endif
