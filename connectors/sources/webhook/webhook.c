/*
 * Events that are brought over HTTP: a source as any other, whose log is the queue of requests.
 *
 *     pool threads   wants ─▶ begin ─▶ finish: checked, taken apart, ids given ─▶ queue
 *     our thread     poll: queue ─▶ batch ─▶ committer (all that wait, one fsync)
 *                    confirm: what is durable ─▶ woken ─▶ answered
 *
 * The group commit is the runner's: while one commit is written the queue grows, and all of it goes
 * into the next. A request is one transaction and is never divided over two commits, so that it is
 * there whole or not at all.
 *
 * Invariants
 *   1. A request is answered 200 only from confirm: its fsync has returned (I2).
 *   2. Each request that was queued is woken exactly once: durable, too long without room, or at the
 *      end.
 *   3. Whether an idempotency key is known is asked and noted by the one thread that stores, so two
 *      copies of a request cannot pass each other. A repeat of one that is not durable yet waits
 *      for it.
 *   4. A file's events are in one commit as well; its bytes went ahead of them, where nobody sees them.
 *   5. The resume token counts requests. Nothing has to be asked for again: a sender that got no
 *      answer sends again.
 */
#include <leat/clock.h>
#include <leat/log.h>
#include <leat/source.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sources/webhook/gate.h"
#include "sources/webhook/post.h"
#include "sources/webhook/settings.h"

enum { ATTR_ONCE = 3 }; /* of the transaction: see declare_origin() */

#define KEY_NAME    LEAT_SLICE_LITERAL("idempotency")
#define EXTERNAL_ID LEAT_SLICE_LITERAL("externalId")

#define TOKEN_FORMAT "webhook1 requests=%" PRIu64

struct post_queue {
    struct post *first, **last;
};

struct webhook_source {
    struct webhook_settings settings;
    const char *instance;
    struct gate gate;
    pthread_mutex_t lock; /* over the six below */
    struct post_queue waiting;
    int wake_fd;  /* of the runner; -1: the source is not open */
    const char *directory; /* of the store; NULL: it was never open */
    int64_t (*room)(const void *store);
    const void *store;
    bool closed;  /* after a session: refuse at once */
    _Atomic int64_t uploads;      /* files on their way */
    _Atomic int64_t upload_bytes; /* of those that are here, whole, and wait to be stored */
    /* our thread's */
    struct post_queue files; /* those that wait to be stored, the first of them in the making */
    int64_t files_moved_ms;  /* monotonic: when something of one was last stored */
    bool files_dropped;      /* what is ahead in the batch belongs to nothing any more */
    uint64_t file_number;    /* of the last one that was put into a batch */
    struct leat_source_stats *stats;
    struct post_queue sent; /* in the order of their numbers */
    uint64_t number;        /* of the last that was put into a batch */
    uint64_t durable;       /* requests up to this one */
    struct once once;       /* which of them have idempotency keys */
    bool once_known;        /* … those of earlier days included */
    struct leat_recall *recall;
    struct once_entry original; /* the last that was read from the store */
    struct leat_origin origin;
    bool origin_defined;
};

/* --- queues ------------------------------------------------------------------------------------- */

static void queue_init(struct post_queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct post_queue *q, struct post *p)
{
    p->next = NULL;
    *q->last = p;
    q->last = &p->next;
}

static struct post *queue_take(struct post_queue *q)
{
    struct post *p = q->first;
    if (p) {
        q->first = p->next;
        if (!q->first)
            q->last = &q->first;
    }
    return p;
}

/* The pool's again: it may be gone when this returns. */
static void wake(struct post *p, enum post_outcome outcome)
{
    p->outcome = outcome;
    leat_ingest_wake(p->request);
}

static struct post *waiting_take(struct webhook_source *s)
{
    pthread_mutex_lock(&s->lock);
    struct post *p = queue_take(&s->waiting);
    pthread_mutex_unlock(&s->lock);
    return p;
}

/* --- the pool's threads ------------------------------------------------------------------------- */

