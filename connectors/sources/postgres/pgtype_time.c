/*
 * The calendar: how Postgres prints dates, times and intervals with datestyle ISO and intervalstyle
 * postgres, read into days and microseconds since 1970, and for range bounds printed again.
 *
 *     date         [YYY]YYYY-MM-DD[ BC]
 *     time         HH:MM:SS[.f{1,6}]                    24:00:00 is legal
 *     timestamp    date time[zone][ BC]                 zone +HH[:MM[:SS]], east positive
 *     interval     1 year -2 mons +3 days -04:05:06.7   each part has its own sign; zeros are left out
 *
 * Timestamps are on the hot path, so digits are read by hand. The proleptic Gregorian calendar is
 * computed with March as the first month (H. Hinnant, "chrono-compatible low-level date
 * algorithms"), where the leap day is the last of its year.
 */
#include "sources/postgres/pgtype_forms.h"

#include <stdio.h>

/* The readers of a timestamp are one function to the compiler: the cursor stays in registers. */
#define INLINE static inline __attribute__((always_inline))

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)

/* A day before " BC" is known. */
struct day {
    int64_t year;
    unsigned month;
    unsigned day;
};

/* Days since 1970-01-01 of a date whose year 0 is 1 BC. */
INLINE int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct day day_of(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    unsigned month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct day){year_of_era + era * 400 + (month <= 2), month,
                        (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1)};
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month];
}

/* --- reading: one cursor, whose `bad` sticks -------------------------------------------------- */

static inline bool at(const struct leat_reader *r, uint8_t c)
{
    return r->at < r->end && *r->at == c;
}

static inline bool take(struct leat_reader *r, uint8_t c)
{
    bool there = at(r, c);
    r->at += there;
    return there;
}

static inline void expect(struct leat_reader *r, uint8_t c)
{
    if (!take(r, c))
        r->bad = true;
}

/* Between `min` and `max` digits. */
INLINE int64_t read_digits(struct leat_reader *r, size_t min, size_t max)
{
    int64_t v = 0;
    size_t n = 0;
    for (; n < max && r->at < r->end && (uint8_t)(*r->at - '0') <= 9; n++)
        v = v * 10 + (*r->at++ - '0');
    r->bad |= n < min;
    return v;
}

INLINE unsigned read_two(struct leat_reader *r, unsigned max)
{
    if (leat_reader_left(r) < 2 || (uint8_t)(r->at[0] - '0') > 9 || (uint8_t)(r->at[1] - '0') > 9) {
        r->bad = true;
        return 0;
    }
    unsigned v = (unsigned)(r->at[0] - '0') * 10 + (unsigned)(r->at[1] - '0');
    r->at += 2;
    r->bad |= v > max;
    return v;
}

/* ".5" is 500,000 µs */
INLINE int64_t read_fraction(struct leat_reader *r)
{
    if (!take(r, '.'))
        return 0;
    const uint8_t *from = r->at;
    int64_t us = read_digits(r, 1, 6);
    for (size_t n = (size_t)(r->at - from); n < 6; n++)
        us *= 10;
    return us;
}

/* ":MM:SS[.f]" */
INLINE int64_t read_minutes(struct leat_reader *r)
{
    expect(r, ':');
    int64_t us = read_two(r, 59) * MINUTE_US;
    expect(r, ':');
    us += read_two(r, 59) * SECOND_US;
    return us + read_fraction(r);
}

INLINE int64_t read_time(struct leat_reader *r)
{
    int64_t us = read_two(r, 24) * HOUR_US;
    us += read_minutes(r);
    r->bad |= us > PGTYPE_DAY_US;
    return us;
}

/* Seconds east of UTC. */
INLINE int32_t read_zone(struct leat_reader *r)
{
    bool west = at(r, '-');
    if (!west && !at(r, '+')) {
        r->bad = true;
        return 0;
    }
    r->at++;
    unsigned seconds = read_two(r, 15) * 3600;
    if (take(r, ':'))
        seconds += read_two(r, 59) * 60;
    if (take(r, ':'))
        seconds += read_two(r, 59);
    return west ? -(int32_t)seconds : (int32_t)seconds;
}

