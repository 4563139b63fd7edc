/*
 * An external form turns one event into one JSON text: what an emitter sends and a reader sees. Emitters
 * hold a form and never ask which one it is.
 *
 *     form = leat_form_find("debezium");
 *     form->write_key(&settings, &input, &key, &err);      {"id":1}
 *     form->write(&settings, &input, &value, &err);        {"before":null,"after":{…},…}
 *
 * Both append one line's worth of text (no newline inside or at the end), or *nothing*: write_key when the
 * event has no key (truncate, a table without one), write when the form has no text for the event (the
 * debezium form for `schema` events). Nothing appended means a null key, or an event to pass over.
 *
 * Ownership: the input is viewed during the call only; its transaction and origin must be set.
 * Bounds:    the buffer's maximum.
 * Threads:   pure functions over their arguments; forms are constants.
 * Errors:    LEAT_ELIMIT the text does not fit in the buffer; LEAT_EDATA the event contradicts its
 *            relation (number of values, malformed array); LEAT_EBUG no transaction or origin. The buffer's
 *            content is as before the call.
 */
#ifndef CODEC_FORM_H
#define CODEC_FORM_H

#include <leat/event.h>

/* Debezium's time.precision.mode. */
enum leat_form_time {
    LEAT_FORM_TIME_ADAPTIVE, /* milliseconds where the column has at most three digits, else microseconds */
    LEAT_FORM_TIME_ADAPTIVE_MICROSECONDS, /* as adaptive, but times of day always in microseconds */
    LEAT_FORM_TIME_CONNECT,               /* milliseconds, digits are lost */
    LEAT_FORM_TIME_ISOSTRING,
    LEAT_FORM_TIME_MICROSECONDS,
    LEAT_FORM_TIME_NANOSECONDS,
};

/* decimal.handling.mode */
enum leat_form_decimal {
    LEAT_FORM_DECIMAL_PRECISE, /* base64 of the unscaled two's complement */
    LEAT_FORM_DECIMAL_STRING,
    LEAT_FORM_DECIMAL_DOUBLE,
};

/* binary.handling.mode */
enum leat_form_binary {
    LEAT_FORM_BINARY_BASE64,
    LEAT_FORM_BINARY_BASE64URL,
    LEAT_FORM_BINARY_HEX,
};

/* interval.handling.mode */
enum leat_form_interval {
    LEAT_FORM_INTERVAL_NUMERIC, /* microseconds, a month being 30.4375 days */
    LEAT_FORM_INTERVAL_STRING,
};

/* What stands for a value that the source did not send (I8). */
enum leat_form_absent {
    LEAT_FORM_ABSENT_PLACEHOLDER, /* "__debezium_unavailable_value" */
    LEAT_FORM_ABSENT_OMIT,        /* the field is left out */
};

/* Zeroed settings are the defaults. They shape the debezium form; the native form has no choices. */
struct leat_form_settings {
    bool schema_wrapper; /* {"schema":…,"payload":…}, as Kafka Connect's JsonConverter by default */
    enum leat_form_time time;
    enum leat_form_decimal decimal;
    enum leat_form_binary binary;
    enum leat_form_interval interval;
    enum leat_form_absent absent;
    struct leat_slice version; /* of the source block; empty: "leat-" and ours */
};

struct leat_form_input {
    struct leat_slice instance; /* of the source: the envelope's source.name, Debezium's topic.prefix */
    uint64_t sequence;          /* in our stream */
    int64_t ingested_at_us;
    const struct leat_event *event;
};

typedef int (*leat_form_fn)(const struct leat_form_settings *s, const struct leat_form_input *in,
                            struct leat_buf *buf, struct leat_err *err);

struct leat_form {
    const char *name;
    const char *doc; /* one sentence for help and documentation */
    leat_form_fn write;
    leat_form_fn write_key;
};

/* "debezium", "native"; NULL for an unknown name. */
const struct leat_form *leat_form_find(const char *name);

/* The n-th form, the default first; NULL behind the last. */
const struct leat_form *leat_form_at(unsigned n);

/* --- for the forms themselves ---------------------------------------------------------------- */

/* LEAT_EBUG or LEAT_EDATA for an event that no form could write. */
int leat_form_check(const struct leat_form_input *in, struct leat_err *err) LEAT_MUST_CHECK;

/* Ends a write that began at buf->len == start: checks `full`, and takes back what was written if that is
 * set or rc is an error. Gives rc or LEAT_ELIMIT. */
int leat_form_end(struct leat_buf *buf, size_t start, int rc, struct leat_err *err) LEAT_MUST_CHECK;

/* The column with the n-th place in the key, n from 1; NULL behind the last. */
const struct leat_column *leat_form_key_column(const struct leat_schema *relation, uint32_t n);

/* The key column's value as it is after the change; of a deleted row, as it was. */
const struct leat_value *leat_form_key_value(const struct leat_event *event,
                                             const struct leat_column *column);

/* Walks an origin's attributes in order of declaration: each call gives the next one with its value, found
 * where its scope says (LEAT_NULL where the event carries none). */
struct leat_form_attrs {
    const struct leat_event *event;
    uint32_t next;      /* of the origin's attrs */
    uint32_t from_transaction;
    uint32_t from_event;
};
bool leat_form_next_attr(struct leat_form_attrs *attrs, const struct leat_attr **ret_attr,
                         struct leat_value *ret_value);

#endif
