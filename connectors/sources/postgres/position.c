#include "sources/postgres/position.h"

#include <leat/reader.h>

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

/* The bytes behind `key` up to the next blank; `bad` if the text does not go on with the key. */
static struct leat_slice word(struct leat_reader *r, const char *key)
{
    struct leat_slice name = leat_slice_text(key);
    if (!leat_slice_equal(leat_reader_bytes(r, name.len), name))
        r->bad = true;
    const uint8_t *end = r->bad ? NULL : memchr(r->at, ' ', leat_reader_left(r));
    return leat_reader_bytes(r, end ? (size_t)(end - r->at) : leat_reader_left(r));
}

/* Digits only: no sign, no blank, nothing that wraps. */
static uint64_t number(struct leat_reader *r, const char *key, uint64_t max)
{
    struct leat_slice digits = word(r, key);
    uint64_t v = 0;
    r->bad |= digits.len == 0;
    for (size_t i = 0; i < digits.len && !r->bad; i++) {
        uint8_t digit = (uint8_t)(digits.ptr[i] - '0');
        r->bad |= digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
                  __builtin_add_overflow(v, digit, &v) || v > max;
    }
    return r->bad ? 0 : v;
}

static uint64_t lsn(struct leat_reader *r, const char *key)
{
    uint64_t v = 0;
    r->bad |= !pg_lsn_parse(word(r, key), &v);
    return v;
}

int pg_position_parse(struct leat_slice text, struct pg_position *ret_position,
                      struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(text);
    struct pg_position p = {.timeline = 0};
    uint64_t system = number(&r, "pg1 system=", UINT64_MAX);
    p.timeline = (uint32_t)number(&r, " timeline=", UINT32_MAX);
    p.database_oid = (uint32_t)number(&r, " database=", UINT32_MAX);
    p.lsn = lsn(&r, " lsn=");
    p.commit_lsn = lsn(&r, " commit=");
    p.transaction_lsn = lsn(&r, " transaction=");
    p.rows = (uint32_t)number(&r, " rows=", UINT32_MAX);
    p.messages = (uint32_t)number(&r, " messages=", UINT32_MAX);
    if (!leat_reader_done(&r))
        return leat_fail(err, LEAT_ECONFIG, "\"%.*s\" is not a position in a Postgres log",
                         LEAT_SLICE_ARG(text));
    snprintf(p.system_id, sizeof p.system_id, "%" PRIu64, system);
    *ret_position = p;
    return LEAT_OK;
}
