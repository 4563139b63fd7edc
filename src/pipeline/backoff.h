/*
 * Exponential backoff with full jitter: the n-th delay is drawn from [base, base * 2^n], never past
 * `max`. Jitter keeps many daemons from returning at the same moment to a server that has just come
 * back.
 *
 * Threads: one owner.
 */
#ifndef PIPELINE_BACKOFF_H
#define PIPELINE_BACKOFF_H

#include <stdint.h>

struct leat_backoff {
    int64_t base_ms;
    int64_t max_ms;
    uint32_t attempts; /* failures since the last success */
    uint64_t random;   /* state of the generator; any seed but 0 */
};

void leat_backoff_init(struct leat_backoff *backoff, int64_t base_ms, int64_t max_ms,
                       uint64_t seed);

/* Counts a failure and gives the delay before the next try. */
int64_t leat_backoff_next_ms(struct leat_backoff *backoff);

/* A success: the next failure starts small again. */
void leat_backoff_reset(struct leat_backoff *backoff);

#endif
