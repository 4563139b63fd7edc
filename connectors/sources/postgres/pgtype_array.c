/*
 * Arrays, in text and binary form, into the encoded array of leat/value.h.
 *
 *     text     [lower:upper]…={{1,2},{NULL,"a \"b\""}}
 *              bounds only if one is not 1; `;` instead of `,` between boxes
 *     binary   dimensions i32, has nulls i32, element type u32, per dimension: length i32, lower
 *              bound i32, then per element: length i32 (-1: NULL), bytes
 *
 * The text tells its shape only at its end, so the elements are gathered first and the head is put
 * in front of them when both are copied to scratch. A text of another shape is no array to us:
 * LEAT_OTHER, verbatim.
 */
#include "sources/postgres/pgtype_forms.h"

#include <leat/limits.h>

struct array {
    const struct pgtype *element;
    struct leat_reader r;
    struct leat_arena *scratch;
    struct leat_err *err;
    int rc; /* not a matter of the text: scratch is full */
    struct leat_array shape;
    bool measured[LEAT_ARRAY_DIMENSIONS_MAX]; /* the length of this dimension is known */
    struct leat_buf elements;
};

static void array_init(struct array *a, const struct pgtype *type, struct leat_slice wire,
                       struct leat_arena *scratch, struct leat_err *err)
{
    *a = (struct array){
        .element = pgtype_element(type), .r = leat_reader_of(wire), .scratch = scratch, .err = err};
    for (size_t i = 0; i < LEAT_ARRAY_DIMENSIONS_MAX; i++)
        a->shape.lower_bounds[i] = 1;
    leat_buf_init(&a->elements, scratch->max);
}

static void array_append(struct array *a, int rc, const struct leat_value *element)
{
    if (rc)
        a->rc = rc;
    else
        leat_array_append(&a->elements, element);
}

/* Head and elements, side by side in scratch. */
static int array_finish(struct array *a, struct leat_value *ret_value)
{
    size_t elements = a->elements.len;
    leat_array_begin(&a->elements, &a->shape);
    size_t head = a->elements.len - elements;
    uint8_t *to = a->elements.full ? NULL : leat_arena_alloc(a->scratch, a->elements.len);
    if (!to)
        return pgtype_scratch_full(a->scratch, a->err);
    memcpy(to, a->elements.data + elements, head);
    memcpy(to + head, a->elements.data, elements);
    return pgtype_text_value(LEAT_ARRAY, leat_slice_of(to, head + elements), ret_value);
}

/* --- text ------------------------------------------------------------------------------------- */

static inline uint8_t peek(const struct array *a)
{
    return a->r.at < a->r.end ? *a->r.at : 0;
}

static bool take(struct array *a, uint8_t c)
{
    bool there = a->r.at < a->r.end && *a->r.at == c;
    a->r.at += there;
    return there;
}

/* Removes the backslashes of a quoted element. */
static struct leat_slice unescape(struct array *a, struct leat_slice quoted)
{
    if (!quoted.len || !memchr(quoted.ptr, '\\', quoted.len))
        return quoted;
    uint8_t *to = leat_arena_alloc(a->scratch, quoted.len);
    size_t len = 0;
    if (!to) {
        a->rc = pgtype_scratch_full(a->scratch, a->err);
        return quoted;
    }
    for (size_t i = 0; i < quoted.len; i++) {
        i += quoted.ptr[i] == '\\';
        to[len++] =
            quoted.ptr[i]; /* a backslash is never the last: it would have escaped the quote */
    }
    return leat_slice_of(to, len);
}

static struct leat_slice read_quoted(struct array *a)
{
    const uint8_t *from = a->r.at;
    while (a->r.at < a->r.end && *a->r.at != '"') {
        if (*a->r.at == '\\' && leat_reader_left(&a->r) > 1)
            a->r.at++;
        a->r.at++;
    }
    struct leat_slice quoted = leat_slice_of(from, (size_t)(a->r.at - from));
    a->r.bad |= !take(a, '"');
    return a->r.bad ? quoted : unescape(a, quoted);
}

static struct leat_slice read_bare(struct array *a)
{
    const uint8_t *from = a->r.at;
    while (a->r.at < a->r.end && *a->r.at != a->element->delimiter && *a->r.at != '}') {
        uint8_t c = *a->r.at++;
        a->r.bad |= c == '{' || c == '"' || c == '\\';
    }
    a->r.bad |= a->r.at == from;
    return leat_slice_of(from, (size_t)(a->r.at - from));
}

static void read_element(struct array *a)
{
    struct leat_value v = {.kind = LEAT_NULL, .span = {0, 0, 0}};
    int rc = LEAT_OK;
    bool quoted = take(a, '"');
    struct leat_slice text = quoted ? read_quoted(a) : read_bare(a);
    if (a->r.bad || a->rc)
        return;
    if (quoted || !leat_slice_equal(text, LEAT_SLICE_LITERAL("NULL")))
        rc = pgtype_decode_text(a->element, text, a->scratch, &v, a->err);
    array_append(a, rc, &v);
}

/* Every level of one depth must be as long as the first; the first element says how deep it
 * goes. */
static void level_close(struct array *a, unsigned depth, uint32_t length)
{
    if (!a->measured[depth])
        a->shape.lengths[depth] = length;
    a->r.bad |= a->shape.lengths[depth] != length;
    a->measured[depth] = true;
}

