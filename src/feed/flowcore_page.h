/*
 * One request of a Flowcore consumer, and a turn of work for it. Shared by flowcore.c (requests,
 * the thread) and flowcore_page.c (what a turn does).
 *
 *     CATALOG ──▶ BEGIN ──▶ SEEK: where is the event with this id? ──▶ READ ──▶ done
 *                   │                                                   ▲
 *                   └── no id, or it is known ──────────────────────────┤
 *                   └── descending ──▶ LAST: which are the last? ──▶ BACK ──▶ done
 *
 * Order of events: that of the stream, in which nothing ever comes before what was given already.
 * An id is a position: the place of the event that has it; where there is none, the time that it
 * says.
 *
 * Threads: the flowcore's thread.
 */
#ifndef FEED_FLOWCORE_PAGE_H
#define FEED_FLOWCORE_PAGE_H

#include "feed/catalog.h"
#include "feed/flowcore.h"
#include "feed/inbox.h"
#include "pipeline/stream.h"

enum { FLOWCORE_TYPES_AT_ONCE = 1000, FLOWCORE_PLACES = 256 };

enum flowcore_phase {
    FLOWCORE_CATALOG,
    FLOWCORE_BEGIN,
    FLOWCORE_SEEK,
    FLOWCORE_READ,
    FLOWCORE_LAST,
    FLOWCORE_BACK,
};

struct flowcore_page {
    struct feed_item item; /* first: of the inbox, then of the thread's list */
    struct leat_ingest_request *request;
    struct leat_ingest_scope scope;
    struct flowcore_query query;
    enum flowcore_phase phase;
    int64_t asked_ms;
    uint32_t types[FLOWCORE_TYPES_AT_ONCE];
    size_t type_count;
    uint64_t position, last; /* dealt with; the last that may be wanted */
    struct time_uuid bound;  /* by_time: events must be behind it */
    bool by_time, bound_included;
    uint64_t *latest;    /* descending: a ring of sequences */
    size_t latest_count; /* of all that were found */
    struct leat_buf out;
    int64_t shown;
    size_t held;              /* of `out`, that is counted */
    struct time_uuid last_id; /* of the last event in it, and its sequence */
    uint64_t last_sequence;
    unsigned refusal; /* the status if the next event can be given to nobody now */
    unsigned status;  /* 0: not done */
    const char *problem;
};

/* Where an id is: asked for again and again by consumers at the end of the stream. */
struct flowcore_place {
    struct time_uuid id;
    bool found;
    uint64_t names_hash; /* not found: of whom it was asked */
    uint64_t sequence;   /* not found: up to here nothing is behind it in time */
};

/* What all turns share. */
struct flowcore_shelf {
    struct leat_store *store;
    struct catalog *catalog;
    struct leat_stream *stream;
    struct flowcore_stats *stats;
    uint64_t at; /* the stream stands behind this sequence */
    bool lost;   /* it is not known where */
    struct flowcore_place places[FLOWCORE_PLACES];
    unsigned next_place;
};

/* True: it is done, with a status. */
bool flowcore_page_turn(struct flowcore_shelf *shelf, struct flowcore_page *page);

#endif
