#include "sources/postgres/xid_snapshot.h"

#include <leat/reader.h>

/* Digits; the byte behind them is read, too, and given. 0: the end. */
static uint64_t number(struct leat_reader *r, uint8_t *ret_next)
{
    uint64_t v = 0;
    bool any = false;
    *ret_next = 0;
    while (!r->bad && r->at < r->end) {
        uint8_t c = leat_reader_u8(r);
        if (c < '0' || c > '9') {
            *ret_next = c;
            break;
        }
        any = true;
        r->bad |= __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, c - '0', &v);
    }
    r->bad |= !any;
    return v;
}

bool pg_xid_snapshot_read(struct leat_slice text, struct pg_xid_snapshot *s)
{
    struct leat_reader r = leat_reader_of(text);
    uint8_t next;
    s->xip_count = 0;
    s->xmin = number(&r, &next);
    r.bad |= next != ':';
    s->xmax = number(&r, &next);
    r.bad |= next != ':' || s->xmax < s->xmin;
    while (!r.bad && r.at < r.end && s->xip_count < PG_XIP_MAX) {
        s->xip[s->xip_count] = number(&r, &next);
        r.bad |= (next && next != ',') || (next && r.at == r.end);
        r.bad |= s->xip_count && s->xip[s->xip_count] <= s->xip[s->xip_count - 1];
        s->xip_count++;
    }
    return leat_reader_done(&r);
}

/* The 64-bit number nearest to xmax that ends in these 32 bits. */
static uint64_t widen(uint64_t near, uint32_t xid)
{
    int32_t distance = (int32_t)(xid - (uint32_t)near);
    return near + (uint64_t)(int64_t)distance;
}

bool pg_xid_visible(const struct pg_xid_snapshot *s, uint32_t xid)
{
    uint64_t wide = widen(s->xmax, xid);
    if (wide < s->xmin)
        return true;
    if (wide >= s->xmax)
        return false;
    unsigned low = 0, high = s->xip_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (s->xip[middle] < wide)
            low = middle + 1;
        else
            high = middle;
    }
    return low == s->xip_count || s->xip[low] != wide;
}

bool pg_xid_ring_visible(struct pg_xid_ring *ring, const struct pg_xid_snapshot *s)
{
    uint64_t oldest = ring->added > PG_XID_RING ? ring->added - PG_XID_RING : 0;
    for (uint64_t i = ring->checked > oldest ? ring->checked : oldest; i < ring->added; i++)
        if (!pg_xid_visible(s, ring->xids[i % PG_XID_RING]))
            return false;
    ring->checked = ring->added;
    return true;
}
