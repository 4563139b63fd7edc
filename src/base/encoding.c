#include <leat/encoding.h>

#include <errno.h>
#include <iconv.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */
enum { REPLACEMENT_BYTES = 3, GROWTH = 3 }; /* no character of two bytes needs more than six */

/* True when the encoding gives 'A' back for the byte 'A'. */
static bool passes_ascii(iconv_t converter)
{
    char one = 'A', in[1] = {one}, out[4], *from = in, *to = out;
    size_t in_left = 1, out_left = sizeof out;
    bool same =
        iconv(converter, &from, &in_left, &to, &out_left) == 0 && to == out + 1 && out[0] == one;
    iconv(converter, NULL, NULL, NULL, NULL);
    return same;
}

int leat_encoding_open(struct leat_encoding *encoding, const char *name, struct leat_err *err)
{
    iconv_t converter = iconv_open("UTF-8", name);
    if (converter == (iconv_t)-1)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot convert the encoding %s", name);
    *encoding = (struct leat_encoding){converter, passes_ascii(converter)};
    return LEAT_OK;
}

void leat_encoding_close(struct leat_encoding *encoding)
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

int leat_encoding_utf8(struct leat_encoding *encoding, struct leat_slice text,
                       struct leat_arena *arena, struct leat_slice *ret_text, int64_t *ret_replaced,
                       struct leat_err *err)
{
    if (!encoding->converter || !text.len || (encoding->ascii_passes && ascii(text))) {
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
        if (ret_replaced)
            ++*ret_replaced;
    }
    *ret_text = leat_slice_of(first, (size_t)(out - first));
    return LEAT_OK;
}
