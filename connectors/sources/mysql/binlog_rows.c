#include "sources/mysql/binlog_rows.h"

#include "sources/mysql/json_binary.h"

static const struct leat_slice MASK = LEAT_SLICE_LITERAL(LEAT_FILTER_MASK);

/* One image of a row. */
struct image {
    struct leat_slice present;
    uint32_t present_count;
    struct leat_slice partial; /* a bit a JSON column: its value is a diff; empty: none is */
    struct leat_value *values;
    const struct leat_value *fill; /* for columns that are not present; NULL: they are absent */
};

static bool bit(struct leat_slice bits, uint32_t n)
{
    return bits.ptr[n / 8] >> (n % 8) & 1;
}

static uint32_t bits_set(struct leat_slice bits, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += bit(bits, i);
    return n;
}

int my_rows_open(struct my_row_reader *r, struct my_table *table, const struct my_rows *rows,
                 struct leat_err *err)
{
    if (rows->column_count != table->wire_count)
        return leat_fail(
            err, LEAT_EPROTO, "a row of table \"%.*s\" has %u columns where %u were announced",
            LEAT_SLICE_ARG(table->schema.table), rows->column_count, table->wire_count);
    *r = (struct my_row_reader){.table = table, .rows = *rows, .at = leat_reader_of(rows->rows)};
    if (rows->kind != MY_ROWS_WRITE)
        r->count_before = bits_set(rows->present_before, rows->column_count);
    if (rows->kind != MY_ROWS_DELETE)
        r->count_after = bits_set(rows->present_after, rows->column_count);
    return LEAT_OK;
}

/* An image that lacks columns and yet has others than the key's is an old row with absent values:
 * so NOBLOB writes it, and MariaDB 11 leaves generated columns out of every one. */
enum leat_before my_rows_before(const struct my_row_reader *r)
{
    const struct my_table *t = r->table;
    bool whole = true, key_only = true;
    if (r->rows.kind == MY_ROWS_WRITE)
        return LEAT_BEFORE_NONE;
    for (uint32_t i = 0; i < t->wire_count; i++) {
        bool present = bit(r->rows.present_before, i);
        if (t->wire[i].stored < 0)
            continue;
        whole &= present;
        key_only &= !present || t->schema.columns[t->wire[i].stored].key_ordinal > 0;
    }
    return whole || !key_only ? LEAT_BEFORE_FULL : LEAT_BEFORE_KEY;
}

/* A JSON column's diffs, applied to the document of the before image. */
static int patched(struct my_row_reader *r, const struct image *image,
                   const struct my_wire_column *w, struct leat_arena *scratch,
                   struct leat_value *ret_value, struct leat_err *err)
{
    struct leat_slice diffs = leat_reader_bytes(&r->at, leat_reader_le32(&r->at));
    if (r->at.bad)
        return leat_fail(err, LEAT_EPROTO, "a partial update is cut");
    if (w->masked)
        *ret_value = (struct leat_value){.kind = LEAT_STRING, .text = MASK};
    if (w->stored < 0 || w->masked)
        return LEAT_OK;
    const struct leat_value *document = image->fill ? &image->fill[w->stored] : NULL;
    if (!document || (document->kind != LEAT_JSON && document->kind != LEAT_NULL)) {
        leat_fail(err, LEAT_ECONFIG, "the log has a partial update without the document before it");
        leat_err_hint(err, "SET GLOBAL binlog_row_image = FULL; or SET GLOBAL "
                           "binlog_row_value_options = '';");
        return err->code;
    }
    ret_value->kind = document->kind;
    if (document->kind == LEAT_NULL)
        return LEAT_OK;
    return my_json_patch(document->text, diffs, scratch, &ret_value->text, err);
}

static int take_value(struct my_row_reader *r, const struct my_wire_column *w,
                      struct leat_arena *scratch, struct my_value_policy *policy,
                      struct leat_value *ret_value, struct leat_err *err)
{
    if (w->stored >= 0 && !w->masked)
        return my_value_decode(&w->column, &r->at, scratch, policy, ret_value, err);
    if (!my_value_skip(&w->column, &r->at))
        return leat_fail(err, LEAT_EPROTO, "a value is cut");
    if (w->masked)
        *ret_value = (struct leat_value){.kind = LEAT_STRING, .text = MASK};
    return LEAT_OK;
}

