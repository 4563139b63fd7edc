/*
 * Any row, in any form and mode, must come out as JSON that a strict parser accepts, or as an error with
 * the buffer untouched. The input is: one byte of settings, one of operation, then stored values.
 */
#include "codec/form.h"

#include <jansson.h>
#include <stdlib.h>

enum { COLUMNS = 12, BUF_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void write_and_parse(const char *name, const struct leat_form_settings *s, const struct leat_form_input *in)
{
    const struct leat_form *form = leat_form_find(name);
    struct leat_err err;
    for (unsigned key = 0; key < 2; key++) {
        struct leat_buf buf;
        leat_buf_init(&buf, BUF_MAX);
        int rc = (key ? form->write_key : form->write)(s, in, &buf, &err);
        require(rc == LEAT_OK || (rc < 0 && buf.len == 0));
        if (buf.len) {
            require(!memchr(buf.data, '\n', buf.len));
            json_error_t problem;
            json_t *parsed = json_loadb((const char *)buf.data, buf.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
                                        &problem);
            /* a decimal text may lie outside what a double holds; everything else is our fault */
            require(parsed || json_error_code(&problem) == json_error_numeric_overflow);
            json_decref(parsed);
        }
        leat_buf_release(&buf);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const names[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    struct leat_reader r = leat_reader_of(leat_slice_of(data, len));
    uint8_t modes = leat_reader_u8(&r), op = leat_reader_u8(&r);
    struct leat_form_settings settings = {.schema_wrapper = modes & 1,
                                          .time = (enum leat_form_time)(modes / 2 % 6),
                                          .decimal = (enum leat_form_decimal)(modes / 12 % 3),
                                          .interval = (enum leat_form_interval)(modes / 36 % 2),
                                          .binary = (enum leat_form_binary)(modes / 72 % 3)};
    struct leat_column columns[COLUMNS];
    struct leat_value values[COLUMNS];
    struct leat_origin origin = {.connector = LEAT_SLICE_LITERAL("postgresql"), .attr_count = 1,
                                 .attrs = {{LEAT_SLICE_LITERAL("lsn"), LEAT_ATTR_EVENT, 3}}};
    struct leat_transaction transaction = {.id = LEAT_SLICE_LITERAL("1"), .origin = &origin};
    struct leat_schema relation = {.table = LEAT_SLICE_LITERAL("t"), .columns = columns};
    while (relation.column_count < COLUMNS && leat_reader_left(&r) && !r.bad) {
        uint32_t i = relation.column_count++;
        leat_value_read(&r, &values[i]);
        columns[i] = (struct leat_column){.name = leat_slice_text(names[i]), .type = LEAT_SLICE_LITERAL("bit varying"),
                                          .kind = values[i].kind, .key_ordinal = i == 0,
                                          .precision = (int32_t)(i * modes % 40) - 1,
                                          .scale = (int32_t)(i * op % 9) - 1};
    }
    struct leat_event event = {.op = (uint8_t)(op % LEAT_OP_COUNT), .transaction = &transaction, .relation = &relation,
                               .before_form = (uint8_t)(op / LEAT_OP_COUNT % 3),
                               .before = {op & 0x80 ? relation.column_count : 0, values},
                               .after = {relation.column_count, values},
                               .body = leat_slice_of(data, len), .topic = leat_slice_of(data, len),
                               .metadata = leat_slice_of(data, len)};
    struct leat_form_input in = {.instance = LEAT_SLICE_LITERAL("f"), .event = &event};
    write_and_parse("debezium", &settings, &in);
    write_and_parse("native", &settings, &in);
    return 0;
}
