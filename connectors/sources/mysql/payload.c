/*
 * A compressed transaction: one event whose payload is the events of a whole transaction. Inflated
 * as a stream: what the header says of the size is a hint, and tens of GiB fit into one.
 */
#include "sources/mysql/mysql.h"

#include <inttypes.h>
#include <zstd.h>

enum { INFLATE_BYTES = 128 << 10, WINDOW_LOG_MAX = 27 };

/* Takes whole events from the front of `room`. */
static int inner_events(struct my_source *s, struct leat_buf *room, struct leat_err *err)
{
    size_t at = 0;
    int status = LEAT_OK;
    while (!status && room->len - at >= MY_EVENT_HEADER_BYTES) {
        struct my_event_header h;
        struct leat_slice body;
        uint32_t size;
        memcpy(&size, room->data + at + 9, sizeof size);
        if (size < MY_EVENT_HEADER_BYTES)
            return leat_fail(err, LEAT_EPROTO, "an event inside a payload has %" PRIu32 " bytes",
                             size);
        if (room->len - at < size)
            break;
        status = my_event_open_inner(leat_slice_of(room->data + at, size), &h, &body, err);
        if (!status && h.type == MY_TRANSACTION_PAYLOAD_EVENT)
            return leat_fail(err, LEAT_EPROTO, "a payload is inside a payload");
        leat_arena_reset(&s->event_arena);
        if (!status)
            status = my_change_inner(s, &h, body, err);
        at += size;
    }
    memmove(room->data, room->data + at, room->len - at);
    room->len -= at;
    return status;
}

static int inflate(struct my_source *s, ZSTD_DStream *stream, struct leat_slice payload,
                   struct leat_buf *room, struct leat_err *err)
{
    ZSTD_inBuffer in = {payload.ptr, payload.len, 0};
    size_t left = 1;
    int status = LEAT_OK;
    while (!status && (in.pos < in.size || left)) {
        if (!leat_buf_reserve(room, INFLATE_BYTES))
            return leat_fail(err, LEAT_ELIMIT,
                             "an event in a compressed transaction is longer "
                             "than row_max");
        ZSTD_outBuffer out = {room->data + room->len, INFLATE_BYTES, 0};
        size_t in_before = in.pos;
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left))
            return leat_fail(err, LEAT_EPROTO, "a compressed transaction is broken: %s",
                             ZSTD_getErrorName(left));
        if (!out.pos && in.pos == in_before)
            return leat_fail(err, LEAT_EPROTO, "a compressed transaction is cut");
        room->len += out.pos;
        status = inner_events(s, room, err);
    }
    if (!status && room->len)
        status = leat_fail(err, LEAT_EPROTO, "a compressed transaction ends inside an event");
    return status;
}

int my_change_payload(struct my_source *s, struct leat_slice body, struct leat_err *err)
{
    struct my_payload payload;
    struct leat_buf room;
    int status = my_event_payload(body, &payload, err);
    bool known = s->transaction.stored && !s->replaying; /* else it may be a prepared one */
    if (status || known)
        return status ? status : my_change_done(s, err);
    if (payload.compression != 0 && payload.compression != 255)
        return leat_fail(err, LEAT_ECONFIG,
                         "a transaction is compressed in a way that is not known: %" PRIu64,
                         payload.compression);
    leat_buf_init(&room, (size_t)s->settings.row_bytes_max + INFLATE_BYTES);
    if (payload.compression == 255) {
        leat_buf_append(&room, payload.payload);
        status = room.full ? leat_fail(err, LEAT_ELIMIT, "a payload is longer than row_max")
                           : inner_events(s, &room, err);
    } else {
        ZSTD_DStream *stream = ZSTD_createDStream();
        status = stream ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for a payload");
        if (!status) {
            ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
            status = inflate(s, stream, payload.payload, &room, err);
        }
        ZSTD_freeDStream(stream);
    }
    leat_buf_release(&room);
    if (!status && s->transaction.open && !s->emission.group)
        status = leat_fail(err, LEAT_EPROTO, "a compressed transaction has no end");
    return status;
}
