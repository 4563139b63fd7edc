#include "sources/webhook/metadata.h"

#include <leat/clock.h>

#include "sources/webhook/base64.h"
#include "sources/webhook/json_scan.h"

static const char INVALID[] = "Invalid metadata header: must be valid base64-encoded JSON";

/* --- what the sender said ----------------------------------------------------------------------- */

bool metadata_ttl_valid(struct leat_slice text)
{
    if (leat_slice_equal(text, LEAT_SLICE_LITERAL("true")))
        return true;
    size_t digits = 0, spans = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (digits && digits < 12 && strchr("dhms", c) && c) {
            digits = 0;
            spans++;
        } else {
            return false;
        }
    }
    return spans ? !digits : digits > 0 && digits < 12;
}

static bool is_name(struct leat_slice quoted, const char *name)
{
    size_t len = strlen(name);
    return quoted.len == len + 2 && memcmp(quoted.ptr + 1, name, len) == 0;
}

/* Ours to say. */
static bool is_own(struct leat_slice key)
{
    return is_name(key, "producer") || is_name(key, "ingested-at") || is_name(key, "event-time") ||
           is_name(key, "valid-time-on/stored-event") || is_name(key, "content-type");
}

static const char *value_problem(struct leat_slice key, struct leat_slice value)
{
    bool text = json_kind(value) == '"';
    struct leat_slice plain =
        text ? leat_slice_of(value.ptr + 1, value.len - 2) : value;
    if (is_name(key, "ttl-on/stored-event") && !metadata_ttl_valid(plain))
        return "the metadata ttl-on/stored-event is neither true, nor seconds, nor like 7d or 1h30m";
    if (is_name(key, "do-not-archive-on/stored-event") &&
        !leat_slice_equal(plain, LEAT_SLICE_LITERAL("true")) &&
        !leat_slice_equal(plain, LEAT_SLICE_LITERAL("false")))
        return "the metadata do-not-archive-on/stored-event is neither true nor false";
    return NULL;
}

static void member_put(struct leat_slice key, struct leat_slice value, struct leat_buf *buf)
{
    leat_buf_append(buf, key);
    leat_buf_append_text(buf, ":");
    if (json_kind(value) == '"')
        leat_buf_append(buf, value);
    else
        json_quote(buf, value);
    leat_buf_append_text(buf, ",");
}

static unsigned object_read(struct leat_slice text, struct leat_buf *buf, const char **ret_why)
{
    struct json_walk walk;
    struct leat_slice key, value;
    size_t at;
    *ret_why = INVALID;
    if (!json_check(text, &at) || json_kind(text) != '{' || !json_walk(&walk, text))
        return 400;
    while (json_next(&walk, &key, &value)) {
        const char *problem = value_problem(key, value);
        if (problem) {
            *ret_why = problem;
            return 400;
        }
        if (!is_own(key))
            member_put(key, value, buf);
    }
    return buf->full ? 400 : 0;
}

unsigned metadata_read(const char *header, struct leat_buf *buf, const char **ret_why)
{
    unsigned status = 400;
    struct leat_buf decoded;
    header += strspn(header, " \t");
    if (header[0] == '{') /* an older SDK did not encode it */
        return object_read(leat_slice_text(header), buf, ret_why);
    leat_buf_init(&decoded, METADATA_BYTES_MAX);
    *ret_why = INVALID;
    if (base64_decode(leat_slice_text(header), &decoded) && !decoded.full)
        status = object_read(leat_buf_slice(&decoded), buf, ret_why);
    leat_buf_release(&decoded);
    return status;
}

/* --- what we say -------------------------------------------------------------------------------- */

static void time_put(struct leat_buf *buf, const char *name, int64_t us)
{
    char text[LEAT_CLOCK_TEXT];
    if (!us)
        return;
    leat_clock_format(us, text);
    leat_buf_format(buf, ",\"%s\":\"%s\"", name, text);
}

void metadata_write(struct leat_slice sent, const struct metadata_own *own, struct leat_buf *buf)
{
    leat_buf_append_text(buf, "{");
    leat_buf_append(buf, sent);
    leat_buf_append(buf, own->attributes);
    leat_buf_append_text(buf, "\"producer\":");
    json_quote(buf, leat_slice_text(own->producer));
    time_put(buf, "ingested-at", own->ingested_at_us);
    time_put(buf, "event-time", own->event_time_us);
    time_put(buf, "valid-time-on/stored-event", own->valid_time_us);
    if (own->content_type) {
        leat_buf_append_text(buf, ",\"content-type\":");
        json_quote(buf, leat_slice_text(own->content_type));
    }
    leat_buf_append_text(buf, "}");
}
