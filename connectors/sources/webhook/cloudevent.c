#include "sources/webhook/cloudevent.h"

#include <strings.h>

#include "sources/webhook/json_scan.h"
#include "sources/webhook/metadata.h"
#include "sources/webhook/time_text.h"
#include "sources/webhook/utf8.h"

static const char MISSING[] = "the CloudEvent does not say id, source, type and specversion 1.0";
static const char NO_TEXT[] = "an attribute of the CloudEvent is no text";
static const char NO_TIME[] = "the time of the CloudEvent is not RFC 3339";
static const char TWICE[] = "an attribute of the CloudEvent stands there twice";
static const char TOO_MUCH[] = "the attributes of the CloudEvent are too many or too long";

enum cloudevent_mode cloudevent_mode_of(const char *type, int required)
{
    static const struct {
        const char *prefix;
        enum cloudevent_mode mode;
    } PREFIXES[] = {{"application/cloudevents-batch", CLOUDEVENT_BATCHED},
                    {"application/cloudevents", CLOUDEVENT_STRUCTURED}};
    for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES && type; i++) {
        size_t len = strlen(PREFIXES[i].prefix);
        if (strncasecmp(type, PREFIXES[i].prefix, len) != 0)
            continue;
        bool json = strncasecmp(type + len, "+json", 5) == 0 && strchr("; \t", type[len + 5]);
        return json ? PREFIXES[i].mode : CLOUDEVENT_UNKNOWN;
    }
    return required == 4 ? CLOUDEVENT_BINARY : CLOUDEVENT_NONE;
}

/* --- an attribute --------------------------------------------------------------------------------- */

/* The attributes that mean something to us; all others are only kept. */
static const char *attribute_set(struct cloudevent *e, struct leat_slice name, struct leat_slice value)
{
    if (leat_slice_equal(name, LEAT_SLICE_LITERAL("id")))
        e->id = value;
    else if (leat_slice_equal(name, LEAT_SLICE_LITERAL("source")))
        e->source = value;
    else if (leat_slice_equal(name, LEAT_SLICE_LITERAL("type")))
        e->type = value;
    else if (leat_slice_equal(name, LEAT_SLICE_LITERAL("subject")))
        e->subject = value;
    else if (leat_slice_equal(name, LEAT_SLICE_LITERAL("time")))
        return webhook_time_parse(value, &e->time_us) ? NULL : NO_TIME;
    else if (leat_slice_equal(name, LEAT_SLICE_LITERAL("specversion")))
        return leat_slice_equal(value, LEAT_SLICE_LITERAL("1.0")) ? NULL : MISSING;
    return NULL;
}

/* --- JSON ----------------------------------------------------------------------------------------- */

static const char *const ATTRIBUTES[] = {"specversion", "id", "source", "type", "subject", "time"};
enum { ATTRIBUTE_COUNT = sizeof ATTRIBUTES / sizeof *ATTRIBUTES, REQUIRED_COUNT = 4 };

static const char *member_read(struct leat_slice object, const char *name, bool required,
                               struct leat_arena *arena, struct cloudevent *event)
{
    struct leat_slice value;
    struct leat_buf text;
    if (!json_member(object, name, &value) || json_kind(value) == 'n')
        return required ? MISSING : NULL;
    if (json_kind(value) != '"')
        return NO_TEXT;
    leat_buf_init(&text, CLOUDEVENT_TEXT_MAX);
    json_unquote(value, &text);
    struct leat_slice copy = leat_arena_copy(arena, leat_buf_slice(&text));
    bool full = text.full, empty = !text.len;
    leat_buf_release(&text);
    if (full || (!empty && !copy.len))
        return TOO_MUCH;
    return empty ? MISSING : attribute_set(event, leat_slice_text(name), copy);
}

/* A name of ours twice: which one counts would be another's choice. */
static const char *members_once(struct leat_slice object)
{
    struct json_walk walk;
    struct leat_slice key, value;
    unsigned seen = 0;
    if (!json_walk(&walk, object))
        return MISSING;
    while (json_next(&walk, &key, &value))
        for (int i = 0; i < ATTRIBUTE_COUNT; i++) {
            size_t len = strlen(ATTRIBUTES[i]);
            if (key.len != len + 2 || memcmp(key.ptr + 1, ATTRIBUTES[i], len) != 0)
                continue;
            if (seen & 1u << i)
                return TWICE;
            seen |= 1u << i;
        }
    return NULL;
}

