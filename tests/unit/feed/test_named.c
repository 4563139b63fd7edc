/*
 * Paths and bodies of named readers: what is one, and what is said of the others.
 */
#include "feed/named.h"

#include "feed/cursor.h"
#include "unit/outcome.h"

static void path__four_forms_and_nothing_else(void **state)
{
    (void)state;
    struct {
        const char *target, *name;
        bool commit;
    } good[] = {{"/v1/readers", "", false},
                {"/v1/readers?key=k", "", false},
                {"/v1/readers/a", "a", false},
                {"/v1/readers/a?x", "a", false},
                {"/v1/readers/a/commit", "a", true},
                {"/v1/readers/a.b-c_d/commit?", "a.b-c_d", true},
                {"/v1/readers/commit", "commit", false}};
    static const char *const BAD[] = {
        "/v1/reader",     "/v1/readersx",          "/v1/readers/",    "/v1/readers//commit",
        "/v1/readers/a/", "/v1/readers/a/commits", "/v1/readers/a/b", "/v1/readers/%41",
        "/v1/readers/.a", "/v1/readers/a/commit/", "/v2/readers/a",   ""};
    char name[LEAT_READER_NAME_MAX + 1];
    bool commit;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!named_path(good[i].target, name, &commit))
            fail_msg("%s is no path", good[i].target);
        assert_string_equal(name, good[i].name);
        assert_int_equal(commit, good[i].commit);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        if (named_path(BAD[i], name, &commit))
            fail_msg("%s is a path", BAD[i]);
}

static unsigned body(const char *text, uint64_t *ret_sequence)
{
    unsigned status = 0;
    return named_body(leat_slice_text(text), 7, 100, &status, ret_sequence) ? status : 200;
}

static void body__a_cursor_of_this_store_and_not_ahead(void **state)
{
    (void)state;
    char text[200], cursor[FEED_CURSOR_TEXT];
    uint64_t sequence = 5;
    struct {
        struct feed_cursor cursor;
        unsigned status;
    } cases[] = {
        {{7, 0}, 200}, {{7, 100}, 200}, {{7, 101}, 409}, {{8, 1}, 409}, {{7, UINT64_MAX}, 409}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        feed_cursor_text(&cases[i].cursor, cursor);
        snprintf(text, sizeof text, " {\"cursor\" : \"%s\"}\n", cursor);
        assert_int_equal(body(text, &sequence), cases[i].status);
        if (cases[i].status == 200)
            assert_true(sequence == cases[i].cursor.sequence);
        snprintf(text, sizeof text, "{\"cursor\":\"%s\\u0000\"}", cursor);
        assert_int_equal(body(text, &sequence), 400);
        snprintf(text, sizeof text, "{\"cursor\":\"%s\"} x", cursor);
        assert_int_equal(body(text, &sequence), 400);
    }
    assert_int_equal(body("", &sequence), 400);
    assert_int_equal(body("{\"cursor\":null}", &sequence), 400);
    assert_true(sequence == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path__four_forms_and_nothing_else),
        cmocka_unit_test(body__a_cursor_of_this_store_and_not_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
