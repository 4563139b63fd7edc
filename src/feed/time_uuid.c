#include "feed/time_uuid.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TICKS_BEFORE_1970 INT64_C(0x01b21dd213814000)
#define TICKS_PER_HOUR    INT64_C(36000000000)

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool time_uuid_parse(const char *text, struct time_uuid *ret_uuid)
{
    struct time_uuid uuid;
    if (strlen(text) != TIME_UUID_TEXT - 1)
        return false;
    for (unsigned i = 0; i < TIME_UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*text++ != '-')
                return false;
        }
        int high = hex(text[0]), low = high < 0 ? -1 : hex(text[1]);
        if (low < 0)
            return false;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (uuid.bytes[6] >> 4 != 1)
        return false;
    *ret_uuid = uuid;
    return true;
}

void time_uuid_text(const struct time_uuid *uuid, char *ret_text)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (unsigned i = 0; i < TIME_UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *ret_text++ = '-';
        *ret_text++ = DIGITS[uuid->bytes[i] >> 4];
        *ret_text++ = DIGITS[uuid->bytes[i] & 15];
    }
    *ret_text = '\0';
}

/* The low 32 bits of the time come first, then the middle 16, then the version and the high 12. */
static uint64_t ticks(const struct time_uuid *uuid)
{
    static const uint8_t PLACE[8] = {6, 7, 4, 5, 0, 1, 2, 3};
    uint64_t t = 0;
    for (unsigned i = 0; i < 8; i++)
        t = t << 8 | uuid->bytes[PLACE[i]];
    return t & UINT64_C(0x0fffffffffffffff);
}

int time_uuid_compare(const struct time_uuid *a, const struct time_uuid *b)
{
    uint64_t s = ticks(a), t = ticks(b);
    return s != t ? (s < t ? -1 : 1) : memcmp(a->bytes, b->bytes, TIME_UUID_BYTES);
}

int64_t time_uuid_hour(const struct time_uuid *uuid)
{
    int64_t since = (int64_t)ticks(uuid) - TICKS_BEFORE_1970;
    return since / TICKS_PER_HOUR - (since % TICKS_PER_HOUR < 0);
}

static int number(const char *at, int len)
{
    int v = 0;
    while (len--)
        v = v * 10 + (*at++ - '0');
    return v;
}

bool time_bucket_parse(const char *text, int64_t *ret_hour)
{
    struct tm tm = {0}, again;
    if (strlen(text) != TIME_BUCKET_TEXT - 1 || strspn(text, "0123456789") != TIME_BUCKET_TEXT - 1)
        return false;
    tm.tm_year = number(text, 4) - 1900;
    tm.tm_mon = number(text + 4, 2) - 1;
    tm.tm_mday = number(text + 6, 2);
    tm.tm_hour = number(text + 8, 2);
    struct tm given = tm;
    int64_t seconds = timegm(&tm); /* 31 February becomes March: seen below */
    time_t time = (time_t)seconds;
    if (given.tm_year < 1000 - 1900 || !gmtime_r(&time, &again) || again.tm_mon != given.tm_mon ||
        again.tm_mday != given.tm_mday || again.tm_hour != given.tm_hour)
        return false;
    *ret_hour = seconds / 3600 - (seconds % 3600 < 0);
    return true;
}

void time_bucket_text(int64_t hour, char *ret_text)
{
    time_t time = (time_t)(hour * 3600);
    struct tm tm = {0};
    gmtime_r(&time, &tm);
    snprintf(ret_text, TIME_BUCKET_TEXT, "%04u%02u%02u%02u0000",
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100);
}
