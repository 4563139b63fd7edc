/*
 * Writing change events as JSON: our debezium form against jansson's json_dumpb.
 *
 * Both sides produce the same text, which is compared byte by byte first. We start from typed events (so
 * that base64, uuid and time texts are made inside the timed part); jansson starts from finished trees whose
 * strings are ready, so that only its dumping is timed. Rounds alternate; the medians are compared.
 */
#include "codec/form.h"

#include <leat/clock.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 2000, COLUMNS = 14, ROUNDS = 41, TEXT_BYTES = 512, OUT_BYTES = 8 << 20 };

struct row {
    struct leat_value values[COLUMNS];
    char texts[5][TEXT_BYTES];
    struct leat_event event;
    json_t *tree;
};

static struct leat_origin origin;
static struct leat_transaction transaction;
static struct leat_schema relation;
static struct leat_column columns[COLUMNS];
static struct row *rows;
static const struct leat_form *form;

static struct leat_value text_value(enum leat_kind kind, const char *text)
{
    return (struct leat_value){.kind = (uint8_t)kind, .text = leat_slice_text(text)};
}

static void fill(struct row *r, unsigned i)
{
    static const char *const notes[] = {
        "left at the door; rang twice, nobody answered, will try again tomorrow before noon",
        "customer said: \"please call first\"\nthen leave with the neighbour",
        "Größe M, Farbe grün — bitte schnell liefern",
    };
    snprintf(r->texts[0], TEXT_BYTES, "customer %u", i);
    snprintf(r->texts[1], TEXT_BYTES, "customer.%u@example.com", i);
    snprintf(r->texts[2], TEXT_BYTES, "%u.%02u", i * 7919 % 100000, i % 100);
    snprintf(r->texts[3], TEXT_BYTES,
             "{\"cart\": [{\"sku\": \"A-%u\", \"qty\": %u}, {\"sku\": \"B-%u\", \"qty\": 1}], \"coupon\": null}",
             i % 977, i % 5 + 1, i % 31);
    for (unsigned k = 0; k < 16; k++)
        r->texts[4][k] = (char)(i * 31 + k * 17);
    r->values[0] = (struct leat_value){.kind = LEAT_INT64, .integer = 1000000 + i};
    r->values[1] = (struct leat_value){.kind = LEAT_UUID, .text = leat_slice_of(r->texts[4], 16)};
    r->values[2] = text_value(LEAT_STRING, r->texts[0]);
    r->values[3] = text_value(LEAT_STRING, r->texts[1]);
    r->values[4] = text_value(LEAT_STRING, notes[i % 3]);
    r->values[5] = text_value(LEAT_DECIMAL, r->texts[2]);
    r->values[6] = (struct leat_value){.kind = LEAT_INT64, .integer = i % 50};
    r->values[7] = (struct leat_value){.kind = LEAT_BOOL, .integer = i % 2};
    r->values[8] = (struct leat_value){.kind = LEAT_FLOAT64, .real = (double)(i % 4000) / 16};
    r->values[9] = (struct leat_value){.kind = LEAT_TIMESTAMPTZ, .integer = 1700000000123456 + i * INT64_C(977001)};
    r->values[10] = (struct leat_value){.kind = LEAT_TIMESTAMP, .integer = 1700000000000000 + i * INT64_C(1001)};
    r->values[11] = (struct leat_value){.kind = LEAT_DATE, .integer = 19000 + i % 700};
    r->values[12] = text_value(LEAT_JSON, r->texts[3]);
    r->values[13] = (struct leat_value){.kind = LEAT_NULL};
    r->event = (struct leat_event){.op = i % 4 ? LEAT_OP_UPDATE : LEAT_OP_CREATE, .ordinal = i, .transaction = &transaction,
                                   .relation = &relation, .after = {COLUMNS, r->values},
                                   .event_time_us = 1700000000123456 + i, .attr_count = 1};
    r->event.attrs[0] = (struct leat_value){.kind = LEAT_INT64, .integer = 24023128 + i};
}

