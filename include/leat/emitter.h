/*
 * An emitter is the other end of the pipe: it brings encoded events to a destination and says what
 * the destination has confirmed.
 *
 *        open ──▶ submit, poll, submit … ──▶ close ──▶ open …
 *
 *     stream ─▶ filter ─▶ form ─▶ lanes by key ─▶ batch ─▶ submit ── destination
 *     cursor ◀── contiguous prefix ◀── numbers of batches ◀── poll ◀──┘
 *
 * Accepted is not done (I3): submit says that a batch was taken, poll that it is safe at its
 * destination. The runner keeps each batch until then, so after a failure it hands the same ones in
 * again, in the same order; an emitter keeps nothing over close.
 *
 * Order per key: an emitter instance has one or more lanes, each a context of its own with one
 * queue. All events of a key (and topic) go through the same lane, in the stream's order. Emitters
 * whose destination keeps our cursor are given one lane only, unless `lanes_max` says that it keeps
 * one a lane.
 *
 * Exactly once: a destination that stores `through` in the same step as the events reports it at
 * the next open; whatever lies up to it is not handed in again. So an outcome that nobody knows
 * (the connection broke in the middle of a commit) is settled by asking the destination.
 *
 * Ownership: a batch and all in it live until it is confirmed or the context closed.
 * Units:     times in microseconds since 1970 UTC; deadlines in monotonic milliseconds.
 * Bounds:    a batch has `flush_bytes` and `flush_count` at most, unless a single event is longer.
 * Threads:   the runner owns a thread per instance and makes all calls of all its lanes from it.
 * Errors:    LEAT_ERETRY, LEAT_EPROTO  the runner closes, backs off with jitter, opens, and hands
 * in again what was not confirmed LEAT_EDATA, LEAT_ELIMIT   from submit: this batch; from poll: the
 * oldest unconfirmed one holds an event that the destination refuses. Nothing of it and of later
 *                         batches has happened, the context stays open, and they come again with
 * new numbers. The runner hands in halves until the event is found, tries it a few times, and puts
 * it aside as a dead letter, or stops, as configured. LEAT_ECONFIG  an operator must act; looked at
 * again every 30 s LEAT_EBUG, LEAT_ESTORE  as LEAT_ECONFIG: nothing is passed over
 */
#ifndef LEAT_EMITTER_H
#define LEAT_EMITTER_H

#include <leat/emitter_stats.h>
#include <leat/event.h>
#include <leat/option.h>
#include <leat/report.h>

#include <stdatomic.h>

/* --- what all emitters can be told ------------------------------------------------------------ */

enum leat_emit_bad { LEAT_EMIT_DEAD_LETTER, LEAT_EMIT_STOP };

struct leat_emit_settings {
    struct leat_strings sources; /* instances; empty: all */
    struct leat_strings tables, exclude_tables, types;
    const char *tenant;
    const char *start;  /* "beginning", "now", a sequence, or a time */
    const char *format; /* name of an external form */
    bool schema_wrapper;
    int time, decimal, binary, interval, absent; /* as the form's settings of the same names */
    const char *topic;                           /* template */
    int64_t flush_bytes, flush_count, flush_age_ms;
    int64_t event_bytes_max;
    int64_t lanes;
    int on_bad_event; /* enum leat_emit_bad */
    int64_t tries;
    int64_t retry_min_ms, retry_max_ms;
};

