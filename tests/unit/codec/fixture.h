/*
 * An event to be written in some form: a Postgres origin with the attributes of Debezium's source block, a
 * transaction, a relation that the test fills column by column, and the call itself.
 */
#ifndef UNIT_CODEC_FIXTURE_H
#define UNIT_CODEC_FIXTURE_H

#include "codec/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEXT(literal) LEAT_SLICE_LITERAL(literal)
#define V_NULL {.kind = LEAT_NULL}
#define V_ABSENT {.kind = LEAT_ABSENT}
#define V_INT(v) {.kind = LEAT_INT64, .integer = (v)}
#define V_OF(k, v) {.kind = (k), .integer = (v)}
#define V_REAL(k, v) {.kind = (k), .real = (v)}
#define V_TEXT(k, literal) {.kind = (k), .text = LEAT_SLICE_LITERAL(literal)}
#define V_SPAN(k, mo, d, u) {.kind = (k), .span = {.us = (u), .days = (d), .months = (mo)}}

enum { FIXTURE_COLUMNS = 40 };

struct fixture {
    struct leat_origin origin;
    struct leat_transaction transaction;
    struct leat_schema relation;
    struct leat_column columns[FIXTURE_COLUMNS];
    struct leat_value before[FIXTURE_COLUMNS], after[FIXTURE_COLUMNS];
    struct leat_event event;
    struct leat_form_settings settings;
    struct leat_form_input input;
    struct leat_buf buf;
    struct leat_err err;
};

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->origin = (struct leat_origin){
        .connector = TEXT("postgresql"), .lineage = TEXT("7301234"), .database = TEXT("postgres"),
        .server = TEXT("15.5"), .attr_count = 8,
        .attrs = {{TEXT("lsn_commit"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_SEQUENCE},
                  {TEXT("schema"), LEAT_ATTR_SCHEMA, LEAT_ATTR_FIELD},
                  {TEXT("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                  {TEXT("txId"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {TEXT("lsn"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD | LEAT_ATTR_SEQUENCE},
                  {TEXT("xmin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                  {TEXT("origin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD},
                  {TEXT("origin_lsn"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD}}};
    f->transaction = (struct leat_transaction){.id = TEXT("1/16E9290"), .commit_time_us = 1559033904863123,
                                               .origin = &f->origin, .attr_count = 2,
                                               .attrs = {V_INT(24023119), V_INT(555)}};
    f->relation = (struct leat_schema){.relation = 16385, .database = TEXT("postgres"), .schema = TEXT("public"),
                                       .table = TEXT("customers"), .columns = f->columns};
    f->event = (struct leat_event){.op = LEAT_OP_CREATE, .ordinal = 3, .transaction = &f->transaction,
                                   .relation = &f->relation, .event_time_us = 1559033904863123,
                                   .valid_time_us = 1559033904863123, .attr_count = 1,
                                   .attrs = {V_INT(24023128)}};
    f->settings.version = TEXT("3.6.1.Final");
    f->input = (struct leat_form_input){.instance = TEXT("srv"), .sequence = 42,
                                        .ingested_at_us = 1559033904963841, .event = &f->event};
    leat_buf_init(&f->buf, 8u << 20);
}

/* The same with the origin of a MySQL source, and the places of the reference's second example. */
static inline void fixture_init_mysql(struct fixture *f)
{
    fixture_init(f);
    f->origin = (struct leat_origin){
        .connector = TEXT("mysql"), .database = TEXT("inventory"), .attr_count = 8,
        .attrs = {{TEXT("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                  {TEXT("server_id"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {TEXT("gtid"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {TEXT("file"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {TEXT("pos"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD},
                  {TEXT("row"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD},
                  {TEXT("thread"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {TEXT("query"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD}}};
    f->transaction.attr_count = 4;
    struct leat_value attrs[] = {V_INT(223344), V_NULL, V_TEXT(LEAT_STRING, "mysql-bin.000003"), V_INT(7)};
    memcpy(f->transaction.attrs, attrs, sizeof attrs);
    f->event.attr_count = 2;
    f->event.attrs[0] = (struct leat_value)V_INT(484);
    f->event.attrs[1] = (struct leat_value)V_INT(0);
    f->event.event_time_us = 1465581029100000;
    f->relation.database = TEXT("inventory");
    f->relation.schema = TEXT("");
}

static inline void fixture_release(struct fixture *f)
{
    leat_buf_release(&f->buf);
}

/* Adds a column; its values in the rows are absent until set. */
static inline struct leat_column *fixture_column(struct fixture *f, const char *name, const char *type,
                                                 enum leat_kind kind, int precision, int scale)
{
    struct leat_column *c = &f->columns[f->relation.column_count++];
    *c = (struct leat_column){.name = leat_slice_text(name), .type = leat_slice_text(type),
                              .kind = (uint8_t)kind, .precision = precision, .scale = scale};
    return c;
}

/* Adds a column with its value in the after row. */
static inline struct leat_column *fixture_cell(struct fixture *f, const char *name, const char *type,
                                               int precision, int scale, struct leat_value v)
{
    f->after[f->relation.column_count] = v;
    struct leat_column *c = fixture_column(f, name, type, (enum leat_kind)v.kind, precision, scale);
    f->event.after = (struct leat_row){f->relation.column_count, f->after};
    return c;
}

/* id (the key), first_name, email: the table of the reference's examples. */
static inline void fixture_customers(struct fixture *f)
{
    fixture_column(f, "id", "integer", LEAT_INT64, -1, -1)->key_ordinal = 1;
    fixture_column(f, "first_name", "character varying(255)", LEAT_STRING, 255, -1)->nullable = LEAT_NULLABLE_NO;
    fixture_column(f, "email", "text", LEAT_STRING, -1, -1);
    for (unsigned i = 0; i < 3; i++)
        f->columns[i].nullable = i < 2 ? LEAT_NULLABLE_NO : LEAT_NULLABLE_YES;
    f->after[0] = (struct leat_value)V_INT(1);
    f->after[1] = (struct leat_value)V_TEXT(LEAT_STRING, "Anne");
    f->after[2] = (struct leat_value)V_TEXT(LEAT_STRING, "a@x.org");
    f->event.after = (struct leat_row){3, f->after};
}

static inline void fixture_before(struct fixture *f, enum leat_before form)
{
    f->event.before_form = (uint8_t)form;
    f->event.before = (struct leat_row){f->relation.column_count, f->before};
}

/* Array of `count` elements in one dimension from `lower`; release the buffer. */
static inline struct leat_value fixture_array(struct leat_buf *buf, int32_t lower, uint32_t count,
                                              const struct leat_value *elements)
{
    struct leat_array shape = {.dimensions = count ? 1 : 0, .lengths = {count}, .lower_bounds = {lower}};
    leat_buf_init(buf, 1u << 16);
    leat_array_begin(buf, &shape);
    for (uint32_t i = 0; i < count; i++)
        leat_array_append(buf, &elements[i]);
    struct leat_value v = {.kind = LEAT_ARRAY, .text = leat_buf_slice(buf)};
    return v;
}

/* The event's text in the form, NUL-terminated, until the next call. */
static inline const char *fixture_write(struct fixture *f, const char *form)
{
    leat_buf_reset(&f->buf);
    int rc = leat_form_find(form)->write(&f->settings, &f->input, &f->buf, &f->err);
    if (rc)
        fail_msg("%s: %s", form, f->err.text);
    return leat_buf_text(&f->buf);
}

static inline const char *fixture_write_key(struct fixture *f, const char *form)
{
    leat_buf_reset(&f->buf);
    int rc = leat_form_find(form)->write_key(&f->settings, &f->input, &f->buf, &f->err);
    if (rc)
        fail_msg("%s key: %s", form, f->err.text);
    return leat_buf_text(&f->buf);
}

/* Compares with tests/golden/debezium/<name>.json, one line; a missing file fails. */
static inline void assert_golden(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/debezium/%s.json", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("golden file %s is missing; the text is\n%s", path, text);
    static char golden[1 << 16];
    size_t len = fread(golden, 1, sizeof golden - 1, file);
    fclose(file);
    while (len && golden[len - 1] == '\n')
        len--;
    golden[len] = '\0';
    if (strcmp(golden, text) != 0)
        fail_msg("%s:\n golden %s\n    got %s", path, golden, text);
}

#endif
