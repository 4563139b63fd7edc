/*
 * The port for events with a source that does as the test says, asked over real sockets with bytes
 * written by hand: bodies, refusals in every phase, answers that come later, smuggling shapes.
 */
#include "http/ingest.h"

#include <leat/clock.h>

#include "unit/outcome.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

/* --- a source -----------------------------------------------------------------------------------
 */

static _Atomic int begun, released, finished;

static int attach(void *ctx, const char *instance, struct leat_err *e)
{
    (void)ctx;
    (void)instance;
    (void)e;
    return LEAT_OK;
}

static void detach(void *ctx)
{
    (void)ctx;
}

static bool wants(const void *ctx, const struct leat_ingest_request *r)
{
    (void)ctx;
    return strncmp(r->target, "/s", 2) == 0;
}

static int begin(void *ctx, struct leat_ingest_request *r)
{
    (void)ctx;
    begun++;
    r->body_apart = strncmp(r->target, "/s/apart", 8) == 0;
    r->body_max = r->body_apart ? 1 << 20 : 1000;
    if (strcmp(r->target, "/s/refuse") == 0) {
        leat_ingest_problem(r, 415, "not this type");
        return LEAT_OK;
    }
    if (strcmp(r->target, "/s/key") == 0 && leat_ingest_authorize(r, LEAT_INGEST_WRITE, "t", "s"))
        return LEAT_OK;
    return LEAT_AGAIN;
}

static void *wake_later(void *arg)
{
    leat_clock_pause_us(2000);
    leat_ingest_wake(arg);
    return NULL;
}

/* "!" in a piece is refused. */
static _Atomic size_t taken;

static int take(void *ctx, struct leat_ingest_request *r, struct leat_slice piece)
{
    (void)ctx;
    taken += piece.len;
    if (!memchr(piece.ptr, '!', piece.len))
        return LEAT_OK;
    leat_ingest_problem(r, 422, "no exclamations");
    return LEAT_EDATA;
}

static int finish(void *ctx, struct leat_ingest_request *r)
{
    (void)ctx;
    finished++;
    if (strcmp(r->target, "/s/now") != 0)
        return LEAT_AGAIN;
    leat_ingest_problem(r, 422, "at once");
    return LEAT_OK;
}

static void submit(void *ctx, struct leat_ingest_request *r)
{
    pthread_t thread;
    (void)ctx;
    if (strcmp(r->target, "/s/early") == 0) /* woken before submit has returned */
        leat_ingest_wake(r);
    else if (pthread_create(&thread, NULL, wake_later, r) || pthread_detach(thread))
        abort();
}

static void answer(void *ctx, struct leat_ingest_request *r)
{
    (void)ctx;
    r->answer.status = 200;
    r->answer.content_type = "text/plain";
    r->answer.streamed = strcmp(r->target, "/s/stream") == 0 || strcmp(r->target, "/s/broken") == 0;
    r->answer.length = strcmp(r->target, "/s/broken") == 0 ? 12 : 0;
    if (r->answer.streamed)
        return;
    leat_buf_append(&r->answer.body, leat_buf_slice(&r->body));
    leat_ingest_answer_header(r, "X-Length", "%zu", r->body.len);
}

/* Odd calls of the streamed answer have nothing yet, even ones a piece; behind two pieces it ends.
 */
static _Atomic int asked;

static ssize_t more(void *ctx, struct leat_ingest_request *r, void *to, size_t max)
{
    (void)ctx;
    int n = ++asked;
    if (n > 2 && r->answer.length)
        return LEAT_INGEST_BROKEN;
    if (n % 2)
        return LEAT_INGEST_LATER;
    if (n > 4 || max < 4)
        return 0;
    memcpy(to, n == 2 ? "one " : "two ", 4);
    return 4;
}

static void release(void *ctx, struct leat_ingest_request *r)
{
    (void)ctx;
    (void)r;
    released++;
}

/* `wants` says yes to more than these. */
static const struct leat_ingest_path PATHS[] = {
    {"POST", "/s/declared/{one}/end"}, {"GET,POST", "/s/{what}"}, {NULL, NULL}};