/* clang-format off */
/* The members of an option table whose contexts begin with a struct leat_emit_settings. */
#define LEAT_EMIT_OPTIONS                                                                                 \
    {.section = "What it takes", .name = "sources", .type = LEAT_OPTION_LIST,                             \
     .offset = offsetof(struct leat_emit_settings, sources),                                              \
     .doc = "Sources whose events it takes, by name. Empty: all.", .example = "[shop]"},                  \
    {.name = "tables", .type = LEAT_OPTION_LIST, .offset = offsetof(struct leat_emit_settings, tables),   \
     .doc = "Tables to take, as schema.table or table, with * as wildcard. Given, events without a "      \
            "table (posts, messages) are left out. Empty: everything.",                                   \
     .example = "[\"public.*\"]"},                                                                        \
    {.name = "exclude_tables", .type = LEAT_OPTION_LIST,                                                  \
     .offset = offsetof(struct leat_emit_settings, exclude_tables),                                       \
     .doc = "Tables to leave out, after `tables`.", .example = "[\"public.audit_*\"]"},                   \
    {.name = "types", .type = LEAT_OPTION_LIST, .offset = offsetof(struct leat_emit_settings, types),     \
     .doc = "Operations (create, update, delete, truncate, read, message, post) and event types with * "  \
            "that it takes. A gap is never left out. Empty: all.",                                        \
     .example = "[create, \"order.*\"]"},                                                                 \
    {.name = "tenant", .type = LEAT_OPTION_TEXT, .offset = offsetof(struct leat_emit_settings, tenant),   \
     .doc = "Posts of this tenant only.", .example = "acme"},                                             \
    {.name = "start", .type = LEAT_OPTION_TEXT, .offset = offsetof(struct leat_emit_settings, start),     \
     .fallback = "beginning",                                                                             \
     .doc = "Where it begins when it runs for the first time: beginning, now, a sequence, or a time of "  \
            "storing (2026-11-21T03:41:00Z, or 2h ago as 2h). Later its cursor counts; see `leat "         \
            "emitters rewind`."},                                                                         \
    {.section = "How events are written", .name = "format", .type = LEAT_OPTION_TEXT,                     \
     .offset = offsetof(struct leat_emit_settings, format), .fallback = "debezium",                       \
     .doc = "debezium or native."},                                                                       \
    {.name = "schema", .type = LEAT_OPTION_BOOL,                                                          \
     .offset = offsetof(struct leat_emit_settings, schema_wrapper), .fallback = "false",                  \
     .doc = "debezium: wrap each event as {\"schema\":…,\"payload\":…}."},                                \
    {.name = "time", .type = LEAT_OPTION_CHOICE, .offset = offsetof(struct leat_emit_settings, time),     \
     .fallback = "adaptive", .choices = leat_emit_time_words, .doc = "debezium: time.precision.mode."},   \
    {.name = "decimal", .type = LEAT_OPTION_CHOICE, .offset = offsetof(struct leat_emit_settings, decimal), \
     .fallback = "precise", .choices = leat_emit_decimal_words,                                           \
     .doc = "debezium: decimal.handling.mode."},                                                          \
    {.name = "binary", .type = LEAT_OPTION_CHOICE, .offset = offsetof(struct leat_emit_settings, binary), \
     .fallback = "base64", .choices = leat_emit_binary_words, .doc = "debezium: binary.handling.mode."},  \
    {.name = "interval", .type = LEAT_OPTION_CHOICE,                                                      \
     .offset = offsetof(struct leat_emit_settings, interval), .fallback = "numeric",                      \
     .choices = leat_emit_interval_words, .doc = "debezium: interval.handling.mode."},                    \
    {.name = "absent", .type = LEAT_OPTION_CHOICE, .offset = offsetof(struct leat_emit_settings, absent), \
     .fallback = "placeholder", .choices = leat_emit_absent_words,                                        \
     .doc = "debezium: what stands for a value that the log does not hold."},                             \
    {.name = "topic", .type = LEAT_OPTION_TEXT, .offset = offsetof(struct leat_emit_settings, topic),     \
     .fallback = "{source}.{schema}.{table}",                                                             \
     .doc = "Name of the topic, from {source}, {database}, {schema}, {table}, {type}, {op}, {tenant}. "   \
            "Bytes of a name other than letters, digits and _ are written as -XX, so that two names "     \
            "never become one topic. What an event does not have is left out with one dot."},             \
    {.section = "Batches", .name = "flush_bytes", .type = LEAT_OPTION_SIZE,                               \
     .offset = offsetof(struct leat_emit_settings, flush_bytes), .fallback = "4MiB", .min = 1 << 10,      \
     .max = 64 << 20, .doc = "A batch is handed over when its text passes this."},                        \
    {.name = "flush_count", .type = LEAT_OPTION_INT,                                                      \
     .offset = offsetof(struct leat_emit_settings, flush_count), .fallback = "20000", .min = 1,           \
     .max = 1000000, .doc = "… or when it has so many events."},                                          \
    {.name = "flush_age", .type = LEAT_OPTION_DURATION,                                                   \
     .offset = offsetof(struct leat_emit_settings, flush_age_ms), .fallback = "0ms", .min = 0,            \
     .max = 600000,                                                                                       \
     .doc = "… or when its oldest event has waited so long. 0: as soon as the destination is free, "      \
            "which makes batches as large as the destination is slow."},                                  \
    {.name = "event_max", .type = LEAT_OPTION_SIZE,                                                       \
     .offset = offsetof(struct leat_emit_settings, event_bytes_max), .fallback = "16MiB",                 \
     .min = 1 << 10, .max = 1 << 30, .doc = "Longest text of an event; a longer one is a bad event."},    \
    {.name = "lanes", .type = LEAT_OPTION_INT, .offset = offsetof(struct leat_emit_settings, lanes),      \
     .fallback = "1", .min = 1, .max = 32,                                                                \
     .doc = "Deliveries at a time; events of one key stay in order. Some emitters have one only."},       \
    {.section = "When it fails", .name = "on_bad_event", .type = LEAT_OPTION_CHOICE,                      \
     .offset = offsetof(struct leat_emit_settings, on_bad_event), .fallback = "dead_letter",              \
     .choices = leat_emit_bad_words,                                                                      \
     .doc = "An event that the destination refuses after `tries`: put it aside with the reason (`leat "   \
            "dlq`) and go on, or stop before it."},                                                       \
    {.name = "tries", .type = LEAT_OPTION_INT, .offset = offsetof(struct leat_emit_settings, tries),      \
     .fallback = "3", .min = 1, .max = 1000, .doc = "How often such an event is tried."},                 \
    {.name = "retry_min", .type = LEAT_OPTION_DURATION,                                                   \
     .offset = offsetof(struct leat_emit_settings, retry_min_ms), .fallback = "100ms", .min = 1,          \
     .max = 3600000, .doc = "Shortest wait before it tries again; doubled each time, with jitter."},      \
    {.name = "retry_max", .type = LEAT_OPTION_DURATION,                                                   \
     .offset = offsetof(struct leat_emit_settings, retry_max_ms), .fallback = "30s", .min = 1,            \
     .max = 86400000, .doc = "Longest wait."}
