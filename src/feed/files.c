#include "feed/files.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "feed/query.h"
#include "pipeline/stored_file.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char PATH[] = "/v1/files/";
enum { ID_TEXT = 36, TURN_MS = 5, DIGEST_BYTES = 32 };

/* One request. The thread's from submit to wake, the pool's otherwise. */
struct reading {
    struct reading *next;
    struct leat_ingest_request *request;
    struct leat_stored_file *file;
    struct feed_query query;
    bool found;
    struct leat_slice piece; /* a part that was checked; what is left of it to be sent */
    uint64_t given;          /* parts */
    bool ended;              /* all were given, or nothing comes any more: */
    bool broken;             /* … it is not whole */
    unsigned status;         /* 0, or that of a problem */
    const char *problem;
};

struct feed_files {
    struct leat_store *store;
    _Atomic int64_t readers;
    pthread_mutex_t lock; /* over those below */
    pthread_cond_t wake;
    struct reading *first, **last;
    bool stopping;
    pthread_t thread;
    bool started;
};

/* --- the thread
 * ------------------------------------------------------------------------------------ */

static void end(struct reading *r, unsigned status, const char *problem)
{
    r->ended = r->broken = true;
    r->status = status;
    r->problem = problem;
}

static void broken(struct reading *r, const struct leat_err *err)
{
    bool again = err->code == LEAT_ERETRY;
    leat_log_err(again ? LEAT_LOG_WARN : LEAT_LOG_ERROR, "feed", NULL, "file not given whole", err);
    end(r, again ? 503 : 500,
        again ? "the store cannot be read now; try again"
              : "what is stored of this file is damaged; `leat verify` says where");
}

/* A key for one source or tenant reads only that one's. */
static bool is_allowed(const struct reading *r)
{
    const struct leat_stored_file_about *about = leat_stored_file_about(r->file);
    return (!r->query.source[0] || strcmp(r->query.source, about->instance) == 0) &&
           (!r->query.tenant[0] || strcmp(r->query.tenant, about->tenant) == 0);
}

static void read_part(struct reading *r)
{
    struct leat_err err;
    int status = leat_stored_file_next(r->file, &r->piece, &err);
    if (status) {
        broken(r, &err);
        return;
    }
    r->ended = ++r->given == leat_stored_file_about(r->file)->parts;
}

/* False: it wants another turn. */
static bool turn(struct reading *r)
{
    struct leat_err err;
    if (r->found) {
        read_part(r);
        return true;
    }
    int status = leat_stored_file_find(r->file, leat_clock_monotonic_ms() + TURN_MS, &err);
    if (status == LEAT_AGAIN)
        return false;
    if (status < 0) {
        broken(r, &err);
        return true;
    }
    r->found = !status && is_allowed(r);
    if (!r->found) {
        end(r, 404, "there is no file under this id");
        return true;
    }
    read_part(r);
    return true;
}

static void put(struct feed_files *f, struct reading *r)
{
    r->next = NULL;
    *f->last = r;
    f->last = &r->next;
}

