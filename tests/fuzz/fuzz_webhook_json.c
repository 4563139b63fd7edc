/*
 * Any bytes as a body: taken or refused with a place inside; what was taken is walked through whole,
 * its elements are JSON themselves, and its strings come back through unquote and quote.
 */
#include "sources/webhook/json_scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_string(struct leat_slice text)
{
    struct leat_buf plain, quoted;
    size_t at;
    leat_buf_init(&plain, text.len + 64);
    leat_buf_init(&quoted, 8 * text.len + 64);
    json_unquote(text, &plain);
    require(!plain.full);
    json_quote(&quoted, leat_buf_slice(&plain));
    require(!quoted.full && json_check(leat_buf_slice(&quoted), &at));
    leat_buf_release(&plain);
    leat_buf_release(&quoted);
}

static void check_inside(struct leat_slice text, struct leat_slice value, int depth)
{
    struct json_walk walk;
    struct leat_slice key, inner;
    size_t at;
    require(value.len && value.ptr >= text.ptr && value.ptr + value.len <= text.ptr + text.len);
    require(json_check(value, &at));
    if (json_kind(value) == '"')
        check_string(value);
    if (depth == 8 || !json_walk(&walk, value))
        return;
    while (json_next(&walk, &key, &inner))
        check_inside(text, inner, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct leat_slice text = leat_slice_of(data, len), found;
    size_t at = len + 1;
    if (!json_check(text, &at)) {
        require(at <= len);
        return 0;
    }
    require(json_find(text, "", &found));
    check_inside(text, found, 0);
    json_find(text, "/a/0/b~1c", &found);
    return 0;
}
