/*
 * One event, one line, on standard error:
 *
 *     2026-11-21T03:41:35.123Z INFO source[shop] connected server=150020 slot="leat_shop"
 *
 * or the same as a JSON object a line. Values are escaped, so that no table name can forge a line.
 * ERROR: a human must act. WARN: handled, says how. INFO: a state changed. DEBUG: may show row
 * values; the other levels never do. Identical lines of one component that repeat within a minute
 * are folded into one with `repeated=n`.
 *
 *     LEAT_INFO("source", instance, "connected", LEAT_F_INT("server", version), LEAT_F_TEXT("slot",
 * slot));
 *
 * Order:   leat_log_setup() before threads start; levels may be changed later.
 * Threads: any; a line is written with one write(2), so lines never mix. May block on standard
 * error.
 */
#ifndef LEAT_LOG_H
#define LEAT_LOG_H

#include <leat/err.h>
#include <leat/slice.h>

enum leat_log_level { LEAT_LOG_DEBUG, LEAT_LOG_INFO, LEAT_LOG_WARN, LEAT_LOG_ERROR };
enum leat_log_format { LEAT_LOG_LOGFMT, LEAT_LOG_JSON };

struct leat_field {
    const char *key; /* NULL ends a list */
    enum { LEAT_FIELD_TEXT, LEAT_FIELD_INT } type;
    struct leat_slice text;
    int64_t number;
};

#define LEAT_F_TEXT(k, v)  ((struct leat_field){(k), LEAT_FIELD_TEXT, leat_slice_text(v), 0})
#define LEAT_F_SLICE(k, v) ((struct leat_field){(k), LEAT_FIELD_TEXT, (v), 0})
#define LEAT_F_INT(k, v)   ((struct leat_field){(k), LEAT_FIELD_INT, {NULL, 0}, (int64_t)(v)})

void leat_log_setup(enum leat_log_level level, enum leat_log_format format);
void leat_log_level_set(enum leat_log_level level);

/* `fields` ends with a NULL key; `instance` may be NULL. */
void leat_log_write(enum leat_log_level level, const char *component, const char *instance,
                    const char *event, const struct leat_field *fields);

/* The line for a failure: code, text, native reason, hint. */
void leat_log_err(enum leat_log_level level, const char *component, const char *instance,
                  const char *event, const struct leat_err *err);

#define LEAT_LOG(level, component, instance, event, ...)                                           \
    leat_log_write((level), (component), (instance), (event),                                      \
                   (const struct leat_field[]){                                                    \
                       __VA_ARGS__ __VA_OPT__(, ){NULL, LEAT_FIELD_INT, {NULL, 0}, 0}})
#define LEAT_DEBUG(...) LEAT_LOG(LEAT_LOG_DEBUG, __VA_ARGS__)
#define LEAT_INFO(...)  LEAT_LOG(LEAT_LOG_INFO, __VA_ARGS__)
#define LEAT_WARN(...)  LEAT_LOG(LEAT_LOG_WARN, __VA_ARGS__)
#define LEAT_ERROR(...) LEAT_LOG(LEAT_LOG_ERROR, __VA_ARGS__)

#endif
