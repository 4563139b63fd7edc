/*
 * The list of jobs, their notes, and what users ask for.
 *
 * A note's key is "job/<id>/<table>", both as sixteen hexadecimal digits, so that notes come back
 * with the initial copy first and requests in the order of asking. Its value:
 *
 *     version u8 = 1, state u8, kind u8, varints rows, bytes, zigzags estimate, started, ended;
 *     counted schema, name, where, from, to (empty: none), progress, reason
 */
#include "pipeline/snapshot.h"

#include <leat/clock.h>
#include <leat/reader.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { VERSION = 1, PROGRESS_MAX = 16 << 10, NOTE_MAX = LEAT_NOTE_VALUE_MAX, KEY_TEXT = 48 };

struct asked {
    struct asked *next;
    struct leat_snapshot_request request;
    bool served, settled;
};

struct leat_snapshot {
    pthread_mutex_t lock; /* over the list, its jobs' texts, and requests */
    struct leat_snapshot_job **jobs;
    size_t count, capacity;
    size_t unfinished; /* jobs before it are neither waiting nor running: where next() begins */
    struct asked *asked;
    _Atomic size_t asked_count; /* in that list */
};

static const char *const STATE_NAMES[] = {"?",         "waiting", "running", "paused",  "done",
                                          "cancelled", "failed",  "known",   "excluded"};

const char *leat_snapshot_state_name(unsigned state)
{
    return state < sizeof STATE_NAMES / sizeof *STATE_NAMES ? STATE_NAMES[state] : "?";
}

static int no_memory(struct leat_err *err)
{
    return leat_fail(err, LEAT_ERETRY, "out of memory for the copy of a table");
}

/* --- jobs --------------------------------------------------------------------------------------
 */

static void job_free(struct leat_snapshot_job *job)
{
    if (!job)
        return;
    free(job->schema);
    free(job->name);
    free(job->where);
    free(job->from);
    free(job->to);
    leat_buf_release(&job->progress);
    free(job);
}

/* NULL stays NULL, and so does an empty text unless it is a name. */
static bool text_copy(char **to, struct leat_slice text, bool always)
{
    *to = NULL;
    if (!text.len && !always)
        return true;
    *to = malloc(text.len + 1);
    if (!*to)
        return false;
    if (text.len)
        memcpy(*to, text.ptr, text.len);
    (*to)[text.len] = '\0';
    return true;
}

static struct leat_snapshot_job *job_copy(const struct leat_snapshot_job *from)
{
    struct leat_snapshot_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->id = from->id;
    job->table = from->table;
    job->state = from->state;
    job->kind = from->kind;
    job->rows = from->rows;
    job->bytes = from->bytes;
    job->rows_estimate = from->rows_estimate;
    job->started_us = from->started_us;
    job->ended_us = from->ended_us;
    memcpy(job->reason, from->reason, sizeof job->reason);
    leat_buf_init(&job->progress, PROGRESS_MAX);
    leat_buf_append(&job->progress, leat_buf_slice(&from->progress));
    bool copied = text_copy(&job->schema, leat_slice_text(from->schema), true);
    copied &= text_copy(&job->name, leat_slice_text(from->name), true);
    copied &= text_copy(&job->where, leat_slice_text(from->where), false);
    copied &= text_copy(&job->from, leat_slice_text(from->from), false);
    copied &= text_copy(&job->to, leat_slice_text(from->to), false);
    if (!copied || job->progress.full) {
        job_free(job);
        return NULL;
    }
    return job;
}

/* Takes the job over; false: out of memory, and it is still the caller's. */
static bool list_add(struct leat_snapshot *s, struct leat_snapshot_job *job)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->count < s->capacity;
    if (!room) {
        size_t more = s->capacity ? 2 * s->capacity : 16;
        struct leat_snapshot_job **jobs = realloc(s->jobs, more * sizeof *jobs);
        room = jobs != NULL;
        if (room) {
            s->jobs = jobs;
            s->capacity = more;
        }
    }
    if (room)
        s->jobs[s->count++] = job;
    pthread_mutex_unlock(&s->lock);
    return room;
}

