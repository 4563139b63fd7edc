/*
 * Forms: what clients sent comes out as another parser reads it; where the pieces are cut does not
 * matter; what is cut short, forged or too large is refused.
 */
#include "sources/webhook/multipart.h"

#include <leat/buf.h>

#include "unit/golden.h"

static const char TYPE[] = "multipart/form-data; boundary=XyZ";

/* --- a transcript: all parts as name|filename|type|hex with tabs between
 * -------------------------- */

struct run {
    struct multipart m;
    struct leat_buf text;
    bool ended;
};

static void run_begin(struct run *r, const char *type)
{
    assert_true(multipart_init(&r->m, type));
    leat_buf_init(&r->text, 1 << 20);
    r->ended = false;
}

static void run_event(struct run *r, enum multipart_event event, struct leat_slice data)
{
    const struct multipart_part *p = &r->m.part;
    if (event == MULTIPART_PART)
        leat_buf_format(&r->text, "%s%s|%s|%s|", r->text.len ? "\t" : "", p->name,
                        p->has_filename ? p->filename : "", p->type);
    for (size_t i = 0; event == MULTIPART_DATA && i < data.len; i++)
        leat_buf_format(&r->text, "%02x", data.ptr[i]);
    if (event == MULTIPART_END)
        r->ended = true;
}

/* False: it is malformed. */
static bool run_piece(struct run *r, struct leat_slice piece)
{
    struct leat_slice data = {NULL, 0};
    enum multipart_event event;
    while ((event = multipart_next(&r->m, &piece, &data)) != MULTIPART_MORE &&
           event != MULTIPART_BAD)
        run_event(r, event, data);
    assert_int_equal(event == MULTIPART_BAD, r->m.status != 0);
    assert_int_equal(event == MULTIPART_BAD, r->m.why != NULL);
    assert_true(event == MULTIPART_BAD || piece.len == 0);
    assert_int_equal(multipart_whole(&r->m), r->ended && event != MULTIPART_BAD);
    return event != MULTIPART_BAD;
}

static unsigned status_of(const char *type, struct leat_slice body)
{
    struct run r;
    run_begin(&r, type);
    unsigned status = run_piece(&r, body) ? (multipart_whole(&r.m) ? 0 : 1) : r.m.status;
    leat_buf_release(&r.text);
    return status;
}

static void expect(const char *type, struct leat_slice body, const char *text)
{
    struct run r;
    run_begin(&r, type);
    assert_true(run_piece(&r, body));
    assert_true(r.ended);
    assert_string_equal(leat_buf_text(&r.text), text);
    leat_buf_release(&r.text);
}

/* --- what comes out
 * ------------------------------------------------------------------------------- */

static void multipart__reads_what_clients_sent(void **state)
{
    struct golden g;
    (void)state;
    golden_open(&g, "tests/golden/multipart/captured.hex");
    while (golden_next(&g)) {
        char *type = strdup(leat_buf_text(&g.expected));
        char *parts = strchr(type, '\t');
        *parts++ = '\0';
        expect(type, leat_buf_slice(&g.bytes), parts);
        free(type);
    }
    assert_true(g.count >= 5);
    golden_close(&g);
}

static void cut_everywhere(const char *type, struct leat_slice body, const char *text)
{
    struct run whole, bytes;
    for (size_t cut = 0; cut <= body.len; cut++) {
        run_begin(&whole, type);
        assert_true(run_piece(&whole, leat_slice_of(body.ptr, cut)));
        assert_int_equal(whole.ended,
                         cut == body.len || whole.ended); /* a prefix ends only in its epilogue */
        assert_true(run_piece(&whole, leat_slice_of(body.ptr + cut, body.len - cut)));
        assert_true(whole.ended);
        assert_string_equal(leat_buf_text(&whole.text), text);
        leat_buf_release(&whole.text);
    }
    run_begin(&bytes, type);
    for (size_t i = 0; i < body.len; i++)
        assert_true(run_piece(&bytes, leat_slice_of(body.ptr + i, 1)));
    assert_string_equal(leat_buf_text(&bytes.text), text);
    leat_buf_release(&bytes.text);
}

static void multipart__goes_on_behind_every_byte(void **state)
{
    struct golden g;
    (void)state;
    golden_open(&g, "tests/golden/multipart/captured.hex");
    while (golden_next(&g)) {
        char *type = strdup(leat_buf_text(&g.expected));
        char *parts = strchr(type, '\t');
        *parts++ = '\0';
        cut_everywhere(type, leat_buf_slice(&g.bytes), parts);
        free(type);
    }
    golden_close(&g);
    cut_everywhere(
        TYPE,
        LEAT_SLICE_LITERAL(
            "preamble\r\n--XyX\r\n--XyZ  \r\nContent-Disposition: form-data; name=a\r\n\r\n"
            "\r\r\n\r\n--Xy\r\n-\r\n--XyZ\r\nContent-Disposition:form-data;name=\"b\"\r\n"
            "\r\n\r\n--XyZ--\r\nepilogue --XyZ--"),
        "a|||0d0d0a0d0a2d2d58790d0a2d\tb|||");
}

