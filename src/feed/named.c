/*
 * A commit is answered after its fsync (I3), and all that wait go into one: while one transaction
 * is being written the inbox fills. No cursor is taken that would point to another store's events
 * or beyond the end of this one's, since nothing would ever tell its reader.
 */
#include "feed/named.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "codec/json_writer.h"
#include "feed/cursor.h"
#include "feed/inbox.h"

#include <jansson.h>
#include <stdlib.h>

enum { TOGETHER_MAX = 256 };

struct named {
    struct leat_store *store;
    struct leat_readers *readers;
    struct feed_inbox inbox;
    struct named_stats stats;
    pthread_t thread;
    bool started;
};

/* A commit or a drop. */
struct wish {
    struct feed_item item; /* first: of the inbox */
    struct leat_ingest_request *request;
    struct leat_reader_commit commit;
    bool drop;
    unsigned status; /* 0: it was not done */
    const char *problem;
};

/* --- paths and bodies ----------------------------------------------------------------------------
 */

bool named_path(const char *target, char *ret_name, bool *ret_commit)
{
    static const char ALL[] = "/v1/readers", COMMIT[] = "/commit";
    const char *at = target + sizeof ALL - 1;
    char name[LEAT_READER_NAME_MAX + 1] = "";
    if (strncmp(target, ALL, sizeof ALL - 1) != 0)
        return false;
    bool one = *at == '/';
    size_t len = one ? strcspn(++at, "/?") : 0;
    if (len > LEAT_READER_NAME_MAX)
        return false;
    memcpy(name, at, len);
    at += len;
    bool commit = one && strncmp(at, COMMIT, sizeof COMMIT - 1) == 0;
    at += commit ? sizeof COMMIT - 1 : 0;
    if ((*at && *at != '?') || (one && !leat_reader_name_valid(name)))
        return false;
    memcpy(ret_name, name, sizeof name);
    *ret_commit = commit;
    return true;
}

static bool cursor_of(struct leat_slice body, struct feed_cursor *ret_cursor)
{
    json_t *object = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(object, "cursor"));
    bool good = text && json_object_size(object) == 1 && feed_cursor_parse(text, ret_cursor);
    json_decref(object);
    return good;
}

const char *named_body(struct leat_slice body, uint32_t store_tag, uint64_t durable,
                       unsigned *ret_status, uint64_t *ret_sequence)
{
    struct feed_cursor cursor;
    *ret_status = 400;
    if (!cursor_of(body, &cursor))
        return "a commit is a JSON object with a member cursor, whose text came as Leat-Cursor or "
               "as an id";
    *ret_status = 409;
    if (cursor.store != store_tag)
        return "the cursor belongs to another store";
    if (cursor.sequence > durable)
        return "the cursor is ahead of the stream: was the store set back?";
    *ret_sequence = cursor.sequence;
    return NULL;
}

/* --- what is told --------------------------------------------------------------------------------
 */

static void put_scope(struct leat_json *j, const char *text)
{
    if (text[0])
        leat_json_text(j, text);
    else
        leat_json_null(j);
}

static void put_time(struct leat_json *j, int64_t us)
{
    char text[LEAT_CLOCK_TEXT];
    leat_clock_format(us, text);
    leat_json_text(j, text);
}

struct telling {
    struct named *named;
    struct leat_json json;
};

static int put_reader(void *arg, const struct leat_named_reader *r, struct leat_err *err)
{
    struct telling *t = arg;
    struct leat_json *j = &t->json;
    struct feed_cursor cursor = {leat_store_tag(t->named->store), r->sequence};
    uint64_t durable = leat_store_durable(t->named->store);
    char text[FEED_CURSOR_TEXT];
    (void)err;
    feed_cursor_text(&cursor, text);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, r->name);
    LEAT_JSON_NAME(j, "cursor");
    leat_json_text(j, text);
    LEAT_JSON_NAME(j, "sequence");
    leat_json_uint(j, r->sequence);
    LEAT_JSON_NAME(j, "lag_events");
    leat_json_uint(j, durable > r->sequence ? durable - r->sequence : 0);
    LEAT_JSON_NAME(j, "tenant");
    put_scope(j, r->tenant);
    LEAT_JSON_NAME(j, "source");
    put_scope(j, r->source);
    LEAT_JSON_NAME(j, "created");
    put_time(j, r->created_at_us);
    LEAT_JSON_NAME(j, "committed");
    put_time(j, r->committed_at_us);
    leat_json_object_end(j);
    return LEAT_OK;
}

