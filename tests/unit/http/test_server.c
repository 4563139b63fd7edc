/*
 * The running port, asked over real sockets with requests written byte by byte, good and malformed.
 */
#include "http/server.h"

#include <leat/clock.h>

#include "http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MAX = 8 << 20, PATIENCE_MS = 5000 };

static unsigned hello(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    *ret_content_type = "text/plain";
    leat_buf_append_text(body, arg);
    return 200;
}

static unsigned not_ready(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    (void)arg;
    (void)ret_content_type;
    leat_buf_append_text(body, "{\"ready\":false}\n");
    return 503;
}

static unsigned endless(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    (void)arg;
    (void)ret_content_type;
    while (!body->full)
        leat_buf_append_text(body, "0123456789");
    return 200;
}

static unsigned large(void *arg, struct leat_buf *body, const char **ret_content_type)
{
    (void)arg;
    (void)ret_content_type;
    for (int i = 0; i < 3000; i++)
        leat_buf_format(body, "%0999d\n", i);
    return 200;
}

static const struct leat_http_route ROUTES[] = {
    {"/hello", "GET", hello, (void *)(uintptr_t) "hello\n"},
    {"/readyz", "GET", not_ready, NULL},
    {"/endless", "GET", endless, NULL},
    {"/large", "GET", large, NULL},
    {NULL, NULL, NULL, NULL},
};

static struct leat_http *server;

static int start(void **state)
{
    (void)state;
    struct leat_http_options options = {.listen = "127.0.0.1:0", .routes = ROUTES};
    struct leat_err err;
    return leat_http_open(&options, &server, &err);
}

static int stop(void **state)
{
    (void)state;
    leat_http_close(server);
    server = NULL;
    return 0;
}

/* --- a client that does as it is told -------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)leat_http_port(server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server may have closed already, having seen enough */
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* Reads until the server closes or the patience ends. True: it closed. */
static bool read_until_close(int fd, int64_t patience_ms, struct leat_buf *answer)
{
    int64_t until_ms = leat_clock_monotonic_ms() + patience_ms;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - leat_clock_monotonic_ms();
        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
            return false;
        char bytes[65536];
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0)
            return true;
        leat_buf_append(answer, leat_slice_of(bytes, (size_t)got));
    }
}

/* One connection, one request text, everything that comes back. Free the result. */
static struct leat_buf ask_bytes(const char *request, size_t len)
{
    struct leat_buf answer;
    leat_buf_init(&answer, ANSWER_MAX);
    int fd = dial();
    send_all(fd, request, len);
    assert_true(read_until_close(fd, PATIENCE_MS, &answer));
    close(fd);
    leat_buf_text(&answer);
    return answer;
}

static struct leat_buf ask(const char *request)
{
    return ask_bytes(request, strlen(request));
}

/* For bytes that may be no whole request: says that no more will come and does not wait long. */
static struct leat_buf ask_and_hang_up(const char *request, size_t len)
{
    struct leat_buf answer;
    leat_buf_init(&answer, ANSWER_MAX);
    int fd = dial();
    send_all(fd, request, len);
    shutdown(fd, SHUT_WR);
    read_until_close(fd, 50, &answer);
    close(fd);
    return answer;
}

