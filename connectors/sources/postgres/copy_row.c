#include "sources/postgres/copy_row.h"

#include <leat/reader.h>

#include <stdio.h>

static const uint8_t SIGNATURE[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0};

static int malformed(const char *form, struct leat_err *err)
{
    return leat_fail(err, LEAT_EPROTO, "the server sent a malformed row of COPY (%s)", form);
}

/* --- binary ------------------------------------------------------------------------------------
 */

static void header_pass(struct leat_reader *r)
{
    struct leat_slice signature = leat_reader_bytes(r, sizeof SIGNATURE);
    leat_reader_be32(r); /* flags: none that change how rows are read */
    uint32_t extension = leat_reader_be32(r);
    leat_reader_bytes(r, extension);
    r->bad |= !leat_slice_equal(signature, leat_slice_of(SIGNATURE, sizeof SIGNATURE));
}

int pg_copy_binary(struct leat_slice message, bool first, uint16_t count,
                   struct pgoutput_field *ret_fields, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(message);
    if (first)
        header_pass(&r);
    uint16_t fields = leat_reader_be16(&r);
    if (fields == UINT16_MAX && leat_reader_done(&r))
        return LEAT_EOF;
    if (fields != count)
        return malformed("binary", err);
    for (uint16_t i = 0; i < count; i++) {
        uint32_t len = leat_reader_be32(&r);
        bool null = len == UINT32_MAX;
        ret_fields[i].form = null ? PGOUTPUT_NULL : PGOUTPUT_BINARY;
        ret_fields[i].data = leat_reader_bytes(&r, null ? 0 : len);
    }
    return leat_reader_done(&r) ? LEAT_OK : malformed("binary", err);
}

/* --- text --------------------------------------------------------------------------------------
 */

/* The byte that stands behind a backslash; COPY writes no octal and no hexadecimal ones. */
static uint8_t unescaped(uint8_t c)
{
    static const char LETTERS[] = "bfnrtv", BYTES[] = "\b\f\n\r\t\v";
    const char *at = c ? memchr(LETTERS, c, sizeof LETTERS - 1) : NULL;
    return at ? (uint8_t)BYTES[at - LETTERS] : c;
}

/* One field from `at` on, put together where it stands; gives what comes behind its tab, or NULL.
 */
static uint8_t *field_take(uint8_t *at, uint8_t *end, struct pgoutput_field *ret_field, bool *bad)
{
    uint8_t *to = at, *from = at;
    if (end - at >= 2 && at[0] == '\\' && at[1] == 'N' && (end - at == 2 || at[2] == '\t')) {
        *ret_field = (struct pgoutput_field){PGOUTPUT_NULL, {NULL, 0}};
        return end - at == 2 ? NULL : at + 3;
    }
    while (from < end && *from != '\t') {
        bool escaped = *from == '\\';
        from += escaped;
        if (from == end) {
            *bad = true;
            return NULL;
        }
        *to++ = escaped ? unescaped(*from) : *from;
        from++;
    }
    *ret_field = (struct pgoutput_field){PGOUTPUT_TEXT, {at, (size_t)(to - at)}};
    return from < end ? from + 1 : NULL;
}

int pg_copy_text(uint8_t *line, size_t len, uint16_t count, struct pgoutput_field *ret_fields,
                 struct leat_err *err)
{
    bool bad = len == 0 || line[len - 1] != '\n';
    if (bad)
        return malformed("text", err);
    uint8_t *end = line + len - 1, *at = line;
    if (count == 0)
        return at == end ? LEAT_OK : malformed("text", err);
    uint16_t i = 0;
    for (; at && i < count; i++)
        at = field_take(at, end, &ret_fields[i], &bad);
    return !bad && !at && i == count ? LEAT_OK : malformed("text", err);
}

/* --- places ------------------------------------------------------------------------------------
 */

bool pg_copy_tid(const struct pgoutput_field *f, uint32_t *ret_block, uint16_t *ret_offset)
{
    if (f->form == PGOUTPUT_BINARY) {
        struct leat_reader r = leat_reader_of(f->data);
        *ret_block = leat_reader_be32(&r);
        *ret_offset = leat_reader_be16(&r);
        return leat_reader_done(&r);
    }
    char text[24];
    unsigned block, offset;
    int len = 0; /* of the whole form, its end included */
    if (f->form != PGOUTPUT_TEXT || f->data.len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", LEAT_SLICE_ARG(f->data));
    if (sscanf(text, "(%10u,%5u)%n", &block, &offset, &len) != 2 || offset > UINT16_MAX ||
        (size_t)len != f->data.len)
        return false;
    *ret_block = block;
    *ret_offset = (uint16_t)offset;
    return true;
}