static int done(struct leat_ingest_request *request, unsigned status)
{
    request->answer.status = status;
    request->answer.content_type = status == 204 ? NULL : "application/json";
    return LEAT_OK;
}

static int refuse(struct leat_ingest_request *request, unsigned status, const char *detail)
{
    leat_ingest_problem(request, status, detail);
    return LEAT_OK;
}

static int broken(struct leat_ingest_request *request, const struct leat_err *err)
{
    leat_log_err(LEAT_LOG_ERROR, "readers", NULL, "the store's readers cannot be used", err);
    return refuse(request, err->code == LEAT_ERETRY ? 503 : 500,
                  err->code == LEAT_ERETRY
                      ? "the store has no room now; try again"
                      : "the record of a reader cannot be used; the log says why");
}

static int tell_all(struct named *n, struct leat_ingest_request *request)
{
    struct telling t = {n, leat_json_at(&request->answer.body)};
    struct leat_err err;
    leat_json_object(&t.json);
    LEAT_JSON_NAME(&t.json, "max");
    leat_json_int(&t.json, LEAT_READERS_MAX);
    LEAT_JSON_NAME(&t.json, "readers");
    leat_json_array(&t.json);
    if (leat_readers_each(n->readers, put_reader, &t, &err))
        return broken(request, &err);
    leat_json_array_end(&t.json);
    leat_json_object_end(&t.json);
    return done(request, 200);
}

static bool scope_fits(const struct leat_ingest_scope *scope,
                       const struct leat_named_reader *reader)
{
    return scope->admin || (strcmp(scope->tenant, reader->tenant) == 0 &&
                            strcmp(scope->source, reader->source) == 0);
}

static int tell_one(struct named *n, struct leat_ingest_request *request, const char *name,
                    const struct leat_ingest_scope *scope)
{
    struct telling t = {n, leat_json_at(&request->answer.body)};
    struct leat_named_reader reader;
    struct leat_err err;
    int status = leat_readers_get(n->readers, name, &reader, &err);
    if (status == LEAT_EOF)
        return refuse(request, 404, "there is no reader of this name");
    if (status)
        return broken(request, &err);
    if (!scope_fits(scope, &reader))
        return refuse(request, 403, "the reader belongs to keys with other limits");
    (void)put_reader(&t, &reader, &err);
    return done(request, 200);
}

/* --- a request -----------------------------------------------------------------------------------
 */

static bool wants(const void *ctx, const struct leat_ingest_request *request)
{
    char name[LEAT_READER_NAME_MAX + 1];
    bool commit;
    (void)ctx;
    return named_path(request->target, name, &commit);
}

static int wrong_method(struct leat_ingest_request *request, const char *allow)
{
    leat_ingest_problem(request, 405, "this path has other methods: see Allow");
    leat_ingest_answer_header(request, "Allow", "%s", allow);
    return LEAT_OK;
}

static int wish_new(struct leat_ingest_request *request, const char *name, bool drop,
                    const struct leat_ingest_scope *scope)
{
    struct wish *w = calloc(1, sizeof *w);
    if (!w)
        return refuse(request, 503, "no memory; try again");
    w->request = request;
    w->drop = drop;
    w->commit.admin = scope->admin;
    memcpy(w->commit.reader.name, name, sizeof w->commit.reader.name);
    memcpy(w->commit.reader.tenant, scope->tenant, sizeof w->commit.reader.tenant);
    memcpy(w->commit.reader.source, scope->source, sizeof w->commit.reader.source);
    request->state = w;
    request->body_max = drop ? 0 : NAMED_BODY_MAX;
    return LEAT_AGAIN;
}

