#include <leat/buf.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

void leat_buf_init(struct leat_buf *buf, size_t max)
{
    *buf = (struct leat_buf){.max = max};
}

void leat_buf_release(struct leat_buf *buf)
{
    free(buf->data);
    *buf = (struct leat_buf){0};
}

bool leat_buf_grow(struct leat_buf *buf, size_t more)
{
    if (buf->len > buf->max || more > buf->max - buf->len)
        return false;
    size_t need = buf->len + more;
    size_t capacity = buf->capacity > BUF_FIRST_BYTES ? buf->capacity : BUF_FIRST_BYTES;
    while (capacity < need)
        capacity += capacity / 2;
    if (capacity > buf->max)
        capacity = buf->max;
    uint8_t *data = realloc(buf->data, capacity);
    if (!data)
        return false;
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void leat_buf_shrink(struct leat_buf *buf, size_t keep)
{
    if (buf->capacity <= keep || buf->len > keep)
        return;
    uint8_t *data = keep ? realloc(buf->data, keep) : NULL;
    if (!keep)
        free(buf->data);
    if (data || !keep) {
        buf->data = data;
        buf->capacity = keep;
    }
}

/* Reserves or sets `full`. */
static bool buf_room(struct leat_buf *buf, size_t more)
{
    if (!buf->full && leat_buf_reserve(buf, more))
        return true;
    buf->full = true;
    return false;
}

void leat_buf_append(struct leat_buf *buf, struct leat_slice bytes)
{
    if (buf_room(buf, bytes.len))
        leat_buf_raw(buf, bytes.ptr, bytes.len);
}

void leat_buf_append_text(struct leat_buf *buf, const char *text)
{
    leat_buf_append(buf, leat_slice_text(text));
}

void leat_buf_append_varint(struct leat_buf *buf, uint64_t v)
{
    if (buf_room(buf, LEAT_VARINT_BYTES_MAX))
        leat_buf_varint(buf, v);
}

void leat_buf_append_counted(struct leat_buf *buf, struct leat_slice bytes)
{
    if (buf_room(buf, LEAT_VARINT_BYTES_MAX + bytes.len))
        leat_buf_counted(buf, bytes);
}

void leat_buf_format(struct leat_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_room(buf, (size_t)len + 1)) {
        buf->full = true;
        return;
    }
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

const char *leat_buf_text(struct leat_buf *buf)
{
    if (!buf_room(buf, 1))
        return "";
    buf->data[buf->len] = '\0';
    return (const char *)buf->data;
}
