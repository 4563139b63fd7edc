/*
 * CloudEvents 1.0 over HTTP, recognised by the head of a request:
 *
 *     Content-Type: application/cloudevents-batch+json     an array of events, each as below
 *     Content-Type: application/cloudevents+json           one event, with its data inside
 *     ce-id, ce-source, ce-specversion, ce-type            the body is the data
 *
 * What is stored is the body as it came (of an array: the element); of a binary event the attributes
 * become metadata. (source, id) says which event it is.
 *
 * Ownership: texts are copied into the caller's buffers. Threads: pure.
 * Source:    CloudEvents 1.0.2, HTTP protocol binding and JSON format.
 */
#ifndef WEBHOOK_CLOUDEVENT_H
#define WEBHOOK_CLOUDEVENT_H

#include <leat/arena.h>
#include <leat/buf.h>

enum cloudevent_mode {
    CLOUDEVENT_NONE,
    CLOUDEVENT_BINARY,
    CLOUDEVENT_STRUCTURED,
    CLOUDEVENT_BATCHED,
    CLOUDEVENT_UNKNOWN, /* of a format that is not JSON */
};

enum { CLOUDEVENT_ATTRIBUTES_MAX = 40, CLOUDEVENT_TEXT_MAX = 4096 /* bytes of a value */ };

/* What there is to know of one; empty: not said. */
struct cloudevent {
    struct leat_slice id, source, type, subject;
    int64_t time_us; /* 0: not said */
};

/* `type`: the Content-Type, or NULL; `required`: how many of the four ce- headers are there. */
enum cloudevent_mode cloudevent_mode_of(const char *type, int required);

/* The JSON form; `object` was checked to be JSON. NULL, or why it is none. */
const char *cloudevent_read(struct leat_slice object, struct leat_arena *arena,
                            struct cloudevent *ret_event) LEAT_MUST_CHECK;

/* The headers of the binary form, one after the other; then the end. */
struct cloudevent_headers {
    struct leat_arena *arena;
    struct leat_buf metadata; /* `"ce-id":"…",` for each; the caller's to release */
    struct cloudevent event;
    struct leat_slice names[CLOUDEVENT_ATTRIBUTES_MAX];
    unsigned name_count;
    const char *why; /* NULL: fine so far */
};

void cloudevent_headers_init(struct cloudevent_headers *headers, struct leat_arena *arena);
void cloudevent_headers_add(void *headers, const char *name, const char *value);

/* NULL, or why it is none. */
const char *cloudevent_headers_end(struct cloudevent_headers *headers) LEAT_MUST_CHECK;

#endif