/* clang-format on */

extern const char *const leat_emit_time_words[], *const leat_emit_decimal_words[],
                                                     *const leat_emit_binary_words[],
                                                         *const leat_emit_interval_words[],
                                                             *const leat_emit_absent_words[],
                                                                 *const leat_emit_bad_words[];

/* What every emitter's validate asks first. LEAT_ECONFIG names the setting. */
int leat_emit_settings_validate(const struct leat_emit_settings *settings,
                                struct leat_err *err) LEAT_MUST_CHECK;

/* --- events ----------------------------------------------------------------------------------- */

/* One event on its way, as text. Nothing has a NUL or a line feed at its end. */
struct leat_emit_event {
    uint64_t sequence;       /* in our stream */
    struct leat_slice topic; /* by the template */
    struct leat_slice key;   /* empty: a null key */
    struct leat_slice value; /* the form's text, or what ops->encode wrote */
    int64_t ingested_at_us;
    bool last_of_transaction; /* the source's transaction ends with it */
};

struct leat_emit_batch {
    const struct leat_emit_event *events; /* in the stream's order */
    size_t count;
    uint64_t number;  /* of the lane's batches since open, from 1 */
    uint64_t through; /* with this batch, all that the lane has to do up to here is done; 0: a dead
                         letter that is tried again: the cursor does not move, and the event may be
                         there */
};

