#include <leat/event.h>

static const char *const OP_NAMES[LEAT_OP_COUNT] = {
    [0] = "?",
    [LEAT_OP_CREATE] = "create",
    [LEAT_OP_UPDATE] = "update",
    [LEAT_OP_DELETE] = "delete",
    [LEAT_OP_TRUNCATE] = "truncate",
    [LEAT_OP_READ] = "read",
    [LEAT_OP_MESSAGE] = "message",
    [LEAT_OP_SCHEMA] = "schema",
    [LEAT_OP_POST] = "post",
    [LEAT_OP_GAP] = "gap",
};

const char *leat_op_name(enum leat_op op)
{
    return (unsigned)op < LEAT_OP_COUNT ? OP_NAMES[op] : "?";
}

/* Rows are counted by bare numbers; what is counted apart from them has a letter in front. */
static const char *id_separator(const struct leat_event *event)
{
    switch (event->op) {
    case LEAT_OP_MESSAGE:
        return "/m";
    case LEAT_OP_SCHEMA:
        return "/s";
    default:
        return "/";
    }
}

/* What was brought to us got its id when it came, and its sender was told. */
static bool has_own_id(const struct leat_event *event)
{
    return event->op == LEAT_OP_POST && event->attr_count && event->attrs[0].kind == LEAT_UUID &&
           event->attrs[0].text.len == 16;
}

static void put_uuid(struct leat_buf *buf, const uint8_t *b)
{
    leat_buf_format(buf, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
                    b[13], b[14], b[15]);
}

void leat_event_id(struct leat_buf *buf, struct leat_slice instance, const struct leat_event *event)
{
    const struct leat_transaction *t = event->transaction;
    if (has_own_id(event)) {
        put_uuid(buf, event->attrs[0].text.ptr);
        return;
    }
    leat_buf_append(buf, instance);
    leat_buf_append_text(buf, "/");
    if (t && t->origin)
        leat_buf_append(buf, t->origin->lineage);
    leat_buf_append_text(buf, "/");
    if (t)
        leat_buf_append(buf, t->id);
    leat_buf_append_text(buf, id_separator(event));
    char digits[12];
    size_t at = sizeof digits;
    uint32_t n = event->ordinal;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    leat_buf_append(buf, leat_slice_of(digits + at, sizeof digits - at));
}
