/*
 * Text to typed setting and back, as an option table says. This is the only place that knows how a
 * size, a duration or a bool is written.
 *
 *     int        5432  -1                 decimal, no leading zeros, no underscores
 *     bool       true  false
 *     size       512  512B  64MiB  1GB    B, kB MB GB TB (1000), KiB MiB GiB TiB (1024)
 *     duration   200ms  10s  5m  1h  7d   only 0 may go without a unit
 *     choice     one of the words
 *     text       anything without a NUL
 *
 * Units: sizes become bytes, durations milliseconds. A value outside min … max is refused with the
 *        range in
 * the words above. `max` below `min` means no upper bound.
 */
#ifndef CONFIG_SCALAR_H
#define CONFIG_SCALAR_H

#include <leat/arena.h>
#include <leat/buf.h>
#include <leat/option.h>

/* What is wrong with a value, for the user. */
struct leat_scalar_reason {
    char text[400];
};

/* Writes the setting at base + option->offset; a text is copied into the arena. `text` has a NUL
 * behind it. Not for lists. False: nothing was written and the reason says why. */
bool leat_scalar_parse(const struct leat_option *option, struct leat_slice text, void *base,
                       struct leat_arena *arena, struct leat_scalar_reason *ret_reason)
    LEAT_MUST_CHECK;

/* The setting as a user would write it: the largest unit that is exact. Secrets show as "***";
 * texts that were not given as nothing. */
void leat_scalar_format(const struct leat_option *option, const void *base, struct leat_buf *text);

/* "1 to 65535", "at least 1MiB"; empty when unbounded. */
void leat_scalar_format_range(const struct leat_option *option, struct leat_buf *text);

/* True if both bases hold the same setting. */
bool leat_scalar_equal(const struct leat_option *option, const void *a, const void *b);

#endif
