#include "sources/postgres/copy_progress.h"

#include <leat/reader.h>

enum { HAS_AFTER = 1, HAS_UPTO = 2, FROM_INCLUDED = 4 };

static void put_byte(struct leat_buf *buf, uint8_t byte)
{
    leat_buf_append(buf, leat_slice_of(&byte, 1));
}

static void places_write(const struct pg_progress *p, struct leat_buf *buf)
{
    leat_buf_append_varint(buf, p->file);
    leat_buf_append_varint(buf, p->next);
    leat_buf_append_varint(buf, p->end);
    leat_buf_append_varint(buf, p->range_count);
    for (unsigned i = 0; i < p->range_count; i++) {
        leat_buf_append_varint(buf, p->ranges[i].block);
        leat_buf_append_varint(buf, p->ranges[i].offset);
        leat_buf_append_varint(buf, p->ranges[i].end);
    }
}

static void keys_write(const struct pg_progress *p, struct leat_buf *buf)
{
    put_byte(buf, (uint8_t)((p->has_after ? HAS_AFTER : 0) | (p->has_upto ? HAS_UPTO : 0) |
                            (p->from_included ? FROM_INCLUDED : 0)));
    leat_buf_append_varint(buf, p->key_count);
    for (unsigned i = 0; p->has_after && i < p->key_count; i++)
        leat_buf_append_counted(buf, p->after[i]);
    for (unsigned i = 0; p->has_upto && i < p->key_count; i++)
        leat_buf_append_counted(buf, p->upto[i]);
}

void pg_progress_write(const struct pg_progress *p, struct leat_buf *buf)
{
    if (p->form == PG_PROGRESS_NONE)
        return;
    put_byte(buf, p->form);
    if (p->form == PG_PROGRESS_PLACES)
        places_write(p, buf);
    else
        keys_write(p, buf);
}

static uint32_t number(struct leat_reader *r, uint64_t max)
{
    uint64_t v = leat_reader_varint(r);
    r->bad |= v > max;
    return (uint32_t)(r->bad ? 0 : v);
}

static void places_read(struct leat_reader *r, struct pg_progress *p)
{
    p->file = number(r, UINT32_MAX);
    p->next = number(r, UINT32_MAX);
    p->end = number(r, UINT32_MAX);
    p->range_count = number(r, PG_RANGES_MAX);
    for (unsigned i = 0; i < p->range_count; i++) {
        p->ranges[i].block = number(r, UINT32_MAX);
        p->ranges[i].offset = (uint16_t)number(r, UINT16_MAX);
        p->ranges[i].end = number(r, UINT32_MAX);
    }
}

static void keys_read(struct leat_reader *r, struct pg_progress *p)
{
    uint8_t bits = leat_reader_u8(r);
    p->has_after = bits & HAS_AFTER;
    p->has_upto = bits & HAS_UPTO;
    p->from_included = bits & FROM_INCLUDED;
    r->bad |= bits > (HAS_AFTER | HAS_UPTO | FROM_INCLUDED);
    p->key_count = number(r, PG_KEY_COLUMNS_MAX);
    for (unsigned i = 0; p->has_after && i < p->key_count; i++)
        p->after[i] = leat_reader_counted(r);
    for (unsigned i = 0; p->has_upto && i < p->key_count; i++)
        p->upto[i] = leat_reader_counted(r);
}

bool pg_progress_read(struct leat_slice bytes, struct pg_progress *ret_progress)
{
    struct pg_progress p = {.form = PG_PROGRESS_NONE};
    struct leat_reader r = leat_reader_of(bytes);
    if (bytes.len) {
        p.form = leat_reader_u8(&r);
        if (p.form == PG_PROGRESS_PLACES)
            places_read(&r, &p);
        else if (p.form == PG_PROGRESS_KEYS)
            keys_read(&r, &p);
        else
            r.bad = true;
    }
    if (!leat_reader_done(&r))
        return false;
    *ret_progress = p;
    return true;
}

bool pg_progress_take(struct pg_progress *p, uint32_t pages, struct pg_range *ret_range)
{
    if (p->next >= p->end)
        return false;
    uint32_t left = p->end - p->next;
    *ret_range = (struct pg_range){p->next, 0, p->next + (left < pages ? left : pages)};
    p->next = ret_range->end;
    return true;
}
