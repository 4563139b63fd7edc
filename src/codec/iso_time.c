/*
 * Days become a date by counting in eras of 400 years that begin on the first of March, so that the leap
 * day is the last of its year (Howard Hinnant, "chrono-compatible low-level date algorithms",
 * days_from_civil and civil_from_days).
 */
#include "iso_time.h"

#include "digits.h"

enum {
    DAYS_PER_ERA = 146097,
    EPOCH_ERAS = 4,        /* from 0000-03-01 to 1970-01-01 are 719,468 days: four eras … */
    EPOCH_DAYS = 135080,   /* … and so many days */
};

#define DAY_US INT64_C(86400000000)

static int64_t floor_divide(int64_t a, int64_t b, int64_t *ret_rest)
{
    int64_t quotient = a / b, rest = a % b;
    if (rest < 0) {
        rest += b;
        quotient--;
    }
    *ret_rest = rest;
    return quotient;
}

static uint8_t *put_year(uint8_t *at, int64_t year)
{
    if (year > 9999)
        *at++ = '+';
    if (year < 0)
        *at++ = '-';
    uint64_t magnitude = year < 0 ? (uint64_t)-year : (uint64_t)year;
    if (magnitude > 9999)
        return digits_u64(at, magnitude);
    at = digits_pair(at, (unsigned)magnitude / 100);
    return digits_pair(at, (unsigned)magnitude % 100);
}

uint8_t *leat_iso_date(uint8_t *at, int64_t days)
{
    int64_t rest;
    int64_t era = floor_divide(days, DAYS_PER_ERA, &rest) + EPOCH_ERAS;
    rest += EPOCH_DAYS;
    era += rest / DAYS_PER_ERA;
    unsigned day_of_era = (unsigned)(rest % DAYS_PER_ERA);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * from_march + 2) / 5 + 1;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    at = put_year(at, (int64_t)year_of_era + era * 400 + (month <= 2));
    *at++ = '-';
    at = digits_pair(at, month);
    *at++ = '-';
    return digits_pair(at, day);
}

/* ".789" */
static uint8_t *put_fraction(uint8_t *at, unsigned us, int32_t digits)
{
    if (digits == 0 || (digits < 0 && us == 0))
        return at;
    *at++ = '.';
    at = digits_pair(at, us / 10000);
    at = digits_pair(at, us / 100 % 100);
    at = digits_pair(at, us % 100);
    if (digits > 0)
        return at - (digits < 6 ? 6 - digits : 0);
    while (at[-1] == '0')
        at--;
    return at;
}

uint8_t *leat_iso_time(uint8_t *at, int64_t us, int32_t digits)
{
    uint64_t magnitude = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    uint64_t seconds = magnitude / 1000000, hours = seconds / 3600;
    if (us < 0)
        *at++ = '-';
    at = hours < 100 ? digits_pair(at, (unsigned)hours) : digits_u64(at, hours);
    *at++ = ':';
    at = digits_pair(at, (unsigned)(seconds / 60 % 60));
    *at++ = ':';
    at = digits_pair(at, (unsigned)(seconds % 60));
    return put_fraction(at, (unsigned)(magnitude % 1000000), digits);
}

uint8_t *leat_iso_timestamp(uint8_t *at, int64_t us, int32_t digits)
{
    int64_t of_day;
    int64_t days = floor_divide(us, DAY_US, &of_day);
    at = leat_iso_date(at, days);
    *at++ = 'T';
    return leat_iso_time(at, of_day, digits);
}

uint8_t *leat_iso_zone(uint8_t *at, int32_t seconds)
{
    uint32_t magnitude = seconds < 0 ? 0 - (uint32_t)seconds : (uint32_t)seconds;
    *at++ = seconds < 0 ? '-' : '+';
    uint32_t hours = magnitude / 3600;
    at = hours < 100 ? digits_pair(at, hours) : digits_u64(at, hours);
    *at++ = ':';
    at = digits_pair(at, magnitude / 60 % 60);
    if (magnitude % 60 == 0)
        return at;
    *at++ = ':';
    return digits_pair(at, magnitude % 60);
}
