/*
 * Dates and times.
 *
 *     DATE       u24: day in 5 bits, month in 4, year in 15
 *     DATETIME   5 bytes big-endian, less 8000000000: (year × 13 + month) in 17 bits, day 5, hour
 * 5, minute 6, second 6; then the fraction TIMESTAMP  u32 big-endian seconds since 1970; then the
 * fraction; 0 is the zero date TIME       u24 big-endian, less 800000: sign, hour in 10 bits,
 * minute 6, second 6; then the fraction, which a negative time counts upwards, so that the bytes
 * sort fraction   one byte hundredths, two bytes ten-thousandths, three bytes millionths,
 * big-endian
 *
 * and what columns have that were made before 5.6 and never rebuilt:
 *
 *     DATETIME   u64 YYYYMMDDhhmmss | TIMESTAMP u32 seconds | TIME i24 ±hhmmss, all little-endian
 *
 * A server may keep dates that are none: 0000-00-00, 2024-00-15, and with ALLOW_INVALID_DATES
 * 2024-02-31. No number stands for them, so they are text, NULL or an error, as the policy says,
 * and never 1970. Fields that no server could have written are malformed.
 */
#include "sources/mysql/row_forms.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

enum {
    FRACTION_DIGITS_MAX = 6,
    EPOCH_DAYS = 719528, /* from 0000-01-01 to 1970-01-01 */
    HOUR_MAX = 838,      /* of a TIME */
};

/* --- the calendar ----------------------------------------------------------------------------- */

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_in_calendar(const struct my_moment *m)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return m->month && m->day &&
           m->day <= (uint32_t)days[m->month] + (m->month == 2 && is_leap(m->year));
}

/* Days since 1970. A year counts the leap days before its March; 400 more keep it positive. */
static int64_t days_of(const struct my_moment *m)
{
    static const uint16_t before[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t march = m->year + 400 - (m->month <= 2);
    uint32_t leaps = march / 4 - march / 100 + march / 400 - 96;
    return (int64_t)(365 * m->year + leaps + before[m->month] + m->day - 1) - EPOCH_DAYS;
}

static int64_t time_us(const struct my_moment *m)
{
    int64_t seconds = (int64_t)m->hour * 3600 + m->minute * 60 + m->second;
    return seconds * SECOND_US + m->us;
}

bool my_moment_in_bounds(const struct my_moment *m, bool time_only)
{
    return m->year <= 9999 && m->month <= 12 && m->day <= 31 &&
           m->hour <= (time_only ? HOUR_MAX : 23) && m->minute <= 59 && m->second <= 59 &&
           m->us < SECOND_US;
}

struct my_moment my_moment_unpack(uint64_t packed)
{
    uint32_t months = (uint32_t)(packed >> 22);
    return (struct my_moment){.year = months / 13,
                              .month = months % 13,
                              .day = packed >> 17 & 31,
                              .hour = packed >> 12 & 31,
                              .minute = packed >> 6 & 63,
                              .second = packed & 63};
}

struct my_moment my_moment_unpack_time(uint64_t packed)
{
    return (struct my_moment){
        .hour = packed >> 12 & 1023, .minute = packed >> 6 & 63, .second = packed & 63};
}

/* --- printing --------------------------------------------------------------------------------- */

static char *put_digits(char *to, uint32_t v, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; v /= 10)
        to[i] = (char)('0' + v % 10);
    return to + digits;
}

size_t my_print_date(const struct my_moment *m, char *ret_text)
{
    char *to = put_digits(ret_text, m->year, 4);
    *to++ = '-';
    to = put_digits(to, m->month, 2);
    *to++ = '-';
    return (size_t)(put_digits(to, m->day, 2) - ret_text);
}

size_t my_print_time(const struct my_moment *m, unsigned digits, char *ret_text)
{
    char *to = ret_text;
    if (m->negative)
        *to++ = '-';
    to = put_digits(to, m->hour, m->hour < 100 ? 2 : m->hour < 1000 ? 3 : 4);
    *to++ = ':';
    to = put_digits(to, m->minute, 2);
    *to++ = ':';
    to = put_digits(to, m->second, 2);
    if (digits) {
        *to++ = '.';
        put_digits(to, m->us, FRACTION_DIGITS_MAX);
        to += digits;
    }
    return (size_t)(to - ret_text);
}

size_t my_print_datetime(const struct my_moment *m, unsigned digits, char *ret_text)
{
    size_t len = my_print_date(m, ret_text);
    ret_text[len++] = ' ';
    return len + my_print_time(m, digits, ret_text + len);
}

/* --- values ----------------------------------------------------------------------------------- */

/* What is no date, as the policy says. */
static int unreal(const struct my_decoding *d, const struct my_moment *m,
                  struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    char text[MY_MOMENT_TEXT];
    size_t len =
        c->kind == LEAT_DATE ? my_print_date(m, text) : my_print_datetime(m, c->scale, text);
    if (d->policy->zero_dates == MY_ZERO_NULL) {
        *ret_value = (struct leat_value){.kind = LEAT_NULL};
        return LEAT_OK;
    }
    if (d->policy->zero_dates == MY_ZERO_ERROR)
        return leat_fail(d->err, LEAT_EDATA, "the date %.*s is in no calendar", (int)len, text);
    struct leat_slice copy = leat_arena_copy(d->scratch, leat_slice_of(text, len));
    return copy.ptr ? my_value_text(LEAT_OTHER, copy, ret_value) : my_value_no_room(d);
}

