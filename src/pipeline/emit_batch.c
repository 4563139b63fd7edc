#include "pipeline/emit_batch.h"

#include <stdlib.h>

enum { ITEMS_FIRST = 64 };

int emit_batch_new(size_t text_max, struct emit_batch **ret_batch, struct leat_err *err)
{
    struct emit_batch *b = calloc(1, sizeof *b);
    if (!b)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a batch");
    leat_buf_init(&b->text, text_max);
    *ret_batch = b;
    return LEAT_OK;
}

void emit_batch_free(struct emit_batch *b)
{
    if (!b)
        return;
    leat_buf_release(&b->text);
    free(b->items);
    free(b->events);
    free(b);
}

static bool items_grow(struct emit_batch *b)
{
    if (b->count < b->capacity)
        return true;
    size_t more = b->capacity ? 2 * b->capacity : ITEMS_FIRST;
    struct emit_item *items = realloc(b->items, more * sizeof *items);
    if (!items)
        return false;
    b->items = items;
    b->capacity = more;
    return true;
}

void emit_batch_cancel(struct emit_batch *b, const struct emit_item *item)
{
    b->text.len = item->at;
    b->text.full = false;
}

int emit_batch_begin(struct emit_batch *b, struct leat_slice topic, struct leat_slice key,
                     struct emit_item *ret_item, struct leat_err *err)
{
    struct emit_item item = {
        .at = b->text.len, .topic_len = (uint32_t)topic.len, .key_len = (uint32_t)key.len};
    leat_buf_append(&b->text, topic);
    leat_buf_append(&b->text, key);
    if (b->text.full) {
        emit_batch_cancel(b, &item);
        return leat_fail(err, LEAT_ELIMIT, "topic and key of an event are longer than %zu bytes",
                         b->text.max);
    }
    *ret_item = item;
    return LEAT_OK;
}

int emit_batch_end(struct emit_batch *b, struct emit_item *item, struct leat_err *err)
{
    if (!items_grow(b)) {
        emit_batch_cancel(b, item);
        return leat_fail(err, LEAT_ERETRY, "out of memory for a batch");
    }
    item->value_len = b->text.len - item->at - item->topic_len - item->key_len;
    b->items[b->count++] = *item;
    return LEAT_OK;
}

static void view(struct emit_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct emit_item *item = &b->items[i];
        const uint8_t *at = b->text.data + item->at;
        b->events[i] = (struct leat_emit_event){
            .sequence = item->sequence,
            .topic = leat_slice_of(at, item->topic_len),
            .key = leat_slice_of(at + item->topic_len, item->key_len),
            .value = leat_slice_of(at + item->topic_len + item->key_len, item->value_len),
            .ingested_at_us = item->ingested_at_us,
            .last_of_transaction = item->last_of_transaction};
    }
}

int emit_batch_close(struct emit_batch *b, struct leat_err *err)
{
    struct leat_emit_event *events = calloc(b->count + 1, sizeof *events);
    if (!events)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a batch");
    free(b->events);
    b->events = events;
    view(b);
    return LEAT_OK;
}

int emit_batch_cut(struct emit_batch *b, size_t at, struct leat_err *err)
{
    struct emit_batch *rest = NULL;
    int status = emit_batch_new(b->text.max, &rest, err);
    for (size_t i = at; !status && i < b->count; i++) {
        const struct leat_emit_event *e = &b->events[i];
        struct emit_item item = b->items[i];
        item.at = rest->text.len;
        leat_buf_append(&rest->text, e->topic);
        leat_buf_append(&rest->text, e->key);
        leat_buf_append(&rest->text, e->value);
        status = rest->text.full ? leat_fail(err, LEAT_ERETRY, "out of memory for a batch")
                                 : emit_batch_end(rest, &item, err);
    }
    if (!status)
        status = emit_batch_close(rest, err);
    if (status) {
        emit_batch_free(rest);
        return status;
    }
    rest->through = b->through;
    rest->begun_ms = b->begun_ms;
    rest->next = b->next;
    b->next = rest;
    b->through = b->through ? b->events[at - 1].sequence : 0;
    b->count = at;
    return LEAT_OK;
}

void emit_batch_skip(struct emit_batch *b, size_t count)
{
    b->count -= count;
    memmove(b->items, b->items + count, b->count * sizeof *b->items);
    memmove(b->events, b->events + count, b->count * sizeof *b->events);
}
