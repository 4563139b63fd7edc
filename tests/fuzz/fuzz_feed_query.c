/*
 * Any bytes as the target of a request for events: taken within its bounds or refused with a reason;
 * what is a cursor is written again as it was.
 */
#include "feed/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_cursor(const char *text)
{
    struct feed_cursor cursor;
    char again[FEED_CURSOR_TEXT];
    if (!feed_cursor_parse(text, &cursor))
        return;
    feed_cursor_text(&cursor, again);
    require(strcmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct feed_query q;
    struct leat_event event = {.op = LEAT_OP_POST, .topic = leat_slice_of(data, len)};
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = '\0';
    check_cursor(text);
    if (feed_query_path(text) && !feed_query_parse(text, INT64_C(1800000000000000), &q)) {
        require(q.limit >= 1 && q.limit <= FEED_LIMIT_MAX && q.form);
        require(q.wait_ms >= 0 && q.wait_ms <= FEED_WAIT_MAX_MS && q.from_us >= 0 && q.to_us >= 0);
        q.tenant[0] = q.external_id[0] = '\0'; /* they would look for an origin */
        (void)feed_query_wants(&q, "s", &event);
    }
    free(text);
    return 0;
}