/* An event while it is encoded. */
struct leat_emit_input {
    const char *instance; /* of the source */
    uint64_t sequence;
    int64_t ingested_at_us;
    const struct leat_event *event;
    bool last_of_transaction;
    const void *form; /* the engine's */
};

/* What the engine offers to an encoder; each appends. LEAT_ELIMIT, LEAT_EDATA as the forms. */
int leat_emit_value(const struct leat_emit_input *in, struct leat_buf *buf,
                    struct leat_err *err) LEAT_MUST_CHECK;
int leat_emit_key(const struct leat_emit_input *in, struct leat_buf *buf,
                  struct leat_err *err) LEAT_MUST_CHECK;

/* {"eventId":…,"op":…,"eventType":…,"tenant":…,"transaction":…,"ordinal":…,"eventTimeUs":…,
 * "validTimeUs":…,"ingestedAtUs":…,"database":…,"schema":…,"table":…} and, behind them, the
 * sender's own metadata under "metadata". */
int leat_emit_metadata(const struct leat_emit_input *in, struct leat_buf *buf,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* What the sender calls the event: a post's external id or idempotency key, a row's key; nothing: neither. */
int leat_emit_external_id(const struct leat_emit_input *in, struct leat_buf *buf,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* The tenant of a post; empty: none. */
struct leat_slice leat_emit_tenant(const struct leat_emit_input *in);

/* --- the seam --------------------------------------------------------------------------------- */

struct leat_emitter_env {
    const char *instance;         /* name in configuration, logs, metrics and store keys */
    unsigned lane, lanes;         /* this context's, from 0, of so many */
    int wake_fd;                  /* readable when poll should return early: something new, stop */
    const _Atomic bool *stopping; /* true: long waits should end with LEAT_ERETRY */
    const char *directory;        /* the store's */
    uint32_t store;               /* tells cursors of another store apart */
    uint64_t cursor;              /* what we believe is done */
    uint64_t rewinds; /* how often an operator has set it. A destination that keeps a cursor keeps
                         this number too; where they differ it takes `cursor`, and events behind it
                         may be there already */
};

struct leat_emitter_ops {
    const char *name; /* the `type:` of the configuration */
    const char *doc;  /* one sentence */
    const struct leat_option *options;
    size_t ctx_size;    /* begins with a struct leat_emit_settings */
    unsigned lanes_max; /* 0: one */
    bool keeps_cursor;  /* the destination stores `through` with the events, and open reports it */

    /* Validates settings against each other, without any connection. */
    int (*validate)(const void *ctx, struct leat_err *err);

    /* Asks the destination everything `leat check` wants to know; changes nothing, unless `apply`:
     * then it makes there what is missing, so that doing it twice is fine. */
    int (*check)(void *ctx, const char *instance, bool apply, struct leat_report *report,
                 struct leat_err *err);

    /* Writes the event in the emitter's own way instead of the form's text; appends nothing for an
     * event to pass over. NULL: the form. Pure but for the settings. */
    int (*encode)(const void *ctx, const struct leat_emit_input *in, struct leat_buf *buf,
                  struct leat_err *err);

    /* Connects. *ret_acked, which is env->cursor at first, becomes what the destination knows to be
     * done for this lane, as `through`. LEAT_ECONFIG: its cursor is another store's. */
    int (*open)(void *ctx, const struct leat_emitter_env *env, uint64_t *ret_acked,
                struct leat_err *err);

    /* Takes a batch, in the order of numbers. LEAT_AGAIN: not now, poll first. */
    int (*submit)(void *ctx, const struct leat_emit_batch *batch, struct leat_err *err);

    /* Works until something was confirmed, wake_fd is readable, or until_ms. *ret_number: this
     * batch and all before are confirmed; 0 or the same as before: nothing new. Called about once a
     * second when nothing is on its way, too. */
    int (*poll)(void *ctx, int64_t until_ms, uint64_t *ret_number, struct leat_err *err);

    /* From any state, idempotent. What was submitted and is not confirmed may happen or not. */
    void (*close)(void *ctx);
};

#endif
