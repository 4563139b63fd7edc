/*
 * The memory of stored requests against a naive list, over random additions, repeats, sessions that
 * were lost, and time that passes.
 */
#include "sources/webhook/once.h"

#include "unit/outcome.h"

enum { KEYS = 4000, WINDOW_US = 1000000 };

static uint64_t random_state = 7;

static unsigned draw(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(random_state >> 33) % n;
}

/* Many keys begin alike, so that they meet in the table. */
static struct once_entry entry_of(unsigned key, uint64_t number, int64_t received_us)
{
    struct once_entry e = {.fingerprint = key, .seed = number, .received_us = received_us, .number = number};
    e.key[0] = (uint8_t)(key % 16);
    memcpy(e.key + 8, &key, sizeof key);
    return e;
}

static void once__remembers_what_a_list_would(void **state)
{
    (void)state;
    static int64_t received[KEYS];
    static uint64_t numbers[KEYS];
    struct once once;
    once_init(&once, WINDOW_US, 100 * KEYS);
    uint64_t number = 0, durable = 0;
    int64_t now_us = 1;
    for (int round = 0; round < 100000; round++) {
        unsigned key = draw(KEYS);
        struct once_entry e = entry_of(key, number + 1, now_us);
        const struct once_entry *found = once_find(&once, e.key, now_us);
        bool known = received[key] && now_us - received[key] < WINDOW_US;
        assert_int_equal(found != NULL, known);
        if (found) {
            assert_int_equal(found->number, numbers[key]);
            assert_int_equal(found->received_us, received[key]);
        } else {
            ok(once_add(&once, &e, &err));
            received[key] = now_us;
            numbers[key] = ++number;
        }
        now_us += draw(300);
        if (draw(50) == 0)
            durable = number;
        if (draw(500) == 0) { /* a session ends: what was not durable never was */
            once_forget_above(&once, durable);
            for (unsigned k = 0; k < KEYS; k++)
                if (numbers[k] > durable)
                    received[k] = 0, numbers[k] = 0;
            number = durable;
        }
    }
    assert_true(number > 10000);
    once_release(&once);
}

static void once__the_newest_half_stays_when_too_many_come(void **state)
{
    (void)state;
    struct once once;
    once_init(&once, INT64_MAX / 2, 1000);
    for (unsigned key = 0; key < 100000; key++) {
        struct once_entry e = entry_of(key, key + 1, key + 1);
        ok(once_add(&once, &e, &err));
        assert_true(once.current.count + once.previous.count <= 1000);
        unsigned before = key > 499 ? key - 499 : 0;
        assert_non_null(once_find(&once, entry_of(before, 0, 0).key, key));
    }
    assert_null(once_find(&once, entry_of(0, 0, 0).key, 100000));
    once_release(&once);
}

static void once__the_stored_form_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[ONCE_STORED_BYTES];
    struct once_entry e = entry_of(12345, 99, 5), back = {.number = 99, .received_us = 5};
    once_write(&e, bytes);
    assert_true(once_read(leat_slice_of(bytes, sizeof bytes), &back));
    assert_memory_equal(&back, &e, sizeof e);
    assert_false(once_read(leat_slice_of(bytes, sizeof bytes - 1), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once__remembers_what_a_list_would),
        cmocka_unit_test(once__the_newest_half_stays_when_too_many_come),
        cmocka_unit_test(once__the_stored_form_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