static void multipart__every_prefix_is_not_whole(void **state)
{
    static const struct leat_slice body = LEAT_SLICE_LITERAL(
        "--XyZ\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\nabc\r\n--XyZ--");
    (void)state;
    for (size_t len = 0; len < body.len; len++)
        assert_int_equal(status_of(TYPE, leat_slice_of(body.ptr, len)), 1);
    assert_int_equal(status_of(TYPE, body), 0);
}

static void multipart__names_in_all_their_forms(void **state)
{
    static const struct {
        const char *parameters, *name, *filename;
    } CASES[] = {
        {"; name=\"a\"", "a", ""},
        {";NAME=a;FileName=b", "a", "b"},
        {"; name=\"a b\"; filename=\"x;y.txt\"", "a b", "x;y.txt"},
        {"; name=\"a\\\"b\"; filename=\"C:\\dir\\f.txt\"", "a\"b", "C:\\dir\\f.txt"},
        {"; name=\"a\"; filename=\"50%.txt\"", "a", "50%.txt"},
        {"; name=\"a%22b\"; filename=\"%22%0D\"", "a\"b", "\"%0D"},
        {"; name=a; filename*=UTF-8''%e2%82%ac%20x", "a", "€ x"},
        {"; name=a; filename=\"fallback\"; filename*=utf-8'de'%C3%BC", "a", "ü"},
        {"; name=a; filename*=utf-8'de'%C3%BC; filename=\"fallback\"", "a", "ü"},
        {"; name=\"ü😀\"; filename=\"\"", "ü😀", ""},
    };
    char body[1024], text[1024];
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int len = snprintf(body, sizeof body,
                           "--XyZ\r\nContent-Disposition: form-data%s\r\n\r\n\r\n--XyZ--",
                           CASES[i].parameters);
        snprintf(text, sizeof text, "%s|%s||", CASES[i].name, CASES[i].filename);
        expect(TYPE, leat_slice_of(body, (size_t)len), text);
    }
}

/* --- what is refused
 * ------------------------------------------------------------------------------ */

static void multipart__heads_that_are_none(void **state)
{
    static const char *const HEADS[] = {
        "\r\n",
        "Content-Type: text/plain\r\n\r\n",
        "Content-Disposition: form-data\r\n\r\n",
        "Content-Disposition: form-data; filename=x\r\n\r\n",
        "Content-Disposition: form-data; name=\"\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\r\n\r\n",
        "Content-Disposition: form-data; name=a; name=b\r\n\r\n",
        "Content-Disposition: form-data; name=a; filename=x; filename=y\r\n\r\n",
        "Content-Disposition: form-data; name=a; filename*=UTF-8''%2\r\n\r\n",
        "Content-Disposition: form-data; name=a; filename*=UTF-8''a%00b\r\n\r\n",
        "Content-Disposition: form-data; name=a; filename*=UTF-8''%0a\r\n\r\n",
        "Content-Disposition: form-data; name=a; filename*=latin1''x\r\n\r\n",
        "Content-Disposition: form-data; name=\"\xff\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\x01\"\r\n\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n",
        "Content-Disposition: attachment; name=a\r\n\r\n",
        "Content-Disposition: form-data junk; name=a\r\n\r\n",
        "Content-Disposition: form-data; name=a\r\n folded\r\n\r\n",
        "Content-Disposition: form-data; name=a\r\nno colon\r\n\r\n",
        "Content-Disposition : form-data; name=a\r\n\r\n",
        "Content-Disposition: form-data; name=a\nX: y\r\n\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n",
    };
    char body[1024];
    (void)state;
    for (size_t i = 0; i < sizeof HEADS / sizeof *HEADS; i++) {
        int len = snprintf(body, sizeof body, "--XyZ\r\n%sdata\r\n--XyZ--", HEADS[i]);
        if (status_of(TYPE, leat_slice_of(body, (size_t)len)) != 400)
            fail_msg("taken: %s", HEADS[i]);
    }
    static const struct leat_slice NUL = LEAT_SLICE_LITERAL(
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n\r\n--XyZ--");
    assert_int_equal(status_of(TYPE, NUL), 400);
}

static void multipart__delimiters_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(status_of(TYPE, LEAT_SLICE_LITERAL("--XyZabc")), 400);
    assert_int_equal(status_of(TYPE, LEAT_SLICE_LITERAL("--XyZ\n")), 400);
    assert_int_equal(status_of(TYPE, LEAT_SLICE_LITERAL("--XyZ-\r\n")), 400);
    assert_int_equal(status_of(TYPE, LEAT_SLICE_LITERAL("--XyZ\rx")), 400);
    assert_int_equal(status_of(TYPE, LEAT_SLICE_LITERAL("--XyZ--")), 0); /* a form without a part */
}

