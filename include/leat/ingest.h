/*
 * The other way into a source: events that are brought to us over HTTP. The server (one port for all
 * sources) receives and checks what every request has in common; the source says whose request it
 * is, takes the body, stores it through its ordinary poll, and answers when it is durable (I2).
 *
 *     request ─▶ wants ─▶ begin ── body ──▶ finish ── LEAT_OK: answered
 *                                             │
 *                                             └─ LEAT_AGAIN ─▶ submit: the source keeps the request
 *                                                leat_ingest_wake() ─▶ answer ─▶ release
 *
 *     a body that is not kept:     begin ── take, take … (pieces as they come) ── finish …
 *     an answer that is streamed:  more ─▶ bytes … more ─▶ LATER ─▶ submit … wake ─▶ more …
 *
 *     begin and finish fill r->answer and return LEAT_OK when they can answer at once. begin returns
 *     LEAT_AGAIN to have the body read, finish to have the request suspended: it then takes no
 *     thread until it is woken.
 *
 * Ownership: a request belongs to the server and lives until `release` has returned; the source may
 *            hang something of its own on `state`. Views (headers, body) live as long.
 * Units:     bytes; times in microseconds since 1970 UTC.
 * Bounds:    `body_max`, which begin sets; the body is as received, still compressed.
 * Threads:   attach and detach from main, around everything else. wants … release, more too, are called on
 *            threads of the pool, one at a time for a request, many at once for a source.
 *            leat_ingest_wake() from any thread, exactly once for each submit, also within it.
 * Errors:    there are none: whatever goes wrong is an answer.
 */
#ifndef LEAT_INGEST_H
#define LEAT_INGEST_H

#include <leat/buf.h>

#include <sys/types.h>

struct leat_transaction; /* event.h */

enum {
    LEAT_INGEST_HEADERS_MAX = 4,       /* of an answer, beside its content type */
    LEAT_INGEST_ANSWER_MAX = 4 << 20,  /* bytes: 10,000 ids with a verdict each */
    LEAT_INGEST_KEY_ID_MAX = 32,
    LEAT_INGEST_SCOPE_MAX = 64,
    LEAT_INGEST_LATER = -1,
    LEAT_INGEST_BROKEN = -2,
};

/* What a key allows. */
enum leat_ingest_right {
    LEAT_INGEST_WRITE = 1, /* bring events */
    LEAT_INGEST_READ = 2,  /* read the stream */
    LEAT_INGEST_ADMIN = 4, /* everything */
};

struct leat_ingest_header {
    const char *name; /* static */
    char value[256];
};

/* What a key is limited to; "" is everything. */
struct leat_ingest_scope {
    char tenant[LEAT_INGEST_SCOPE_MAX + 1];
    char source[LEAT_INGEST_SCOPE_MAX + 1];
    bool admin;
};

struct leat_ingest_answer {
    unsigned status;          /* 0: none yet */
    const char *content_type; /* static */
    struct leat_buf body;
    struct leat_ingest_header headers[LEAT_INGEST_HEADERS_MAX];
    unsigned header_count;
    bool close; /* the connection ends behind it */
    bool streamed; /* no `body`: its bytes come by `more` */
    int64_t length; /* of a streamed one; 0: it is not known */
};

struct leat_ingest_request {
    const char *method;
    const char *target; /* path and query as they stood in the request line, checked by the guard */
    struct leat_buf body;
    size_t body_max; /* bytes */
    bool body_apart; /* begin says so: the body is not kept but given to `take`, and takes no memory */
    int64_t body_ms; /* begin may say: how long the body may take; 0: as usual */
    int64_t received_us;
    char key_id[LEAT_INGEST_KEY_ID_MAX]; /* of the key that leat_ingest_authorize() accepted, or "" */
    struct leat_ingest_answer answer;
    void *state; /* the source's */
};

/* A path that a source takes, and what the document of the port says of it. */
struct leat_ingest_path {
    const char *methods; /* "GET,DELETE" */
    const char *path;    /* "/v1/readers/{name}": a name in braces stands for one segment; NULL ends */
};