static int begin(void *ctx, struct leat_ingest_request *request)
{
    struct named *n = ctx;
    struct leat_ingest_scope scope;
    char name[LEAT_READER_NAME_MAX + 1];
    bool commit;
    (void)named_path(request->target, name, &commit);
    bool get = strcmp(request->method, "GET") == 0, drop = strcmp(request->method, "DELETE") == 0;
    if (commit && strcmp(request->method, "POST") != 0)
        return wrong_method(request, "POST");
    if (!commit && !get && !(drop && name[0]))
        return wrong_method(request, name[0] ? "GET, DELETE" : "GET");
    enum leat_ingest_right right = drop || !name[0] ? LEAT_INGEST_ADMIN : LEAT_INGEST_READ;
    if (leat_ingest_authorize_scope(request, right, &scope))
        return LEAT_OK;
    if (commit || drop)
        return wish_new(request, name, drop, &scope);
    return name[0] ? tell_one(n, request, name, &scope) : tell_all(n, request);
}

static int finish(void *ctx, struct leat_ingest_request *request)
{
    struct named *n = ctx;
    struct wish *w = request->state;
    unsigned status = 0;
    if (w->drop)
        return LEAT_AGAIN;
    const char *problem =
        named_body(leat_buf_slice(&request->body), leat_store_tag(n->store),
                   leat_store_durable(n->store), &status, &w->commit.reader.sequence);
    return problem ? refuse(request, status, problem) : LEAT_AGAIN;
}

static void submit(void *ctx, struct leat_ingest_request *request)
{
    struct named *n = ctx;
    struct wish *w = request->state;
    if (!feed_inbox_put(&n->inbox, &w->item))
        leat_ingest_wake(request);
}

static void answer_commit(struct named *n, const struct wish *w)
{
    struct leat_json json = leat_json_at(&w->request->answer.body), *j = &json;
    struct feed_cursor cursor = {leat_store_tag(n->store), w->commit.reader.sequence};
    char text[FEED_CURSOR_TEXT];
    feed_cursor_text(&cursor, text);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "reader");
    leat_json_text(j, w->commit.reader.name);
    LEAT_JSON_NAME(j, "cursor");
    leat_json_text(j, text);
    LEAT_JSON_NAME(j, "moved");
    leat_json_bool(j, w->commit.outcome == LEAT_READER_MOVED);
    leat_json_object_end(j);
    n->stats.commits++;
    n->stats.moves += w->commit.outcome == LEAT_READER_MOVED;
}

static void answer(void *ctx, struct leat_ingest_request *request)
{
    const struct wish *w = request->state;
    if (!w->status)
        refuse(request, 503, "the daemon is ending");
    else if (w->problem)
        refuse(request, w->status, w->problem);
    else
        done(request, w->status);
    if (w->status == 200)
        answer_commit(ctx, w);
}

static void release(void *ctx, struct leat_ingest_request *request)
{
    (void)ctx;
    free(request->state);
    request->state = NULL;
}

static const struct leat_ingest_path PATHS[] = {
    {"GET", "/v1/readers"},
    {"GET,DELETE", "/v1/readers/{name}"},
    {"POST", "/v1/readers/{name}/commit"},
    {NULL, NULL},
};

const struct leat_ingest_ops named_ops = {.wants = wants,
                                          .paths = PATHS,
                                          .begin = begin,
                                          .finish = finish,
                                          .submit = submit,
                                          .answer = answer,
                                          .release = release};

/* --- the thread ----------------------------------------------------------------------------------
 */

static void conclude(struct wish *w, unsigned status, const char *problem)
{
    w->status = status;
    w->problem = problem;
    leat_ingest_wake(w->request); /* the pool's from here on */
}

static void conclude_failed(struct wish *w, const struct leat_err *err)
{
    if (err->code == LEAT_ERETRY)
        conclude(w, 503, "the store has no room now; try again");
    else
        conclude(w, 500, "the record of a reader cannot be used; the log says why");
}