static int ingest_attach(void *ctx, const char *instance, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    int status = gate_open(&s->gate, &s->settings, instance, err);
    if (status)
        return status;
    s->instance = instance;
    s->wake_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    queue_init(&s->waiting);
    queue_init(&s->sent);
    queue_init(&s->files);
    return LEAT_OK;
}

static void ingest_detach(void *ctx)
{
    struct webhook_source *s = ctx;
    gate_close(&s->gate);
    pthread_mutex_destroy(&s->lock);
    once_release(&s->once);
}

static const char *tenant_of(const struct webhook_source *s)
{
    return s->settings.tenant ? s->settings.tenant : s->instance;
}

static bool ingest_wants(const void *ctx, const struct leat_ingest_request *request)
{
    const struct webhook_source *s = ctx;
    struct route route;
    route_parse(request->target, &route);
    if (route.kind == ROUTE_IN)
        return strcmp(ROUTE_SOURCE(&route), s->instance) == 0;
    return route.kind != ROUTE_NONE && strcmp(ROUTE_TENANT(&route), tenant_of(s)) == 0 &&
           webhook_settings_stream(&s->settings, ROUTE_DATA_CORE(&route), ROUTE_FLOW_TYPE(&route),
                                   ROUTE_EVENT_TYPE(&route));
}

/* A file that cannot fit must not be begun: what is stored of it would fill the store for all. In base64
 * it is longer by a third, and may not compress. */
static bool has_room(struct webhook_source *s, int64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    int64_t (*room)(const void *) = s->closed ? NULL : s->room;
    const void *store = s->store;
    pthread_mutex_unlock(&s->lock);
    return room && room(store) / 10 * 7 >= bytes + s->upload_bytes;
}

static unsigned begin_file(struct webhook_source *s, struct leat_ingest_request *r, struct post *p)
{
    pthread_mutex_lock(&s->lock);
    const char *directory = s->directory;
    pthread_mutex_unlock(&s->lock);
    int64_t length = leat_ingest_length(r);
    p->counted = true;
    if (++s->uploads > s->settings.files_max || !has_room(s, length > 0 ? length : 0)) {
        leat_ingest_problem(r, 503, "there is no room for this file now; try again");
        return 503;
    }
    unsigned status = gate_pieces_begin(&s->gate, r, &p->check);
    return status ? status : post_upload(p, directory);
}

static int ingest_begin(void *ctx, struct leat_ingest_request *r)
{
    struct webhook_source *s = ctx;
    if (gate_begin(&s->gate, r))
        return LEAT_OK;
    struct post *p = post_new(r, &s->settings, gate_scheme(&s->gate), s->instance);
    r->state = p;
    r->body_max = (size_t)s->settings.request_bytes_max;
    if (!p)
        leat_ingest_problem(r, 503, "out of memory");
    else if (!post_check(p) && (!p->is_file || !begin_file(s, r, p)))
        return LEAT_AGAIN;
    return LEAT_OK;
}

static int ingest_take(void *ctx, struct leat_ingest_request *r, struct leat_slice piece)
{
    (void)ctx;
    return post_take(r->state, piece) ? LEAT_EDATA : LEAT_OK;
}

/* Wakes our thread for the first of many. */
static bool enqueue(struct webhook_source *s, struct post *p)
{
    uint64_t one = 1;
    pthread_mutex_lock(&s->lock);
    bool closed = s->closed, first = !s->waiting.first;
    if (!closed)
        queue_put(&s->waiting, p);
    if (!closed && first && s->wake_fd >= 0) {
        ssize_t written = write(s->wake_fd, &one, sizeof one);
        (void)written;
    }
    pthread_mutex_unlock(&s->lock);
    return !closed;
}

static int ingest_finish(void *ctx, struct leat_ingest_request *r)
{
    struct webhook_source *s = ctx;
    struct post *p = r->state;
    unsigned status = p->is_file ? gate_pieces_end(&s->gate, r, &p->check) : gate_finish(&s->gate, r);
    if (status || post_read(p))
        return LEAT_OK;
    if (p->is_file && !has_room(s, upload_bytes(p->upload))) {
        leat_ingest_problem(r, 503, "there is no room for this file now; try again");
        return LEAT_OK;
    }
    p->waiting_bytes = p->is_file ? upload_bytes(p->upload) : 0;
    s->upload_bytes += p->waiting_bytes;
    if (p->taken)
        return LEAT_AGAIN;
    p->outcome = POST_STORED; /* all of nothing */
    post_answer(p);
    return LEAT_OK;
}

