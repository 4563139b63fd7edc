/*
 * Failpoints: named places where a test may kill, stall or fail the process. Compiled in under
 * -DLEAT_FAILPOINTS only; otherwise nothing is left of them.
 *
 *     LEAT_FAILPOINT="before_commit:kill:3,after_receive:stall_ms=2000"
 *
 * name:action[:n]  action: kill (SIGKILL), stall_ms=N, error (LEAT_FAILPOINT_HIT() is true);
 *                  n: the n-th time it is reached only; without it, every time.
 * Names: after_receive before_commit after_commit before_confirm segment_roll commit_full
 *        runs_merging runs_merged
 * Threads: any.
 */
#ifndef LEAT_FAILPOINT_H
#define LEAT_FAILPOINT_H

#include <stdbool.h>

#ifdef LEAT_FAILPOINTS
bool leat_failpoint_reached(const char *name);
#define LEAT_FAILPOINT(name)     ((void)leat_failpoint_reached(name))
#define LEAT_FAILPOINT_HIT(name) leat_failpoint_reached(name)
#else
#define LEAT_FAILPOINT(name)     ((void)0)
#define LEAT_FAILPOINT_HIT(name) false
#endif

#endif
