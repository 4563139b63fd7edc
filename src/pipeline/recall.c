#include "pipeline/recall.h"

#include "pipeline/stream.h"

#include <leat/clock.h>

#include <stdlib.h>

enum { BEGIN_EVERY_MS = 60 * 1000 };

struct leat_recall {
    struct leat_store *store;
    uint32_t source_id;
    struct leat_stream *stream; /* NULL: not opened yet */
    uint64_t begin;             /* first sequence that was stored since … */
    int64_t begin_us;           /* … this moment */
    int64_t begin_asked_ms;
};

int leat_recall_new(struct leat_store *store, uint32_t source_id, struct leat_recall **ret_recall,
                    struct leat_err *err)
{
    struct leat_recall *r = calloc(1, sizeof *r);
    if (!r)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a source's memory");
    r->store = store;
    r->source_id = source_id;
    *ret_recall = r;
    return LEAT_OK;
}

void leat_recall_free(struct leat_recall *r)
{
    if (!r)
        return;
    leat_stream_close(r->stream);
    free(r);
}

uint64_t leat_recall_hash(const struct leat_recall *r, struct leat_slice name, struct leat_slice value)
{
    return leat_lookup_hash(r->source_id, name, value);
}

static int stream_ready(struct leat_recall *r, struct leat_err *err)
{
    if (r->stream)
        return LEAT_OK;
    int status = leat_stream_open(leat_store_path(r->store), r->store, &r->stream, err);
    if (!status)
        leat_stream_without_longs(r->stream, true);
    return status;
}

/* Where that moment lies; asked now and then only, so it may be earlier. */
static int begin_find(struct leat_recall *r, int64_t since_us, struct leat_err *err)
{
    int64_t now_ms = leat_clock_monotonic_ms();
    if (r->begin && since_us >= r->begin_us && now_ms - r->begin_asked_ms < BEGIN_EVERY_MS)
        return LEAT_OK;
    uint64_t begin;
    leat_stream_only(r->stream, 0);
    int status = leat_stream_find_since(r->stream, since_us, &begin, err);
    if (status)
        return status;
    r->begin = begin ? begin : 1;
    r->begin_us = since_us;
    r->begin_asked_ms = now_ms;
    return LEAT_OK;
}

static int prepare(struct leat_recall *r, int64_t since_us, struct leat_err *err)
{
    int status = stream_ready(r, err);
    return status ? status : begin_find(r, since_us, err);
}

/* --- one value ------------------------------------------------------------------------------------ */

static int event_show(struct leat_recall *r, uint64_t sequence, leat_recall_event_fn each, void *arg,
                      struct leat_err *err)
{
    struct leat_stream_event e;
    int status = leat_stream_seek(r->stream, sequence, err);
    if (!status)
        status = leat_stream_next(r->stream, &e, err);
    if (status)
        return status == LEAT_EOF ? LEAT_OK : status; /* of another source, by chance of the hash */
    return e.sequence == sequence ? each(arg, &e.event, err) : LEAT_OK;
}

int leat_recall_find(struct leat_recall *r, struct leat_slice name, struct leat_slice value,
                     int64_t since_us, leat_recall_event_fn each, void *arg, struct leat_err *err)
{
    struct leat_store_found found = {.next = 0};
    int status = prepare(r, since_us, err);
    if (status)
        return status;
    uint64_t hash = leat_recall_hash(r, name, value), from = r->begin;
    leat_stream_only(r->stream, r->source_id);
    for (; !status; from = found.next) {
        status = leat_store_reader_find(leat_stream_reader(r->stream), hash, from, &found, err);
        if (!status && found.next == from)
            return LEAT_OK;
        for (size_t i = 0; i < found.count && !status; i++)
            status = event_show(r, found.sequences[i], each, arg, err);
    }
    return status;
}

int leat_recall_hashes(struct leat_recall *r, struct leat_slice name, int64_t since_us,
                       leat_recall_hash_fn each, void *arg, struct leat_err *err)
{
    int status = prepare(r, since_us, err);
    struct leat_slice any = {NULL, 0};
    return status ? status
                  : leat_store_reader_hashes(leat_stream_reader(r->stream), leat_recall_hash(r, name, any),
                                             r->begin, each, arg, err);
}

/* --- what was stored without notes ---------------------------------------------------------------- */

/* Behind the last segment from `begin` on of which nothing is known. */
static int unnoted_end(struct leat_recall *r, uint64_t *ret_end, struct leat_err *err)
{
    struct leat_store_found found = {.unknown = true, .next = r->begin};
    int status = LEAT_OK;
    while (found.unknown && !status) {
        *ret_end = found.next;
        status = leat_store_reader_find(leat_stream_reader(r->stream), 0, *ret_end, &found, err);
    }
    return status;
}

int leat_recall_unnoted(struct leat_recall *r, int64_t since_us, leat_recall_transaction_fn each,
                        void *arg, struct leat_err *err)
{
    struct leat_stream_event e;
    uint64_t end = 0;
    int status = prepare(r, since_us, err);
    if (!status)
        status = unnoted_end(r, &end, err);
    if (status || end <= r->begin)
        return status == LEAT_EDATA ? LEAT_OK : status; /* damaged notes are met by who asks for one */
    leat_stream_only(r->stream, r->source_id);
    status = leat_stream_seek(r->stream, r->begin, err);
    while (!status && (status = leat_stream_next(r->stream, &e, err)) == LEAT_OK && e.sequence < end)
        if (e.event.ordinal == 0)
            status = each(arg, e.event.transaction, err);
    return status == LEAT_EOF ? LEAT_OK : status;
}
