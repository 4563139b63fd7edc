/*
 * Which addresses may be listened on, and what the others are told.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_v4(const char *text, const char *host, unsigned port)
{
    struct leat_loopback address;
    struct leat_err err;
    assert_int_equal(leat_loopback_parse(text, &address, &err), LEAT_OK);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address.address;
    char shown[64];
    assert_false(address.off);
    assert_int_equal(v4->sin_family, AF_INET);
    assert_string_equal(inet_ntop(AF_INET, &v4->sin_addr, shown, sizeof shown), host);
    assert_int_equal(ntohs(v4->sin_port), port);
}

static void listen__loopback_addresses_are_taken(void **state)
{
    (void)state;
    expect_v4("127.0.0.1:7311", "127.0.0.1", 7311);
    expect_v4("127.1.2.3:0", "127.1.2.3", 0);
    expect_v4("localhost:65535", "127.0.0.1", 65535);
    struct leat_loopback address;
    struct leat_err err;
    assert_int_equal(leat_loopback_parse("[::1]:80", &address, &err), LEAT_OK);
    assert_int_equal(address.address.ss_family, AF_INET6);
    assert_int_equal(leat_loopback_parse("off", &address, &err), LEAT_OK);
    assert_true(address.off);
}

static void expect_refused(const char *text, const char *part)
{
    struct leat_loopback address;
    struct leat_err err;
    assert_int_equal(leat_loopback_parse(text, &address, &err), LEAT_ECONFIG);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    assert_true(err.hint[0] != '\0');
}

static void listen__addresses_beyond_loopback_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const BEYOND[] = {"0.0.0.0:80",           "192.168.1.1:80", "[::]:80",
                                         "[2001:db8::1]:80",     "126.0.0.1:80",   "128.0.0.1:80",
                                         "[::ffff:127.0.0.1]:80"};
    for (size_t i = 0; i < sizeof BEYOND / sizeof BEYOND[0]; i++)
        expect_refused(BEYOND[i], "speaks neither TLS nor passwords");
}

static void listen__what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const NO_PORT[] = {"",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:x",
                                          "127.0.0.1:65536",
                                          "127.0.0.1:080",
                                          "127.0.0.1:-1",
                                          "127.0.0.1:123456",
                                          "[::1]",
                                          "OFF"};
    for (size_t i = 0; i < sizeof NO_PORT / sizeof NO_PORT[0]; i++)
        expect_refused(NO_PORT[i], "has no port");
    static const char *const NO_HOST[] = {
        ":80",
        "example.com:80",
        "::1:80",
        "[127.0.0.1]:80",
        "[]:80",
        "127.1:80",
        " 127.0.0.1:80",
        "[::1%lo]:80",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80"};
    for (size_t i = 0; i < sizeof NO_HOST / sizeof NO_HOST[0]; i++)
        expect_refused(NO_HOST[i], "is no address");
}

static void listen__a_taken_port_is_named(void **state)
{
    (void)state;
    struct leat_loopback address;
    struct leat_err err;
    int first, second;
    unsigned port, other;
    assert_int_equal(leat_loopback_parse("127.0.0.1:0", &address, &err), LEAT_OK);
    assert_int_equal(leat_http_listen(&address, "http", "127.0.0.1:0", &first, &port, &err), LEAT_OK);
    assert_true(port > 0);
    ((struct sockaddr_in *)&address.address)->sin_port = htons((uint16_t)port);
    assert_int_equal(leat_http_listen(&address, "http", "127.0.0.1:x", &second, &other, &err),
                     LEAT_ECONFIG);
    assert_string_equal(err.text,
                        "http.listen: cannot listen on \"127.0.0.1:x\": Address already in use");
    assert_non_null(strstr(err.hint, "another process"));
    close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen__loopback_addresses_are_taken),
        cmocka_unit_test(listen__addresses_beyond_loopback_are_refused_with_the_reason),
        cmocka_unit_test(listen__what_is_no_address_is_refused),
        cmocka_unit_test(listen__a_taken_port_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