static void ingest_submit(void *ctx, struct leat_ingest_request *r)
{
    struct post *p = r->state;
    p->queued_ms = leat_clock_monotonic_ms();
    if (!enqueue(ctx, p))
        wake(p, POST_UNSTORED);
}

static void ingest_answer(void *ctx, struct leat_ingest_request *r)
{
    (void)ctx;
    post_answer(r->state);
}

static void ingest_release(void *ctx, struct leat_ingest_request *r)
{
    struct webhook_source *s = ctx;
    struct post *p = r->state;
    if (p && p->counted)
        s->uploads--;
    if (p)
        s->upload_bytes -= p->waiting_bytes;
    post_free(p);
    r->state = NULL;
}

/* --- what is known from before ------------------------------------------------------------------ */

static int64_t window_us(const struct webhook_source *s)
{
    return s->settings.idempotency_window_ms * 1000;
}

/* The key of a stored request; false: it had none. */
static bool stored_key(const struct leat_transaction *t, struct once_entry *ret_entry)
{
    *ret_entry = (struct once_entry){.received_us = t->commit_time_us};
    return t->attr_count > ATTR_ONCE && t->attrs[ATTR_ONCE].kind == LEAT_BYTES &&
           once_read(t->attrs[ATTR_ONCE].text, ret_entry);
}

static struct leat_slice key_slice(const struct once_entry *entry)
{
    return leat_slice_of(entry->key, sizeof entry->key);
}

static int64_t ingest_recall_since(void *ctx)
{
    struct webhook_source *s = ctx;
    once_release(&s->once);
    once_init(&s->once, window_us(s), ONCE_RECENT_MAX, (size_t)s->settings.idempotency_keys_max);
    return leat_clock_wall_us() - window_us(s);
}

static int ingest_recall(void *ctx, const struct leat_transaction *t, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    struct once_entry entry;
    return stored_key(t, &entry) ? once_add(&s->once, &entry, UINT64_MAX, err) : LEAT_OK;
}

struct noting {
    struct webhook_source *s;
    int64_t now_us;
    int status;
    struct leat_err *err;
};

static void note(void *arg, uint64_t hash)
{
    struct noting *n = arg;
    if (!n->status)
        n->status = once_note(&n->s->once, hash, n->now_us, n->err);
}

/* Which keys the store has of the window, into the filter: 12 bytes each, not their requests. */
static int keys_learn(struct webhook_source *s, struct leat_err *err)
{
    struct noting n = {s, leat_clock_wall_us(), LEAT_OK, err};
    if (s->once_known)
        return LEAT_OK;
    int status = leat_recall_hashes(s->recall, KEY_NAME, n.now_us - window_us(s), note, &n, err);
    if (status == LEAT_EDATA) { /* then each request asks, and those whose keys are hurt are refused */
        leat_log_err(LEAT_LOG_ERROR, "source", s->instance, "idempotency keys damaged", err);
        status = once_suspect(&s->once, n.now_us, err);
    }
    if (!status)
        status = n.status;
    s->once_known = !status;
    if (status)
        leat_err_context(err, "the idempotency keys of the last days cannot be read");
    return status;
}

struct matching {
    const struct once_entry *wanted;
    int64_t window_us;
    struct once_entry found;
};

/* LEAT_EOF: this is the one. */
static int match(void *arg, const struct leat_event *event, struct leat_err *err)
{
    struct matching *m = arg;
    (void)err;
    bool same = stored_key(event->transaction, &m->found) &&
                memcmp(m->found.key, m->wanted->key, ONCE_KEY_BYTES) == 0 &&
                m->wanted->received_us - m->found.received_us < m->window_us;
    return same ? LEAT_EOF : LEAT_OK;
}

/* The request that p repeats: LEAT_OK and *ret_original, which lives until the next call; LEAT_EOF:
 * it is new. */