static void conclude_commit(struct wish *w)
{
    switch (w->commit.outcome) {
    case LEAT_READER_FOREIGN:
        conclude(w, 403, "the reader belongs to keys with other limits");
        break;
    case LEAT_READER_FULL:
        conclude(w, 507, "as many readers as are kept are there already; drop one");
        break;
    default:
        conclude(w, 200, NULL);
    }
}

static void drop(struct named *n, struct wish *w)
{
    struct leat_err err;
    int status = leat_readers_drop(n->readers, w->commit.reader.name, &err);
    if (status == LEAT_EOF) {
        conclude(w, 404, "there is no reader of this name");
    } else if (status) {
        leat_log_err(LEAT_LOG_ERROR, "readers", w->commit.reader.name, "cannot be dropped", &err);
        conclude_failed(w, &err);
    } else {
        LEAT_INFO("readers", w->commit.reader.name, "dropped",
                  LEAT_F_TEXT("key", w->request->key_id));
        conclude(w, 204, NULL);
    }
}

static void commit(struct named *n, struct wish **wishes, size_t count)
{
    struct leat_reader_commit commits[TOGETHER_MAX];
    struct leat_err err;
    for (size_t i = 0; i < count; i++)
        commits[i] = wishes[i]->commit;
    int status = count ? leat_readers_commit(n->readers, commits, count, &err) : LEAT_OK;
    if (status)
        leat_log_err(LEAT_LOG_ERROR, "readers", NULL, "cursors cannot be kept", &err);
    for (size_t i = 0; i < count; i++) {
        wishes[i]->commit = commits[i];
        if (status)
            conclude_failed(wishes[i], &err);
        else
            conclude_commit(wishes[i]);
    }
}

static void *run(void *arg)
{
    struct named *n = arg;
    struct feed_item *item;
    while ((item = feed_inbox_take(&n->inbox, true))) {
        struct wish *together[TOGETHER_MAX];
        size_t count = 0;
        while (item) {
            struct wish *w = (struct wish *)item;
            bool dropped = w->drop;
            item = item->next;
            if (!dropped)
                together[count++] = w;
            if (dropped || count == TOGETHER_MAX || !item) {
                commit(n, together, count); /* they may be gone behind it */
                count = 0;
            }
            if (dropped)
                drop(n, w);
        }
    }
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------------
 */

int named_new(struct leat_store *store, struct named **ret_named, struct leat_err *err)
{
    struct named *n = calloc(1, sizeof *n);
    if (!n)
        return leat_fail(err, LEAT_ERETRY, "out of memory for readers");
    feed_inbox_init(&n->inbox);
    n->store = store;
    int status = leat_readers_open(leat_store_path(store), store, &n->readers, err);
    if (status) {
        named_free(n);
        return status;
    }
    *ret_named = n;
    return LEAT_OK;
}

int named_start(struct named *n, struct leat_err *err)
{
    int errnum = pthread_create(&n->thread, NULL, run, n);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the thread of the readers");
    n->started = true;
    return LEAT_OK;
}

void named_stop(struct named *n)
{
    if (!n)
        return;
    feed_inbox_stop(&n->inbox);
    if (n->started)
        pthread_join(n->thread, NULL);
    n->started = false;
}

void named_free(struct named *n)
{
    if (!n)
        return;
    leat_readers_close(n->readers);
    feed_inbox_release(&n->inbox);
    free(n);
}

const struct named_stats *named_stats(const struct named *n)
{
    return &n->stats;
}

/* clang-format off */
#define AT(member) .offset = offsetof(struct named_stats, member)
const struct leat_metric_desc named_metrics[] = {
    {.name = "leat_reader_commits_total", .type = LEAT_METRIC_COUNTER, AT(commits),
     .help = "Commits of named readers that were answered with 200."},
    {.name = "leat_reader_moves_total", .type = LEAT_METRIC_COUNTER, AT(moves),
     .help = "Commits that moved a cursor."},
    {.name = NULL},
};
/* clang-format on */