INLINE struct day read_day(struct leat_reader *r)
{
    struct day d;
    d.year = read_digits(r, 4, 7);
    expect(r, '-');
    d.month = read_two(r, 12);
    expect(r, '-');
    d.day = read_two(r, 31);
    r->bad |= d.year == 0 || d.month == 0 || d.day == 0;
    return d;
}

/* Reads the " BC" that may end a date, and the end. */
INLINE int64_t finish_day(struct leat_reader *r, struct day d)
{
    if (leat_reader_left(r) == 3 && memcmp(r->at, " BC", 3) == 0) {
        r->at += 3;
        d.year = 1 - d.year;
    }
    if (!leat_reader_done(r) || d.day > days_in_month(d.year, d.month)) {
        r->bad = true;
        return 0;
    }
    return days_of(d.year, d.month, d.day);
}

static bool parse_infinity(struct leat_slice text, int64_t *ret_value)
{
    if (leat_slice_equal(text, LEAT_SLICE_LITERAL("infinity")))
        *ret_value = LEAT_INFINITY_US;
    else if (leat_slice_equal(text, LEAT_SLICE_LITERAL("-infinity")))
        *ret_value = LEAT_MINUS_INFINITY_US;
    else
        return false;
    return true;
}

bool pgtype_parse_date(struct leat_slice text, int64_t *ret_days)
{
    struct leat_reader r = leat_reader_of(text);
    struct day d = read_day(&r);
    if (r.bad)
        return parse_infinity(text, ret_days);
    int64_t days = finish_day(&r, d);
    if (!r.bad)
        *ret_days = days;
    return !r.bad;
}

bool pgtype_parse_time(struct leat_slice text, int64_t *ret_us)
{
    struct leat_reader r = leat_reader_of(text);
    int64_t us = read_time(&r);
    if (!leat_reader_done(&r))
        return false;
    *ret_us = us;
    return true;
}

bool pgtype_parse_timetz(struct leat_slice text, struct leat_span *ret_span)
{
    struct leat_reader r = leat_reader_of(text);
    struct leat_span span = {.months = 0};
    span.us = read_time(&r);
    span.days = read_zone(&r);
    if (!leat_reader_done(&r))
        return false;
    *ret_span = span;
    return true;
}

bool pgtype_parse_timestamp(struct leat_slice text, bool zoned, int64_t *ret_us)
{
    struct leat_reader r = leat_reader_of(text);
    struct day d = read_day(&r);
    if (r.bad)
        return parse_infinity(text, ret_us);
    expect(&r, ' ');
    int64_t us = read_time(&r);
    if (zoned)
        us -= read_zone(&r) * SECOND_US;
    int64_t days = finish_day(&r, d);
    /* Postgres' last 30 years do not fit into 64 bits from 1970, and the very last number means
     * infinity */
    if (r.bad || __builtin_mul_overflow(days, PGTYPE_DAY_US, &days) ||
        __builtin_add_overflow(days, us, &us) || us == LEAT_INFINITY_US ||
        us == LEAT_MINUS_INFINITY_US)
        return false;
    *ret_us = us;
    return true;
}

/* --- intervals -------------------------------------------------------------------------------- */

/* "HH…:MM:SS[.f]" behind its sign and hours. The smallest interval is one below minus the
 * largest. */
static int64_t read_interval_time(struct leat_reader *r, bool negative, int64_t hours)
{
    static const int64_t hours_max = INT64_MAX / HOUR_US;
    if (hours > hours_max) {
        r->bad = true;
        return 0;
    }
    uint64_t us = (uint64_t)(hours * HOUR_US) + (uint64_t)read_minutes(r);
    r->bad |= us > (uint64_t)INT64_MAX + negative || r->at != r->end;
    return (int64_t)(negative ? -us : us);
}