static const struct leat_ingest_ops OPS = {.attach = attach,
                                           .detach = detach,
                                           .wants = wants,
                                           .paths = PATHS,
                                           .begin = begin,
                                           .take = take,
                                           .finish = finish,
                                           .submit = submit,
                                           .answer = answer,
                                           .more = more,
                                           .release = release};
static struct leat_ingest *server;
static const struct leat_ingest_mount MOUNT = {&OPS, NULL, "s"};

static int start(void **state)
{
    (void)state;
    struct leat_ingest_options options = {.listen = "127.0.0.1:0",
                                          .threads = 2,
                                          .connections_max = 100,
                                          .per_address_max = 90,
                                          .memory_bytes = 1500,
                                          .head_bytes = 64 << 10,
                                          .mounts = &MOUNT,
                                          .mount_count = 1};
    return leat_ingest_open(&options, &server, &err) || leat_ingest_start(server, &err);
}

static int stop(void **state)
{
    (void)state;
    leat_ingest_close(server);
    server = NULL;
    return begun == released ? 0 : -1;
}

/* --- a client ------------------------------------------------------------------------------------
 */

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)leat_ingest_port(server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Until `enough` stands in the answer, the other side closes, or patience ends. True: it closed. */
static bool receive(int fd, const char *enough, char *text, size_t max)
{
    size_t len = 0;
    int64_t until_ms = leat_clock_monotonic_ms() + PATIENCE_MS;
    for (text[0] = '\0'; !enough || !strstr(text, enough);) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - leat_clock_monotonic_ms();
        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
            fail_msg("no answer; so far: %s", text);
        ssize_t got = recv(fd, text + len, max - 1 - len, 0);
        if (got <= 0)
            return true;
        len += (size_t)got;
        text[len] = '\0';
    }
    return false;
}

static void expect(const char *request, unsigned status, const char *has)
{
    char text[8192], line[32];
    int fd = dial();
    (void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    receive(fd, has ? has : "\r\n\r\n", text, sizeof text);
    close(fd);
    snprintf(line, sizeof line, "HTTP/1.1 %u ", status);
    if (strncmp(text, line, strlen(line)) != 0 || (has && !strstr(text, has)))
        fail_msg("%s\nanswered, instead of %u with %s,\n%s", request, status, has ? has : "", text);
}

#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\n"

/* --- tests ---------------------------------------------------------------------------------------
 */

static void ingest__a_body_comes_back_when_it_is_durable(void **state)
{
    (void)state;
    expect(POST("/s/a") "Content-Length: 5\r\n\r\nhello", 200, "\r\n\r\nhello");
    expect(POST("/s/early") "Content-Length: 5\r\n\r\nhello", 200, "X-Length: 5");
    expect(POST("/s/a") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200,
           "\r\n\r\nabcde");
    expect(POST("/s/a") "Content-Length: 0\r\n\r\n", 200, "X-Length: 0");
    expect(POST("/s/now") "Content-Length: 2\r\n\r\nhi", 422, "\"code\":\"UNPROCESSABLE_CONTENT\"");
}

static void ingest__a_path_that_is_not_declared_is_not_there(void **state)
{
    (void)state;
    static const char *const BAD[] = {"/s",   "/s/",   "/s/a/",           "/s/a/b",
                                      "/s?",  "/s/?x", "/s/declared//end", "/s/declared/x",
                                      "/s/declared/x/en", "/s/declared/x/endx", "/s/declared/x/y/end"};
    static const char *const GOOD[] = {"/s/a", "/s/a?b=c/d", "/s/declared/x/end", "/s/declared/x/end?"};
    char request[200];
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", BAD[i]);
        expect(request, 404, "there is nothing under this path");
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        snprintf(request, sizeof request,
                 "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", GOOD[i]);
        expect(request, 413, "longer than this path takes"); /* its source was asked */
    }
}