static int date_value(const struct my_decoding *d, const struct my_moment *m,
                      struct leat_value *ret_value)
{
    uint8_t kind = d->column->kind;
    if (!my_moment_in_bounds(m, false))
        return my_value_malformed(d, "is no date");
    if (!is_in_calendar(m))
        return unreal(d, m, ret_value);
    int64_t days = days_of(m);
    return my_value_integer(kind, kind == LEAT_DATE ? days : days * DAY_US + time_us(m), ret_value);
}

static int stamp_value(const struct my_decoding *d, uint32_t seconds, uint32_t us,
                       struct leat_value *ret_value)
{
    struct my_moment zero = {.us = us};
    if (us >= SECOND_US)
        return my_value_malformed(d, "has a fraction of more than a second");
    if (!seconds)
        return unreal(d, &zero, ret_value);
    return my_value_integer(LEAT_TIMESTAMPTZ, seconds * SECOND_US + us, ret_value);
}

static int time_value(const struct my_decoding *d, const struct my_moment *m,
                      struct leat_value *ret_value)
{
    if (!my_moment_in_bounds(m, true))
        return my_value_malformed(d, "is no time");
    int64_t us = time_us(m);
    return my_value_integer(LEAT_TIME, m->negative ? -us : us, ret_value);
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t read_be(struct leat_reader *r, size_t bytes)
{
    struct leat_slice s = leat_reader_bytes(r, bytes);
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | s.ptr[i];
    return v;
}

static uint32_t read_le24(struct leat_reader *r)
{
    struct leat_slice s = leat_reader_bytes(r, 3);
    return s.len ? (uint32_t)(s.ptr[0] | s.ptr[1] << 8 | s.ptr[2] << 16) : 0;
}

/* Bytes of the fraction are pairs of digits. */
static inline unsigned fraction_bytes(const struct my_column *c)
{
    return (c->scale + 1u) / 2;
}

static const uint32_t US_OF[4] = {0, 10000, 100, 1}; /* by the bytes of the fraction */

static uint32_t read_fraction(const struct my_column *c, struct leat_reader *r)
{
    unsigned bytes = fraction_bytes(c);
    return (uint32_t)read_be(r, bytes) * US_OF[bytes];
}

static struct my_moment read_date(struct leat_reader *r)
{
    uint32_t v = read_le24(r);
    return (struct my_moment){.year = v >> 9, .month = v >> 5 & 15, .day = v & 31};
}

static struct my_moment read_datetime2(const struct my_column *c, struct leat_reader *r)
{
    const uint64_t offset = UINT64_C(0x8000000000);
    uint64_t v = read_be(r, 5);
    struct my_moment m = my_moment_unpack(v - offset); /* below it: a year past all bounds */
    m.us = read_fraction(c, r);
    return m;
}

static struct my_moment read_datetime_old(struct leat_reader *r)
{
    uint64_t v = leat_reader_le64(r), date = v / 1000000;
    uint32_t time = (uint32_t)(v % 1000000);
    uint64_t year = date / 10000;
    return (struct my_moment){.year = year > 9999 ? UINT32_MAX : (uint32_t)year,
                              .month = (uint32_t)(date / 100 % 100),
                              .day = (uint32_t)(date % 100),
                              .hour = time / 10000,
                              .minute = time / 100 % 100,
                              .second = time % 100};
}

/* Whole and fraction are one number in two's complement, cut in two. */
static struct my_moment read_time2(const struct my_column *c, struct leat_reader *r)
{
    unsigned bytes = fraction_bytes(c);
    int64_t v = ((int64_t)read_be(r, 3) - 0x800000) * (INT64_C(1) << 8 * bytes);
    v += (int64_t)read_be(r, bytes);
    uint64_t size = (uint64_t)(v < 0 ? -v : v);
    struct my_moment m = my_moment_unpack_time(size >> 8 * bytes);
    m.us = (uint32_t)(size & ((UINT64_C(1) << 8 * bytes) - 1)) * US_OF[bytes];
    m.negative = v < 0;
    /* the bit above the hours must be clear */
    if (size >> 8 * bytes > 0x3fffff)
        m.hour = UINT32_MAX;
    return m;
}

static struct my_moment read_time_old(struct leat_reader *r)
{
    int32_t v = (int32_t)(read_le24(r) << 8) >> 8;
    uint32_t size = (uint32_t)(v < 0 ? -v : v);
    return (struct my_moment){
        .hour = size / 10000, .minute = size / 100 % 100, .second = size % 100, .negative = v < 0};
}

int my_time_decode(const struct my_decoding *d, struct leat_reader *r, struct leat_value *ret_value)
{
    const struct my_column *c = d->column;
    struct my_moment m = {.us = 0};
    uint32_t seconds = 0;
    switch ((enum my_type)c->type) {
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        m = read_date(r);
        break;
    case MY_TYPE_DATETIME2:
        m = read_datetime2(c, r);
        break;
    case MY_TYPE_DATETIME:
        m = read_datetime_old(r);
        break;
    case MY_TYPE_TIME2:
        m = read_time2(c, r);
        break;
    case MY_TYPE_TIME:
        m = read_time_old(r);
        break;
    case MY_TYPE_TIMESTAMP2:
        seconds = leat_reader_be32(r);
        m.us = read_fraction(c, r);
        break;
    default:
        seconds = leat_reader_le32(r);
        break;
    }
    if (r->bad) /* said by the caller, for all types alike */
        return LEAT_OK;
    if (c->kind == LEAT_TIMESTAMPTZ)
        return stamp_value(d, seconds, m.us, ret_value);
    return c->kind == LEAT_TIME ? time_value(d, &m, ret_value) : date_value(d, &m, ret_value);
}