static int name_column(const struct my_row_reader *r, const struct my_wire_column *w,
                       struct leat_err *err)
{
    struct leat_slice name =
        w->stored >= 0 ? r->table->schema.columns[w->stored].name : leat_slice_text("(left out)");
    leat_err_context(err, "table \"%.*s\".\"%.*s\", column \"%.*s\"",
                     LEAT_SLICE_ARG(r->table->schema.database),
                     LEAT_SLICE_ARG(r->table->schema.table), LEAT_SLICE_ARG(name));
    return err->code;
}

static int decode_image(struct my_row_reader *r, struct image *image, struct leat_arena *scratch,
                        struct my_value_policy *policy, struct leat_err *err)
{
    struct leat_slice nulls = leat_reader_bytes(&r->at, (image->present_count + 7) / 8);
    if (r->at.bad)
        return leat_fail(err, LEAT_EPROTO, "a row image is cut");
    uint32_t at = 0, json = 0;
    struct leat_value unused;
    for (uint32_t i = 0; i < r->table->wire_count; i++) {
        const struct my_wire_column *w = &r->table->wire[i];
        struct leat_value *v = w->stored < 0 ? &unused : &image->values[w->stored];
        bool partial =
            image->partial.len && w->column.type == MY_TYPE_JSON && bit(image->partial, json++);
        if (!bit(image->present, i)) {
            if (image->fill && w->stored >= 0)
                *v = image->fill[w->stored];
            else
                v->kind = LEAT_ABSENT;
            r->absent += v->kind == LEAT_ABSENT && w->stored >= 0;
        } else if (bit(nulls, at++)) {
            v->kind = LEAT_NULL;
        } else {
            int status = partial ? patched(r, image, w, scratch, v, err)
                                 : take_value(r, w, scratch, policy, v, err);
            if (status)
                return name_column(r, w, err);
        }
    }
    return LEAT_OK;
}

static int skip_image(struct my_row_reader *r, const struct image *image, struct leat_err *err)
{
    struct leat_slice nulls = leat_reader_bytes(&r->at, (image->present_count + 7) / 8);
    uint32_t at = 0, json = 0;
    for (uint32_t i = 0; !r->at.bad && i < r->table->wire_count; i++) {
        const struct my_column *c = &r->table->wire[i].column;
        bool partial = image->partial.len && c->type == MY_TYPE_JSON && bit(image->partial, json++);
        if (!bit(image->present, i) || bit(nulls, at++))
            continue;
        if (partial)
            leat_reader_bytes(&r->at, leat_reader_le32(&r->at));
        else if (!my_value_skip(c, &r->at))
            r->at.bad = true;
    }
    return r->at.bad ? leat_fail(err, LEAT_EPROTO, "a row image is cut") : LEAT_OK;
}

static int take_image(struct my_row_reader *r, struct image *image, bool decode,
                      struct leat_arena *scratch, struct my_value_policy *policy,
                      struct leat_err *err)
{
    return decode ? decode_image(r, image, scratch, policy, err) : skip_image(r, image, err);
}

/* The bitmap of partial values in front of an after image, if it has one. */
static struct leat_slice partial_bits(struct my_row_reader *r)
{
    uint32_t json = 0;
    uint64_t options = my_lenenc(&r->at);
    if (!(options & 1))
        return leat_slice_of(NULL, 0);
    for (uint32_t i = 0; i < r->table->wire_count; i++)
        json += r->table->wire[i].column.type == MY_TYPE_JSON;
    return leat_reader_bytes(&r->at, (json + 7) / 8);
}

int my_rows_next(struct my_row_reader *r, bool decode, struct leat_arena *scratch,
                 struct my_value_policy *policy, struct leat_err *err)
{
    struct image before = {.present = r->rows.present_before,
                           .present_count = r->count_before,
                           .values = r->table->before};
    struct image after = {.present = r->rows.present_after,
                          .present_count = r->count_after,
                          .values = r->table->after};
    if (leat_reader_left(&r->at) == 0)
        return LEAT_EOF;
    int status = LEAT_OK;
    const uint8_t *begin = r->at.at;
    if (r->rows.kind != MY_ROWS_WRITE) {
        int64_t absent = r->absent; /* only what an after image lacks is counted */
        status = take_image(r, &before, decode, scratch, policy, err);
        after.fill = r->table->before;
        r->absent = absent;
    }
    if (!status && r->rows.kind != MY_ROWS_DELETE) {
        if (r->rows.partial_json)
            after.partial = partial_bits(r);
        status = take_image(r, &after, decode, scratch, policy, err);
    }
    if (!status && r->at.at == begin)
        status = leat_fail(err, LEAT_EPROTO, "a row of no columns has bytes behind it");
    r->index = r->next_index++;
    return status;
}