static void ingest__refusals_before_the_body(void **state)
{
    (void)state;
    int before = finished;
    expect(POST("/s/refuse") "Content-Length: 5\r\n\r\nhello", 415, "not this type");
    expect(POST("/other") "Content-Length: 5\r\n\r\nhello", 404, "application/problem+json");
    expect(POST("/s/a") "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413,
           "Connection: close");
    expect(POST("/s/a") "Content-Length: 99999999999999999999\r\n\r\n", 413, NULL);
    expect(POST("/s/key") "Content-Length: 5\r\n\r\nhello", 401, "WWW-Authenticate");
    expect(POST("/s/key") "Authorization: lk_a_b\r\nContent-Length: 5\r\n\r\nhello", 401,
           "not valid");
    assert_int_equal(finished, before);
}

static void ingest__a_body_in_chunks_that_grows_too_long_is_413(void **state)
{
    (void)state;
    char request[4096];
    int at = snprintf(request, sizeof request, POST("/s/a") "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++)
        at += snprintf(request + at, sizeof request - (size_t)at, "64\r\n%0100d\r\n", 0);
    snprintf(request + at, sizeof request - (size_t)at, "0\r\n\r\n");
    expect(request, 413, "Connection: close");
}

static void ingest__smuggling_shapes_are_400(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        POST("/s/a") "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST("/s/a") "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST("/s/a") "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        POST("/s/a") "Content-Length: +5\r\n\r\nhello",
        POST("/s/a") "Content-Length: 0x5\r\n\r\nhello",
        POST("/s/a") "Content-Length : 5\r\n\r\nhello",
        POST("/s/a") "Content-Length: 5, 5\r\n\r\nhello",
        POST("/s/a") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST("/s/a") "Host: y\r\nContent-Length: 5\r\n\r\nhello",
        POST("/s/a") "Authorization: a\r\nAuthorization: b\r\nContent-Length: 0\r\n\r\n",
        POST("/s/%00a") "Content-Length: 0\r\n\r\n",
        POST("/s/%zz") "Content-Length: 0\r\n\r\n",
        POST("http://x/s/a") "Content-Length: 0\r\n\r\n",
        "POST /s/a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    };
    int before = begun;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        expect(BAD[i], 400, NULL);
    assert_int_equal(begun, before);
}

static void ingest__a_connection_serves_many_requests(void **state)
{
    (void)state;
    char text[8192], request[200], has[40];
    int fd = dial();
    for (int i = 0; i < 50; i++) {
        int len =
            snprintf(request, sizeof request, POST("/s/%d") "Content-Length: 4\r\n\r\n%04d", i, i);
        snprintf(has, sizeof has, "\r\n\r\n%04d", i);
        assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
        assert_false(receive(fd, has, text, sizeof text));
    }
    close(fd);
}

static void ingest__bodies_beyond_the_memory_are_503(void **state)
{
    (void)state;
    static const char HALF[] = POST("/s/a") "Content-Length: 900\r\n\r\nx";
    int fd = dial();
    assert_int_equal(send(fd, HALF, sizeof HALF - 1, MSG_NOSIGNAL), sizeof HALF - 1);
    int64_t until_ms = leat_clock_monotonic_ms() + PATIENCE_MS;
    while (leat_ingest_stats(server)->held_bytes < 900 && leat_clock_monotonic_ms() < until_ms)
        leat_clock_pause_us(500);
    expect(HALF, 503, "Retry-After: 1");
    close(fd);
    while (leat_ingest_stats(server)->held_bytes && leat_clock_monotonic_ms() < until_ms)
        leat_clock_pause_us(500);
    assert_int_equal(leat_ingest_stats(server)->held_bytes,
                     0); /* a client that left holds nothing */
}

static void ingest__a_streamed_answer_waits_for_its_pieces(void **state)
{
    (void)state;
    static const char GET[] = "GET /s/stream HTTP/1.1\r\nHost: x\r\n\r\n";
    char text[2000];
    int fd = dial();
    for (int round = 0; round < 3; round++) {
        asked = 0;
        assert_int_equal(send(fd, GET, sizeof GET - 1, MSG_NOSIGNAL), sizeof GET - 1);
        receive(fd, "\r\n0\r\n\r\n", text, sizeof text);
        assert_text_has(text, "HTTP/1.1 200");
        assert_text_has(text, "Transfer-Encoding: chunked");
        assert_text_has(text, "4\r\none \r\n4\r\ntwo \r\n0\r\n");
        assert_int_equal(asked, 6);
    }
    close(fd);
}

/* The memory of all bodies is 1,500 bytes here. */
static void ingest__a_body_that_is_not_kept_takes_no_memory(void **state)
{
    (void)state;
    static char body[500000];
    char head[200], text[2000];
    memset(body, 'x', sizeof body);
    int len =
        snprintf(head, sizeof head, POST("/s/apart") "Content-Length: %zu\r\n\r\n", sizeof body);
    int fd = dial();
    taken = 0;
    assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL), len);
    for (size_t at = 0; at < sizeof body; at += 50000)
        assert_int_equal(send(fd, body + at, 50000, MSG_NOSIGNAL), 50000);
    receive(fd, "X-Length: 0", text, sizeof text);
    assert_text_has(text, "HTTP/1.1 200");
    assert_int_equal(taken, sizeof body);
    assert_int_equal(leat_ingest_stats(server)->held_bytes, 0);
    close(fd);
    expect(POST("/s/apart") "Content-Length: 100000000\r\n\r\n", 413, NULL);
    expect(POST("/s/apart") "Transfer-Encoding: chunked\r\n\r\n3\r\na!b\r\n3\r\nabc\r\n0\r\n\r\n",
           422, "no exclam");
}

