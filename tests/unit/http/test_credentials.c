/*
 * Every form in which a key may come, and what is none.
 */
#include "http/credentials.h"

#include "unit/outcome.h"

static void expect(const char *header, const char *target, const char *id, const char *secret)
{
    struct leat_credentials c;
    leat_credentials_read(header, target, &c);
    if (strcmp(c.id, id) != 0 || (id[0] && strcmp(c.secret, secret) != 0))
        fail_msg("%s %s gave \"%s\" \"%s\"", header ? header : "-", target, c.id, c.secret);
    assert_int_equal(c.given, header || strstr(target, "?key=") || strstr(target, "&key=") || strstr(target, "token="));
}

static void credentials__all_forms(void **state)
{
    (void)state;
    expect("fc_ab12_S3cret", "/", "ab12", "S3cret");
    expect("Bearer lk_ab12_S3cret", "/", "ab12", "S3cret");
    expect("bearer  lk_ab12_S3cret", "/", "ab12", "S3cret");
    expect("ApiKey ab12:S3cret", "/", "ab12", "S3cret");
    expect("apikey ab12:fc_ab12_S3cret", "/", "ab12", "S3cret");
    expect(NULL, "/event/a/b/c/d?key=fc_ab12_S3cret", "ab12", "S3cret");
    expect(NULL, "/x?a=1&key=fc_ab12_S3cret&b=2", "ab12", "S3cret");
    expect(NULL, "/x?access_token=fc_ab12_S3cret", "ab12", "S3cret");
    expect("fc_ab12_S3_cr_et", "/", "ab12", "S3_cr_et");
    expect("fc_one_x", "/?key=fc_two_y", "one", "x"); /* the header wins */
}

static void credentials__what_is_none_has_no_id(void **state)
{
    (void)state;
    static const char *const BAD[] = {"Basic dXNlcjpwYXNz", "S3cret", "fc_ab12", "fc__S3cret", "fc_ab12_",
                                      "ApiKey ab12", "ApiKey :S3cret", "ApiKey ab12:", "ApiKey ab12:fc_other_S3cret",
                                      "Bearer ", "fc_ab/12_S3cret", "fc_ab 12_S3cret", "_", "__"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        expect(BAD[i], "/", "", "");
    expect(NULL, "/", "", "");
    expect(NULL, "/?monkey=fc_ab12_S3cret", "", "");
    char longer[600];
    snprintf(longer, sizeof longer, "fc_ab12_%0*d", LEAT_CREDENTIALS_SECRET_MAX + 1, 0);
    expect(longer, "/", "", "");
    snprintf(longer, sizeof longer, "fc_%0*d_x", LEAT_CREDENTIALS_ID_MAX + 1, 0);
    expect(longer, "/", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials__all_forms),
        cmocka_unit_test(credentials__what_is_none_has_no_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
