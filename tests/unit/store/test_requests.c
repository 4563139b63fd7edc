/* Requests: what is put in comes out in order, until it is taken out; beside a writer and without one. */
#include "store/requests.h"

#include "store_support.h"

struct told {
    char text[512];
    uint64_t numbers[16];
    size_t count;
};

static int tell(void *arg, uint64_t number, struct leat_slice source, struct leat_slice body,
                struct leat_err *e)
{
    struct told *t = arg;
    (void)e;
    size_t at = strlen(t->text);
    snprintf(t->text + at, sizeof t->text - at, "%.*s=%.*s ", LEAT_SLICE_ARG(source), LEAT_SLICE_ARG(body));
    t->numbers[t->count++] = number;
    return LEAT_OK;
}

static struct told all(struct leat_requests *r)
{
    struct told t = {.count = 0};
    ok(leat_requests_each(r, tell, &t, &err));
    return t;
}

static void put(struct leat_requests *r, const char *source, const char *body)
{
    uint64_t number;
    ok(leat_requests_put(r, source, leat_slice_text(body), &number, &err));
}

static void requests__come_in_the_order_of_asking_until_they_are_taken_out(void **state)
{
    struct leat_store_options o = small_options(store_path(state));
    struct leat_store *store = opened(&o);
    struct leat_requests *r;
    ok(leat_requests_open(NULL, store, &r, &err));
    uint64_t version = leat_requests_version(r);
    put(r, "shop", "one");
    put(r, "till", "two");
    put(r, "shop", ""); /* in the same microsecond or not */
    assert_true(leat_requests_version(r) != version);
    struct told t = all(r);
    assert_string_equal(t.text, "shop=one till=two shop= ");
    assert_true(t.numbers[0] > 0 && t.numbers[0] < t.numbers[1] && t.numbers[1] < t.numbers[2]);
    ok(leat_requests_remove(r, t.numbers[1], &err));
    ok(leat_requests_remove(r, t.numbers[1], &err)); /* gone already */
    assert_string_equal(all(r).text, "shop=one shop= ");
    leat_requests_close(r);
    leat_store_close(store);
    ok(leat_requests_open(o.path, NULL, &r, &err)); /* no daemon runs */
    put(r, "shop", "three");
    assert_string_equal(all(r).text, "shop=one shop= shop=three ");
    leat_requests_close(r);
}

static void requests__a_long_body_and_a_missing_store_are_errors(void **state)
{
    static const char LONG[LEAT_REQUEST_BODY_MAX * 2];
    struct leat_store_options o = small_options(store_path(state));
    struct leat_requests *r;
    uint64_t number;
    assert_true(leat_requests_open("/nonexistent/store", NULL, &r, &err) < 0);
    struct leat_store *store = opened(&o);
    ok(leat_requests_open(NULL, store, &r, &err));
    assert_true(leat_requests_put(r, "shop", leat_slice_of(LONG, sizeof LONG), &number, &err) < 0);
    assert_int_equal(all(r).count, 0);
    leat_requests_close(r);
    leat_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests__come_in_the_order_of_asking_until_they_are_taken_out,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(requests__a_long_body_and_a_missing_store_are_errors, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