const char *cloudevent_read(struct leat_slice object, struct leat_arena *arena,
                            struct cloudevent *ret_event)
{
    struct leat_slice ignored;
    *ret_event = (struct cloudevent){.time_us = 0};
    if (json_kind(object) != '{')
        return "a CloudEvent is a JSON object";
    const char *why = members_once(object);
    for (int i = 0; i < ATTRIBUTE_COUNT && !why; i++)
        why = member_read(object, ATTRIBUTES[i], i < REQUIRED_COUNT, arena, ret_event);
    if (!why && json_member(object, "data", &ignored) && json_member(object, "data_base64", &ignored))
        why = "a CloudEvent has data or data_base64, not both";
    return why;
}

/* --- headers -------------------------------------------------------------------------------------- */

void cloudevent_headers_init(struct cloudevent_headers *h, struct leat_arena *arena)
{
    *h = (struct cloudevent_headers){.arena = arena};
    leat_buf_init(&h->metadata, METADATA_BYTES_MAX);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unquoted, then unescaped once: "Euro%20%E2%82%AC" is Euro €. A % without digits stays. */
static bool value_decode(const char *value, struct leat_buf *buf)
{
    size_t len = strlen(value);
    bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
    const char *at = value + quoted, *end = value + len - quoted;
    while (at < end) {
        char c = *at++;
        int high = c == '%' && end - at >= 2 ? hex_digit(at[0]) : -1;
        int low = high >= 0 ? hex_digit(at[1]) : -1;
        if (quoted && c == '\\' && at < end)
            c = *at++;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            at += 2;
        }
        leat_buf_append(buf, leat_slice_of(&c, 1));
    }
    return !buf->full && utf8_check(leat_buf_slice(buf)) &&
           (!buf->len || !memchr(buf->data, '\0', buf->len));
}

static const char *name_add(struct cloudevent_headers *h, const char *name, struct leat_slice *ret_name)
{
    char lower[64];
    size_t len = strlen(name);
    if (len >= sizeof lower || h->name_count == CLOUDEVENT_ATTRIBUTES_MAX)
        return TOO_MUCH;
    for (size_t i = 0; i < len; i++) {
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
        if (!((lower[i] >= 'a' && lower[i] <= 'z') || (lower[i] >= '0' && lower[i] <= '9')))
            return "a name of an attribute of the CloudEvent is not of letters and digits";
    }
    *ret_name = leat_arena_copy(h->arena, leat_slice_of(lower, len));
    for (unsigned i = 0; i < h->name_count; i++)
        if (leat_slice_equal(h->names[i], *ret_name))
            return TWICE;
    h->names[h->name_count++] = *ret_name;
    return ret_name->len ? NULL : TOO_MUCH;
}

static const char *header_add(struct cloudevent_headers *h, const char *name, const char *value)
{
    struct leat_slice kept, copy;
    struct leat_buf text;
    const char *why = name_add(h, name, &kept);
    if (why)
        return why;
    if (leat_slice_equal(kept, LEAT_SLICE_LITERAL("datacontenttype")))
        return "a binary CloudEvent has its datacontenttype in Content-Type alone";
    leat_buf_init(&text, CLOUDEVENT_TEXT_MAX);
    bool fine = value_decode(value, &text);
    copy = leat_arena_copy(h->arena, leat_buf_slice(&text));
    leat_buf_release(&text);
    if (!fine)
        return "an attribute of the CloudEvent is not UTF-8, or too long";
    leat_buf_format(&h->metadata, "\"ce-%.*s\":", LEAT_SLICE_ARG(kept));
    json_quote(&h->metadata, copy);
    leat_buf_append_text(&h->metadata, ",");
    return attribute_set(&h->event, kept, copy);
}

void cloudevent_headers_add(void *headers, const char *name, const char *value)
{
    struct cloudevent_headers *h = headers;
    if (!h->why && strncasecmp(name, "ce-", 3) == 0)
        h->why = header_add(h, name + 3, value);
}

const char *cloudevent_headers_end(struct cloudevent_headers *h)
{
    static const struct leat_slice SPECVERSION = LEAT_SLICE_LITERAL("specversion");
    bool version = false;
    for (unsigned i = 0; i < h->name_count; i++)
        version |= leat_slice_equal(h->names[i], SPECVERSION);
    if (!h->why && h->metadata.full)
        h->why = TOO_MUCH;
    if (!h->why && !(version && h->event.id.len && h->event.source.len && h->event.type.len))
        h->why = MISSING;
    return h->why;
}