/* " year[s]", " mon[s]" or " day[s]": 'y', 'm' or 'd'. */
static uint8_t read_unit(struct leat_reader *r)
{
    static const char *const units[] = {"year", "mon", "day"};
    expect(r, ' ');
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t len = strlen(units[i]);
        if (leat_reader_left(r) >= len && memcmp(r->at, units[i], len) == 0) {
            r->at += len;
            take(r, 's');
            return (uint8_t)units[i][0];
        }
    }
    r->bad = true;
    return 0;
}

static int32_t narrow(struct leat_reader *r, int64_t v)
{
    r->bad |= v < INT32_MIN || v > INT32_MAX;
    return (int32_t)v;
}

bool pgtype_parse_interval(struct leat_slice text, struct leat_span *ret_span)
{
    enum { DIGITS_MAX = 10 };
    struct leat_reader r = leat_reader_of(text);
    int64_t months = 0;
    int64_t days = 0;
    int64_t us = 0;
    do {
        bool negative = take(&r, '-');
        if (!negative)
            take(&r, '+');
        int64_t v = read_digits(&r, 1, DIGITS_MAX);
        if (!r.bad && at(&r, ':')) {
            us = read_interval_time(&r, negative, v);
            break;
        }
        v = negative ? -v : v;
        uint8_t unit = read_unit(&r);
        if (unit == 'd')
            days = v;
        else
            months += unit == 'y' ? v * 12 : v;
    } while (!r.bad && take(&r, ' '));
    struct leat_span span = {us, narrow(&r, days), narrow(&r, months)};
    if (!leat_reader_done(&r))
        return false;
    *ret_span = span;
    return true;
}

/* --- printing --------------------------------------------------------------------------------- */

static size_t print(char *text, const char *fixed)
{
    return (size_t)snprintf(text, PGTYPE_TIMESTAMP_TEXT, "%s", fixed);
}

/* The date without its era, which comes last of all. */
static size_t print_day(char *text, struct day d)
{
    int64_t year = d.year > 0 ? d.year : 1 - d.year;
    return (size_t)snprintf(text, PGTYPE_TIMESTAMP_TEXT, "%04lld-%02u-%02u", (long long)year,
                            d.month, d.day);
}

static size_t print_era(char *text, size_t len, struct day d)
{
    if (d.year > 0)
        return len;
    return len + (size_t)snprintf(text + len, PGTYPE_TIMESTAMP_TEXT - len, " BC");
}

size_t pgtype_print_date(int32_t days, char ret_text[PGTYPE_TIMESTAMP_TEXT])
{
    if (days == INT32_MAX || days == INT32_MIN)
        return print(ret_text, days > 0 ? "infinity" : "-infinity");
    struct day d = day_of((int64_t)days + PGTYPE_EPOCH_DAYS);
    return print_era(ret_text, print_day(ret_text, d), d);
}

static size_t print_clock(char *text, size_t len, int64_t us)
{
    len += (size_t)snprintf(text + len, PGTYPE_TIMESTAMP_TEXT - len, " %02d:%02d:%02d",
                            (int)(us / HOUR_US), (int)(us / MINUTE_US % 60),
                            (int)(us / SECOND_US % 60));
    if (us % SECOND_US == 0)
        return len;
    len +=
        (size_t)snprintf(text + len, PGTYPE_TIMESTAMP_TEXT - len, ".%06d", (int)(us % SECOND_US));
    while (text[len - 1] == '0')
        len--;
    return len;
}

size_t pgtype_print_timestamp(int64_t us, bool zoned, char ret_text[PGTYPE_TIMESTAMP_TEXT])
{
    if (us == INT64_MAX || us == INT64_MIN)
        return print(ret_text, us > 0 ? "infinity" : "-infinity");
    int64_t days = us / PGTYPE_DAY_US;
    us %= PGTYPE_DAY_US;
    if (us < 0) {
        us += PGTYPE_DAY_US;
        days--;
    }
    struct day d = day_of(days + PGTYPE_EPOCH_DAYS);
    size_t len = print_clock(ret_text, print_day(ret_text, d), us);
    if (zoned)
        len += (size_t)snprintf(ret_text + len, PGTYPE_TIMESTAMP_TEXT - len, "+00");
    return print_era(ret_text, len, d);
}