static int original_find(struct webhook_source *s, const struct post *p,
                         const struct once_entry **ret_original, struct leat_err *err)
{
    const struct once_entry *recent = once_find(&s->once, p->once.key, p->request->received_us);
    uint64_t hash = leat_recall_hash(s->recall, KEY_NAME, key_slice(&p->once));
    *ret_original = recent;
    if (recent)
        return LEAT_OK;
    if (!once_perhaps(&s->once, hash))
        return LEAT_EOF;
    struct matching m = {.wanted = &p->once, .window_us = window_us(s)};
    int status = leat_recall_find(s->recall, KEY_NAME, key_slice(&p->once),
                                  p->request->received_us - m.window_us, match, &m, err);
    s->original = m.found;
    *ret_original = &s->original;
    return status < 0 ? status : status == LEAT_EOF ? LEAT_OK : LEAT_EOF;
}

static const struct leat_ingest_path PATHS[] = {
    {"POST,OPTIONS", "/event/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/events/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/file/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/in/{source}"},
    {"POST,OPTIONS", "/api/v1/event/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/api/v1/events/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/api/v1/file/{tenant}/{dataCore}/{flowType}/{eventType}"},
    {"POST,OPTIONS", "/api/v1/in/{source}"},
    {NULL, NULL},
};

static const struct leat_ingest_ops INGEST = {
    .attach = ingest_attach,
    .detach = ingest_detach,
    .wants = ingest_wants,
    .paths = PATHS,
    .begin = ingest_begin,
    .take = ingest_take,
    .finish = ingest_finish,
    .submit = ingest_submit,
    .answer = ingest_answer,
    .release = ingest_release,
    .recall_since = ingest_recall_since,
    .recall = ingest_recall,
};

/* --- into the batch ----------------------------------------------------------------------------- */

static struct leat_value text_value(struct leat_slice text)
{
    return text.len ? (struct leat_value){.kind = LEAT_STRING, .text = text}
                    : (struct leat_value){.kind = LEAT_NULL};
}

/* Attributes stand in the order in which declare_origin() names them. */
static int put_event(struct leat_batch *batch, const struct post *p, size_t i, uint32_t ordinal,
                     struct leat_err *err)
{
    const struct post_event *e = &p->events[i];
    struct leat_event event = {
        .op = LEAT_OP_POST,
        .ordinal = ordinal,
        .topic = e->topic,
        .body = e->body,
        .metadata = e->metadata,
        .event_time_us = e->event_time_us,
        .valid_time_us = e->valid_time_us,
        .attr_count = 2,
        .attrs = {{.kind = LEAT_UUID, .text = leat_slice_of(e->id, sizeof e->id)},
                  text_value(e->external_id)},
    };
    int status = p->is_file ? upload_add(p->upload, batch, &event, i, err)
                            : leat_batch_add(batch, &event, err);
    return status || !e->external_id.len ? status
                                         : leat_batch_key(batch, EXTERNAL_ID, e->external_id, err);
}

static int put_post(struct webhook_source *s, struct leat_batch *batch, const struct post *p,
                    struct leat_err *err)
{
    char id[24];
    uint8_t once[ONCE_STORED_BYTES];
    struct leat_value keyed = {.kind = LEAT_NULL};
    if (p->keyed) {
        once_write(&p->once, once);
        keyed = (struct leat_value){.kind = LEAT_BYTES, .text = leat_slice_of(once, sizeof once)};
    }
    int len = snprintf(id, sizeof id, "%" PRIu64, s->number);
    struct leat_transaction transaction = {
        .id = leat_slice_of(id, (size_t)len),
        .commit_time_us = p->request->received_us,
        .origin = &s->origin,
        .attr_count = 4,
        .attrs = {text_value(leat_slice_text(p->tenant)), text_value(p->data_core),
                  text_value(p->flow_type), keyed},
    };
    uint32_t ordinal = 0;
    int status = leat_batch_begin(batch, &transaction, err);
    for (size_t i = 0; i < p->count && !status; i++)
        if (!p->events[i].refused)
            status = put_event(batch, p, i, ordinal++, err);
    if (!status && p->keyed)
        status = leat_batch_key(batch, KEY_NAME, key_slice(&p->once), err);
    return status ? status : leat_batch_commit(batch, ordinal, err);
}

