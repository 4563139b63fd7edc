#include "sources/webhook/time_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { YEAR_MIN = 1583, YEAR_MAX = 5000 };

#define SECOND_US        INT64_C(1000000)
#define GREGORIAN_100NS  INT64_C(122192928000000000) /* from 1582-10-15 to 1970 */

struct text {
    const uint8_t *at, *end;
    bool bad;
};

static int digits(struct text *t, int count)
{
    int v = 0;
    for (int i = 0; i < count; i++) {
        if (t->at == t->end || *t->at < '0' || *t->at > '9') {
            t->bad = true;
            return 0;
        }
        v = v * 10 + (*t->at++ - '0');
    }
    return v;
}

static bool take(struct text *t, char c)
{
    if (t->at == t->end || *t->at != (uint8_t)c)
        return false;
    t->at++;
    return true;
}

static void expect(struct text *t, char c)
{
    t->bad |= !take(t, c);
}

/* Howard Hinnant's days_from_civil. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int days_in(int y, int m)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    return m == 2 && leap ? 29 : DAYS[m - 1];
}

static int64_t fraction(struct text *t)
{
    int64_t us = 0, place = SECOND_US / 10;
    if (!take(t, '.') && !take(t, ','))
        return 0;
    us += digits(t, 1) * place;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
        place /= 10;
        us += (*t->at++ - '0') * place;
    }
    return us;
}

/* Seconds east of UTC. */
static int64_t zone(struct text *t)
{
    if (take(t, 'Z') || take(t, 'z'))
        return 0;
    bool west = take(t, '-');
    if (!west)
        expect(t, '+');
    int hours = digits(t, 2);
    take(t, ':');
    int minutes = digits(t, 2);
    t->bad |= hours > 23 || minutes > 59;
    return (west ? -1 : 1) * (hours * INT64_C(3600) + minutes * INT64_C(60));
}

bool webhook_time_parse(struct leat_slice text, int64_t *ret_us)
{
    struct text t = {text.ptr, text.ptr + text.len, false};
    int year = digits(&t, 4);
    expect(&t, '-');
    int month = digits(&t, 2);
    expect(&t, '-');
    int day = digits(&t, 2);
    if (!take(&t, 'T') && !take(&t, 't'))
        expect(&t, ' ');
    int hour = digits(&t, 2);
    expect(&t, ':');
    int minute = digits(&t, 2), second = 0;
    if (take(&t, ':'))
        second = digits(&t, 2);
    int64_t us = fraction(&t), east = zone(&t);
    if (t.bad || t.at != t.end || year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 ||
        day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    *ret_us = seconds * SECOND_US + us;
    return true;
}

bool webhook_time_parse_epoch(struct leat_slice text, int64_t *ret_us)
{
    struct text t = {text.ptr, text.ptr + text.len, false};
    if (!text.len || text.len > 13)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < text.len; i++)
        v = v * 10 + digits(&t, 1);
    if (t.bad)
        return false;
    *ret_us = text.len > 11 ? v * 1000 : v * SECOND_US; /* 11 digits of seconds reach the year 5138 */
    return true;
}

/* --- ids --------------------------------------------------------------------------------------- */

uint64_t webhook_uuid_seed(void)
{
    static __thread uint64_t pool[64];
    static __thread unsigned left;
    if (!left) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool)
            abort(); /* fewer than 256 bytes never come short once the kernel is up */
        left = sizeof pool / sizeof *pool;
    }
    uint64_t seed = pool[--left];
    pool[left] = 0;
    return seed;
}

/* splitmix64's finish: neighbours come out unrelated, and it is one to one. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void webhook_uuid_make(int64_t time_us, uint64_t seed, uint32_t n, uint8_t *ret_uuid)
{
    int64_t ms = time_us / 1000 - (time_us % 1000 < 0);
    uint64_t ticks = (uint64_t)(ms * 10000 + GREGORIAN_100NS) + n % 10000;
    uint32_t low = __builtin_bswap32((uint32_t)ticks);
    uint16_t mid = __builtin_bswap16((uint16_t)(ticks >> 32));
    uint16_t high = __builtin_bswap16((uint16_t)((ticks >> 48 & 0x0fff) | 0x1000));
    uint64_t rest = mix(seed + n);
    memcpy(ret_uuid, &low, 4);
    memcpy(ret_uuid + 4, &mid, 2);
    memcpy(ret_uuid + 6, &high, 2);
    memcpy(ret_uuid + 8, &rest, 8);
    ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
    ret_uuid[10] |= 1; /* no network card has it */
}

void webhook_uuid_text(const uint8_t *u, char *ret_text)
{
    static const char HEX[] = "0123456789abcdef";
    char *at = ret_text;
    for (int i = 0; i < WEBHOOK_UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = HEX[u[i] >> 4];
        *at++ = HEX[u[i] & 15];
    }
    *at = '\0';
}
