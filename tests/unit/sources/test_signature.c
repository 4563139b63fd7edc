/*
 * Signatures against vectors of another implementation (golden/signatures), and each way in which a
 * request can be not quite the one that was signed.
 */
#include "sources/webhook/signature.h"

#include "unit/outcome.h"

#include "golden/signatures/vectors.h"

enum { VECTOR_COUNT = sizeof VECTORS / sizeof *VECTORS, HEADERS_MAX = 4, TEXT_MAX = 1024 };

struct request {
    char headers[HEADERS_MAX][2][TEXT_MAX];
    char body[TEXT_MAX];
    struct signature_message message;
};

static const char *header_of(const void *arg, const char *name)
{
    const struct request *r = arg;
    for (int i = 0; i < HEADERS_MAX; i++)
        if (strcasecmp(r->headers[i][0], name) == 0)
            return r->headers[i][1];
    return NULL;
}

static void request_make(const struct vector *v, struct request *r)
{
    *r = (struct request){.message = {.header = header_of, .arg = r, .now_us = v->now_s * 1000000}};
    for (int i = 0; i < HEADERS_MAX && v->headers[i][0]; i++)
        for (int j = 0; j < 2; j++)
            snprintf(r->headers[i][j], TEXT_MAX, "%s", v->headers[i][j]);
    memcpy(r->body, v->body, v->body_len);
    r->message.body = leat_slice_of(r->body, v->body_len);
}

static bool is_signed(const struct vector *v, const struct request *r)
{
    struct signature_scheme scheme;
    struct signature_secret secret;
    ok(signature_scheme_make(&v->settings, &scheme, &err));
    ok(signature_secret_read(&scheme, v->secret, &secret, &err));
    return !signature_verify(&scheme, &secret, 1, &r->message);
}

static const struct vector *vector_named(const char *name)
{
    for (int i = 0; i < VECTOR_COUNT; i++)
        if (strcmp(VECTORS[i].name, name) == 0)
            return &VECTORS[i];
    fail_msg("no vector %s", name);
    return NULL;
}

/* --- what was signed ------------------------------------------------------------------------------ */

static void vector__every_one_is_signed(void **state)
{
    (void)state;
    struct request r;
    assert_true(VECTOR_COUNT >= 28);
    for (int i = 0; i < VECTOR_COUNT; i++) {
        request_make(&VECTORS[i], &r);
        if (!is_signed(&VECTORS[i], &r))
            fail_msg("not signed: %s", VECTORS[i].name);
    }
}

static void vector__any_changed_bit_of_the_body_is_seen(void **state)
{
    (void)state;
    struct request r;
    for (int i = 0; i < VECTOR_COUNT; i++) {
        request_make(&VECTORS[i], &r);
        for (size_t bit = 0; bit < 8 * r.message.body.len; bit += 3) {
            r.body[bit / 8] ^= (char)(1 << bit % 8);
            if (is_signed(&VECTORS[i], &r))
                fail_msg("%s is signed with bit %zu changed", VECTORS[i].name, bit);
            r.body[bit / 8] ^= (char)(1 << bit % 8);
        }
        r.message.body.len += 1;
        assert_false(is_signed(&VECTORS[i], &r));
        r.message.body.len -= 1;
        assert_true(is_signed(&VECTORS[i], &r));
    }
}

/* Stripe's v0 is no signature that counts: what stands there may change. */
static bool may_change(const struct vector *v, const char *at)
{
    return strcmp(v->name, "stripe") == 0 && strlen(at) <= 6;
}

static void vector__any_other_header_is_seen(void **state)
{
    (void)state;
    struct request r;
    for (int i = 0; i < VECTOR_COUNT; i++)
        for (int h = 0; h < HEADERS_MAX && VECTORS[i].headers[h][0]; h++) {
            request_make(&VECTORS[i], &r);
            for (char *at = r.headers[h][1]; *at && !may_change(&VECTORS[i], at); at++) {
                char kept = *at;
                *at = kept == '!' ? '?' : '!';
                if (is_signed(&VECTORS[i], &r) && kept != '=' && kept != ' ')
                    fail_msg("%s is signed with \"%s\"", VECTORS[i].name, r.headers[h][1]);
                *at = kept;
            }
            r.headers[h][0][0] = '\0'; /* not there at all */
            assert_false(is_signed(&VECTORS[i], &r));
        }
}

static void vector__every_prefix_of_a_header_is_refused(void **state)
{
    (void)state;
    struct request r;
    for (int i = 0; i < VECTOR_COUNT; i++)
        for (int h = 0; h < HEADERS_MAX && VECTORS[i].headers[h][0]; h++)
            for (size_t len = strlen(VECTORS[i].headers[h][1]); len--;) {
                request_make(&VECTORS[i], &r);
                char *end = r.headers[h][1] + len;
                if (may_change(&VECTORS[i], end) || *end == '=')
                    continue; /* base64's padding may be left out */
                *end = '\0';
                if (is_signed(&VECTORS[i], &r))
                    fail_msg("%s is signed with \"%s\"", VECTORS[i].name, r.headers[h][1]);
            }
}

static void time__beyond_the_tolerance_is_refused_both_ways(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"standard-webhooks", "svix", "stripe", "slack",
                                        "custom, sha1 hex text"};
    struct request r;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const struct vector *v = vector_named(NAMES[i]);
            request_make(v, &r);
            r.message.now_us += sign * INT64_C(300000000);
            assert_true(is_signed(v, &r));
            r.message.now_us += sign;
            assert_false(is_signed(v, &r));
        }
}

