/*
 * API keys: what is put comes back, by another process too; what is damaged is no key.
 */
#include "store/keys.h"

#include "unit/store/store_support.h"

#include <sys/wait.h>

static struct leat_api_key sample(const char *id)
{
    struct leat_api_key k = {.rights = 3, .created_at_us = 1795232495123456};
    snprintf(k.id, sizeof k.id, "%s", id);
    snprintf(k.tenant, sizeof k.tenant, "acme");
    snprintf(k.label, sizeof k.label, "the shop's");
    noise(k.salt, sizeof k.salt, 7);
    leat_api_key_hash(k.salt, LEAT_SLICE_LITERAL("secret"), k.hash);
    return k;
}

struct seen {
    struct leat_api_key keys[8];
    size_t count;
};

static int keep(void *arg, const struct leat_api_key *key, struct leat_err *e)
{
    struct seen *s = arg;
    (void)e;
    s->keys[s->count++] = *key;
    return LEAT_OK;
}

static struct seen all(struct leat_api_keys *keys)
{
    struct seen s = {.count = 0};
    ok(leat_api_keys_each(keys, keep, &s, &err));
    return s;
}

static void keys__come_back_as_they_were_put(void **state)
{
    struct leat_api_keys *keys;
    struct leat_api_key b = sample("b"), a = sample("a");
    ok(leat_api_keys_open(store_path(state), NULL, &keys, &err));
    assert_int_equal(all(keys).count, 0);
    ok(leat_api_keys_put(keys, &b, &err));
    ok(leat_api_keys_put(keys, &a, &err));
    a.revoked_at_us = 5;
    ok(leat_api_keys_put(keys, &a, &err));
    leat_api_keys_close(keys);
    ok(leat_api_keys_open(store_path(state), NULL, &keys, &err));
    struct seen s = all(keys);
    assert_int_equal(s.count, 2);
    assert_memory_equal(&s.keys[0], &a, sizeof a);
    assert_memory_equal(&s.keys[1], &b, sizeof b);
    leat_api_keys_close(keys);
}

static void keys__used_ones_change_nothing_else_and_gone_ones_stay_gone(void **state)
{
    struct leat_api_keys *keys;
    struct leat_api_key a = sample("a");
    a.revoked_at_us = 5;
    ok(leat_api_keys_open(store_path(state), NULL, &keys, &err));
    ok(leat_api_keys_put(keys, &a, &err));
    ok(leat_api_keys_used(keys, "a", 77, &err));
    ok(leat_api_keys_used(keys, "b", 78, &err));
    struct seen s = all(keys);
    assert_int_equal(s.count, 1);
    a.used_at_us = 77;
    assert_memory_equal(&s.keys[0], &a, sizeof a);
    leat_api_keys_close(keys);
}

static void keys__made_before_the_store_are_in_it(void **state)
{
    struct leat_api_keys *keys;
    struct leat_api_key a = sample("a");
    ok(leat_api_keys_open(store_path(state), NULL, &keys, &err));
    ok(leat_api_keys_put(keys, &a, &err));
    leat_api_keys_close(keys);
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    ok(leat_api_keys_open(store_path(state), store, &keys, &err));
    assert_int_equal(all(keys).count, 1);
    leat_api_keys_close(keys);
    leat_store_close(store);
}

/* The daemon has the environment open; `leat keys` is another process. */
static void keys__of_another_process_are_seen(void **state)
{
    struct leat_store_options options = small_options(store_path(state));
    struct leat_store *store = opened(&options);
    struct leat_api_keys *keys;
    ok(leat_api_keys_open(store_path(state), store, &keys, &err));
    uint64_t version = leat_api_keys_version(keys);
    pid_t child = fork();
    if (child == 0) { /* a new program, as far as LMDB is concerned: nothing inherited is used */
        execl("/proc/self/exe", "test_keys", "put", store_path(state), "z", (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(leat_api_keys_version(keys) != version);
    assert_string_equal(all(keys).keys[0].id, "z");
    leat_api_keys_close(keys);
    leat_store_close(store);
}

static void hash__depends_on_salt_and_secret(void **state)
{
    (void)state;
    uint8_t one[32], two[32], salt[16] = {1};
    leat_api_key_hash(salt, LEAT_SLICE_LITERAL("secret"), one);
    leat_api_key_hash(salt, LEAT_SLICE_LITERAL("secreT"), two);
    assert_memory_not_equal(one, two, sizeof one);
    salt[15] = 1;
    leat_api_key_hash(salt, LEAT_SLICE_LITERAL("secret"), two);
    assert_memory_not_equal(one, two, sizeof one);
}

static int put_one(const char *path, const char *id)
{
    struct leat_api_keys *keys;
    struct leat_api_key k = sample(id);
    if (leat_api_keys_open(path, NULL, &keys, &err))
        return 1;
    int status = leat_api_keys_put(keys, &k, &err);
    leat_api_keys_close(keys);
    return status ? 1 : 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys__come_back_as_they_were_put, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(keys__used_ones_change_nothing_else_and_gone_ones_stay_gone,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(keys__made_before_the_store_are_in_it, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(keys__of_another_process_are_seen, scratch_setup, scratch_teardown),
        cmocka_unit_test(hash__depends_on_salt_and_secret),
    };
    if (argc == 4)
        return put_one(argv[2], argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