static void multipart__boundaries(void **state)
{
    static const char *const NONE[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=a",
        "multipart/form-data; boundary=\"a ",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a\x01",
        "multipart/form-data; boundary=\"a;b\"",
        "multipart/form-data; "
        "boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
        "multipart/form-data; x",
        "multipart/form-data; boundary=a b"};
    struct multipart m;
    (void)state;
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++)
        if (multipart_init(&m, NONE[i]))
            fail_msg("taken: %s", NONE[i]);
    assert_true(multipart_init(&m, "multipart/form-data; charset=utf-8; BOUNDARY=\"a b:c\""));
    assert_true(multipart_init(
        &m, "multipart/"
            "form-data;boundary="
            "0123456789012345678901234567890123456789012345678901234567890123456789"));
    assert_true(multipart_is("Multipart/Form-Data; boundary=x") &&
                multipart_is("multipart/form-data"));
    assert_false(multipart_is("multipart/form-database") || multipart_is("multipart/mixed") ||
                 multipart_is(NULL));
}

static void multipart__heads_and_parts_are_bounded(void **state)
{
    struct leat_buf body;
    (void)state;
    leat_buf_init(&body, 1 << 20);
    leat_buf_append_text(&body, "--XyZ\r\nX: ");
    while (body.len < MULTIPART_HEAD_MAX + 16)
        leat_buf_append_text(&body, "x");
    assert_int_equal(status_of(TYPE, leat_buf_slice(&body)), 413);
    leat_buf_reset(&body);
    leat_buf_append_text(&body, "--XyZ");
    for (int i = 0; i < MULTIPART_PARTS_MAX; i++)
        leat_buf_append_text(&body, "\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XyZ");
    size_t len = body.len;
    leat_buf_append_text(&body, "--");
    assert_int_equal(status_of(TYPE, leat_buf_slice(&body)), 0);
    body.len = len;
    leat_buf_append_text(&body, "\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XyZ--");
    assert_int_equal(status_of(TYPE, leat_buf_slice(&body)), 413);
    leat_buf_release(&body);
}

/* Any bytes that do not hold the delimiter come back as they were. */
static void multipart__contents_of_all_kinds_come_back(void **state)
{
    static const char PIECES[] = "\r\n--XyZ\r\r\n--X\n-";
    uint64_t chance = 20261121;
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct run r;
        char body[256], text[256];
        uint8_t data[32];
        size_t len = 0, at = 0;
        for (size_t i = 0; i < sizeof data; i++) {
            chance = chance * 6364136223846793005u + 1442695040888963407u;
            data[len++] = (uint8_t)PIECES[chance >> 33 & 15];
        }
        if (memmem(data, len, "\r\n--XyZ", 7))
            continue;
        at = (size_t)snprintf(body, sizeof body,
                              "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n");
        memcpy(body + at, data, len);
        memcpy(body + at + len, "\r\n--XyZ--", 9);
        size_t cut = at + (size_t)(chance >> 40) % len,
               out = (size_t)snprintf(text, sizeof text, "a|||");
        for (size_t i = 0; i < len; i++)
            out += (size_t)snprintf(text + out, sizeof text - out, "%02x", data[i]);
        run_begin(&r, TYPE);
        assert_true(run_piece(&r, leat_slice_of(body, cut)));
        assert_true(run_piece(&r, leat_slice_of(body + cut, at + len + 9 - cut)));
        assert_true(r.ended);
        assert_string_equal(leat_buf_text(&r.text), text);
        leat_buf_release(&r.text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipart__reads_what_clients_sent),
        cmocka_unit_test(multipart__goes_on_behind_every_byte),
        cmocka_unit_test(multipart__every_prefix_is_not_whole),
        cmocka_unit_test(multipart__names_in_all_their_forms),
        cmocka_unit_test(multipart__heads_that_are_none),
        cmocka_unit_test(multipart__delimiters_that_are_none),
        cmocka_unit_test(multipart__boundaries),
        cmocka_unit_test(multipart__heads_and_parts_are_bounded),
        cmocka_unit_test(multipart__contents_of_all_kinds_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