/* --- secrets and lists ---------------------------------------------------------------------------- */

static void secret__any_of_several_is_enough(void **state)
{
    (void)state;
    const struct vector *v = vector_named("github");
    struct signature_scheme scheme;
    struct signature_secret secrets[3];
    struct request r;
    request_make(v, &r);
    ok(signature_scheme_make(&v->settings, &scheme, &err));
    for (int right = 0; right < 3; right++) {
        for (int i = 0; i < 3; i++)
            ok(signature_secret_read(&scheme, i == right ? v->secret : "other", &secrets[i], &err));
        assert_null(signature_verify(&scheme, secrets, 3, &r.message));
        assert_non_null(signature_verify(&scheme, secrets, (size_t)right, &r.message));
    }
    assert_non_null(signature_verify(&scheme, NULL, 0, &r.message));
}

static void secret__what_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum signature_key form;
        const char *text;
    } BAD[] = {{SIGNATURE_KEY_TEXT, ""},      {SIGNATURE_KEY_HEX, "abc"},        {SIGNATURE_KEY_HEX, "zz"},
               {SIGNATURE_KEY_HEX, ""},       {SIGNATURE_KEY_BASE64, "whsec_"},  {SIGNATURE_KEY_BASE64, "a!bc"},
               {SIGNATURE_KEY_BASE64, "abcde"}, {SIGNATURE_KEY_BASE64, "whpk_abcd"}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct signature_scheme scheme = {.key = BAD[i].form};
        struct signature_secret secret;
        gives(LEAT_ECONFIG, signature_secret_read(&scheme, BAD[i].text, &secret, &err));
    }
}

static void list__the_right_one_may_stand_anywhere(void **state)
{
    (void)state;
    static const char *const FORMS[][2] = {{"v1,AAAA ", ""}, {"", " v1,AAAA"}, {"v1a,zzz  v2,zz ", ""},
                                           {"  ", "  "}};
    const struct vector *v = vector_named("standard-webhooks");
    struct request r;
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++) {
        request_make(v, &r);
        const char *right = v->headers[2][1];
        snprintf(r.headers[2][1], TEXT_MAX, "%s%s%s", FORMS[i][0], right, FORMS[i][1]);
        assert_true(is_signed(v, &r));
    }
    snprintf(r.headers[2][1], TEXT_MAX, "v1a,%s", v->headers[2][1] + 3);
    assert_false(is_signed(v, &r));
    r.headers[2][1][0] = '\0';
    for (size_t len = 0, i = 0; i < SIGNATURE_CANDIDATES_MAX; i++)
        len += (size_t)snprintf(r.headers[2][1] + len, TEXT_MAX - len, "v1,KFPGZIDifx+Q5ImWUUB5rjwyxQmrQSu1tSvg1GHgevA= ");
    assert_false(is_signed(v, &r));
}

/* "id.1" and "2" are signed as "id" and "1" with another body would be. */
static void text__nothing_moves_from_one_value_into_the_next(void **state)
{
    (void)state;
    struct vector v = *vector_named("standard-webhooks");
    struct request r;
    v.settings.timestamp = "header:webhook-id";
    request_make(&v, &r);
    snprintf(r.headers[0][1], TEXT_MAX, "msg_1.%s", v.headers[1][1]);
    struct signature_scheme scheme;
    struct signature_secret secret = {.len = 1};
    ok(signature_scheme_make(&v.settings, &scheme, &err));
    assert_string_equal(signature_verify(&scheme, &secret, 1, &r.message), "what is signed is not complete");
}

static void scheme__what_would_not_protect_is_refused(void **state)
{
    (void)state;
    static const struct signature_settings BAD[] = {
        {.preset = SIGNATURE_NONE},
        {.preset = SIGNATURE_HOOKDECK + 1},
        {.preset = SIGNATURE_CUSTOM},
        {.preset = SIGNATURE_CUSTOM, .header = "X Y"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = ""},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{header:X-Id}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{body}{body}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{body}.{body}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{header:A}{body}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{header:}.{body}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{header:A:B}.{body}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{bodi}"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{body"},
        {.preset = SIGNATURE_CUSTOM, .header = "X", .text = "{body}}"},
        {.preset = SIGNATURE_GITHUB, .timestamp = "header:X-Time"},
        {.preset = SIGNATURE_GITHUB, .timestamp = "json:/time"},
        {.preset = SIGNATURE_STRIPE, .text = "{body}"},
    };
    struct signature_scheme scheme;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        gives(LEAT_ECONFIG, signature_scheme_make(&BAD[i], &scheme, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector__every_one_is_signed),
        cmocka_unit_test(vector__any_changed_bit_of_the_body_is_seen),
        cmocka_unit_test(vector__any_other_header_is_seen),
        cmocka_unit_test(vector__every_prefix_of_a_header_is_refused),
        cmocka_unit_test(time__beyond_the_tolerance_is_refused_both_ways),
        cmocka_unit_test(secret__any_of_several_is_enough),
        cmocka_unit_test(secret__what_is_none_is_refused),
        cmocka_unit_test(list__the_right_one_may_stand_anywhere),
        cmocka_unit_test(text__nothing_moves_from_one_value_into_the_next),
        cmocka_unit_test(scheme__what_would_not_protect_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
