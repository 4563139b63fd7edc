/* What `auto` means for a host, and that what was said holds. */
#include <leat/tls_mode.h>

#include "unit/outcome.h"

static void tls_mode__is_verified_wherever_a_network_lies_between(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        enum leat_tls_mode mode;
    } CASES[] = {
        {"/var/run/postgresql", LEAT_TLS_DISABLE},
        {"/run/mysqld/mysqld.sock", LEAT_TLS_DISABLE},
        {"localhost", LEAT_TLS_PREFER},
        {"127.0.0.1", LEAT_TLS_PREFER},
        {"127.8.8.8", LEAT_TLS_PREFER},
        {"::1", LEAT_TLS_PREFER},
        {"db.example.org", LEAT_TLS_VERIFY_FULL},
        {"10.0.0.1", LEAT_TLS_VERIFY_FULL},
        {"127.example.org", LEAT_TLS_VERIFY_FULL},
        {"localhost.example.org", LEAT_TLS_VERIFY_FULL},
        {"127.0.0.1,db.example.org", LEAT_TLS_VERIFY_FULL},
        {"::", LEAT_TLS_VERIFY_FULL},
        {"", LEAT_TLS_VERIFY_FULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(leat_tls_mode_for(LEAT_TLS_AUTO, CASES[i].host), CASES[i].mode);
        for (int mode = LEAT_TLS_DISABLE; mode <= LEAT_TLS_VERIFY_FULL; mode++)
            assert_int_equal(leat_tls_mode_for(mode, CASES[i].host), mode);
    }
}

static void tls_mode__has_the_names_that_users_know(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"auto",    "disable",   "prefer",
                                        "require", "verify-ca", "verify-full"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        assert_string_equal(leat_tls_mode_names[i], NAMES[i]);
    assert_null(leat_tls_mode_names[sizeof NAMES / sizeof *NAMES]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_mode__is_verified_wherever_a_network_lies_between),
        cmocka_unit_test(tls_mode__has_the_names_that_users_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
