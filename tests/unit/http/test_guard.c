/*
 * The guard by itself: header lists and targets as a client could send them, and the verdict that
 * RFC 9110 and 9112 ask for.
 */
#include "http/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Headers as "Name: value" with "|" between them. */
static unsigned judge(const char *version, const char *headers)
{
    struct leat_http_guard guard = {0};
    while (*headers) {
        size_t len = strcspn(headers, "|");
        const char *colon = memchr(headers, ':', len);
        assert_non_null(colon);
        size_t name = (size_t)(colon - headers), skip = name + 2 <= len ? name + 2 : len;
        leat_http_guard_header(&guard, leat_slice_of(headers, name),
                               leat_slice_of(headers + skip, len - skip));
        headers += len + (headers[len] == '|');
    }
    struct leat_http_verdict verdict = leat_http_guard_end(&guard, version);
    assert_int_equal(verdict.status != 0, verdict.detail != NULL);
    return verdict.status;
}

static void guard__ordinary_requests_pass(void **state)
{
    (void)state;
    assert_int_equal(judge("HTTP/1.1", "Host: localhost"), 0);
    assert_int_equal(judge("HTTP/1.1", "host: x|User-Agent: curl|Accept: */*|Content-Length: 0"),
                     0);
    assert_int_equal(judge("HTTP/1.0", ""), 0);
    assert_int_equal(judge("HTTP/1.1", "Host: x|Accept: a|Accept: b"), 0);
}

static void guard__what_decides_about_a_request_stands_once(void **state)
{
    (void)state;
    assert_int_equal(judge("HTTP/1.1", "Host: x|Authorization: a|authorization: b"), 400);
    assert_int_equal(judge("HTTP/1.1", "Host: x|Idempotency-Key: a|Idempotency-Key: a"), 400);
    assert_int_equal(judge("HTTP/1.1", "Host: x|Content-Type: a|Content-Encoding: b|Ce-Id: c"), 0);
}

static void guard__a_body_is_taken_where_it_is_wanted(void **state)
{
    (void)state;
    struct leat_http_guard guard = {.takes_body = true};
    leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("Host"), LEAT_SLICE_LITERAL("x"));
    leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("Content-Length"), LEAT_SLICE_LITERAL("5"));
    assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.1").status, 0);
    leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("Transfer-Encoding"), LEAT_SLICE_LITERAL("chunked"));
    assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.1").status, 400);
}

static void guard__what_two_parsers_may_read_differently_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "Host: a|Content-Length: 0|Transfer-Encoding: chunked",
        "Host: a|Content-Length: 0|Content-Length: 0",
        "Host: a|content-length: 0|CONTENT-LENGTH: 5",
        "Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked",
        "Host: a|Host: b",
        "Host: a|Host: a",
        "Host: a|Transfer-Encoding: identity",
        "Host: a|Transfer-Encoding: gzip, chunked",
        "Host: a|Transfer-Encoding: xchunked",
        "Host: a|Transfer-Encoding: ",
        "Host: a|Content-Length: -1",
        "Host: a|Content-Length: +0",
        "Host: a|Content-Length: 0x0",
        "Host: a|Content-Length: 0, 0",
        "Host: a|Content-Length: ",
        "Host: a|Content-Length : 0",
        "Host : a",
        "Host: a|X\tY: 1",
        "Host: a|X(Y): 1",
        "Host: a|\xc3\xa9: 1",
        "Host: a|: 1",
        "Host: a|X: \x01",
        "Host: a|X: a\rb",
        "Host: a|X: \x7f",
        "Host: a/b",
        "Host: a@b",
        "Host: a, b",
        "Accept: */*",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (judge("HTTP/1.1", BAD[i]) != 400)
            fail_msg("\"%s\" gets %u", BAD[i], judge("HTTP/1.1", BAD[i]));
}

static void guard__a_name_with_a_nul_is_refused(void **state)
{
    (void)state;
    struct leat_http_guard guard = {0};
    leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("Ho\0st"), LEAT_SLICE_LITERAL("a"));
    assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.0").status, 400);
}

static void guard__no_body_is_taken(void **state)
{
    (void)state;
    assert_int_equal(judge("HTTP/1.1", "Host: a|Content-Length: 1"), 413);
    assert_int_equal(judge("HTTP/1.1", "Host: a|Content-Length: 00"), 0);
    assert_int_equal(judge("HTTP/1.1", "Host: a|Transfer-Encoding: chunked"), 413);
    assert_int_equal(judge("HTTP/1.0", "Content-Length: 99999999999999999999999999"), 413);
    assert_int_equal(judge("HTTP/1.0", "Host: a|Transfer-Encoding: chunked"), 400);
}

static void guard__other_versions_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge("HTTP/1.2", "Host: a"), 505);
    assert_int_equal(judge("HTTP/2.0", "Host: a"), 505);
    assert_int_equal(judge("", "Host: a"), 505);
}

