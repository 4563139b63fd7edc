/*
 * Golden files of messages: a line "# = ..." says what must be read in the bytes that follow it in
 * hex, up to the next such line. Anything behind a # is a comment.
 *
 *     golden_open(&g, "tests/golden/mysql/captured_mariadb.hex");
 *     while (golden_next(&g))
 *         … leat_buf_slice(&g.bytes), leat_buf_text(&g.expected)
 *     golden_close(&g);
 *
 * A file that is missing or has nothing in it fails the test.
 */
#ifndef UNIT_GOLDEN_H
#define UNIT_GOLDEN_H

#include <leat/buf.h>

#include "unit/outcome.h"

enum { GOLDEN_LINE_MAX = 64 << 10 };

struct golden {
    FILE *file;
    char line[GOLDEN_LINE_MAX];
    struct leat_buf expected;
    struct leat_buf bytes;
    size_t count; /* messages so far */
};

static UNUSED void golden_open(struct golden *g, const char *path)
{
    g->file = fopen(path, "r");
    if (!g->file)
        fail_msg("%s is missing", path);
    leat_buf_init(&g->expected, GOLDEN_LINE_MAX);
    leat_buf_init(&g->bytes, 1 << 20);
    g->line[0] = '\0';
    g->count = 0;
}

static UNUSED void golden_close(struct golden *g)
{
    assert_true(g->count > 0);
    fclose(g->file);
    leat_buf_release(&g->expected);
    leat_buf_release(&g->bytes);
}

static UNUSED int golden_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static UNUSED void golden_bytes(struct golden *g)
{
    for (const char *at = g->line; *at && *at != '#' && *at != '\n'; at++) {
        if (*at == ' ')
            continue;
        uint8_t byte = (uint8_t)(golden_digit(at[0]) << 4 | golden_digit(at[1]));
        assert_true(golden_digit(at[0]) >= 0 && golden_digit(at[1]) >= 0);
        leat_buf_append(&g->bytes, leat_slice_of(&byte, 1));
        at++;
    }
}

/* The next message and its line; false at the end of the file. */
static UNUSED bool golden_next(struct golden *g)
{
    leat_buf_reset(&g->expected);
    leat_buf_reset(&g->bytes);
    do {
        if (strncmp(g->line, "# = ", 4) == 0) {
            if (g->expected.len) {
                g->count++;
                return true;
            }
            leat_buf_append(&g->expected, leat_slice_of(g->line + 4, strcspn(g->line + 4, "\n")));
        } else {
            golden_bytes(g);
        }
        g->line[0] = '\0';
    } while (fgets(g->line, sizeof g->line, g->file));
    g->count += g->expected.len > 0;
    return g->expected.len > 0;
}

#endif
