/*
 * Any bytes as the target of a Flowcore consumer: taken within its bounds or refused with a reason; a
 * cursor that is taken is written again as it was. And any bytes as a body: what is given out is JSON.
 */
#include "feed/flowcore_query.h"

#include "codec/json_check.h"
#include "feed/flowcore_event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_query(const char *target)
{
    struct flowcore_query q;
    char text[FLOWCORE_CURSOR_TEXT];
    if (flowcore_query_kind(target) == FLOWCORE_NONE || flowcore_query_parse(target, &q))
        return;
    require(q.name_count >= 1 && q.name_count <= FLOWCORE_NAMES_MAX && q.page >= 1 && q.page <= FLOWCORE_PAGE_MAX);
    require(!q.descending || q.kind == FLOWCORE_BUCKETS || !(q.has_cursor || q.has_after || q.has_to));
    (void)flowcore_query_names(&q, target, strlen(target));
    if (!q.has_cursor || q.kind != FLOWCORE_EVENTS)
        return;
    flowcore_cursor_text(&q.cursor, q.by_time ? &q.bound : NULL, text);
    require(strlen(text) < sizeof text);
}

static void check_event(struct leat_slice body)
{
    struct leat_origin origin = {.attr_count = 0};
    struct leat_transaction tx = {.origin = &origin};
    struct leat_event e = {.op = LEAT_OP_POST, .transaction = &tx, .topic = body, .body = body, .metadata = body};
    struct catalog_post post = {.tenant = body};
    struct leat_buf buf;
    leat_buf_init(&buf, 1 << 20);
    if (flowcore_event_write(&post, &e, &buf))
        require(leat_json_check(leat_buf_slice(&buf)) == '{');
    leat_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    check_query(text);
    check_event(leat_slice_of(data, len));
    free(text);
    return 0;
}
