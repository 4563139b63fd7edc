/*
 * A request as the events that it brings: what accept.c makes of a body, and webhook.c stores.
 *
 *     post_new ─▶ post_read (0, or refused) ─▶ stored by the source's thread ─▶ post_answer ─▶ post_free
 *
 * Ownership: hangs on request->state and views the request's body; both live until release.
 * Bounds:    settings' sizes; the arena holds what is not the body.
 * Threads:   the pool's until it is queued, the source's until it is woken, then the pool's again.
 */
#ifndef WEBHOOK_POST_H
#define WEBHOOK_POST_H

#include <leat/arena.h>
#include <leat/ingest.h>

#include "sources/webhook/cloudevent.h"
#include "sources/webhook/once.h"
#include "sources/webhook/route.h"
#include "sources/webhook/settings.h"
#include "sources/webhook/signature.h"
#include "sources/webhook/time_text.h"
#include "sources/webhook/upload.h"

struct post_event {
    struct leat_slice body; /* exactly as received */
    struct leat_slice metadata;
    struct leat_slice topic, external_id; /* the request's, unless it is a CloudEvent */
    int64_t event_time_us, valid_time_us;
    uint8_t id[WEBHOOK_UUID_BYTES];
    bool time_given;  /* the sender said when it happened */
    bool valid_given;
    unsigned refused; /* status of an item that is not taken; 0: stored */
    const char *why;
};

enum post_outcome {
    POST_WAITING,
    POST_STORED,
    POST_REPEATED, /* stored before, under the same idempotency key */
    POST_CONFLICT, /* another body was stored under its idempotency key */
    POST_UNSTORED, /* no room in time, or the source ends; it may yet come to be stored */
};

struct post {
    struct post *next; /* of the queue it is in */
    struct leat_ingest_request *request;
    const struct webhook_settings *settings;
    const struct signature_scheme *scheme; /* NULL: not signed */
    const char *tenant, *producer;
    struct route route;
    struct leat_arena arena;
    struct leat_buf decoded; /* the body after decompression, or empty */
    struct leat_slice body;  /* what the events are slices of */
    struct leat_slice data_core, flow_type, topic, external_id;
    bool batch, lenient, is_json, is_file;
    bool counted;                  /* among the files on their way … */
    int64_t waiting_bytes;         /* … and those that are here */
    struct upload *upload;         /* of a file, from the head on */
    struct signature_check check;  /* of its bytes, when they are signed */
    enum cloudevent_mode cloudevent;
    struct leat_slice attributes;     /* of a binary CloudEvent, as members of the metadata */
    struct leat_buf cloudevent_keys;  /* source and id of each, counted */
    const char *content_type;
    struct post_event *events;
    size_t count, taken; /* of them, those not refused */
    bool repeated;          /* what it says was stored before */
    bool keyed;             /* it has an idempotency key */
    struct once_entry once; /* with the seed of its ids; the rest when it is keyed */
    uint64_t number;     /* of its kind in the source, from 1 */
    int64_t queued_ms;   /* monotonic */
    enum post_outcome outcome;
};

/* NULL: no memory. `scheme`: how requests are signed, NULL: they are not. */
struct post *post_new(struct leat_ingest_request *request, const struct webhook_settings *settings,
                      const struct signature_scheme *scheme, const char *instance);
void post_free(struct post *post); /* accepts NULL */

/* What can be said before the body is there: route, types, encodings. 0, or refused: the answer is
 * filled in. */
unsigned post_check(struct post *post) LEAT_MUST_CHECK;

/* The head of a file is fine: its bytes come one by one, then post_read(). The spool is made in
 * `directory`. */
unsigned post_upload(struct post *post, const char *directory) LEAT_MUST_CHECK;
unsigned post_take(struct post *post, struct leat_slice piece) LEAT_MUST_CHECK;

/* Takes the body apart. 0, or refused; with nothing to store (`taken` 0) it can be answered at once. */
unsigned post_read(struct post *post) LEAT_MUST_CHECK;

/* Takes over the ids of the request that it repeats. */
void post_repeat(struct post *post, const struct once_entry *original);

/* The answer to what was stored, or could not be. */
void post_answer(struct post *post);

#endif
