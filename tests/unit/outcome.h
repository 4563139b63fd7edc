/*
 * What a fallible call must give, with its error's text when it gives something else:
 *
 *     ok(leat_batch_add(batch, &event, &err));
 *     gives(LEAT_EDATA, leat_schema_read(bytes, &arena, &schema, &err));
 *
 * `err` is one per test program.
 */
#ifndef UNIT_OUTCOME_H
#define UNIT_OUTCOME_H

#include <leat/err.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

static UNUSED struct leat_err err;

#define ok(call)          outcome_check((call), LEAT_OK, #call, __FILE__, __LINE__)
#define gives(code, call) outcome_check((call), (code), #call, __FILE__, __LINE__)

static UNUSED void outcome_check(int status, int expected, const char *call, const char *file,
                                 int line)
{
    if (status != expected)
        print_error("%s:%d: %s gave %s, not %s: %s\n", file, line, call, leat_code_name(status),
                    leat_code_name(expected), status < 0 ? err.text : "");
    _assert_int_equal((unsigned)status, (unsigned)expected, file, line);
}

static UNUSED void assert_text_has(const char *text, const char *needle)
{
    if (!strstr(text, needle))
        fail_msg("\"%s\" does not contain \"%s\"", text, needle);
}

#endif
