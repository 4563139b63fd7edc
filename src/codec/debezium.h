/*
 * The debezium form: the envelope that consumers of change events already read, field by field and byte by
 * byte as Debezium 3 with Kafka Connect's JsonConverter writes it. README.md lists where we differ and why.
 *
 *     {"before":…,"after":…,"source":{…},"transaction":null,"op":"c","ts_ms":…,"ts_us":…,"ts_ns":…}
 *
 * debezium.c has the envelope, debezium_value.c the values, debezium_geometry.c those that are geometries,
 * debezium_schema.c the optional "schema" half. No database is known by name: what decides is a value's
 * kind and its column's type text, precision and scale.
 */
#ifndef CODEC_DEBEZIUM_H
#define CODEC_DEBEZIUM_H

#include "form.h"
#include "json_writer.h"

extern const struct leat_form leat_form_debezium;

#define LEAT_DEBEZIUM_UNAVAILABLE "__debezium_unavailable_value"

/* --- debezium_value.c ------------------------------------------------------------------------ */

/* One present value or NULL as Debezium maps its type; false for a malformed array. */
bool leat_debezium_value(struct leat_json *j, const struct leat_form_settings *s,
                         const struct leat_column *column, const struct leat_value *v) LEAT_MUST_CHECK;

/* False for numbers, bits, dates and their like, and arrays of them, whose fields cannot hold a text: an
 * absent one is left out. */
bool leat_debezium_can_be_unavailable(const struct leat_form_settings *s, const struct leat_column *column);

/* What stands in place of an absent value of that column. */
void leat_debezium_unavailable(struct leat_json *j, const struct leat_form_settings *s,
                               const struct leat_column *column);

/* Whether the column's type begins with that word: "int" begins "int(11) unsigned", not "integer". */
bool leat_debezium_type_is(const struct leat_column *column, const char *word);

/* The scale of every value of a decimal column in precise mode; -1 when each value carries its own. */
int32_t leat_debezium_scale(const struct leat_column *column);

/* True when the column's times are written in milliseconds. */
bool leat_debezium_in_millis(const struct leat_form_settings *s, const struct leat_column *column);

/* Bytes as binary.handling.mode wants them. */
void leat_debezium_bytes(struct leat_json *j, const struct leat_form_settings *s, struct leat_slice bytes);

/* --- debezium_geometry.c --------------------------------------------------------------------- */

bool leat_debezium_is_geometry(const struct leat_column *column);
bool leat_debezium_is_point(const struct leat_column *column);
void leat_debezium_geometry(struct leat_json *j, const struct leat_column *column, struct leat_slice bytes);

/* Everything of its schema except the closing brace, so that "field" can follow. */
void leat_debezium_geometry_schema(struct leat_json *j, const struct leat_column *column, bool optional);

/* --- debezium_schema.c ----------------------------------------------------------------------- */

/* The key's and the value's "schema" objects, as one JSON value each. */
void leat_debezium_key_schema(struct leat_json *j, const struct leat_form_settings *s,
                              const struct leat_form_input *in);
void leat_debezium_value_schema(struct leat_json *j, const struct leat_form_settings *s,
                                const struct leat_form_input *in);

/* True for the events that are written as {"op":"m",…,"message":{…}}. */
bool leat_debezium_is_message(const struct leat_event *event);

#endif
