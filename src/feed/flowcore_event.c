#include "feed/flowcore_event.h"

#include "codec/iso_time.h"
#include "codec/json_check.h"
#include "codec/json_writer.h"

static void put_slice(struct leat_json *j, struct leat_slice text)
{
    (void)leat_json_string(j, text);
}

static void put_time(struct leat_json *j, int64_t us)
{
    uint8_t text[LEAT_ISO_BYTES + 1], *end = leat_iso_timestamp(text, us, us % 1000 ? 6 : 3);
    *end++ = 'Z';
    leat_json_plain(j, text, (size_t)(end - text));
}

static void put_metadata(struct leat_json *j, struct leat_slice metadata)
{
    bool good = leat_json_check(metadata) == '{';
    leat_json_raw(j, good ? (const char *)metadata.ptr : "{}", good ? metadata.len : 2);
}

/* Text where it is UTF-8, and its escapes do not make it too long. */
static void put_bytes(struct leat_json *j, struct leat_slice body)
{
    struct leat_json before = *j;
    size_t len = j->buf->len;
    LEAT_JSON_NAME(j, "data");
    if (leat_json_string(j, body) && !j->buf->full)
        return;
    j->buf->len = len;
    j->buf->full = false;
    *j = before;
    LEAT_JSON_NAME(j, "base64");
    leat_json_base64(j, body);
}

static void put_payload(struct leat_json *j, struct leat_slice body)
{
    char first = leat_json_check(body);
    if (first == '{') {
        leat_json_raw(j, body.ptr, body.len);
        return;
    }
    leat_json_object(j);
    if (first) {
        LEAT_JSON_NAME(j, "data");
        leat_json_raw(j, body.ptr, body.len);
    } else {
        put_bytes(j, body);
    }
    leat_json_object_end(j);
}

static void put_names(struct leat_json *j, const struct catalog_post *post,
                      const struct leat_event *event)
{
    LEAT_JSON_NAME(j, "tenant");
    put_slice(j, post->tenant);
    LEAT_JSON_NAME(j, "dataCoreId");
    put_slice(j, post->data_core);
    LEAT_JSON_NAME(j, "dataCore");
    put_slice(j, post->data_core);
    LEAT_JSON_NAME(j, "flowType");
    put_slice(j, post->flow_type);
    LEAT_JSON_NAME(j, "aggregator");
    put_slice(j, post->flow_type);
    LEAT_JSON_NAME(j, "eventType");
    put_slice(j, event->topic);
}

bool flowcore_event_write(const struct catalog_post *post, const struct leat_event *event,
                          struct leat_buf *buf)
{
    struct leat_json json = leat_json_at(buf), *j = &json;
    char id[TIME_UUID_TEXT], bucket[TIME_BUCKET_TEXT];
    size_t len = buf->len;
    time_uuid_text(&post->id, id);
    time_bucket_text(time_uuid_hour(&post->id), bucket);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "eventId");
    leat_json_text(j, id);
    LEAT_JSON_NAME(j, "timeBucket");
    leat_json_text(j, bucket);
    put_names(j, post, event);
    LEAT_JSON_NAME(j, "metadata");
    put_metadata(j, event->metadata);
    LEAT_JSON_NAME(j, "payload");
    put_payload(j, event->body);
    LEAT_JSON_NAME(j, "validTime");
    put_time(j, event->valid_time_us);
    leat_json_object_end(j);
    bool fits = !buf->full;
    if (!fits) {
        buf->len = len;
        buf->full = false;
    }
    return fits;
}
