/*
 * Addresses as they stand in settings, sockets and headers, and whose word counts.
 */
#include "http/client.h"

#include <leat/buf.h>

#include "unit/outcome.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct leat_client address(const char *text)
{
    struct leat_client c;
    if (!leat_client_read(leat_slice_text(text), &c))
        fail_msg("\"%s\" is an address", text);
    return c;
}

static void assert_same(struct leat_client a, struct leat_client b)
{
    assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static void client__forms_of_one_address_are_one(void **state)
{
    (void)state;
    static const char *const FOUR[] = {"1.2.3.4",           " 1.2.3.4\t",     "1.2.3.4:80",
                                       "\"1.2.3.4:65535\"", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:1"};
    static const char *const SIX[] = {"2001:db8::1", "[2001:db8::1]", "[2001:DB8:0::1]:443",
                                      "\"[2001:db8::1]\""};
    for (size_t i = 0; i < sizeof FOUR / sizeof *FOUR; i++)
        assert_same(address(FOUR[i]), address("1.2.3.4"));
    for (size_t i = 0; i < sizeof SIX / sizeof *SIX; i++)
        assert_same(address(SIX[i]), address("2001:db8::1"));
}

static void client__what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",          " ",         "unknown",  "_hidden",   "1.2.3",
        "1.2.3.4.5", "1.2.3.256", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456",
        "01.2.3.4x", "[1",        "[::1",     "[::1]x",    "[::1]:",
        "::1]:80",   ":",         "::g",      "localhost", "1.2.3.4, 5.6.7.8"};
    struct leat_client c;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (leat_client_read(leat_slice_text(BAD[i]), &c))
            fail_msg("\"%s\" is no address", BAD[i]);
    assert_false(leat_client_read(LEAT_SLICE_LITERAL("1.2.3.4\0"), &c));
}

static void client__peers_are_read_from_their_sockets(void **state)
{
    (void)state;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "::ffff:1.2.3.4", &six.sin6_addr);
    assert_same(leat_client_peer((struct sockaddr *)&four), address("1.2.3.4"));
    assert_same(leat_client_peer((struct sockaddr *)&six), address("1.2.3.4"));
    leat_client_peer(NULL);
}

static void client__a_network_is_one_client(void **state)
{
    (void)state;
    assert_same(leat_client_network(address("2001:db8:1:2:3:4:5:6")),
                leat_client_network(address("2001:db8:1:2::")));
    assert_same(leat_client_network(address("1.2.3.4")), address("1.2.3.4"));
}

/* Lines are given first to last. */
static struct leat_client forwarded(const char *peer, const char *one, const char *two)
{
    static const char *const TRUSTED[] = {"10.0.0.5", "10.0.0.6", "[fd00::1]"};
    struct leat_strings texts = {(const char **)TRUSTED, 3};
    struct leat_proxies proxies;
    struct leat_client client = address(peer);
    assert_int_equal(leat_proxies_read(&texts, &proxies, &err), LEAT_OK);
    if (two && leat_client_forwarded(&proxies, leat_slice_text(two), &client))
        return client;
    leat_client_forwarded(&proxies, leat_slice_text(one), &client);
    return client;
}

static void forwarded__the_last_that_is_no_proxy_of_ours(void **state)
{
    (void)state;
    assert_same(forwarded("10.0.0.6", "6.6.6.6, 1.2.3.4, 10.0.0.5", NULL), address("1.2.3.4"));
    assert_same(forwarded("10.0.0.6", "1.2.3.4", NULL), address("1.2.3.4"));
    assert_same(forwarded("fd00::1", "[2001:db8::7]:99", NULL), address("2001:db8::7"));
    assert_same(forwarded("10.0.0.6", "6.6.6.6", "1.2.3.4 ,10.0.0.5"), address("1.2.3.4"));
    assert_same(forwarded("10.0.0.6", "6.6.6.6, 1.2.3.4", "10.0.0.5"), address("1.2.3.4"));
}

static void forwarded__from_others_it_is_nothing(void **state)
{
    (void)state;
    assert_same(forwarded("1.2.3.4", "6.6.6.6", NULL), address("1.2.3.4"));
    assert_same(forwarded("1.2.3.4", "10.0.0.5", NULL), address("1.2.3.4"));
}

static void forwarded__what_cannot_be_read_is_the_proxys_own(void **state)
{
    (void)state;
    assert_same(forwarded("10.0.0.6", "1.2.3.4, unknown", NULL), address("10.0.0.6"));
    assert_same(forwarded("10.0.0.6", "1.2.3.4, , 10.0.0.5", NULL), address("10.0.0.5"));
    assert_same(forwarded("10.0.0.6", "", NULL), address("10.0.0.6"));
    assert_same(forwarded("10.0.0.6", "10.0.0.5, 10.0.0.5", NULL), address("10.0.0.5"));
}

static void forwarded__a_long_chain_ends(void **state)
{
    (void)state;
    struct leat_buf line;
    leat_buf_init(&line, 4096);
    leat_buf_append_text(&line, "1.2.3.4");
    for (int i = 0; i < 200; i++)
        leat_buf_append_text(&line, ",10.0.0.5");
    assert_same(forwarded("10.0.0.6", leat_buf_text(&line), NULL), address("10.0.0.5"));
    leat_buf_release(&line);
}

static void proxies__mistakes_are_named(void **state)
{
    (void)state;
    static const char *const BAD[] = {"10.0.0.5", "proxy"};
    struct leat_strings texts = {(const char **)BAD, 2};
    struct leat_proxies proxies;
    assert_int_equal(leat_proxies_read(&texts, &proxies, &err), LEAT_ECONFIG);
    assert_non_null(strstr(err.text, "\"proxy\""));
    texts.count = LEAT_CLIENT_PROXIES_MAX + 1;
    assert_int_equal(leat_proxies_read(&texts, &proxies, &err), LEAT_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__forms_of_one_address_are_one),
        cmocka_unit_test(client__what_is_no_address_is_refused),
        cmocka_unit_test(client__peers_are_read_from_their_sockets),
        cmocka_unit_test(client__a_network_is_one_client),
        cmocka_unit_test(forwarded__the_last_that_is_no_proxy_of_ours),
        cmocka_unit_test(forwarded__from_others_it_is_nothing),
        cmocka_unit_test(forwarded__what_cannot_be_read_is_the_proxys_own),
        cmocka_unit_test(forwarded__a_long_chain_ends),
        cmocka_unit_test(proxies__mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