static void declare_origin(struct webhook_source *s)
{
    s->origin = (struct leat_origin){
        .connector = LEAT_SLICE_LITERAL("webhook"),
        .lineage = leat_slice_text(tenant_of(s)),
        .attr_count = 6,
        .attrs = {{LEAT_SLICE_LITERAL("tenant"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {LEAT_SLICE_LITERAL("dataCore"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {LEAT_SLICE_LITERAL("flowType"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {KEY_NAME, LEAT_ATTR_TRANSACTION, 0},
                  {LEAT_SLICE_LITERAL("eventId"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD},
                  {EXTERNAL_ID, LEAT_ATTR_EVENT, LEAT_ATTR_FIELD}},
    };
    s->origin_defined = false;
}

static void count_post(struct webhook_source *s, const struct post *p)
{
    struct leat_source_stats *stats = s->stats;
    stats->received_bytes += p->is_file ? upload_bytes(p->upload) : (int64_t)p->body.len;
    stats->received_messages++;
    stats->transactions++;
    stats->events += (int64_t)p->taken;
    stats->last_event_time_us = p->events[p->count - 1].event_time_us;
    stats->last_receive_us = p->request->received_us;
}

/* Known already: answered now, or as soon as the first is durable, which is with the last of those
 * on their way at the latest. */
static void repeat(struct webhook_source *s, struct post *p, const struct once_entry *original)
{
    bool durable = original->number <= s->durable;
    s->stats->repeats_dropped += (int64_t)p->taken;
    if (original->fingerprint != p->once.fingerprint) {
        wake(p, POST_CONFLICT);
        return;
    }
    post_repeat(p, original);
    p->repeated = true;
    p->number = s->number;
    if (durable)
        wake(p, POST_REPEATED);
    else
        queue_put(&s->sent, p);
}

/* LEAT_OK: remembered; LEAT_EOF: it was answered already, as a repeat or since nobody can tell. */
static int remember(struct webhook_source *s, struct post *p)
{
    const struct once_entry *original;
    struct leat_err err;
    if (!p->keyed)
        return LEAT_OK;
    int status = original_find(s, p, &original, &err);
    if (!status) {
        repeat(s, p, original);
        return LEAT_EOF;
    }
    if (status == LEAT_EOF) {
        uint64_t hash = leat_recall_hash(s->recall, KEY_NAME, key_slice(&p->once));
        status = once_note(&s->once, hash, p->request->received_us, &err);
    }
    if (!status)
        status = once_add(&s->once, &p->once, s->durable, &err);
    if (!status)
        return LEAT_OK;
    leat_log_err(LEAT_LOG_ERROR, "source", s->instance, "idempotency unknown", &err);
    wake(p, POST_UNSTORED); /* better not now than perhaps twice */
    return LEAT_EOF;
}

/* So that nothing of it has to be stored ahead; who cannot tell will be told by remember(). */
static bool is_repeat(struct webhook_source *s, const struct post *p)
{
    const struct once_entry *original;
    struct leat_err ignored;
    return p->keyed && original_find(s, p, &original, &ignored) == LEAT_OK;
}

static int store_post(struct webhook_source *s, struct leat_batch *batch, struct post *p,
                      struct leat_err *err)
{
    p->number = p->once.number = s->number + 1;
    if (remember(s, p))
        return LEAT_OK;
    s->number++;
    queue_put(&s->sent, p);
    int status = put_post(s, batch, p, err);
    if (!status)
        count_post(s, p);
    return status;
}

/* A file that cannot be read back fails alone. */
static void file_fail(struct webhook_source *s, struct leat_batch *batch, const struct leat_err *err)
{
    leat_log_err(LEAT_LOG_ERROR, "webhook", s->instance, "file not stored", err);
    leat_batch_ahead_drop(batch);
    wake(queue_take(&s->files), POST_UNSTORED);
}

/* All its events at once. What lies ahead and came to be used by none (a repeat) is given up. */
static int file_store(struct webhook_source *s, struct leat_batch *batch, struct post *p,
                      struct leat_err *err)
{
    p->queued_ms = s->files_moved_ms;
    int status = store_post(s, batch, p, err);
    leat_batch_ahead_drop(batch);
    s->file_number = s->number;
    return status;
}

/* The first file goes on: its parts ahead, as far as they fit, then its events. Other requests pass it
 * meanwhile; the next file begins when this one is durable, because no segment ends while something is
 * ahead. LEAT_EOF: there is nothing to do. */
static int file_step(struct webhook_source *s, struct leat_batch *batch, struct leat_err *err)
{
    struct post *p = s->files.first;
    if (s->files_dropped)
        leat_batch_ahead_drop(batch);
    s->files_dropped = false;
    if (!p || s->durable < s->file_number)
        return LEAT_EOF;
    s->files_moved_ms = leat_clock_monotonic_ms();
    int status = is_repeat(s, p) ? LEAT_OK : upload_ahead(p->upload, batch, err);
    if (status == LEAT_ERETRY || status == LEAT_EDATA) {
        file_fail(s, batch, err);
        return LEAT_OK;
    }
    if (status)
        return status;
    return file_store(s, batch, queue_take(&s->files), err);
}

/* Everything that waits, as far as it fits. LEAT_EOF: nothing did. LEAT_AGAIN: the batch is full. */
static int take_waiting(struct webhook_source *s, struct leat_batch *batch, struct leat_err *err)
{
    char token[64];
    struct post *p = NULL;
    int status = LEAT_OK;
    uint64_t before = s->number;
    if (!s->origin_defined)
        status = leat_batch_origin(batch, &s->origin, err);
    s->origin_defined = !status;
    while (!status && !leat_batch_full(batch) && (p = waiting_take(s))) {
        if (p->is_file)
            queue_put(&s->files, p);
        else
            status = store_post(s, batch, p, err);
    }
    if (!status)
        status = file_step(s, batch, err);
    bool moved = status != LEAT_EOF;
    if (status < 0)
        return status;
    if (s->number == before)
        return leat_batch_full(batch) ? LEAT_AGAIN : moved ? LEAT_OK : LEAT_EOF;
    int len = snprintf(token, sizeof token, TOKEN_FORMAT, s->number);
    status = leat_batch_position(batch, leat_slice_of(token, (size_t)len), err);
    return !status && leat_batch_full(batch) ? LEAT_AGAIN : status;
}

/* --- the source's thread ------------------------------------------------------------------------ */

static int source_open(void *ctx, const struct leat_source_env *env, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    (void)err;
    s->stats = env->stats;
    s->recall = env->recall;
    pthread_mutex_lock(&s->lock);
    s->wake_fd = env->wake_fd;
    s->directory = env->directory;
    s->room = env->room;
    s->store = env->store;
    s->closed = false;
    pthread_mutex_unlock(&s->lock);
    declare_origin(s);
    return LEAT_OK;
}

static int token_read(struct leat_slice token, uint64_t *ret_number)
{
    char text[64], rest;
    if (!token.len) {
        *ret_number = 0;
        return LEAT_OK;
    }
    if (token.len >= sizeof text)
        return LEAT_ECONFIG;
    memcpy(text, token.ptr, token.len);
    text[token.len] = '\0';
    return sscanf(text, "webhook1 requests=%" SCNu64 "%c", ret_number, &rest) == 1 ? LEAT_OK
                                                                                   : LEAT_ECONFIG;
}

static int source_start(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    if (token_read(token, &s->number))
        return leat_fail(err, LEAT_ECONFIG, "the stored token is not one of a webhook source: \"%.*s\"",
                         LEAT_SLICE_ARG(token));
    s->durable = s->file_number = s->number;
    once_forget_above(&s->once, s->number); /* the last session's that were not stored after all */
    int status = keys_learn(s, err);
    if (status)
        return status;
    s->stats->lag_us = s->stats->lag_bytes = s->stats->retained_bytes = 0;
    return LEAT_OK;
}

/* Answers those that have waited too long. What was handed over already may yet be stored. */
static void expire(struct webhook_source *s)
{
    int64_t oldest_ms = leat_clock_monotonic_ms() - s->settings.hold_ms;
    pthread_mutex_lock(&s->lock);
    while (s->waiting.first && s->waiting.first->queued_ms < oldest_ms)
        wake(queue_take(&s->waiting), POST_UNSTORED);
    pthread_mutex_unlock(&s->lock);
    while (s->files.first && s->files.first->queued_ms < oldest_ms && s->files_moved_ms < oldest_ms) {
        wake(queue_take(&s->files), POST_UNSTORED);
        s->files_dropped = true;
    }
    while (s->sent.first && s->sent.first->queued_ms < oldest_ms)
        wake(queue_take(&s->sent), POST_UNSTORED);
    s->stats->lag_us =
        s->sent.first ? (leat_clock_monotonic_ms() - s->sent.first->queued_ms) * 1000 : 0;
}

static int wait_until(struct webhook_source *s, int64_t until_ms)
{
    int64_t left_ms = until_ms - leat_clock_monotonic_ms();
    struct pollfd fd = {.fd = s->wake_fd, .events = POLLIN};
    if (left_ms > 0)
        poll(&fd, 1, left_ms > 1000 ? 1000 : (int)left_ms);
    return LEAT_OK;
}

static int source_poll(void *ctx, int64_t until_ms, struct leat_batch *batch, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    int status = batch ? take_waiting(s, batch, err) : LEAT_EOF;
    expire(s);
    if (status != LEAT_EOF)
        return status;
    return wait_until(s, until_ms);
}

static void wake_durable(struct post *p)
{
    wake(p, p->repeated ? POST_REPEATED : POST_STORED);
}

static int source_confirm(void *ctx, struct leat_slice token, struct leat_err *err)
{
    struct webhook_source *s = ctx;
    uint64_t number;
    if (token_read(token, &number))
        return leat_fail(err, LEAT_EBUG, "a durable token that is not ours: \"%.*s\"",
                         LEAT_SLICE_ARG(token));
    s->durable = number;
    while (s->sent.first && s->sent.first->number <= number)
        wake_durable(queue_take(&s->sent));
    return LEAT_OK;
}

/* Nobody is left waiting: who was not told that it is stored is told to try again. */
static void source_close(void *ctx)
{
    struct webhook_source *s = ctx;
    struct post *p;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    s->wake_fd = -1;
    while ((p = queue_take(&s->waiting)))
        wake(p, POST_UNSTORED);
    pthread_mutex_unlock(&s->lock);
    while ((p = queue_take(&s->files)))
        wake(p, POST_UNSTORED);
    while ((p = queue_take(&s->sent)))
        wake(p, POST_UNSTORED);
}

static int source_validate(const void *ctx, struct leat_err *err)
{
    return webhook_settings_validate(&((const struct webhook_source *)ctx)->settings, err);
}

static int source_check(void *ctx, const char *instance, struct leat_report *report,
                        struct leat_err *err)
{
    const struct webhook_source *s = ctx;
    (void)instance;
    int status = gate_check(&s->settings, err);
    if (status)
        return status;
    if (s->settings.authentication == WEBHOOK_AUTHENTICATION_NONE)
        leat_report_add(report, LEAT_FINDING_WARN, "authentication",
                        "events are taken from everybody who reaches the port", NULL, false);
    else if (s->settings.authentication == WEBHOOK_AUTHENTICATION_SIGNATURE)
        leat_report_add(report, LEAT_FINDING_OK, "authentication", "each request must be signed", NULL,
                        false);
    else
        leat_report_add(report, LEAT_FINDING_OK, "authentication", "each request needs a key", NULL,
                        false);
    return LEAT_OK;
}

const struct leat_source_ops webhook_source_ops = {
    .name = "webhook",
    .doc = "Events that are brought over HTTP: single, in batches, from senders that know only a URL.",
    .options = webhook_options,
    .ctx_size = sizeof(struct webhook_source),
    .ingest = &INGEST,
    .validate = source_validate,
    .check = source_check,
    .open = source_open,
    .start = source_start,
    .poll = source_poll,
    .confirm = source_confirm,
    .close = source_close,
};
