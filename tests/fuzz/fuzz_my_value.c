/*
 * One column and its value: type u8, flags u8 (unsigned, policies, logical type), collation u16,
 * length of the metadata u8, metadata, value. What is decoded is of the column's kind, or an honest
 * other one, is skipped by the same number of bytes, and survives the stored form. Text is UTF-8.
 */
#include "sources/mysql/row_value.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SCRATCH_BYTES = 1 << 20, LABELS = 9, INPUT_MAX = 64 << 10 };

static struct my_charsets *sets; /* for the process */

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_kind(const struct my_column *c, const struct leat_value *v)
{
    bool date = c->kind == LEAT_DATE || c->kind == LEAT_TIMESTAMP || c->kind == LEAT_TIMESTAMPTZ;
    check(v->kind == c->kind || (date && (v->kind == LEAT_OTHER || v->kind == LEAT_NULL)));
    if (v->kind == LEAT_UUID)
        check(v->text.len == 16);
    if (v->kind == LEAT_BITS)
        check(v->text.len == c->length);
    if (c->type == MY_TYPE_JSON ||
        (v->kind == LEAT_STRING && c->charset && !my_charset_is_binary(c->charset)))
        check(my_utf8_valid(v->text) == v->text.len);
    if (v->kind == LEAT_ARRAY) {
        struct leat_array a;
        check(leat_array_open(v->text, &a));
    }
}

static void check_stored(const struct leat_value *v)
{
    struct leat_buf buf;
    struct leat_value back;
    leat_buf_init(&buf, SCRATCH_BYTES * 2);
    check(leat_buf_reserve(&buf, leat_value_bytes_max(v)));
    leat_value_write(&buf, v);
    struct leat_reader r = leat_reader_of(leat_buf_slice(&buf));
    leat_value_read(&r, &back);
    check(leat_reader_done(&r) && leat_value_equal(v, &back));
    leat_buf_release(&buf);
}

static void check_described(const struct my_column *c)
{
    struct leat_buf text;
    int32_t precision, scale;
    leat_buf_init(&text, SCRATCH_BYTES);
    my_column_describe(c, &text, &precision, &scale);
    check(text.len > 0 && precision >= -1 && scale >= -1);
    leat_buf_release(&text);
}

static void decode(const struct my_column *c, uint8_t flags, struct leat_slice bytes)
{
    struct my_value_policy policy = {.zero_dates = flags >> 1 & 3, .bad_text = flags >> 3 & 1};
    struct leat_reader r = leat_reader_of(bytes), skipped = r;
    struct leat_arena scratch;
    struct leat_value v;
    struct leat_err err = {.code = 0};
    leat_arena_init(&scratch, SCRATCH_BYTES);
    int status = my_value_decode(c, &r, &scratch, &policy, &v, &err);
    check(status <= LEAT_OK && status >= LEAT_ECONFIG);
    bool skips = my_value_skip(c, &skipped);
    if (!status) {
        check(skips && skipped.at == r.at);
        check_kind(c, &v);
        check_stored(&v);
    }
    leat_arena_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct leat_slice labels[LABELS];
    struct leat_err err = {.code = 0};
    struct leat_reader r = leat_reader_of(leat_slice_of(data, size));
    uint8_t type = leat_reader_u8(&r), flags = leat_reader_u8(&r);
    uint16_t collation = leat_reader_le16(&r);
    struct leat_reader metadata = leat_reader_of(leat_reader_bytes(&r, leat_reader_u8(&r) & 3));
    struct my_column c;
    if (!sets)
        check(my_charsets_new(&sets, &err) == LEAT_OK);
    for (size_t i = 0; i < LABELS; i++)
        labels[i] = leat_slice_text("label");
    if (r.bad || size > INPUT_MAX || my_column_init(&c, type, &metadata, &err))
        return 0;
    c.is_unsigned = flags & 1;
    c.logical = (uint8_t)((flags >> 4) % (MY_LOGICAL_VECTOR + 1));
    c.charset = my_charset_of(sets, collation);
    c.labels = labels;
    c.label_count = LABELS;
    my_column_refine(&c);
    check_described(&c);
    size_t len = leat_reader_left(&r);
    uint8_t *exact = malloc(len ? len : 1); /* one byte too many is seen */
    check(exact != NULL);
    if (len)
        memcpy(exact, r.at, len);
    decode(&c, flags, leat_slice_of(exact, len));
    free(exact);
    return 0;
}
