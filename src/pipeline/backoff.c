#include "pipeline/backoff.h"

void leat_backoff_init(struct leat_backoff *b, int64_t base_ms, int64_t max_ms, uint64_t seed)
{
    *b = (struct leat_backoff){.base_ms = base_ms, .max_ms = max_ms, .random = seed ? seed : 1};
}

/* xorshift64 (Marsaglia 2003): quality is of no concern here, only that daemons differ. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int64_t leat_backoff_next_ms(struct leat_backoff *b)
{
    int64_t ceiling = b->base_ms;
    for (uint32_t i = 0; i < b->attempts && ceiling < b->max_ms; i++)
        ceiling *= 2;
    if (ceiling > b->max_ms)
        ceiling = b->max_ms;
    b->attempts++;
    int64_t spread = ceiling - b->base_ms;
    return b->base_ms +
           (spread > 0 ? (int64_t)(random_next(&b->random) % (uint64_t)(spread + 1)) : 0);
}

void leat_backoff_reset(struct leat_backoff *b)
{
    b->attempts = 0;
}
