/*
 * The common change event: the one in-memory form that every source fills and every codec reads.
 *
 *     transaction ── id, commit time, attributes         (one per source transaction)
 *        └─ event ── op, ordinal, relation, before, after, body, times
 *
 * Identity (I5): source instance, the origin's lineage, the transaction's id and the ordinal; the
 * same change always gets the same id: "<instance>/<lineage>/<transaction id>/<ordinal>". Messages
 * ("m<ordinal>") and schema announcements ("s<ordinal>") are counted apart, so that they do not
 * renumber rows. A post has the time UUID that its sender was given: its first attribute.
 *
 * Ownership: nothing is owned; slices view the producer's buffer until its next call.
 * Units:     times are microseconds since 1970 UTC.
 * Threads:   one owner.
 */
#ifndef LEAT_EVENT_H
#define LEAT_EVENT_H

#include <leat/schema.h>

/* The numbers are stored on disk: never change or reuse one. */
enum leat_op {
    LEAT_OP_CREATE = 1,
    LEAT_OP_UPDATE = 2,
    LEAT_OP_DELETE = 3,
    LEAT_OP_TRUNCATE = 4, /* one per relation that was truncated together */
    LEAT_OP_READ = 5,     /* a row of a snapshot */
    LEAT_OP_MESSAGE = 6,  /* a logical message: `topic` is its prefix, `body` its bytes */
    LEAT_OP_SCHEMA = 7,   /* a relation's shape was announced or changed */
    LEAT_OP_POST = 8,     /* a webhook's body */
    LEAT_OP_GAP =
        9, /* something that should be there is not: body says from where to where (I10) */
    LEAT_OP_COUNT
};

/* What there was before an update or delete. */
enum leat_before {
    LEAT_BEFORE_NONE, /* nothing was sent */
    LEAT_BEFORE_KEY,  /* key columns only; the others are absent */
    LEAT_BEFORE_FULL, /* the whole old row */
};

struct leat_transaction {
    struct leat_slice id; /* unique within the lineage, <= LEAT_TRANSACTION_ID_MAX bytes */
    int64_t commit_time_us;
    const struct leat_origin *origin;
    uint32_t attr_count; /* of scope LEAT_ATTR_TRANSACTION */
    struct leat_value attrs[LEAT_ATTRS_MAX];
};

struct leat_row {
    uint32_t count;                  /* 0: no row */
    const struct leat_value *values; /* in the relation's column order */
};

struct leat_event {
    uint8_t op;          /* enum leat_op */
    uint8_t before_form; /* enum leat_before */
    bool truncate_cascade;
    bool truncate_restart;
    bool transactional; /* messages: part of the transaction */
    uint32_t ordinal;   /* in the transaction, from 0; messages have their own count */
    const struct leat_transaction *transaction;
    const struct leat_schema *relation; /* NULL for messages, posts and gaps */
    struct leat_row before;
    struct leat_row after;
    struct leat_slice topic;    /* message prefix, event type of a post, or empty */
    struct leat_slice body;     /* bytes of a message, post or gap exactly as received */
    struct leat_slice metadata; /* a JSON object, or empty */
    int64_t event_time_us;      /* commit at the source */
    int64_t valid_time_us;      /* bi-temporal; the event time unless the sender said otherwise */
    uint32_t attr_count;        /* of scope LEAT_ATTR_EVENT */
    struct leat_value attrs[LEAT_ATTRS_MAX];
};

/* "create", "update" … ; "?" for a number out of range. */
const char *leat_op_name(enum leat_op op);

/* Appends the event's id as text. */
void leat_event_id(struct leat_buf *buf, struct leat_slice instance,
                   const struct leat_event *event);

#endif