struct leat_ingest_ops {
    /* `instance` lives as long as the source. Both may be NULL: nothing to do. */
    int (*attach)(void *ctx, const char *instance, struct leat_err *err);
    void (*detach)(void *ctx);

    /* Whether the request is for this source, by method and target alone. */
    bool (*wants)(const void *ctx, const struct leat_ingest_request *request);

    /* All that `wants` may say yes to: what is not in it is 404, so that no path stays undocumented.
     * NULL: it is not looked at. */
    const struct leat_ingest_path *paths;

    /* The headers are there. */
    int (*begin)(void *ctx, struct leat_ingest_request *request);

    /* The next piece of a body that is not kept. LEAT_OK: go on; else the answer is filled in, and the
     * rest is dropped. NULL: the source keeps all. */
    int (*take)(void *ctx, struct leat_ingest_request *request, struct leat_slice piece);

    /* The body is there, whole. */
    int (*finish)(void *ctx, struct leat_ingest_request *request);

    /* The request is suspended, and the source's until it wakes it. */
    void (*submit)(void *ctx, struct leat_ingest_request *request);

    /* After leat_ingest_wake(): fills the answer. */
    void (*answer)(void *ctx, struct leat_ingest_request *request);

    /* The next bytes of a streamed answer, `max` at most: their number; 0: it is at its end;
     * LEAT_INGEST_LATER: none yet, and the request is suspended and given to `submit` again;
     * LEAT_INGEST_BROKEN: the connection is cut, so that nobody takes what was sent for the whole. NULL:
     * the source streams nothing. */
    ssize_t (*more)(void *ctx, struct leat_ingest_request *request, void *to, size_t max);

    /* Before its first session a source is told again what an older leat stored since that wall
     * time without noting keys (leat_batch_key), so that recall.h cannot find it: recall is called
     * for each transaction, in their order, on the source's own thread. recall NULL: it wants to
     * know nothing. An error keeps the source from beginning. */
    int64_t (*recall_since)(void *ctx);
    int (*recall)(void *ctx, const struct leat_transaction *transaction, struct leat_err *err);

    /* Last call for a request that begin was called for, answered or broken off. */
    void (*release)(void *ctx, struct leat_ingest_request *request);
};

/* --- what the server offers ------------------------------------------------------------------- */

/* A header's value by its name, or NULL. A pool thread's call, between begin and release. */
const char *leat_ingest_header(const struct leat_ingest_request *request, const char *name);

/* Calls back for each header, in their order. */
typedef void (*leat_ingest_header_fn)(void *arg, const char *name, const char *value);
void leat_ingest_headers(const struct leat_ingest_request *request, leat_ingest_header_fn each,
                         void *arg);

/* The body's length by its header; -1: it comes in chunks. */
int64_t leat_ingest_length(const struct leat_ingest_request *request);

/* Has the request a key with this right for tenant and source? 0: yes; else the answer (401 or 403)
 * is filled in. In all forms of the reference: bare, ApiKey id:key, Bearer, and `key` or
 * `access_token` in the query. */
unsigned leat_ingest_authorize(struct leat_ingest_request *request, enum leat_ingest_right right,
                               const char *tenant, const char *source) LEAT_MUST_CHECK;

/* As leat_ingest_authorize() for a request that names neither tenant nor source: any key with this
 * right may, within what it is limited to. */
unsigned leat_ingest_authorize_scope(struct leat_ingest_request *request, enum leat_ingest_right right,
                                     struct leat_ingest_scope *ret_scope) LEAT_MUST_CHECK;

/* Goes on with a request that was submitted; the request is the pool's from here on. */
void leat_ingest_wake(struct leat_ingest_request *request);

/* Fills the answer with a problem (RFC 9457) that older clients understand too. `detail` is ours,
 * never the client's text: nothing is reflected. */
void leat_ingest_problem(struct leat_ingest_request *request, unsigned status, const char *detail);

/* One more header of the answer. */
void leat_ingest_answer_header(struct leat_ingest_request *request, const char *name,
                               const char *format, ...) LEAT_PRINTF(3, 4);

#endif