/* "{…,…}"; recursion ends at LEAT_ARRAY_DIMENSIONS_MAX. */
static void read_level(struct array *a, unsigned depth)
{
    uint32_t length = 0;
    unsigned known = a->shape.dimensions;
    if (!take(a, '{') || depth >= LEAT_ARRAY_DIMENSIONS_MAX || (known && depth >= known)) {
        a->r.bad = true;
        return;
    }
    do {
        if (peek(a) == '{') {
            read_level(a, depth + 1);
        } else {
            if (!a->shape.dimensions)
                a->shape.dimensions = depth + 1;
            a->r.bad |= a->shape.dimensions != depth + 1;
            read_element(a);
        }
        length++;
    } while (!a->r.bad && !a->rc && take(a, (uint8_t)a->element->delimiter));
    a->r.bad |= !take(a, '}');
    level_close(a, depth, length);
}

static int32_t read_bound(struct array *a, uint8_t end)
{
    enum { BOUND_MAX = 11 };
    const uint8_t *stop = memchr(a->r.at, end, leat_reader_left(&a->r));
    int64_t v = 0;
    size_t len = stop ? (size_t)(stop - a->r.at) : 0;
    if (len > BOUND_MAX ||
        !pgtype_parse_int(leat_slice_of(a->r.at, len), INT32_MIN, INT32_MAX, &v)) {
        a->r.bad = true;
        return 0;
    }
    a->r.at = stop + 1;
    return (int32_t)v;
}

/* "[lower:upper]" … "=": the lengths they promise are checked against the levels; the number of
 * them. */
static unsigned read_bounds(struct array *a)
{
    unsigned count = 0;
    while (!a->r.bad && count < LEAT_ARRAY_DIMENSIONS_MAX && take(a, '[')) {
        int64_t lower = read_bound(a, ':');
        int64_t upper = a->r.bad ? 0 : read_bound(a, ']');
        a->r.bad |= upper < lower;
        a->shape.lower_bounds[count] = (int32_t)lower;
        a->shape.lengths[count] = (uint32_t)(upper - lower + 1);
        a->measured[count++] = true;
    }
    a->r.bad |= count && !take(a, '=');
    return count;
}

int pgtype_array_text(const struct pgtype *type, struct leat_slice wire, struct leat_arena *scratch,
                      struct leat_value *ret_value, struct leat_err *err)
{
    struct array a;
    array_init(&a, type, wire, scratch, err);
    if (!leat_slice_equal(wire, LEAT_SLICE_LITERAL("{}"))) {
        unsigned bounds = read_bounds(&a);
        read_level(&a, 0);
        a.r.bad |= bounds && bounds != a.shape.dimensions;
    } else {
        a.r.at = a.r.end;
    }
    int rc = a.rc;
    if (!rc)
        rc = leat_reader_done(&a.r) ? array_finish(&a, ret_value)
                                    : pgtype_text_value(LEAT_OTHER, wire, ret_value);
    leat_buf_release(&a.elements);
    return rc;
}

/* --- binary ----------------------------------------------------------------------------------- */

/* False: the head is malformed, or promises more elements than there are bytes. */
static bool read_head(struct array *a)
{
    enum { ELEMENT_BYTES_MIN = 4 };
    a->shape.dimensions = leat_reader_be32(&a->r);
    a->r.bad |= leat_reader_be32(&a->r) > 1;
    uint32_t element = leat_reader_be32(&a->r);
    if (a->r.bad || a->shape.dimensions > LEAT_ARRAY_DIMENSIONS_MAX)
        return false;
    a->shape.count = a->shape.dimensions ? 1 : 0;
    for (unsigned i = 0; i < a->shape.dimensions; i++) {
        a->shape.lengths[i] = leat_reader_be32(&a->r);
        a->shape.lower_bounds[i] = (int32_t)leat_reader_be32(&a->r);
        if (__builtin_mul_overflow(a->shape.count, a->shape.lengths[i], &a->shape.count))
            return false;
    }
    if (a->shape.count == 0)
        a->shape.dimensions = 0;
    return !a->r.bad && a->shape.count <= leat_reader_left(&a->r) / ELEMENT_BYTES_MIN &&
           (a->element->oid == 0 || a->element->oid == element);
}

static void read_binary_element(struct array *a)
{
    struct leat_value v = {.kind = LEAT_NULL, .span = {0, 0, 0}};
    int rc = LEAT_OK;
    uint32_t len = leat_reader_be32(&a->r);
    if (len != UINT32_MAX) {
        struct leat_slice bytes = leat_reader_bytes(&a->r, len);
        if (a->r.bad)
            return;
        rc = pgtype_decode_binary(a->element, bytes, a->scratch, &v, a->err);
    }
    array_append(a, rc, &v);
}

int pgtype_array_binary(const struct pgtype *type, struct leat_slice wire,
                        struct leat_arena *scratch, struct leat_value *ret_value,
                        struct leat_err *err)
{
    struct array a;
    array_init(&a, type, wire, scratch, err);
    a.r.bad |= !read_head(&a);
    for (uint64_t i = 0; i < a.shape.count && !a.r.bad && !a.rc; i++)
        read_binary_element(&a);
    int rc = a.rc;
    if (!rc)
        rc = leat_reader_done(&a.r) ? array_finish(&a, ret_value)
                                    : pgtype_malformed(type, wire, err);
    leat_buf_release(&a.elements);
    return rc;
}