static void list_clear(struct leat_snapshot *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->count)
        job_free(s->jobs[--s->count]);
    s->unfinished = 0;
    pthread_mutex_unlock(&s->lock);
}

static bool unfinished(const struct leat_snapshot_job *job)
{
    return job->state == LEAT_SNAPSHOT_WAITING || job->state == LEAT_SNAPSHOT_RUNNING;
}

struct leat_snapshot_job *leat_snapshot_next(struct leat_snapshot *s)
{
    while (s->unfinished < s->count && !unfinished(s->jobs[s->unfinished]))
        s->unfinished++;
    return s->unfinished < s->count ? s->jobs[s->unfinished] : NULL;
}

struct leat_snapshot_job *leat_snapshot_at(struct leat_snapshot *s, size_t n)
{
    return n < s->count ? s->jobs[n] : NULL;
}

struct leat_snapshot_job *leat_snapshot_find(struct leat_snapshot *s, uint64_t id, uint64_t table)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->jobs[i]->id == id && s->jobs[i]->table == table)
            return s->jobs[i];
    return NULL;
}

/* --- notes -------------------------------------------------------------------------------------
 */

static const char KEY_HEAD[] = "job/";

static struct leat_slice note_key(uint64_t id, uint64_t table, char *room)
{
    int len = snprintf(room, KEY_TEXT, "%s%016" PRIx64 "/%016" PRIx64, KEY_HEAD, id, table);
    return leat_slice_of(room, (size_t)len);
}

static void put_byte(struct leat_buf *buf, uint8_t byte)
{
    leat_buf_append(buf, leat_slice_of(&byte, 1));
}

