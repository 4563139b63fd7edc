/*
 * How long something took, counted in buckets: one relaxed add per observation and no lock.
 *
 * The bounds are the same for every histogram: 100 µs to 50 s in steps of 1, 2.5, 5. They suit an
 * fsync, a commit and an HTTP request alike.
 *
 * Threads: any number of writers, any number of readers. A reader may see an observation in
 *          `sum_us` that is not yet in its bucket; the count is the sum of the buckets, so what is
 *          shown is consistent in itself.
 */
#ifndef LEAT_HISTOGRAM_H
#define LEAT_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { LEAT_HISTOGRAM_BOUNDS = 18 };

struct leat_histogram {
    _Atomic int64_t buckets[LEAT_HISTOGRAM_BOUNDS + 1]; /* not cumulative; the last: longer */
    _Atomic int64_t sum_us;
};

/* Upper bound of bucket i, inclusive: 100, 250, 500, 1000 … */
static inline int64_t leat_histogram_bound_us(unsigned i)
{
    static const int64_t STEPS[3] = {100, 250, 500};
    int64_t bound = STEPS[i % 3];
    for (unsigned decade = i / 3; decade > 0; decade--)
        bound *= 10;
    return bound;
}

static inline void leat_histogram_observe(struct leat_histogram *histogram, int64_t us)
{
    unsigned i = 0;
    while (i < LEAT_HISTOGRAM_BOUNDS && us > leat_histogram_bound_us(i))
        i++;
    atomic_fetch_add_explicit(&histogram->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

#endif
