/*
 * A moment as a user types it: a span back from now ("10m", "2h", "7d"), or ISO 8601 ("2026-11-21",
 * "2026-11-21T03:41", "…:35.5Z", "…+02:00"; UTC where no zone is given). Pure.
 */
#ifndef CONFIG_SINCE_H
#define CONFIG_SINCE_H

#include <leat/err.h>

/* Microseconds since 1970. LEAT_ECONFIG: neither. */
int since_parse(const char *text, int64_t now_us, int64_t *ret_us, struct leat_err *err)
    LEAT_MUST_CHECK;

#endif
