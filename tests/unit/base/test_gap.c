/* The body against its text, written down. */
#include <leat/gap.h>

#include "unit/outcome.h"

static void gap__body_is_one_json_object(void **state)
{
    (void)state;
    struct leat_buf b;
    leat_buf_init(&b, 1024);
    leat_gap_body(&b, "purged", leat_slice_text("bin.1:4"), leat_slice_text("a\"\\\n:5"),
                  leat_slice_text("the log is gone"));
    assert_string_equal(leat_buf_text(&b), "{\"reason\":\"purged\",\"from\":\"bin.1:4\","
                                           "\"to\":\"a???:5\",\"text\":\"the log is gone\"}");
    leat_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gap__body_is_one_json_object)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
