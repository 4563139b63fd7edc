/*
 * Two clocks that must not be confused: the monotonic one for every timeout, the wall clock only
 * for times that users read. Both are safe from any thread and never fail.
 */
#ifndef LEAT_CLOCK_H
#define LEAT_CLOCK_H

#include <stdint.h>

int64_t leat_clock_monotonic_ms(void);
int64_t leat_clock_monotonic_us(void);

/* Microseconds since 1970-01-01 00:00 UTC. */
int64_t leat_clock_wall_us(void);

/* Sleeps so many microseconds, or less if a signal arrives. */
void leat_clock_pause_us(int64_t us);

/* "2026-11-21T03:41:35.123456Z" for a wall time; `ret_text` has LEAT_CLOCK_TEXT bytes. */
#define LEAT_CLOCK_TEXT 48
void leat_clock_format(int64_t wall_us, char *ret_text);

#endif
