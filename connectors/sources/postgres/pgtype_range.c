/*
 * Ranges, multiranges and the two vector types are LEAT_OTHER: their text passes verbatim. Here
 * their binary forms are printed the way range_out, multirange_out and int2vectorout do.
 *
 *     range        flags u8: 1 empty, 2 [lower, 4 upper], 8 no lower, 16 no upper;
 *                  then each bound that there is: length i32, bytes of the element type
 *     multirange   count u32, then per range: length i32, bytes
 *     vector       a binary array of one dimension without nulls
 */
#include "sources/postgres/pgtype_forms.h"

#include <stdio.h>

enum range_flag {
    EMPTY = 1,
    LOWER_INCLUSIVE = 2,
    UPPER_INCLUSIVE = 4,
    LOWER_NONE = 8,
    UPPER_NONE = 16
};

struct printer {
    struct leat_reader r;
    struct leat_arena *scratch;
    struct leat_err *err;
    struct leat_buf text;
    int rc;
};

static void print_byte(struct printer *p, uint8_t c)
{
    leat_buf_append(&p->text, leat_slice_of(&c, 1));
}

static struct leat_slice read_counted(struct printer *p)
{
    return leat_reader_bytes(&p->r, leat_reader_be32(&p->r));
}

/* Dates and timestamps are printed from the wire: their common form has lost Postgres' epoch, not
 * more. */
static struct leat_slice element_text(struct printer *p, const struct pgtype *element,
                                      struct leat_slice wire, char text[PGTYPE_TIMESTAMP_TEXT])
{
    struct leat_value v = {.kind = LEAT_NULL, .integer = 0};
    struct leat_reader r = leat_reader_of(wire);
    p->rc = pgtype_decode_binary(element, wire, p->scratch, &v, p->err); /* checks it, too */
    if (p->rc)
        return wire;
    switch ((enum pgtype_form)element->form) {
    case PGTYPE_FORM_DATE:
        return leat_slice_of(text, pgtype_print_date((int32_t)leat_reader_be32(&r), text));
    case PGTYPE_FORM_TIMESTAMP:
    case PGTYPE_FORM_TIMESTAMPTZ: {
        bool zoned = element->form == PGTYPE_FORM_TIMESTAMPTZ;
        return leat_slice_of(text,
                             pgtype_print_timestamp((int64_t)leat_reader_be64(&r), zoned, text));
    }
    case PGTYPE_FORM_NUMERIC:
        return v.text;
    default:
        snprintf(text, PGTYPE_TIMESTAMP_TEXT, "%lld", (long long)v.integer);
        return leat_slice_text(text);
    }
}

/* Of what bounds can hold, only a blank (in timestamps and BC dates) makes them quoted. */
static void print_bound(struct printer *p, const struct pgtype *element)
{
    char text[PGTYPE_TIMESTAMP_TEXT];
    struct leat_slice wire = read_counted(p);
    if (p->r.bad)
        return;
    struct leat_slice s = element_text(p, element, wire, text);
    bool quoted = !p->rc && s.len && memchr(s.ptr, ' ', s.len);
    if (quoted)
        print_byte(p, '"');
    leat_buf_append(&p->text, s);
    if (quoted)
        print_byte(p, '"');
}

static void print_range(struct printer *p, const struct pgtype *element)
{
    uint8_t flags = leat_reader_u8(&p->r);
    if (flags & EMPTY) {
        leat_buf_append_text(&p->text, "empty");
        return;
    }
    print_byte(p, flags & LOWER_INCLUSIVE ? '[' : '(');
    if (!(flags & LOWER_NONE))
        print_bound(p, element);
    print_byte(p, ',');
    if (!(flags & UPPER_NONE) && !p->rc)
        print_bound(p, element);
    print_byte(p, flags & UPPER_INCLUSIVE ? ']' : ')');
}

static void print_multirange(struct printer *p, const struct pgtype *element)
{
    uint32_t count = leat_reader_be32(&p->r);
    print_byte(p, '{');
    for (uint32_t i = 0; i < count && !p->r.bad && !p->rc; i++) {
        struct leat_reader outer = p->r;
        struct leat_slice range = leat_reader_bytes(&outer, leat_reader_be32(&outer));
        p->r = leat_reader_of(range);
        if (i)
            print_byte(p, ',');
        print_range(p, element);
        outer.bad |= !leat_reader_done(&p->r);
        p->r = outer;
    }
    print_byte(p, '}');
}

static void print_vector(struct printer *p, const struct pgtype *element)
{
    uint32_t dimensions = leat_reader_be32(&p->r);
    uint32_t nulls = leat_reader_be32(&p->r);
    uint32_t type = leat_reader_be32(&p->r);
    uint32_t count = dimensions == 1 ? leat_reader_be32(&p->r) : 0;
    if (dimensions == 1)
        (void)leat_reader_be32(&p->r); /* lower bound: always 0 */
    p->r.bad |= dimensions > 1 || nulls || type != element->oid;
    for (uint32_t i = 0; i < count && !p->r.bad && !p->rc; i++) {
        if (i)
            print_byte(p, ' ');
        print_bound(p, element);
    }
}

int pgtype_range_binary(const struct pgtype *type, struct leat_slice wire,
                        struct leat_arena *scratch, struct leat_value *ret_value,
                        struct leat_err *err)
{
    struct printer p = {.r = leat_reader_of(wire), .scratch = scratch, .err = err};
    const struct pgtype *element = pgtype_element(type);
    struct leat_slice text = {NULL, 0};
    leat_buf_init(&p.text, scratch->max);
    if (type->form == PGTYPE_FORM_RANGE)
        print_range(&p, element);
    else if (type->form == PGTYPE_FORM_MULTIRANGE)
        print_multirange(&p, pgtype_element(element));
    else
        print_vector(&p, element);
    int rc = p.rc;
    if (!rc && !leat_reader_done(&p.r))
        rc = pgtype_malformed(type, wire, err);
    if (!rc && p.text.full)
        rc = pgtype_scratch_full(scratch, err);
    if (!rc)
        rc = pgtype_scratch_copy(scratch, leat_buf_slice(&p.text), &text, err);
    if (!rc)
        rc = pgtype_text_value(LEAT_OTHER, text, ret_value);
    leat_buf_release(&p.text);
    return rc;
}
