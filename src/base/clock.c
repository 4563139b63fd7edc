#include <leat/clock.h>

#include <stdio.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t leat_clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t leat_clock_monotonic_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t leat_clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

void leat_clock_pause_us(int64_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

void leat_clock_format(int64_t wall_us, char *ret_text)
{
    int64_t seconds = wall_us / 1000000;
    int64_t us = wall_us % 1000000;
    if (us < 0) {
        us += 1000000;
        seconds -= 1;
    }
    time_t t = (time_t)seconds;
    struct tm utc;
    if (!gmtime_r(&t, &utc)) {
        snprintf(ret_text, LEAT_CLOCK_TEXT, "out of range");
        return;
    }
    snprintf(ret_text, LEAT_CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)us);
}