static void ingest__a_streamed_answer_that_breaks_is_not_whole(void **state)
{
    (void)state;
    static const char GET[] = "GET /s/broken HTTP/1.1\r\nHost: x\r\n\r\n";
    char text[2000];
    int fd = dial();
    asked = 0;
    assert_int_equal(send(fd, GET, sizeof GET - 1, MSG_NOSIGNAL), sizeof GET - 1);
    assert_true(receive(fd, "never comes", text, sizeof text)); /* cut */
    assert_text_has(text, "Content-Length: 12");
    assert_true(strlen(strstr(text, "\r\n\r\n") + 4) < 12);
    close(fd);
}

static void ingest__what_is_reachable_needs_protection(void **state)
{
    (void)state;
    const char *proxies[] = {"10.0.0.5"}, *wrong[] = {"proxy.example"};
    struct leat_ingest_options o = {.listen = "0.0.0.0:0"};
    gives(LEAT_ECONFIG, leat_ingest_check(&o, &err));
    assert_text_has(err.text, "ingest.listen");
    assert_text_has(err.hint, "tls_certificate");
    o.proxies = (struct leat_strings){wrong, 1};
    gives(LEAT_ECONFIG, leat_ingest_check(&o, &err));
    o.proxies = (struct leat_strings){proxies, 1};
    ok(leat_ingest_check(&o, &err));
    o.proxies.count = 0;
    o.certificate = "/a";
    gives(LEAT_ECONFIG, leat_ingest_check(&o, &err));
    o.key = "/b";
    ok(leat_ingest_check(&o, &err));
    o = (struct leat_ingest_options){.listen = "[::1]:0"};
    ok(leat_ingest_check(&o, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingest__a_body_comes_back_when_it_is_durable),
        cmocka_unit_test(ingest__a_path_that_is_not_declared_is_not_there),
        cmocka_unit_test(ingest__refusals_before_the_body),
        cmocka_unit_test(ingest__a_body_in_chunks_that_grows_too_long_is_413),
        cmocka_unit_test(ingest__smuggling_shapes_are_400),
        cmocka_unit_test(ingest__a_connection_serves_many_requests),
        cmocka_unit_test(ingest__bodies_beyond_the_memory_are_503),
        cmocka_unit_test(ingest__a_streamed_answer_waits_for_its_pieces),
        cmocka_unit_test(ingest__a_body_that_is_not_kept_takes_no_memory),
        cmocka_unit_test(ingest__a_streamed_answer_that_breaks_is_not_whole),
        cmocka_unit_test(ingest__what_is_reachable_needs_protection),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
