/*
 * One value: type OID u32 (big-endian), form u8 (odd: binary), wire bytes. Text must never fail, or
 * only for want of scratch; binary may be malformed. Whatever comes out is of the type's kind, or
 * an honest other one, and survives the stored form.
 */
#include "sources/postgres/pgtype_forms.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SCRATCH_BYTES = 1 << 20 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_kind(const struct pgtype *type, bool binary, const struct leat_value *v)
{
    bool opaque = binary && v->kind == LEAT_BYTES && type->form == PGTYPE_FORM_UNKNOWN;
    check(v->kind == type->kind || v->kind == LEAT_OTHER || opaque);
    if (v->kind == LEAT_DECIMAL)
        check(pgtype_numeric_valid(v->text));
    if (v->kind == LEAT_UUID)
        check(v->text.len == 16);
}

static void check_array(const struct leat_value *v)
{
    struct leat_array a;
    check(leat_array_open(v->text, &a));
    for (uint64_t i = 0; i < a.count; i++) {
        struct leat_value element;
        leat_value_read(&a.elements, &element);
        check(!a.elements.bad && element.kind != LEAT_ARRAY && element.kind != LEAT_ABSENT);
    }
    check(leat_reader_done(&a.elements));
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

static void decode(const struct pgtype *type, bool binary, struct leat_slice wire)
{
    struct leat_arena scratch;
    struct leat_value v;
    struct leat_err err = {.code = 0};
    leat_arena_init(&scratch, SCRATCH_BYTES);
    int rc = binary ? pgtype_decode_binary(type, wire, &scratch, &v, &err)
                    : pgtype_decode_text(type, wire, &scratch, &v, &err);
    check(rc == LEAT_OK || rc == LEAT_ELIMIT || (binary && rc == LEAT_EDATA));
    if (!rc) {
        check_kind(type, binary, &v);
        check_stored(&v);
        if (v.kind == LEAT_ARRAY)
            check_array(&v);
    }
    leat_arena_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_reader r = leat_reader_of(leat_slice_of(data, size));
    uint32_t oid = leat_reader_be32(&r);
    bool binary = leat_reader_u8(&r) & 1;
    size_t len = leat_reader_left(&r);
    if (r.bad || len > 64 << 10)
        return 0;
    uint8_t *exact = malloc(len ? len : 1); /* writable, and one byte too many is seen */
    check(exact != NULL);
    memcpy(exact, r.at, len);
    decode(pgtype_find(oid), binary, leat_slice_of(exact, len));
    free(exact);
    return 0;
}