/* NULL: the end. */
static struct reading *take(struct feed_files *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->first && !f->stopping)
        pthread_cond_wait(&f->wake, &f->lock);
    struct reading *r = f->stopping ? NULL : f->first;
    if (r) {
        f->first = r->next;
        if (!f->first)
            f->last = &f->first;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static void *run(void *arg)
{
    struct feed_files *f = arg;
    struct reading *r;
    while ((r = take(f))) {
        if (turn(r)) {
            leat_ingest_wake(r->request); /* the pool's from here on */
            continue;
        }
        pthread_mutex_lock(&f->lock);
        put(f, r);
        pthread_mutex_unlock(&f->lock);
    }
    while ((r = f->first)) { /* nobody adds any more */
        f->first = r->next;
        end(r, 503, "the daemon is ending");
        leat_ingest_wake(r->request);
    }
    return NULL;
}

/* --- a request
 * -------------------------------------------------------------------------------------- */

static bool wants(const void *ctx, const struct leat_ingest_request *request)
{
    (void)ctx;
    return strncmp(request->target, PATH, sizeof PATH - 1) == 0;
}

static int refuse(struct leat_ingest_request *request, unsigned status, const char *detail)
{
    leat_ingest_problem(request, status, detail);
    if (status == 405)
        leat_ingest_answer_header(request, "Allow", "GET");
    return LEAT_OK;
}

static bool id_read(const char *target, uint8_t *ret_id)
{
    char text[ID_TEXT + 1];
    const char *at = target + sizeof PATH - 1;
    if (strcspn(at, "?") != ID_TEXT)
        return false;
    memcpy(text, at, ID_TEXT);
    text[ID_TEXT] = '\0';
    return leat_stored_file_id(text, ret_id);
}

static int reading_new(struct feed_files *f, struct leat_ingest_request *request,
                       const struct feed_query *query, const uint8_t *id)
{
    struct leat_err err;
    struct reading *r = calloc(1, sizeof *r);
    if (!r || leat_stored_file_open(leat_store_path(f->store), f->store, id, &r->file, &err)) {
        free(r);
        return refuse(request, 503, "the store cannot be read now; try again");
    }
    r->request = request;
    r->query = *query;
    request->state = r;
    request->body_max = 0;
    return LEAT_AGAIN;
}

static int begin(void *ctx, struct leat_ingest_request *request)
{
    struct feed_files *f = ctx;
    struct feed_query query;
    uint8_t id[LEAT_STORED_FILE_ID_BYTES];
    if (strcmp(request->method, "GET") != 0)
        return refuse(request, 405, "files are read with GET");
    const char *problem = feed_query_parse(request->target, leat_clock_wall_us(), &query);
    if (leat_ingest_authorize(request, LEAT_INGEST_READ, query.tenant, query.source))
        return LEAT_OK;
    if (problem || feed_query_more(&query))
        return refuse(request, 400, "a parameter is wrong; there are source and tenant");
    if (!id_read(request->target, id))
        return refuse(request, 404, "there is no file under this id");
    if (++f->readers > FEED_FILES_MAX) {
        f->readers--;
        return refuse(request, 503, "too many files are being read; try again");
    }
    int status = reading_new(f, request, &query, id);
    f->readers -= status != LEAT_AGAIN;
    return status;
}

static int finish(void *ctx, struct leat_ingest_request *request)
{
    (void)ctx;
    (void)request;
    return LEAT_AGAIN;
}

static void submit(void *ctx, struct leat_ingest_request *request)
{
    struct feed_files *f = ctx;
    struct reading *r = request->state;
    pthread_mutex_lock(&f->lock);
    bool late = f->stopping;
    if (!late) {
        put(f, r);
        pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
    if (late) {
        end(r, 503, "the daemon is ending");
        leat_ingest_wake(request);
    }
}

/* --- its answer
 * --------------------------------------------------------------------------------------- */

/* The sender's name, as the header wants it; left out when it does not fit. */
static void name_header(struct leat_ingest_request *request, const char *name)
{
    char text[200];
    size_t len = 0;
    for (; *name && len + 4 < sizeof text; name++) {
        bool plain =
            strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._", *name);
        len += (size_t)snprintf(text + len, sizeof text - len, plain ? "%c" : "%%%02X",
                                (uint8_t)*name);
    }
    text[len] = '\0';
    if (*name || !len)
        leat_ingest_answer_header(request, "Content-Disposition", "attachment");
    else
        leat_ingest_answer_header(request, "Content-Disposition", "attachment; filename*=UTF-8''%s",
                                  text);
}

static int digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* RFC 9530. */
static void digest_header(struct leat_ingest_request *request, const char *checksum)
{
    uint8_t digest[DIGEST_BYTES], text[DIGEST_BYTES / 3 * 4 + 8];
    for (int i = 0; i < DIGEST_BYTES; i++)
        digest[i] = (uint8_t)(digit(checksum[2 * i]) << 4 | digit(checksum[2 * i + 1]));
    EVP_EncodeBlock(text, digest, DIGEST_BYTES);
    leat_ingest_answer_header(request, "Repr-Digest", "sha-256=:%s:", (const char *)text);
}

/* What the sender calls its type is not what a browser should take it for. */
static void answer(void *ctx, struct leat_ingest_request *request)
{
    struct reading *r = request->state;
    (void)ctx;
    if (r->broken) {
        refuse(request, r->status, r->problem);
        return;
    }
    const struct leat_stored_file_about *about = leat_stored_file_about(r->file);
    request->answer.status = 200;
    request->answer.content_type = "application/octet-stream";
    request->answer.streamed = about->bytes > 0;
    request->answer.length = about->bytes;
    name_header(request, about->name);
    digest_header(request, about->checksum);
}

static ssize_t more(void *ctx, struct leat_ingest_request *request, void *to, size_t max)
{
    struct reading *r = request->state;
    (void)ctx;
    if (r->broken)
        return LEAT_INGEST_BROKEN;
    if (!r->piece.len)
        return r->ended ? 0 : LEAT_INGEST_LATER;
    size_t n = r->piece.len < max ? r->piece.len : max;
    memcpy(to, r->piece.ptr, n);
    r->piece = leat_slice_of(r->piece.ptr + n, r->piece.len - n);
    return (ssize_t)n;
}

static void release(void *ctx, struct leat_ingest_request *request)
{
    struct feed_files *f = ctx;
    struct reading *r = request->state;
    if (!r)
        return;
    leat_stored_file_close(r->file);
    free(r);
    request->state = NULL;
    f->readers--;
}

static const struct leat_ingest_path PATHS[] = {
    {"GET", "/v1/files/{id}"},
    {NULL, NULL},
};

const struct leat_ingest_ops feed_files_ops = {.wants = wants,
                                               .paths = PATHS,
                                               .begin = begin,
                                               .finish = finish,
                                               .submit = submit,
                                               .answer = answer,
                                               .more = more,
                                               .release = release};

/* --- life
 * ---------------------------------------------------------------------------------------------- */

int feed_files_new(struct leat_store *store, struct feed_files **ret_files, struct leat_err *err)
{
    struct feed_files *f = calloc(1, sizeof *f);
    if (!f)
        return leat_fail(err, LEAT_ERETRY, "out of memory for files");
    f->store = store;
    f->last = &f->first;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, NULL);
    *ret_files = f;
    return LEAT_OK;
}

int feed_files_start(struct feed_files *f, struct leat_err *err)
{
    int errnum = pthread_create(&f->thread, NULL, run, f);
    if (errnum)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot start the thread for files");
    f->started = true;
    return LEAT_OK;
}

void feed_files_stop(struct feed_files *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->started)
        pthread_join(f->thread, NULL);
    f->started = false;
}

void feed_files_free(struct feed_files *f)
{
    if (!f)
        return;
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
