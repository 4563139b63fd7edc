/* The environment is parsed at the first hit; a place that it does not name costs one string
 * compare. */
#include <leat/failpoint.h>

#ifdef LEAT_FAILPOINTS

#include <leat/clock.h>

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILPOINTS_MAX = 16 };

struct failpoint {
    char name[32];
    char action[16]; /* kill, stall_ms, error */
    long stall_ms;
    long nth; /* 0: every time */
    long hits;
};

static struct failpoint points[FAILPOINTS_MAX];
static size_t point_count;
static pthread_mutex_t points_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t points_once = PTHREAD_ONCE_INIT;

static void points_parse(void)
{
    const char *at = getenv("LEAT_FAILPOINT");
    while (at && *at && point_count < FAILPOINTS_MAX) {
        struct failpoint *p = &points[point_count];
        if (sscanf(at, "%31[a-z_]:stall_ms=%ld:%ld", p->name, &p->stall_ms, &p->nth) >= 2)
            snprintf(p->action, sizeof p->action, "stall_ms");
        else if (sscanf(at, "%31[a-z_]:%15[a-z]:%ld", p->name, p->action, &p->nth) < 2)
            break;
        point_count++;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
}

static bool point_due(struct failpoint *p)
{
    pthread_mutex_lock(&points_lock);
    long hit = ++p->hits;
    pthread_mutex_unlock(&points_lock);
    return p->nth == 0 || p->nth == hit;
}

static bool point_act(const struct failpoint *p)
{
    if (strcmp(p->action, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(p->action, "stall_ms") == 0)
        leat_clock_pause_us((int64_t)p->stall_ms * 1000);
    return strcmp(p->action, "error") == 0;
}

bool leat_failpoint_reached(const char *name)
{
    pthread_once(&points_once, points_parse);
    bool failed = false;
    for (size_t i = 0; i < point_count; i++)
        if (strcmp(points[i].name, name) == 0 && point_due(&points[i]))
            failed |= point_act(&points[i]);
    return failed;
}

#endif
