/*
 * Ids of events as times: version-1 UUIDs, whose 60 bits of 100 ns since 1582-10-15 are the event's
 * time, and the hours (time buckets, "yyyyMMddHH0000" in UTC) that they fall into. Ids are in order
 * of those bits, then of their bytes.
 *
 * Source: RFC 9562 §5.1; Flowcore's consumers, who compute an event's bucket from its id.
 * Threads: pure.
 */
#ifndef FEED_TIME_UUID_H
#define FEED_TIME_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { TIME_UUID_BYTES = 16, TIME_UUID_TEXT = 37, TIME_BUCKET_TEXT = 15 }; /* with their NUL */

struct time_uuid {
    uint8_t bytes[TIME_UUID_BYTES];
};

/* "d2af4600-1234-11f0-8abc-0123456789ab"; false for what is no version-1 UUID. */
bool time_uuid_parse(const char *text, struct time_uuid *ret_uuid);
void time_uuid_text(const struct time_uuid *uuid, char *ret_text);

int time_uuid_compare(const struct time_uuid *a, const struct time_uuid *b);

/* Hours since 1970, rounded down. */
int64_t time_uuid_hour(const struct time_uuid *uuid);

/* Years 1000 to 9999. False for what is no such date; minutes and seconds are dropped. */
bool time_bucket_parse(const char *text, int64_t *ret_hour);
void time_bucket_text(int64_t hour, char *ret_text);

#endif