static void put_signed(struct leat_buf *buf, int64_t v)
{
    leat_buf_append_varint(buf, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static void job_write(struct leat_buf *buf, const struct leat_snapshot_job *job)
{
    put_byte(buf, VERSION);
    put_byte(buf, job->state);
    put_byte(buf, job->kind);
    leat_buf_append_varint(buf, (uint64_t)job->rows);
    leat_buf_append_varint(buf, (uint64_t)job->bytes);
    put_signed(buf, job->rows_estimate);
    put_signed(buf, job->started_us);
    put_signed(buf, job->ended_us);
    leat_buf_append_counted(buf, leat_slice_text(job->schema));
    leat_buf_append_counted(buf, leat_slice_text(job->name));
    leat_buf_append_counted(buf, leat_slice_text(job->where));
    leat_buf_append_counted(buf, leat_slice_text(job->from));
    leat_buf_append_counted(buf, leat_slice_text(job->to));
    leat_buf_append_counted(buf, leat_buf_slice(&job->progress));
    leat_buf_append_counted(buf, leat_slice_text(job->reason));
}

static bool number_read(struct leat_slice hex, uint64_t *ret_number)
{
    uint64_t v = 0;
    for (size_t i = 0; i < hex.len; i++) {
        const char *digit = memchr("0123456789abcdef", hex.ptr[i], 16);
        if (!digit)
            return false;
        v = v << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    *ret_number = v;
    return hex.len == 16;
}

/* "<id>/<table>" */
static bool key_read(struct leat_slice key, struct leat_snapshot_job *job)
{
    struct leat_reader r = leat_reader_of(key);
    leat_reader_bytes(&r, sizeof KEY_HEAD - 1);
    struct leat_slice id = leat_reader_bytes(&r, 16);
    bool slash = leat_reader_u8(&r) == '/';
    struct leat_slice table = leat_reader_bytes(&r, 16);
    return leat_reader_done(&r) && slash && number_read(id, &job->id) &&
           number_read(table, &job->table);
}

static bool texts_read(struct leat_reader *r, struct leat_snapshot_job *job)
{
    bool copied = text_copy(&job->schema, leat_reader_counted(r), true);
    copied &= text_copy(&job->name, leat_reader_counted(r), true);
    copied &= text_copy(&job->where, leat_reader_counted(r), false);
    copied &= text_copy(&job->from, leat_reader_counted(r), false);
    copied &= text_copy(&job->to, leat_reader_counted(r), false);
    leat_buf_append(&job->progress, leat_reader_counted(r));
    struct leat_slice reason = leat_reader_counted(r);
    snprintf(job->reason, sizeof job->reason, "%.*s", LEAT_SLICE_ARG(reason));
    return copied && !job->progress.full;
}

/* NULL: no such job, or no memory. */
static struct leat_snapshot_job *job_read(const struct leat_note *note)
{
    struct leat_snapshot_job *job = calloc(1, sizeof *job);
    struct leat_reader r = leat_reader_of(note->value);
    if (!job)
        return NULL;
    leat_buf_init(&job->progress, PROGRESS_MAX);
    uint8_t version = leat_reader_u8(&r);
    job->state = leat_reader_u8(&r);
    job->kind = leat_reader_u8(&r);
    job->rows = (int64_t)leat_reader_varint(&r);
    job->bytes = (int64_t)leat_reader_varint(&r);
    job->rows_estimate = leat_reader_zigzag(&r);
    job->started_us = leat_reader_zigzag(&r);
    job->ended_us = leat_reader_zigzag(&r);
    bool whole = texts_read(&r, job) && leat_reader_done(&r) && version == VERSION;
    if (!whole || !key_read(note->key, job) || job->state < LEAT_SNAPSHOT_WAITING ||
        job->state > LEAT_SNAPSHOT_EXCLUDED) {
        job_free(job);
        return NULL;
    }
    return job;
}

int leat_snapshot_restore(struct leat_snapshot *s, const struct leat_notes *notes,
                          struct leat_err *err)
{
    struct leat_slice head = {(const uint8_t *)KEY_HEAD, sizeof KEY_HEAD - 1};
    list_clear(s);
    for (size_t i = leat_notes_from(notes, head); i < notes->count; i++) {
        const struct leat_note *note = &notes->items[i];
        if (note->key.len < head.len || memcmp(note->key.ptr, head.ptr, head.len) != 0)
            break;
        struct leat_snapshot_job *job = job_read(note);
        if (!job || !list_add(s, job)) {
            job_free(job);
            return leat_fail(err, LEAT_ESTORE,
                             "the note \"%.*s\" about a copied table is unreadable",
                             LEAT_SLICE_ARG(note->key));
        }
    }
    pthread_mutex_lock(&s->lock);
    for (struct asked *a = s->asked; a; a = a->next)
        a->served = a->settled; /* what it did and was not stored is forgotten: once more */
    pthread_mutex_unlock(&s->lock);
    return LEAT_OK;
}

int leat_snapshot_save(struct leat_snapshot *s, struct leat_batch *batch,
                       struct leat_snapshot_job *job, struct leat_err *err)
{
    (void)s;
    struct leat_buf buf;
    char key[KEY_TEXT];
    leat_buf_init(&buf, NOTE_MAX);
    job_write(&buf, job);
    int status =
        buf.full
            ? leat_fail(err, LEAT_ELIMIT, "the note about table \"%s\" is too long", job->name)
            : leat_batch_note(batch, note_key(job->id, job->table, key), leat_buf_slice(&buf), err);
    leat_buf_release(&buf);
    return status;
}

/* --- changes -----------------------------------------------------------------------------------
 */

int leat_snapshot_plan(struct leat_snapshot *s, struct leat_batch *batch,
                       const struct leat_snapshot_job *plan, struct leat_snapshot_job **ret_job,
                       struct leat_err *err)
{
    struct leat_snapshot_job *job = leat_snapshot_find(s, plan->id, plan->table);
    if (!job) {
        job = job_copy(plan);
        if (!job || !list_add(s, job)) {
            job_free(job);
            return no_memory(err);
        }
    }
    if (ret_job)
        *ret_job = job;
    return leat_snapshot_save(s, batch, job, err);
}

int leat_snapshot_clear(struct leat_snapshot *s, struct leat_batch *batch, struct leat_err *err)
{
    char key[KEY_TEXT];
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < s->count; i++)
        status = leat_batch_note(batch, note_key(s->jobs[i]->id, s->jobs[i]->table, key),
                                 (struct leat_slice){NULL, 0}, err);
    if (!status)
        list_clear(s);
    return status;
}

int leat_snapshot_turn(struct leat_snapshot *s, struct leat_batch *batch,
                       struct leat_snapshot_job *job, enum leat_snapshot_state state,
                       const char *reason, struct leat_err *err)
{
    bool over = state != LEAT_SNAPSHOT_WAITING && state != LEAT_SNAPSHOT_RUNNING &&
                state != LEAT_SNAPSHOT_PAUSED;
    pthread_mutex_lock(&s->lock);
    job->state = (uint8_t)state;
    if (!job->started_us)
        job->started_us = leat_clock_wall_us();
    job->ended_us = over ? leat_clock_wall_us() : 0;
    snprintf(job->reason, sizeof job->reason, "%s", reason ? reason : "");
    s->unfinished = 0;
    pthread_mutex_unlock(&s->lock);
    return leat_snapshot_save(s, batch, job, err);
}

int leat_snapshot_drop(struct leat_snapshot *s, struct leat_batch *batch,
                       struct leat_snapshot_job *job, struct leat_err *err)
{
    char key[KEY_TEXT];
    int status = leat_batch_note(batch, note_key(job->id, job->table, key),
                                 (struct leat_slice){NULL, 0}, err);
    if (status)
        return status;
    pthread_mutex_lock(&s->lock);
    size_t at = 0;
    while (s->jobs[at] != job)
        at++;
    memmove(&s->jobs[at], &s->jobs[at + 1], (--s->count - at) * sizeof(struct leat_snapshot_job *));
    s->unfinished = 0;
    pthread_mutex_unlock(&s->lock);
    job_free(job);
    return LEAT_OK;
}

bool leat_snapshot_progress(struct leat_snapshot *s, struct leat_snapshot_job *job,
                            struct leat_slice bytes)
{
    (void)s; /* nobody else looks at it */
    leat_buf_reset(&job->progress);
    leat_buf_append(&job->progress, bytes);
    return !job->progress.full;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static struct asked *asked_find(struct leat_snapshot *s, uint64_t id)
{
    struct asked *a = s->asked;
    while (a && a->request.id != id)
        a = a->next;
    return a;
}

int leat_snapshot_ask(struct leat_snapshot *s, const struct leat_snapshot_request *request,
                      struct leat_err *err)
{
    int status = LEAT_OK;
    pthread_mutex_lock(&s->lock);
    if (!asked_find(s, request->id)) {
        struct asked **at = &s->asked;
        while (*at)
            at = &(*at)->next;
        *at = calloc(1, sizeof **at);
        if (*at)
            (*at)->request = *request;
        else
            status = no_memory(err);
        s->asked_count += !status;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* What was answered is asked no more, and forgotten. */
bool leat_snapshot_answered(struct leat_snapshot *s, uint64_t id)
{
    bool settled = false;
    pthread_mutex_lock(&s->lock);
    for (struct asked **at = &s->asked; *at; at = &(*at)->next) {
        struct asked *a = *at;
        if (a->request.id != id || !a->settled)
            continue;
        settled = true;
        *at = a->next;
        free(a);
        s->asked_count--;
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return settled;
}

void leat_snapshot_settled(struct leat_snapshot *s)
{
    if (!s->asked_count)
        return;
    pthread_mutex_lock(&s->lock);
    for (struct asked *a = s->asked; a; a = a->next)
        a->settled = a->served;
    pthread_mutex_unlock(&s->lock);
}

static int serve_copy(struct leat_snapshot *s, struct leat_batch *batch,
                      const struct leat_snapshot_request *r, struct leat_err *err)
{
    char schema[LEAT_SNAPSHOT_TEXT_MAX];
    snprintf(schema, sizeof schema, "%s", r->table);
    char *dot = strchr(schema, '.');
    if (dot)
        *dot = '\0';
    for (size_t i = 0; i < s->count; i++)
        if (s->jobs[i]->id == r->id)
            return LEAT_OK; /* it was asked before the last session broke */
    struct leat_snapshot_job job = {
        .id = r->id,
        .state = LEAT_SNAPSHOT_WAITING,
        .kind = LEAT_SNAPSHOT_ASKED,
        .schema = dot ? schema : NULL,
        .name = dot ? dot + 1 : schema,
        .where = (char *)(uintptr_t)r->where,
        .from = (char *)(uintptr_t)r->from,
        .to = (char *)(uintptr_t)r->to,
        .rows_estimate = -1,
    };
    return leat_snapshot_plan(s, batch, &job, NULL, err);
}

static bool named(const struct leat_snapshot_job *job, const char *table)
{
    char name[2 * LEAT_NAME_MAX + 2];
    snprintf(name, sizeof name, "%s.%s", job->schema, job->name);
    return !*table || strcmp(table, name) == 0;
}

static int serve_turn(struct leat_snapshot *s, struct leat_batch *batch,
                      const struct leat_snapshot_request *r, struct leat_err *err)
{
    enum leat_snapshot_state to = r->verb == LEAT_SNAPSHOT_PAUSE    ? LEAT_SNAPSHOT_PAUSED
                                  : r->verb == LEAT_SNAPSHOT_RESUME ? LEAT_SNAPSHOT_WAITING
                                                                    : LEAT_SNAPSHOT_CANCELLED;
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < s->count; i++) {
        struct leat_snapshot_job *job = s->jobs[i];
        bool paused = job->state == LEAT_SNAPSHOT_PAUSED;
        bool due = to == LEAT_SNAPSHOT_WAITING  ? paused
                   : to == LEAT_SNAPSHOT_PAUSED ? unfinished(job)
                                                : paused || unfinished(job);
        if (due && named(job, r->table))
            status = leat_snapshot_turn(s, batch, job, to, NULL, err);
    }
    return status;
}

/* It stays where it is until it is settled, which only this thread says. */
static struct asked *unserved(struct leat_snapshot *s)
{
    pthread_mutex_lock(&s->lock);
    struct asked *a = s->asked;
    while (a && a->served)
        a = a->next;
    pthread_mutex_unlock(&s->lock);
    return a;
}

int leat_snapshot_serve(struct leat_snapshot *s, struct leat_batch *batch, struct leat_err *err)
{
    int status = LEAT_OK;
    for (struct asked *a; !status && s->asked_count && (a = unserved(s)) != NULL;) {
        status = a->request.verb == LEAT_SNAPSHOT_COPY ? serve_copy(s, batch, &a->request, err)
                                                       : serve_turn(s, batch, &a->request, err);
        a->served = !status;
    }
    return status;
}

/* --- life --------------------------------------------------------------------------------------
 */

void leat_snapshot_each(struct leat_snapshot *s, leat_snapshot_fn each, void *arg)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++)
        each(arg, s->jobs[i]);
    pthread_mutex_unlock(&s->lock);
}

int leat_snapshot_new(struct leat_snapshot **ret_snapshot, struct leat_err *err)
{
    struct leat_snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return no_memory(err);
    pthread_mutex_init(&s->lock, NULL);
    *ret_snapshot = s;
    return LEAT_OK;
}

void leat_snapshot_free(struct leat_snapshot *s)
{
    if (!s)
        return;
    list_clear(s);
    while (s->asked) {
        struct asked *next = s->asked->next;
        free(s->asked);
        s->asked = next;
    }
    free(s->jobs);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