static unsigned status_of(struct leat_buf *answer)
{
    const char *text = leat_buf_text(answer);
    if (strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 12)
        return 0;
    return (unsigned)((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
}

static const char *body_of(struct leat_buf *answer)
{
    const char *end = strstr(leat_buf_text(answer), "\r\n\r\n");
    return end ? end + 4 : "";
}

static void expect_answer(const char *request, unsigned status, const char *header,
                          const char *body)
{
    struct leat_buf answer = ask(request);
    if (status_of(&answer) != status)
        print_error("%s\nanswered\n%s\n", request, leat_buf_text(&answer));
    assert_int_equal(status_of(&answer), status);
    if (header && !strstr(leat_buf_text(&answer), header))
        fail_msg("no \"%s\" in\n%s", header, leat_buf_text(&answer));
    if (body)
        assert_string_equal(body_of(&answer), body);
    leat_buf_release(&answer);
}

#define HOST      "Host: 127.0.0.1\r\nConnection: close\r\n"
#define HOST_KEEP "Host: 127.0.0.1\r\n"

/* --- good requests --------------------------------------------------------------------------- */

static void http__a_route_answers_with_type_and_body(void **state)
{
    (void)state;
    expect_answer("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "Content-Type: text/plain\r\n",
                  "hello\n");
    expect_answer("GET /hello HTTP/1.0\r\n\r\n", 200, "Content-Length: 6\r\n", "hello\n");
    expect_answer("GET /hello?x=1&y=%2F HTTP/1.1\r\n" HOST "\r\n", 200,
                  "Cache-Control: no-store\r\n", "hello\n");
    expect_answer("GET /readyz HTTP/1.1\r\n" HOST "\r\n", 503, "Content-Type: application/json\r\n",
                  "{\"ready\":false}\n");
}

static void http__head_answers_like_get_without_a_body(void **state)
{
    (void)state;
    expect_answer("HEAD /hello HTTP/1.1\r\n" HOST "\r\n", 200, "Content-Length: 6\r\n", "");
    expect_answer("HEAD /readyz HTTP/1.1\r\n" HOST "\r\n", 503, "Content-Length: 16\r\n", "");
    expect_answer("HEAD /nothing HTTP/1.1\r\n" HOST "\r\n", 404, "application/problem+json", "");
}

static void http__a_connection_serves_several_requests(void **state)
{
    (void)state;
    struct leat_buf answer = ask("GET /hello HTTP/1.1\r\n" HOST_KEEP "\r\n"
                                 "GET /nothing HTTP/1.1\r\n" HOST_KEEP "\r\n"
                                 "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    const char *text = leat_buf_text(&answer);
    const char *first = strstr(text, "\r\n\r\nhello\n"), *second = strstr(text, "404 Not Found");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    assert_non_null(strstr(second, "\r\n\r\nhello\n"));
    leat_buf_release(&answer);
}

static void http__a_large_answer_arrives_whole(void **state)
{
    (void)state;
    struct leat_buf answer = ask("GET /large HTTP/1.1\r\n" HOST "\r\n");
    const char *body = body_of(&answer);
    assert_int_equal(strlen(body), 3000 * 1000);
    for (int i = 0; i < 3000; i++) {
        char line[1001];
        snprintf(line, sizeof line, "%0999d\n", i);
        assert_memory_equal(body + i * 1000, line, 1000);
    }
    leat_buf_release(&answer);
}

static void http__an_answer_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    expect_answer("GET /endless HTTP/1.1\r\n" HOST "\r\n", 500, "application/problem+json",
                  "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,"
                  "\"detail\":\"the answer is too large\",\"code\":\"INTERNAL_SERVER_ERROR\","
                  "\"error\":\"INTERNAL_SERVER_ERROR\",\"message\":\"the answer is too large\"}\n");
}

/* --- refusals -------------------------------------------------------------------------------- */

static void http__an_unknown_path_is_404_and_nothing_is_reflected(void **state)
{
    (void)state;
    expect_answer("GET /<script> HTTP/1.1\r\n" HOST "\r\n", 404,
                  "Content-Type: application/problem+json\r\n",
                  "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                  "\"detail\":\"there is nothing under this path\",\"code\":\"NOT_FOUND\","
                  "\"error\":\"NOT_FOUND\",\"message\":\"there is nothing under this path\"}\n");
    expect_answer("GET /hello/ HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL);
    expect_answer("GET //hello HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL);
    expect_answer("GET /HELLO HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL);
    expect_answer("POST /nothing HTTP/1.1\r\n" HOST "\r\n", 404, NULL, NULL);
}

static void http__another_method_is_405_and_told_which(void **state)
{
    (void)state;
    static const char *const METHODS[] = {"POST",  "PUT", "DELETE", "OPTIONS",
                                          "PATCH", "get", "BREW"};
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        char request[200];
        snprintf(request, sizeof request, "%s /hello HTTP/1.1\r\n" HOST "\r\n", METHODS[i]);
        expect_answer(request, 405, "Allow: GET, HEAD\r\n", NULL);
    }
}

static void http__smuggling_shapes_are_400_and_the_connection_ends(void **state)
{
    (void)state;
    static const char *const SHAPES[] = {
        HOST_KEEP "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        HOST_KEEP "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        HOST_KEEP "Content-Length: 0\r\nContent-Length: 0\r\n",
        HOST_KEEP "Content-Length: 5\r\nContent-Length: 6\r\n",
        HOST_KEEP HOST_KEEP,
        HOST_KEEP "Transfer-Encoding: xchunked\r\n",
        HOST_KEEP "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        HOST_KEEP "Content-Length: -5\r\n",
        HOST_KEEP "Content-Length: 5x\r\n",
        HOST_KEEP "Content-Length : 0\r\n",
        HOST_KEEP "X Y: 1\r\n",
        HOST_KEEP "X(): 1\r\n",
        "Accept: */*\r\n",
    };
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        char request[400];
        snprintf(request, sizeof request,
                 "GET /hello HTTP/1.1\r\n%s\r\nGET /hello HTTP/1.1\r\n" HOST_KEEP "\r\n",
                 SHAPES[i]);
        struct leat_buf answer = ask(request);
        if (status_of(&answer) != 400)
            print_error("%s\nanswered\n%s\n", request, leat_buf_text(&answer));
        assert_int_equal(status_of(&answer), 400);
        assert_null(
            strstr(leat_buf_text(&answer), "hello\n")); /* the second request was not served */
        leat_buf_release(&answer);
    }
}

static void http__paths_that_c_cannot_hold_are_400(void **state)
{
    (void)state;
    expect_answer("GET /hello%00 HTTP/1.1\r\n" HOST "\r\n", 400, "application/problem+json", NULL);
    expect_answer("GET /hello%00.txt HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL);
    expect_answer("GET /hello?a=%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL);
    expect_answer("GET /hel%zzlo HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL);
    expect_answer("GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL);
    expect_answer("GET http://127.0.0.1/hello HTTP/1.1\r\n" HOST "\r\n", 400, NULL, NULL);
}

static void http__bodies_are_refused_before_they_are_read(void **state)
{
    (void)state;
    expect_answer("GET /hello HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 413,
                  "Connection: close\r\n", NULL);
    expect_answer("POST /hello HTTP/1.1\r\n" HOST "Content-Length: 999999999999\r\n\r\n", 413, NULL,
                  NULL);
    expect_answer("POST /hello HTTP/1.1\r\n" HOST
                  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                  413, NULL, NULL);
}

/* A request of `head`, then `piece` until it has `bytes`, then `tail`. */
static unsigned status_of_long(const char *head, const char *piece, size_t bytes, const char *tail)
{
    struct leat_buf request;
    leat_buf_init(&request, 1 << 20);
    leat_buf_append_text(&request, head);
    while (request.len < bytes)
        leat_buf_append_text(&request, piece);
    leat_buf_append_text(&request, tail);
    struct leat_buf answer = ask_bytes((const char *)request.data, request.len);
    unsigned status = status_of(&answer);
    leat_buf_release(&request);
    leat_buf_release(&answer);
    return status;
}

static void http__long_paths_and_heads_are_refused(void **state)
{
    (void)state;
    assert_int_equal(status_of_long("GET /", "a", 4100 + 4, " HTTP/1.1\r\n" HOST "\r\n"), 414);
    assert_int_equal(
        status_of_long("GET /hello HTTP/1.1\r\n" HOST, "X: y\r\n", 21 + 36 + 6 * 100, "\r\n"), 431);
    assert_int_equal(status_of_long("GET /hello HTTP/1.1\r\n" HOST "X: ", "y", 100000, "\r\n\r\n"),
                     431);
}

static void http__what_is_no_request_does_no_harm(void **state)
{
    (void)state;
    static const char *const NOISE[] = {"\r\n",
                                        "\x16\x03\x01\x02\x01\x01\r\n\r\n",
                                        "GET\r\n\r\n",
                                        "GET /hello\r\n\r\n",
                                        "GET /hello HTTP/9.9\r\n" HOST "\r\n",
                                        ":\r\n:\r\n\r\n",
                                        "GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
                                        " GET /hello HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < sizeof NOISE / sizeof NOISE[0]; i++) {
        struct leat_buf answer = ask_and_hang_up(NOISE[i], strlen(NOISE[i]));
        assert_null(strstr(leat_buf_text(&answer), "200 OK"));
        leat_buf_release(&answer);
    }
    expect_answer("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, NULL, "hello\n");
}

static void http__random_bytes_do_no_harm(void **state)
{
    (void)state;
    unsigned seed = (unsigned)leat_clock_wall_us();
    print_message("seed %u\n", seed);
    static const char GOOD[] = "GET /hello HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n";
    for (int i = 0; i < 300; i++) {
        char request[sizeof GOOD];
        memcpy(request, GOOD, sizeof GOOD);
        for (int flips = 0; flips < 3; flips++)
            request[(unsigned)rand_r(&seed) % (sizeof GOOD - 1)] = (char)rand_r(&seed);
        struct leat_buf answer = ask_and_hang_up(request, sizeof GOOD - 1);
        leat_buf_release(&answer);
    }
    expect_answer("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, NULL, "hello\n");
}

/* --- bounds and life ------------------------------------------------------------------------- */

static void http__connections_are_bounded_and_come_back(void **state)
{
    (void)state;
    enum { MANY = LEAT_HTTP_CONNECTIONS_MAX + 20 };
    int fds[MANY];
    size_t closed = 0;
    for (int i = 0; i < MANY; i++)
        fds[i] = dial();
    int64_t until_ms = leat_clock_monotonic_ms() + PATIENCE_MS;
    while (closed < MANY - LEAT_HTTP_PER_ADDRESS_MAX && leat_clock_monotonic_ms() < until_ms) {
        closed = 0;
        for (int i = 0; i < MANY; i++) {
            struct pollfd p = {.fd = fds[i], .events = POLLIN | POLLHUP};
            closed += poll(&p, 1, 1) > 0;
        }
    }
    assert_in_range(closed, MANY - LEAT_HTTP_PER_ADDRESS_MAX,
                    MANY - LEAT_HTTP_PER_ADDRESS_MAX + 5); /* stragglers */
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    struct leat_buf answer;
    unsigned status = 0;
    while (status != 200 &&
           leat_clock_monotonic_ms() < until_ms) { /* the server sees the ends one by one */
        answer = ask("GET /hello HTTP/1.0\r\n\r\n");
        status = status_of(&answer);
        leat_buf_release(&answer);
    }
    assert_int_equal(status, 200);
}

static void http__requests_are_counted_by_class(void **state)
{
    (void)state;
    const struct leat_http_stats *stats = leat_http_stats(server);
    int64_t succeeded = stats->succeeded, refused = stats->refused, failed = stats->failed;
    expect_answer("GET /hello HTTP/1.0\r\n\r\n", 200, NULL, NULL);
    expect_answer("GET /nothing HTTP/1.0\r\n\r\n", 404, NULL, NULL);
    expect_answer("GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, NULL, NULL);
    expect_answer("GET /readyz HTTP/1.0\r\n\r\n", 503, NULL, NULL);
    assert_int_equal(stats->succeeded - succeeded, 1);
    assert_int_equal(stats->refused - refused, 2);
    assert_int_equal(stats->failed - failed, 1);
}

static void http__off_means_no_server(void **state)
{
    (void)state;
    struct leat_http_options options = {.listen = "off", .routes = ROUTES};
    struct leat_http *none = (struct leat_http *)&options;
    struct leat_err err;
    assert_int_equal(leat_http_open(&options, &none, &err), LEAT_OK);
    assert_null(none);
    leat_http_close(none);
}

static void http__a_second_server_on_the_port_is_refused(void **state)
{
    (void)state;
    char listen[40];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", leat_http_port(server));
    struct leat_http_options options = {.listen = listen, .routes = ROUTES};
    struct leat_http *second = NULL;
    struct leat_err err;
    assert_int_equal(leat_http_open(&options, &second, &err), LEAT_ECONFIG);
    assert_non_null(strstr(err.text, "Address already in use"));
}

static void http__closing_ends_open_connections(void **state)
{
    (void)state;
    struct leat_http_options options = {.listen = "127.0.0.1:0", .routes = ROUTES};
    struct leat_http *kept = server;
    struct leat_err err;
    assert_int_equal(leat_http_open(&options, &server, &err), LEAT_OK);
    int fd = dial();
    send_all(fd, "GET /hel", 8);
    leat_http_close(server);
    server = kept;
    struct leat_buf answer;
    leat_buf_init(&answer, ANSWER_MAX);
    assert_true(read_until_close(fd, PATIENCE_MS, &answer));
    leat_buf_release(&answer);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__a_route_answers_with_type_and_body),
        cmocka_unit_test(http__head_answers_like_get_without_a_body),
        cmocka_unit_test(http__a_connection_serves_several_requests),
        cmocka_unit_test(http__a_large_answer_arrives_whole),
        cmocka_unit_test(http__an_answer_that_does_not_fit_is_an_error),
        cmocka_unit_test(http__an_unknown_path_is_404_and_nothing_is_reflected),
        cmocka_unit_test(http__another_method_is_405_and_told_which),
        cmocka_unit_test(http__smuggling_shapes_are_400_and_the_connection_ends),
        cmocka_unit_test(http__paths_that_c_cannot_hold_are_400),
        cmocka_unit_test(http__bodies_are_refused_before_they_are_read),
        cmocka_unit_test(http__long_paths_and_heads_are_refused),
        cmocka_unit_test(http__what_is_no_request_does_no_harm),
        cmocka_unit_test(http__random_bytes_do_no_harm),
        cmocka_unit_test(http__connections_are_bounded_and_come_back),
        cmocka_unit_test(http__requests_are_counted_by_class),
        cmocka_unit_test(http__off_means_no_server),
        cmocka_unit_test(http__a_second_server_on_the_port_is_refused),
        cmocka_unit_test(http__closing_ends_open_connections),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
