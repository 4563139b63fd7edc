#include <leat/gap.h>

static void append(struct leat_buf *buf, const char *key, struct leat_slice value)
{
    leat_buf_append_text(buf, key);
    size_t at = buf->len;
    leat_buf_append(buf, value);
    for (; at < buf->len; at++)
        if (buf->data[at] < 0x20 || buf->data[at] == '"' || buf->data[at] == '\\')
            buf->data[at] = '?';
}

void leat_gap_body(struct leat_buf *buf, const char *reason, struct leat_slice from,
                   struct leat_slice to, struct leat_slice text)
{
    append(buf, "{\"reason\":\"", leat_slice_text(reason));
    append(buf, "\",\"from\":\"", from);
    append(buf, "\",\"to\":\"", to);
    append(buf, "\",\"text\":\"", text);
    leat_buf_append_text(buf, "\"}");
}
