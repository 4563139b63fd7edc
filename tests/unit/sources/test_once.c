/*
 * The memory of stored requests against a naive list, over random additions, repeats, sessions that
 * were lost, and time that passes; and the filter over all of them.
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
    uint16_t alike = (uint16_t)(key % 256 * 61);
    memcpy(e.key, &alike, sizeof alike);
    memcpy(e.key + 8, &key, sizeof key);
    return e;
}

static void once__remembers_what_a_list_would(void **state)
{
    (void)state;
    static int64_t received[KEYS];
    static uint64_t numbers[KEYS];
    struct once once;
    once_init(&once, WINDOW_US, 100 * KEYS, KEYS);
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
            ok(once_add(&once, &e, durable, &err));
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

static void once__the_newest_half_of_what_is_durable_stays(void **state)
{
    (void)state;
    struct once once;
    once_init(&once, INT64_MAX / 2, 1000, 1000);
    for (unsigned key = 0; key < 100000; key++) {
        struct once_entry e = entry_of(key, key + 1, key + 1);
        ok(once_add(&once, &e, key, &err));
        assert_true(once.current.count + once.previous.count <= 1000);
        unsigned before = key > 499 ? key - 499 : 0;
        assert_non_null(once_find(&once, entry_of(before, 0, 0).key, key));
    }
    assert_null(once_find(&once, entry_of(0, 0, 0).key, 100000));
    once_release(&once);
}

static void once__what_is_not_durable_is_never_forgotten(void **state)
{
    (void)state;
    struct once once;
    once_init(&once, INT64_MAX / 2, 1000, 1000);
    for (unsigned key = 0; key < 20000; key++) {
        struct once_entry e = entry_of(key, key + 1, key + 1);
        uint64_t durable = key < 5000 ? 0 : key - 5000;
        ok(once_add(&once, &e, durable, &err));
        for (unsigned n = (unsigned)durable; n < key; n += 1 + draw(500))
            assert_non_null(once_find(&once, entry_of(n, 0, 0).key, key));
    }
    assert_true(once.current.count + once.previous.count < 11500);
    once_release(&once);
}

static uint64_t mixed(uint64_t n)
{
    return n * UINT64_C(0x9e3779b97f4a7c15) >> 16 | UINT64_C(0xabcd) << 48; /* as hashes of one name are */
}

static void once__the_filter_forgets_nothing_and_mistakes_few(void **state)
{
    (void)state;
    struct once once;
    enum { COUNT = 500000 };
    unsigned mistaken = 0;
    once_init(&once, WINDOW_US, 1000, COUNT);
    for (uint64_t n = 0; n < COUNT; n++)
        ok(once_note(&once, mixed(n), 1, &err));
    for (uint64_t n = 0; n < COUNT; n++)
        assert_true(once_perhaps(&once, mixed(n)));
    for (uint64_t n = COUNT; n < 2 * COUNT; n++)
        mistaken += once_perhaps(&once, mixed(n));
    if (mistaken > COUNT / 50)
        fail_msg("%u of %u", mistaken, (unsigned)COUNT);
    once_release(&once);
}

static void once__the_filter_knows_a_window_and_forgets_after_two(void **state)
{
    (void)state;
    struct once once;
    unsigned left = 0;
    once_init(&once, WINDOW_US, 1000, 100000);
    for (int64_t now_us = 1; now_us < 10 * WINDOW_US; now_us += WINDOW_US / 10000) {
        ok(once_note(&once, mixed((uint64_t)now_us), now_us, &err));
        int64_t earlier = now_us - (int64_t)draw(10000) * (WINDOW_US / 10000);
        if (earlier > 0 && earlier % (WINDOW_US / 10000) == 1)
            assert_true(once_perhaps(&once, mixed((uint64_t)earlier)));
    }
    for (int64_t us = 1; us < 7 * WINDOW_US; us += WINDOW_US / 10000)
        left += once_perhaps(&once, mixed((uint64_t)us));
    assert_true(left < 700);
    ok(once_suspect(&once, 1, &err));
    assert_true(once_perhaps(&once, 12345));
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
        cmocka_unit_test(once__the_newest_half_of_what_is_durable_stays),
        cmocka_unit_test(once__what_is_not_durable_is_never_forgotten),
        cmocka_unit_test(once__the_filter_forgets_nothing_and_mistakes_few),
        cmocka_unit_test(once__the_filter_knows_a_window_and_forgets_after_two),
        cmocka_unit_test(once__the_stored_form_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
