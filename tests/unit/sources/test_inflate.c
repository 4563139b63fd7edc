/*
 * Compressed bodies: what the libraries wrote comes back, what is cut or forged is refused, and
 * nothing grows past its bounds.
 */
#include "sources/webhook/inflate.h"

#include <zlib.h>
#include <zstd.h>

#include "unit/outcome.h"

static const char TEXT[] = "{\"a\":[1,2,3],\"b\":\"hello hello hello hello hello hello\"}";

/* window: 31 gzip, 15 zlib, -15 bare */
static struct leat_slice deflated(int window, const void *bytes, size_t len, uint8_t *out, size_t max)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)max};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t written = max - z.avail_out;
    deflateEnd(&z);
    return leat_slice_of(out, written);
}

static void expect(unsigned status, enum inflate_coding coding, struct leat_slice body, size_t max, const char *text)
{
    struct leat_buf buf;
    const char *why = NULL;
    leat_buf_init(&buf, max);
    assert_int_equal(inflate_body(coding, body, &buf, &why), status);
    assert_int_equal(why != NULL, status != 0);
    assert_true(buf.len <= max);
    if (text)
        assert_string_equal(leat_buf_text(&buf), text);
    leat_buf_release(&buf);
}

static void inflate__reads_all_forms(void **state)
{
    (void)state;
    uint8_t out[4096];
    size_t len = sizeof TEXT - 1;
    expect(0, INFLATE_IDENTITY, leat_slice_text(TEXT), 4096, TEXT);
    expect(0, INFLATE_GZIP, deflated(31, TEXT, len, out, sizeof out), 4096, TEXT);
    expect(0, INFLATE_DEFLATE, deflated(15, TEXT, len, out, sizeof out), 4096, TEXT);
    expect(0, INFLATE_DEFLATE, deflated(-15, TEXT, len, out, sizeof out), 4096, TEXT);
    size_t written = ZSTD_compress(out, sizeof out, TEXT, len, 3);
    expect(0, INFLATE_ZSTD, leat_slice_of(out, written), 4096, TEXT);
}

static void inflate__members_of_gzip_follow_one_another(void **state)
{
    (void)state;
    uint8_t out[4096];
    struct leat_slice a = deflated(31, "ab", 2, out, sizeof out);
    struct leat_slice b = deflated(31, "cd", 2, out + a.len, sizeof out - a.len);
    expect(0, INFLATE_GZIP, leat_slice_of(out, a.len + b.len), 4096, "abcd");
}

static void inflate__every_strict_prefix_and_every_extension_is_refused(void **state)
{
    (void)state;
    static const int WINDOWS[] = {31, 15, -15};
    uint8_t out[4096];
    for (size_t w = 0; w < 3; w++) {
        enum inflate_coding coding = w == 0 ? INFLATE_GZIP : INFLATE_DEFLATE;
        struct leat_slice body = deflated(WINDOWS[w], TEXT, sizeof TEXT - 1, out, sizeof out - 1);
        for (size_t len = 0; len < body.len; len++)
            expect(400, coding, leat_slice_of(body.ptr, len), 4096, NULL);
        out[body.len] = 0;
        expect(400, coding, leat_slice_of(body.ptr, body.len + 1), 4096, NULL);
    }
    size_t len = ZSTD_compress(out, sizeof out, TEXT, sizeof TEXT - 1, 3);
    for (size_t cut = 1; cut < len; cut++)
        expect(400, INFLATE_ZSTD, leat_slice_of(out, cut), 4096, NULL);
}

static void inflate__bombs_are_stopped_by_size_and_by_ratio(void **state)
{
    (void)state;
    size_t raw_len = 8 << 20, max = 1 << 20;
    uint8_t *raw = calloc(1, raw_len), *out = malloc(max);
    struct leat_slice body = deflated(31, raw, raw_len, out, max);
    assert_true(body.len * 500 < raw_len);
    expect(413, INFLATE_GZIP, body, 1 << 20, NULL);  /* size */
    expect(413, INFLATE_GZIP, body, 64 << 20, NULL); /* ratio */
    size_t len = ZSTD_compress(out, max, raw, raw_len, 3);
    expect(413, INFLATE_ZSTD, leat_slice_of(out, len), 64 << 20, NULL);
    free(raw);
    free(out);
}

static void coding__names(void **state)
{
    (void)state;
    assert_int_equal(inflate_coding_of(NULL), INFLATE_IDENTITY);
    assert_int_equal(inflate_coding_of("GZIP"), INFLATE_GZIP);
    assert_int_equal(inflate_coding_of("deflate"), INFLATE_DEFLATE);
    assert_int_equal(inflate_coding_of("gzip, gzip"), INFLATE_UNKNOWN);
    assert_int_equal(inflate_coding_of("br"), INFLATE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inflate__reads_all_forms),
        cmocka_unit_test(inflate__members_of_gzip_follow_one_another),
        cmocka_unit_test(inflate__every_strict_prefix_and_every_extension_is_refused),
        cmocka_unit_test(inflate__bombs_are_stopped_by_size_and_by_ratio),
        cmocka_unit_test(coding__names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
