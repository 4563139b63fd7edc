/*
 * Moments as senders write them, and the time UUIDs that name events.
 *
 * Threads: pure, but for webhook_uuid_seed(), which draws from the kernel's randomness.
 */
#ifndef WEBHOOK_TIME_TEXT_H
#define WEBHOOK_TIME_TEXT_H

#include <leat/err.h>
#include <leat/slice.h>

enum { WEBHOOK_UUID_BYTES = 16, WEBHOOK_UUID_TEXT = 37 };

/* ISO 8601 with date, time and zone ("2026-11-21T03:41:35.123Z", "+02:00"), years 1583 to 5000 so that
 * a time UUID can hold it. Digits beyond microseconds are cut. */
bool webhook_time_parse(struct leat_slice text, int64_t *ret_us) LEAT_MUST_CHECK;

/* Seconds or milliseconds since 1970 as digits, told apart by their size. */
bool webhook_time_parse_epoch(struct leat_slice text, int64_t *ret_us) LEAT_MUST_CHECK;

/* 64 random bits: the identity of one request's ids. */
uint64_t webhook_uuid_seed(void);

/* A version-1 UUID of that millisecond; `n` counts the events of a request and keeps their ids in
 * order (up to 10,000 of one millisecond). Clock sequence and node are random, the node marked as
 * such. */
void webhook_uuid_make(int64_t time_us, uint64_t seed, uint32_t n, uint8_t *ret_uuid);

void webhook_uuid_text(const uint8_t *uuid, char *ret_text);

#endif
