/* Errors carry their code, the native reason and a remedy; a text too long is cut, never overrun.
 */
#include <leat/err.h>

#include "unit/outcome.h"

#include <errno.h>

static char long_text[2000];

static int setup(void **state)
{
    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    memset(&err, 0xee, sizeof err); /* what was there before must not shine through */
    return 0;
}

static void err__fail_fills_everything(void **state)
{
    (void)state;
    assert_int_equal(leat_fail(&err, LEAT_ELIMIT, "row of %d bytes", 7), LEAT_ELIMIT);
    assert_int_equal(err.code, LEAT_ELIMIT);
    assert_int_equal(err.domain, LEAT_DOMAIN_NONE);
    assert_true(err.native == 0);
    assert_string_equal(err.text, "row of 7 bytes");
    assert_string_equal(err.hint, "");
    assert_string_equal(err.state, "");
}

static void err__errno_is_named_behind_the_text(void **state)
{
    (void)state;
    assert_int_equal(leat_fail_errno(&err, LEAT_ERETRY, ENOSPC, "write %s", "x"), LEAT_ERETRY);
    assert_int_equal(err.domain, LEAT_DOMAIN_ERRNO);
    assert_true(err.native == ENOSPC);
    assert_string_equal(err.text, "write x: No space left on device");
    leat_fail_errno(&err, LEAT_ERETRY, 99999, "odd");
    assert_text_has(err.text, "odd: ");
    assert_text_has(err.text, "99999");
}

static void err__native_number_keeps_its_domain(void **state)
{
    (void)state;
    assert_int_equal(leat_fail_native(&err, LEAT_ESTORE, LEAT_DOMAIN_LMDB, -30792, "map full"),
                     LEAT_ESTORE);
    assert_int_equal(err.domain, LEAT_DOMAIN_LMDB);
    assert_true(err.native == -30792);
    assert_string_equal(err.state, "");
}

static void err__sqlstate_is_cut_at_five_characters(void **state)
{
    (void)state;
    leat_fail_sqlstate(&err, LEAT_ECONFIG, "42704", "no slot");
    assert_string_equal(err.state, "42704");
    leat_fail_sqlstate(&err, LEAT_ECONFIG, "427041234", "no slot");
    assert_string_equal(err.state, "42704");
    leat_fail_sqlstate(&err, LEAT_ECONFIG, NULL, "no slot");
    assert_string_equal(err.state, "");
}

static void err__context_goes_in_front_and_keeps_the_rest(void **state)
{
    (void)state;
    leat_fail_errno(&err, LEAT_ERETRY, EPIPE, "send");
    leat_err_hint(&err, "look at %s", "the server");
    leat_err_context(&err, "source %s", "shop");
    leat_err_context(&err, "run");
    assert_string_equal(err.text, "run: source shop: send: Broken pipe");
    assert_string_equal(err.hint, "look at the server");
    assert_true(err.native == EPIPE);
    assert_int_equal(err.code, LEAT_ERETRY);
}

static void err__long_texts_are_cut_at_the_array(void **state)
{
    (void)state;
    struct {
        struct leat_err err;
        char guard[64];
    } box;
    memset(&box, 0x5a, sizeof box);
    leat_fail(&box.err, LEAT_EDATA, "%s", long_text);
    assert_int_equal(strlen(box.err.text), sizeof box.err.text - 1);
    leat_err_context(&box.err, "%s", "where");
    assert_int_equal(strlen(box.err.text), sizeof box.err.text - 1);
    assert_memory_equal(box.err.text, "where: xxx", 10);
    leat_err_context(&box.err, "%s", long_text);
    assert_int_equal(strlen(box.err.text), sizeof box.err.text - 1);
    leat_err_hint(&box.err, "%s", long_text);
    assert_int_equal(strlen(box.err.hint), sizeof box.err.hint - 1);
    leat_fail_errno(&box.err, LEAT_ERETRY, ENOENT, "%s", long_text);
    assert_int_equal(strlen(box.err.text), sizeof box.err.text - 1);
    for (size_t i = 0; i < sizeof box.guard; i++)
        assert_int_equal(box.guard[i], 0x5a);
}

static void err__every_room_left_for_the_reason_is_used(void **state)
{
    (void)state;
    for (size_t left = 0; left < 12;
         left++) { /* the reason is cut at each of its first characters */
        size_t len = sizeof err.text - 1 - left;
        leat_fail_errno(&err, LEAT_ERETRY, ENOENT, "%.*s", (int)len, long_text);
        assert_int_equal(strlen(err.text), sizeof err.text - 1);
        assert_memory_equal(err.text + len, ": No such file", left);
    }
}

static void err__each_code_has_its_own_word(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
    } CODES[] = {{LEAT_OK, "ok"},        {LEAT_AGAIN, "again"},    {LEAT_EOF, "eof"},
                 {LEAT_ERETRY, "retry"}, {LEAT_EPROTO, "proto"},   {LEAT_EDATA, "data"},
                 {LEAT_ELIMIT, "limit"}, {LEAT_ECONFIG, "config"}, {LEAT_ESTORE, "store"},
                 {LEAT_EBUG, "bug"},     {-12345, "bug"}};
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
        assert_string_equal(leat_code_name(CODES[i].code), CODES[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(err__fail_fills_everything, setup),
        cmocka_unit_test_setup(err__errno_is_named_behind_the_text, setup),
        cmocka_unit_test_setup(err__native_number_keeps_its_domain, setup),
        cmocka_unit_test_setup(err__sqlstate_is_cut_at_five_characters, setup),
        cmocka_unit_test_setup(err__context_goes_in_front_and_keeps_the_rest, setup),
        cmocka_unit_test_setup(err__long_texts_are_cut_at_the_array, setup),
        cmocka_unit_test_setup(err__every_room_left_for_the_reason_is_used, setup),
        cmocka_unit_test(err__each_code_has_its_own_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
