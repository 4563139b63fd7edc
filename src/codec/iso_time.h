/*
 * ISO 8601 text of dates and times, in the proleptic Gregorian calendar with astronomical years, as
 * java.time prints them: years beyond 9999 carry a plus, years before 1 a minus ("+21016-11-04",
 * "-4713-12-31"; the year 0 is 1 BC).
 *
 * Each function writes at `at`, which must have LEAT_ISO_BYTES of room, and returns the place behind what
 * it wrote; nothing is terminated. Infinities are the caller's business.
 */
#ifndef CODEC_ISO_TIME_H
#define CODEC_ISO_TIME_H

#include <stdint.h>

#define LEAT_ISO_BYTES 64

/* Seconds' digits behind the point: as few as needed, or exactly 0 … 6 of them. */
#define LEAT_ISO_SHORTEST (-1)

/* Days since 1970-01-01 as "2017-09-15". */
uint8_t *leat_iso_date(uint8_t *at, int64_t days);

/* Microseconds as "04:05:11.789"; hours may be many, and a minus stands in front of negative ones. */
uint8_t *leat_iso_time(uint8_t *at, int64_t us, int32_t digits);

/* Microseconds since 1970-01-01 as "2017-09-15T04:05:11.789"; a zone is the caller's to append. */
uint8_t *leat_iso_timestamp(uint8_t *at, int64_t us, int32_t digits);

/* Seconds east of UTC as "+02:00", with seconds where there are any. */
uint8_t *leat_iso_zone(uint8_t *at, int32_t seconds);

#endif
