/*
 * Secrets are taken only from where nobody else can read or change them, and never appear in an
 * error.
 */
#include <leat/secret.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char directory[64];
    char path[128];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->directory, sizeof place->directory, "/tmp/leat-secret-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    snprintf(place->path, sizeof place->path, "%s/password", place->directory);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    rmdir(place->directory);
    free(place);
    return 0;
}

static void put(const struct place *place, const void *bytes, size_t len, mode_t mode)
{
    unlink(place->path);
    int fd = open(place->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void expect_secret(const struct place *place, const char *content, const char *expected)
{
    char secret[32];
    struct leat_err err;
    put(place, content, strlen(content), 0600);
    assert_int_equal(leat_secret_file(place->path, secret, sizeof secret, &err), LEAT_OK);
    assert_string_equal(secret, expected);
}

static void secret__one_line_end_is_not_part_of_it(void **state)
{
    expect_secret(*state, "hunter2", "hunter2");
    expect_secret(*state, "hunter2\n", "hunter2");
    expect_secret(*state, "hunter2\r\n", "hunter2");
    expect_secret(*state, "hunter2\n\n", "hunter2\n");
    expect_secret(*state, " hunter 2 ", " hunter 2 ");
    expect_secret(*state, "1234567890123456789012345678901\n", "1234567890123456789012345678901");
}

static void expect_refused(const struct place *place, int code, const char *part)
{
    char secret[32];
    memset(secret, 'x', sizeof secret);
    struct leat_err err;
    assert_int_equal(leat_secret_file(place->path, secret, sizeof secret, &err), code);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    assert_null(strstr(err.text, "hunter2"));
    assert_null(strstr(err.hint, "hunter2"));
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
}

static void secret__a_file_that_others_can_get_at_is_refused(void **state)
{
    static const mode_t LOOSE[] = {0640, 0604, 0620, 0602, 0644, 0777, 0610};
    for (size_t i = 0; i < sizeof LOOSE / sizeof LOOSE[0]; i++) {
        put(*state, "hunter2", 7, LOOSE[i]);
        expect_refused(*state, LEAT_ECONFIG, "others than its owner can get at it");
    }
    put(*state, "hunter2", 7, 0400);
    char secret[32];
    struct leat_err err;
    struct place *place = *state;
    assert_int_equal(leat_secret_file(place->path, secret, sizeof secret, &err), LEAT_OK);
}

static void secret__a_file_of_another_user_is_refused(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0)
        skip();
    put(place, "hunter2", 7, 0600);
    assert_int_equal(chown(place->path, 65534, 65534), 0);
    expect_refused(place, LEAT_ECONFIG, "belongs to user 65534");
}

static void secret__accidents_are_refused(void **state)
{
    struct place *place = *state;
    put(place, "", 0, 0600);
    expect_refused(place, LEAT_ECONFIG, "is empty");
    put(place, "\n", 1, 0600);
    expect_refused(place, LEAT_ECONFIG, "is empty");
    put(place, "hunter2\0x", 9, 0600);
    expect_refused(place, LEAT_ECONFIG, "holds a NUL byte");
    put(place, "hunter2hunter2hunter2hunter2hunt", 32, 0600);
    expect_refused(place, LEAT_ELIMIT, "is longer than 31 bytes");
    put(place, "hunter2hunter2hunter2hunter2hunter2hunter2", 42, 0600);
    expect_refused(place, LEAT_ELIMIT, "is longer than 31 bytes");
    unlink(place->path);
    expect_refused(place, LEAT_ECONFIG, "No such file or directory");
    assert_int_equal(mkfifo(place->path, 0600), 0);
    expect_refused(place, LEAT_ECONFIG, "is not a regular file");
}

static void secret__comes_from_the_environment(void **state)
{
    (void)state;
    char secret[8];
    struct leat_err err;
    setenv("LEAT_TEST_SECRET", "hunter2", 1);
    assert_int_equal(leat_secret_env("LEAT_TEST_SECRET", secret, sizeof secret, &err), LEAT_OK);
    assert_string_equal(secret, "hunter2");
    setenv("LEAT_TEST_SECRET", "hunter22", 1);
    assert_int_equal(leat_secret_env("LEAT_TEST_SECRET", secret, sizeof secret, &err), LEAT_ELIMIT);
    assert_int_equal(secret[0], 0);
    setenv("LEAT_TEST_SECRET", "", 1);
    assert_int_equal(leat_secret_env("LEAT_TEST_SECRET", secret, sizeof secret, &err),
                     LEAT_ECONFIG);
    unsetenv("LEAT_TEST_SECRET");
    assert_int_equal(leat_secret_env("LEAT_TEST_SECRET", secret, sizeof secret, &err),
                     LEAT_ECONFIG);
    assert_string_equal(err.text,
                        "environment variable \"LEAT_TEST_SECRET\" for a secret is not set");
}

static void secret__comes_from_a_systemd_credential(void **state)
{
    struct place *place = *state;
    char secret[32];
    struct leat_err err;
    put(place, "hunter2\n", 8, 0440); /* as systemd shows a file with an ACL */
    setenv("CREDENTIALS_DIRECTORY", place->directory, 1);
    assert_int_equal(leat_secret_credential("password", secret, sizeof secret, &err), LEAT_OK);
    assert_string_equal(secret, "hunter2");
    assert_int_equal(leat_secret_credential("../password", secret, sizeof secret, &err),
                     LEAT_ECONFIG);
    put(place, "hunter2\n", 8, 0444);
    assert_int_equal(leat_secret_credential("password", secret, sizeof secret, &err), LEAT_ECONFIG);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(leat_secret_credential("password", secret, sizeof secret, &err), LEAT_ECONFIG);
    assert_non_null(strstr(err.hint, "LoadCredential=password:"));
}

static void secret__wiping_leaves_nothing(void **state)
{
    (void)state;
    char secret[] = "hunter2";
    leat_secret_wipe(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret; i++)
        assert_int_equal(secret[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secret__one_line_end_is_not_part_of_it, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(secret__a_file_that_others_can_get_at_is_refused,
                                        make_place, remove_place),
        cmocka_unit_test_setup_teardown(secret__a_file_of_another_user_is_refused, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(secret__accidents_are_refused, make_place, remove_place),
        cmocka_unit_test(secret__comes_from_the_environment),
        cmocka_unit_test_setup_teardown(secret__comes_from_a_systemd_credential, make_place,
                                        remove_place),
        cmocka_unit_test(secret__wiping_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
