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

/* Names that mean something to us. The first two are the sender's to say, once, and are looked for by
 * whoever ends or archives events; the others are ours. */
enum { NAME_TTL, NAME_NO_ARCHIVE, NAME_OWN /* and all behind it */, NAME_OTHER = 7 };
static const char *const NAMES[NAME_OTHER] = {"ttl-on/stored-event", "do-not-archive-on/stored-event",
                                              "producer", "ingested-at", "event-time",
                                              "valid-time-on/stored-event", "content-type"};

/* A name may be written with escapes: \u0070roducer is producer to whoever reads it. */
static int name_of(struct leat_slice quoted)
{
    struct leat_buf plain;
    int name = 0;
    leat_buf_init(&plain, 64);
    json_unquote(quoted, &plain);
    while (name < NAME_OTHER &&
           (plain.full || !leat_slice_equal(leat_buf_slice(&plain), leat_slice_text(NAMES[name]))))
        name++;
    leat_buf_release(&plain);
    return name;
}

static const char *value_problem(int name, struct leat_slice value)
{
    bool text = json_kind(value) == '"';
    struct leat_slice plain = text ? leat_slice_of(value.ptr + 1, value.len - 2) : value;
    if (name == NAME_TTL && !metadata_ttl_valid(plain))
        return "the metadata ttl-on/stored-event is neither true, nor seconds, nor like 7d or 1h30m";
    if (name == NAME_NO_ARCHIVE && !leat_slice_equal(plain, LEAT_SLICE_LITERAL("true")) &&
        !leat_slice_equal(plain, LEAT_SLICE_LITERAL("false")))
        return "the metadata do-not-archive-on/stored-event is neither true nor false";
    return NULL;
}

static void value_put(struct leat_slice value, struct leat_buf *buf)
{
    if (json_kind(value) == '"')
        leat_buf_append(buf, value);
    else
        json_quote(buf, value);
    leat_buf_append_text(buf, ",");
}

/* A name that is looked for is stored as it is looked for. */
static const char *member_read(struct leat_slice key, struct leat_slice value, unsigned *seen,
                               struct leat_buf *buf)
{
    int name = name_of(key);
    const char *problem = value_problem(name, value);
    if (problem || (name >= NAME_OWN && name < NAME_OTHER))
        return problem;
    if (name < NAME_OWN) {
        if (*seen >> name & 1)
            return "the metadata says twice how long an event is kept, or whether it is archived";
        *seen |= 1u << name;
        leat_buf_format(buf, "\"%s\":", NAMES[name]);
    } else {
        leat_buf_append(buf, key);
        leat_buf_append_text(buf, ":");
    }
    value_put(value, buf);
    return NULL;
}

static unsigned object_read(struct leat_slice text, struct leat_buf *buf, const char **ret_why)
{
    struct json_walk walk;
    struct leat_slice key, value;
    unsigned seen = 0;
    size_t at;
    *ret_why = INVALID;
    if (!json_check(text, &at) || json_kind(text) != '{' || !json_walk(&walk, text))
        return 400;
    while (json_next(&walk, &key, &value)) {
        const char *problem = member_read(key, value, &seen, buf);
        if (problem) {
            *ret_why = problem;
            return 400;
        }
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