static void set_up(void)
{
    static const char *const names[] = {"id", "public_id", "name", "email", "note", "price", "quantity", "active",
                                        "ratio", "created_at", "updated_at", "due", "payload", "deleted_at"};
    origin = (struct leat_origin){
        .connector = LEAT_SLICE_LITERAL("postgresql"), .database = LEAT_SLICE_LITERAL("shop"), .attr_count = 6,
        .attrs = {{LEAT_SLICE_LITERAL("lsn_commit"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_SEQUENCE},
                  {LEAT_SLICE_LITERAL("schema"), LEAT_ATTR_SCHEMA, LEAT_ATTR_FIELD},
                  {LEAT_SLICE_LITERAL("table"), LEAT_ATTR_TABLE, LEAT_ATTR_FIELD},
                  {LEAT_SLICE_LITERAL("txId"), LEAT_ATTR_TRANSACTION, LEAT_ATTR_FIELD},
                  {LEAT_SLICE_LITERAL("lsn"), LEAT_ATTR_EVENT, LEAT_ATTR_FIELD | LEAT_ATTR_SEQUENCE},
                  {LEAT_SLICE_LITERAL("xmin"), LEAT_ATTR_NONE, LEAT_ATTR_FIELD}}};
    transaction = (struct leat_transaction){.origin = &origin, .attr_count = 2};
    transaction.attrs[0] = transaction.attrs[1] = (struct leat_value){.kind = LEAT_INT64, .integer = 24023119};
    relation = (struct leat_schema){.schema = LEAT_SLICE_LITERAL("public"), .table = LEAT_SLICE_LITERAL("orders"),
                                    .column_count = COLUMNS, .columns = columns};
    for (unsigned i = 0; i < COLUMNS; i++)
        columns[i] = (struct leat_column){.name = leat_slice_text(names[i]), .precision = i == 5 ? 10 : -1,
                                          .scale = i == 5 ? 2 : -1, .key_ordinal = i == 0};
    rows = calloc(ROWS, sizeof *rows);
    if (!rows)
        exit(1);
    for (unsigned i = 0; i < ROWS; i++)
        fill(&rows[i], i);
}

static void write_row(struct row *r, struct leat_buf *buf)
{
    static const struct leat_form_settings settings;
    struct leat_err err;
    struct leat_form_input in = {.instance = LEAT_SLICE_LITERAL("shop"), .sequence = 1,
                                 .ingested_at_us = 1700000001000000, .event = &r->event};
    if (form->write(&settings, &in, buf, &err)) {
        fprintf(stderr, "bench_json: %s\n", err.text);
        exit(1);
    }
}

static double ours(struct leat_buf *buf)
{
    int64_t start = leat_clock_monotonic_us();
    leat_buf_reset(buf);
    for (unsigned i = 0; i < ROWS; i++)
        write_row(&rows[i], buf);
    return (double)(leat_clock_monotonic_us() - start);
}

static double theirs(char *out, size_t *ret_len)
{
    int64_t start = leat_clock_monotonic_us();
    size_t len = 0;
    for (unsigned i = 0; i < ROWS; i++)
        len += json_dumpb(rows[i].tree, out + len, OUT_BYTES - len, JSON_COMPACT);
    *ret_len = len;
    return (double)(leat_clock_monotonic_us() - start);
}

/* jansson's trees, read from our own text: when both sides print the same, neither can have cheated. */
static void plant(struct leat_buf *buf)
{
    for (unsigned i = 0; i < ROWS; i++) {
        leat_buf_reset(buf);
        write_row(&rows[i], buf);
        rows[i].tree = json_loadb((const char *)buf->data, buf->len, 0, NULL);
        if (!rows[i].tree)
            exit(1);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static double us[2][ROUNDS];
    struct leat_buf buf;
    size_t len = 0;
    char *out = malloc(OUT_BYTES);
    form = leat_form_find("debezium");
    leat_buf_init(&buf, OUT_BYTES);
    if (!out || !form)
        return 1;
    set_up();
    plant(&buf);
    for (unsigned round = 0; round < ROUNDS; round++) {
        us[0][round] = ours(&buf);
        us[1][round] = theirs(out, &len);
        if (round == 0 && (len != buf.len || memcmp(out, buf.data, len) != 0)) {
            fprintf(stderr, "bench_json: jansson's text differs from ours\n");
            return 1;
        }
    }
    qsort(us[0], ROUNDS, sizeof us[0][0], ascending);
    qsort(us[1], ROUNDS, sizeof us[1][0], ascending);
    double median = us[0][ROUNDS / 2];
    printf("BENCH encode_json_mib_per_s %.0f MiB/s\n", (double)len / median * 1e6 / (1 << 20));
    printf("BENCH encode_json_events_per_s %.0f events/s\n", ROWS / median * 1e6);
    printf("BENCH encode_json_ratio_jansson %.1f x\n", us[1][ROUNDS / 2] / median);
    for (unsigned i = 0; i < ROWS; i++)
        json_decref(rows[i].tree);
    free(rows);
    free(out);
    leat_buf_release(&buf);
    return 0;
}
