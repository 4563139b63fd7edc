#include "sources/postgres/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */
enum { REPLACEMENT_BYTES = 3, GROWTH = 3 }; /* no character of two bytes needs more than six */

/* PostgreSQL's names as iconv(3) knows them: EUC_JP is EUC-JP, WIN1252 is CP1252, KOI8R is KOI8-R.
 */
static void iconv_name(const char *name, char *ret_name, size_t size)
{
    if (strncmp(name, "WIN", 3) == 0)
        snprintf(ret_name, size, "CP%s", name + 3);
    else if (strncmp(name, "KOI8", 4) == 0)
        snprintf(ret_name, size, "KOI8-%s", name + 4);
    else
        snprintf(ret_name, size, "%s", name);
    for (char *at = ret_name; *at; at++)
        *at = *at == '_' ? '-' : *at;
}

int pg_encoding_open(struct pg_encoding *encoding, const char *name, struct leat_err *err)
{
    char known[48];
    iconv_name(name, known, sizeof known);
    iconv_t converter = iconv_open("UTF-8", known);
    if (converter == (iconv_t)-1)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot convert the encoding %s", name);
    encoding->converter = converter;
    return LEAT_OK;
}

void pg_encoding_close(struct pg_encoding *encoding)
{
    if (encoding->converter)
        iconv_close(encoding->converter);
    encoding->converter = NULL;
}

static bool ascii(struct leat_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] & 0x80)
            return false;
    return true;
}

/* Skips a byte that is no character, and leaves the mark for it. */
static void replace(char **in, size_t *in_left, char **out, size_t *out_left)
{
    memcpy(*out, REPLACEMENT, REPLACEMENT_BYTES);
    *out += REPLACEMENT_BYTES;
    *out_left -= REPLACEMENT_BYTES;
    ++*in;
    --*in_left;
}

int pg_encoding_utf8(struct pg_encoding *encoding, struct leat_slice text, struct leat_arena *arena,
                     struct leat_slice *ret_text, struct leat_err *err)
{
    if (!encoding->converter || ascii(text)) {
        *ret_text = text;
        return LEAT_OK;
    }
    size_t size = text.len * GROWTH, out_left = size, in_left = text.len;
    char *first = leat_arena_alloc(arena, size), *out = first, *in = (char *)(uintptr_t)text.ptr;
    if (!first)
        return leat_fail(err, LEAT_ELIMIT, "a text of %zu bytes is too long to be converted",
                         text.len);
    iconv(encoding->converter, NULL, NULL, NULL, NULL); /* no shift state is left over */
    while (in_left) {
        if (iconv(encoding->converter, &in, &in_left, &out, &out_left) != (size_t)-1)
            break;
        if (errno == E2BIG || out_left < REPLACEMENT_BYTES)
            return leat_fail(err, LEAT_EBUG, "a text grew past three times its length");
        replace(&in, &in_left, &out, &out_left);
    }
    *ret_text = leat_slice_of(first, (size_t)(out - first));
    return LEAT_OK;
}
