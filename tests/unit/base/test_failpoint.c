/* Failpoints as the failpoints build has them, whatever this build is: the source is compiled in
 * here. */
#undef LEAT_FAILPOINTS
#define LEAT_FAILPOINTS
#include "base/failpoint.c"

#include "unit/outcome.h"

#include <sys/wait.h>

static int setup(void **state)
{
    (void)state;
    return setenv("LEAT_FAILPOINT",
                  "before_commit:error:2,commit_full:error,after_receive:stall_ms=30:1,"
                  "after_commit:kill:2",
                  1);
}

static void failpoint__acts_on_the_nth_time_only(void **state)
{
    (void)state;
    assert_false(LEAT_FAILPOINT_HIT("before_commit"));
    assert_true(LEAT_FAILPOINT_HIT("before_commit"));
    assert_false(LEAT_FAILPOINT_HIT("before_commit"));
}

static void failpoint__without_a_number_acts_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(LEAT_FAILPOINT_HIT("commit_full"));
}

static void failpoint__that_nobody_named_does_nothing(void **state)
{
    (void)state;
    assert_false(LEAT_FAILPOINT_HIT("segment_roll"));
    assert_false(LEAT_FAILPOINT_HIT("before"));
}

static void failpoint__stalls_and_goes_on(void **state)
{
    (void)state;
    int64_t from = leat_clock_monotonic_ms();
    LEAT_FAILPOINT("after_receive");
    assert_true(leat_clock_monotonic_ms() - from >= 30);
    from = leat_clock_monotonic_ms();
    LEAT_FAILPOINT("after_receive");
    assert_true(leat_clock_monotonic_ms() - from < 30);
}

static void failpoint__kills_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        LEAT_FAILPOINT("after_commit");
        LEAT_FAILPOINT("after_commit");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failpoint__acts_on_the_nth_time_only),
        cmocka_unit_test(failpoint__without_a_number_acts_every_time),
        cmocka_unit_test(failpoint__that_nobody_named_does_nothing),
        cmocka_unit_test(failpoint__stalls_and_goes_on),
        cmocka_unit_test(failpoint__kills_the_process),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