static void guard__headers_are_counted(void **state)
{
    (void)state;
    struct leat_http_guard guard = {0};
    for (int i = 0; i < LEAT_HTTP_HEADERS_MAX; i++)
        leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("X"), LEAT_SLICE_LITERAL("y"));
    assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.0").status, 0);
    leat_http_guard_header(&guard, LEAT_SLICE_LITERAL("X"), LEAT_SLICE_LITERAL("y"));
    assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.0").status, 431);
}

static void guard__targets_are_plain_paths(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"/", "/metrics", "/a%20b", "/a?x=%ff&y=1", "/%01"};
    static const char *const BAD[] = {
        "",     "*",     "metrics", "http://x/metrics", "/a%00b",    "/%00",  "/a?%00", "/a%",
        "/a%4", "/a%zz", "/a b",    "/a\x7f",           "/\xc3\xa9", "/a\tb", "/%0",    "/\x01"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_int_equal(leat_http_guard_target(GOOD[i]).status, 0);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_int_equal(leat_http_guard_target(BAD[i]).status, 400);
    char target[LEAT_HTTP_TARGET_MAX + 2];
    memset(target, '/', sizeof target);
    target[LEAT_HTTP_TARGET_MAX] = '\0';
    assert_int_equal(leat_http_guard_target(target).status, 0);
    target[LEAT_HTTP_TARGET_MAX] = '/';
    target[LEAT_HTTP_TARGET_MAX + 1] = '\0';
    assert_int_equal(leat_http_guard_target(target).status, 414);
}

/* --- layout: the library as it was read, on a head of a test's own --------------------------------- */

/* The next line, its end zeroed; NULL: the empty one. */
static char *line_take(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    *at = end + 1;
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    *end = '\0';
    return line[0] ? line : NULL;
}

static unsigned parse(const char *raw)
{
    static char head[512];
    struct leat_http_guard guard = {.takes_body = true};
    size_t len = strlen(raw);
    memcpy(head, raw, len + 1);
    char *at = head, *method = line_take(&at), *path = strchr(method, ' ');
    char *version = strrchr(method, ' ');
    *path++ = '\0';
    path += strspn(path, " ");
    *version++ = '\0';
    struct leat_http_line line = {method, path, version, strlen(path), len};
    leat_http_guard_line(&guard, &line);
    for (char *header; (header = line_take(&at));) {
        char *colon = strchr(header, ':'), *value = colon + 1;
        *colon = '\0';
        value += strspn(value, " \t");
        leat_http_guard_header(&guard, leat_slice_text(header), leat_slice_text(value));
    }
    return leat_http_guard_end(&guard, version).status;
}

static void layout__what_stands_where_it_seems_passes(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_int_equal(parse("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX:\r\nY:  \r\nZ:\ta \r\n\r\n"), 0);
}

static void layout__bare_line_feeds_and_second_blanks_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\nHost: x\r\n\r\n"), 400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"), 400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\n\r\n"), 400);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\n\n"), 400);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\n"), 400);
    assert_int_equal(parse("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

static void layout__names_and_values_from_elsewhere_are_refused(void **state)
{
    (void)state;
    static char head[] = "GET\0/\0HTTP/1.1\0\0Host\0x\0\0\0\0", glued[] = "Hostfolded";
    struct leat_http_line line = {head, head + 4, head + 6, 1, sizeof head - 1};
    struct leat_slice host = leat_slice_of(head + 16, 4), x = leat_slice_of(head + 21, 1);
    struct leat_slice names[] = {host, leat_slice_of(glued, 10), leat_slice_of(head + 17, 3)};
    for (size_t i = 0; i < 3; i++) {
        struct leat_http_guard guard = {0};
        leat_http_guard_line(&guard, &line);
        leat_http_guard_header(&guard, names[i], x);
        guard.hosts = 1;
        assert_int_equal(leat_http_guard_end(&guard, "HTTP/1.1").status, i ? 400 : 0);
    }
    struct leat_http_guard longer = {0};
    line.head_bytes += 2; /* a line that began with a NUL was the end of it */
    leat_http_guard_line(&longer, &line);
    leat_http_guard_header(&longer, host, x);
    assert_int_equal(leat_http_guard_end(&longer, "HTTP/1.1").status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard__ordinary_requests_pass),
        cmocka_unit_test(guard__what_decides_about_a_request_stands_once),
        cmocka_unit_test(guard__a_body_is_taken_where_it_is_wanted),
        cmocka_unit_test(guard__what_two_parsers_may_read_differently_is_refused),
        cmocka_unit_test(guard__a_name_with_a_nul_is_refused),
        cmocka_unit_test(guard__no_body_is_taken),
        cmocka_unit_test(guard__other_versions_are_refused),
        cmocka_unit_test(guard__headers_are_counted),
        cmocka_unit_test(guard__targets_are_plain_paths),
        cmocka_unit_test(layout__what_stands_where_it_seems_passes),
        cmocka_unit_test(layout__bare_line_feeds_and_second_blanks_are_refused),
        cmocka_unit_test(layout__names_and_values_from_elsewhere_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
