/*
 * Any bytes as what stands beside a body: a target with its query and key, a line of X-Forwarded-For, a
 * metadata header, a time, a ttl, the attributes of a CloudEvent; and as a compressed body.
 */
#include "http/client.h"
#include "http/credentials.h"
#include "http/guard.h"
#include "sources/webhook/cloudevent.h"
#include "sources/webhook/inflate.h"
#include "sources/webhook/json_scan.h"
#include "sources/webhook/metadata.h"
#include "sources/webhook/route.h"
#include "sources/webhook/time_text.h"
#include "sources/webhook/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_target(const char *text)
{
    struct leat_credentials c;
    struct route r;
    leat_credentials_read(text, "/", &c);
    require(!c.id[0] || c.secret[0]);
    if (leat_http_guard_target(text).status)
        return;
    leat_credentials_read(NULL, text, &c);
    require(strlen(c.id) <= LEAT_CREDENTIALS_ID_MAX);
    route_parse(text, &r);
    for (int i = 0; i < ROUTE_SEGMENTS && r.kind != ROUTE_NONE; i++) {
        require(utf8_check(leat_slice_text(r.segments[i])) && !strpbrk(r.segments[i], "/\n\r\\"));
        require(strcmp(r.segments[i], "..") != 0);
    }
}

/* Whoever is found is the peer, or none of the proxies, or one that was named behind another. */
static void check_forwarded(struct leat_slice line)
{
    static const char *const TRUSTED[] = {"10.0.0.5", "::1"};
    struct leat_strings texts = {(const char **)TRUSTED, 2};
    struct leat_proxies proxies;
    struct leat_client client = {{0}}, peer = client;
    struct leat_err err;
    require(leat_proxies_read(&texts, &proxies, &err) == LEAT_OK);
    require(leat_client_forwarded(&proxies, line, &client) && !memcmp(&client, &peer, sizeof peer));
    client = proxies.items[0];
    if (!leat_client_forwarded(&proxies, line, &client))
        require(leat_proxies_have(&proxies, &client));
}

static void check_metadata(const char *text)
{
    struct leat_buf sent, whole;
    struct metadata_own own = {.producer = "p", .ingested_at_us = 1};
    const char *why = NULL;
    size_t at;
    leat_buf_init(&sent, METADATA_BYTES_MAX);
    leat_buf_init(&whole, 2 * METADATA_BYTES_MAX);
    if (metadata_read(text, &sent, &why) == 0) {
        metadata_write(leat_buf_slice(&sent), &own, &whole);
        require(json_check(leat_buf_slice(&whole), &at) && json_kind(leat_buf_slice(&whole)) == '{');
    } else {
        require(why != NULL);
    }
    leat_buf_release(&sent);
    leat_buf_release(&whole);
}

/* What is one has all four attributes, and metadata that is JSON. */
static void check_cloudevent(const char *text)
{
    struct leat_arena arena;
    struct leat_buf object;
    struct cloudevent_headers h;
    struct cloudevent e;
    size_t at;
    leat_arena_init(&arena, 1 << 20);
    if (json_check(leat_slice_text(text), &at) && !cloudevent_read(leat_slice_text(text), &arena, &e))
        require(e.id.len && e.source.len && e.type.len);
    cloudevent_headers_init(&h, &arena);
    cloudevent_headers_add(&h, "ce-id", text);
    cloudevent_headers_add(&h, "ce-source", "s");
    cloudevent_headers_add(&h, "ce-type", "t");
    cloudevent_headers_add(&h, "ce-specversion", "1.0");
    cloudevent_headers_add(&h, text, "x");
    if (!cloudevent_headers_end(&h)) {
        leat_buf_init(&object, 2 * METADATA_BYTES_MAX);
        metadata_write(leat_buf_slice(&h.metadata), &(struct metadata_own){.producer = "p", .ingested_at_us = 1},
                       &object);
        require(json_check(leat_buf_slice(&object), &at));
        leat_buf_release(&object);
    }
    leat_buf_release(&h.metadata);
    leat_arena_release(&arena);
}

static void check_inflate(struct leat_slice body)
{
    for (enum inflate_coding coding = INFLATE_GZIP; coding <= INFLATE_ZSTD; coding++) {
        struct leat_buf buf;
        const char *why = NULL;
        leat_buf_init(&buf, 1 << 20);
        unsigned status = inflate_body(coding, body, &buf, &why);
        require(buf.len <= buf.max && (status == 0) == (why == NULL));
        leat_buf_release(&buf);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int64_t us = 0;
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    check_target(text);
    check_forwarded(leat_slice_of(data, len));
    check_metadata(text);
    check_cloudevent(text);
    check_inflate(leat_slice_of(data, len));
    if (webhook_time_parse(leat_slice_of(data, len), &us) ||
        webhook_time_parse_epoch(leat_slice_of(data, len), &us)) {
        uint8_t id[WEBHOOK_UUID_BYTES];
        webhook_uuid_make(us, 1, 0, id);
        require(id[6] >> 4 == 1);
    }
    (void)metadata_ttl_valid(leat_slice_of(data, len));
    free(text);
    return 0;
}
