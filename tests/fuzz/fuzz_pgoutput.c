/*
 * A connection's messages: u16 length (big-endian), payload, and so on, all through one decoder, so
 * that streams open and close. Whatever decodes is read to its last byte; whatever does not must
 * have changed nothing.
 */
#include "sources/postgres/pgoutput.h"

#include <leat/limits.h>
#include <leat/reader.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(struct leat_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sink ^= s.ptr[i];
}

static void touch_tuple(const struct pgoutput_tuple *t)
{
    if (t->count > LEAT_COLUMNS_MAX || (t->count && !t->fields))
        abort();
    for (unsigned i = 0; i < t->count; i++)
        touch(t->fields[i].data);
}

static void touch_message(const struct pgoutput_message *m)
{
    switch (m->type) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        touch_tuple(&m->row.before);
        touch_tuple(&m->row.after);
        return;
    case PGOUTPUT_RELATION:
        touch(m->relation.schema);
        touch(m->relation.table);
        for (unsigned i = 0; i < m->relation.count; i++)
            touch(m->relation.columns[i].name);
        return;
    case PGOUTPUT_TRUNCATE:
        for (uint32_t i = 0; i < m->truncate.count; i++)
            sink ^= (uint8_t)pgoutput_truncate_oid(m, i);
        return;
    case PGOUTPUT_MESSAGE:
        touch(m->message.prefix);
        touch(m->message.content);
        return;
    case PGOUTPUT_PREPARE:
        touch(m->prepare.gid);
        return;
    default:
        return;
    }
}

static void decode(struct pgoutput *d, struct leat_slice payload)
{
    struct pgoutput_message m;
    struct leat_err err = {.code = 0};
    bool in_stream = d->in_stream;
    int rc = pgoutput_decode(d, payload, &m, &err);
    if (rc && (rc != LEAT_EPROTO || err.code != rc || d->in_stream != in_stream))
        abort();
    if (!rc)
        touch_message(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_reader r = leat_reader_of(leat_slice_of(data, size));
    struct pgoutput d;
    pgoutput_init(&d);
    while (leat_reader_left(&r) >= 2) {
        size_t len = leat_reader_be16(&r);
        if (len > leat_reader_left(&r))
            len = leat_reader_left(&r);
        struct leat_slice payload = leat_reader_bytes(&r, len);
        uint8_t *exact = malloc(len ? len : 1); /* so that one byte too many is seen */
        if (!exact)
            abort();
        if (len)
            memcpy(exact, payload.ptr, len);
        decode(&d, leat_slice_of(exact, len));
        free(exact);
    }
    pgoutput_release(&d);
    return 0;
}
