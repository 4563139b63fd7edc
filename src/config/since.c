#include "config/since.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "config/scalar.h"

static bool span_back(const char *text, int64_t now_us, int64_t *ret_us)
{
    static const struct leat_option SPAN = {.name = "since", .type = LEAT_OPTION_DURATION};
    struct leat_scalar_reason reason;
    int64_t ms;
    if (!leat_scalar_parse(&SPAN, leat_slice_text(text), &ms, NULL, &reason) || ms < 0 ||
        ms > now_us / 1000)
        return false;
    *ret_us = now_us - ms * 1000;
    return true;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ".5", ".123456789": microseconds, the rest is cut. */
static const char *fraction(const char *at, int64_t *us)
{
    if (*at != '.' || !digit(at[1]))
        return at;
    int64_t place = 100000;
    for (at++; digit(*at); at++, place /= 10)
        *us += (*at - '0') * place;
    return at;
}

/* "Z", "+02:00", "-0530", or nothing. NULL: something else. */
static const char *zone(const char *at, int64_t *us)
{
    if (*at == 'Z' || *at == 'z')
        return at + 1;
    if (*at != '+' && *at != '-')
        return at;
    int sign = *at++ == '-' ? -1 : 1, numbers[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        if (!digit(at[0]) || !digit(at[1]))
            return NULL;
        numbers[i] = (at[0] - '0') * 10 + at[1] - '0';
        at += 2;
        if (i == 0 && *at == ':')
            at++;
    }
    *us -= sign * (numbers[0] * INT64_C(3600) + numbers[1] * INT64_C(60)) * 1000000;
    return at;
}

static bool moment(const char *text, int64_t *ret_us)
{
    static const char *const FORMS[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    for (size_t i = 0; digit(text[0]) && i < sizeof FORMS / sizeof *FORMS; i++) {
        struct tm tm = {.tm_mday = 1};
        const char *at = strptime(text, FORMS[i], &tm);
        if (!at)
            continue;
        int64_t us = 0;
        if (i < 2)
            at = fraction(at, &us);
        at = zone(at, &us);
        if (!at || *at)
            continue;
        *ret_us = (int64_t)timegm(&tm) * 1000000 + us;
        return true;
    }
    return false;
}

int since_parse(const char *text, int64_t now_us, int64_t *ret_us, struct leat_err *err)
{
    if (span_back(text, now_us, ret_us) || moment(text, ret_us))
        return LEAT_OK;
    return leat_fail(err, LEAT_ECONFIG,
                     "\"%s\" is no time: expected a span back from now (10m, 2h, 7d) or "
                     "2026-11-21T03:41:35Z", text);
}
