/*
 * MySQL's GTID sets. A set is what was executed, so almost always one interval that grows by one at
 * a time; a server with a long history has some dozens of sources, and a multi-threaded one leaves
 * thousands of short gaps. So: sources sorted by (uuid, tag), each with its intervals sorted in an
 * array; the next number of the last source only moves an end, everything else is found by halving.
 *
 *   1. Intervals of a source are sorted, disjoint, and never touch: equal sets are equal arrays,
 * and an interval lies in a set if and only if it lies in one interval of it.
 *   2. No source is without intervals.
 *   3. What is built piece by piece is built aside: *ret is written when all went well.
 */
#include "sources/mysql/gtid.h"

#include "sources/mysql/gtid_text.h"

#include <assert.h>
#include <stdlib.h>

#define NUMBER_MAX (INT64_MAX - 1) /* an exclusive end still fits */

enum {
    FIRST_CAPACITY = 4,
    UUID_BYTES = 16,
    UUID_TEXT = 36,
    INTERVAL_TEXT = 2 * GTID_DIGITS_MAX + 4
};

void my_gtid_set_release(struct my_gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->sids[i].intervals);
    free(set->sids);
    *set = (struct my_gtid_set){.sids = NULL};
}

/* --- sources -----------------------------------------------------------------------------------
 */

static int compare_sid(const struct my_gtid_sid *sid, const uint8_t *uuid, const char *tag)
{
    int order = memcmp(sid->uuid, uuid, UUID_BYTES);
    return order ? order : strcmp(sid->tag, tag);
}

/* Where the source is, or belongs. */
static size_t sid_place(const struct my_gtid_set *set, const uint8_t *uuid, const char *tag)
{
    size_t from = 0, to = set->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_sid(&set->sids[middle], uuid, tag) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool sid_is_at(const struct my_gtid_set *set, size_t at, const uint8_t *uuid,
                      const char *tag)
{
    return at < set->count && compare_sid(&set->sids[at], uuid, tag) == 0;
}

static const struct my_gtid_sid *sid_find(const struct my_gtid_set *set, const uint8_t *uuid,
                                          const char *tag)
{
    size_t at = sid_place(set, uuid, tag);
    return sid_is_at(set, at, uuid, tag) ? &set->sids[at] : NULL;
}

static int sids_make_room(struct my_gtid_set *set, struct leat_err *err)
{
    if (set->count >= MY_GTID_SIDS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "a GTID set has more than %d sources", MY_GTID_SIDS_MAX);
    if (set->count < set->capacity)
        return LEAT_OK;
    size_t capacity = set->capacity ? 2 * set->capacity : FIRST_CAPACITY;
    struct my_gtid_sid *sids = realloc(set->sids, capacity * sizeof *sids);
    if (!sids)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a GTID set");
    set->sids = sids;
    set->capacity = capacity;
    return LEAT_OK;
}

static int intervals_make_room(struct my_gtid_set *set, struct my_gtid_sid *sid,
                               struct leat_err *err)
{
    if (set->interval_count >= MY_GTID_INTERVALS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "a GTID set has more than %d intervals",
                         MY_GTID_INTERVALS_MAX);
    if (sid->count < sid->capacity)
        return LEAT_OK;
    size_t capacity = sid->capacity ? 2 * sid->capacity : 1;
    struct my_gtid_interval *intervals = realloc(sid->intervals, capacity * sizeof *intervals);
    if (!intervals)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a GTID set");
    sid->intervals = intervals;
    sid->capacity = capacity;
    return LEAT_OK;
}

/* --- intervals ---------------------------------------------------------------------------------
 */

/* The first interval that ends at or behind `number`, or the count. */
static size_t interval_place(const struct my_gtid_sid *sid, int64_t number)
{
    size_t from = 0, to = sid->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (sid->intervals[middle].last < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Adds first … last to a source: a new interval, or one that swallows those it meets or touches. */
static int sid_add(struct my_gtid_set *set, struct my_gtid_sid *sid, int64_t first, int64_t last,
                   struct leat_err *err)
{
    size_t at = interval_place(sid, first - 1), end = at;
    while (end < sid->count && sid->intervals[end].first <= last + 1)
        end++;
    if (at == end) {
        int status = intervals_make_room(set, sid, err);
        if (status)
            return status;
        memmove(sid->intervals + at + 1, sid->intervals + at,
                (sid->count - at) * sizeof *sid->intervals);
        sid->intervals[at] = (struct my_gtid_interval){first, last};
        sid->count++;
        set->interval_count++;
        return LEAT_OK;
    }
    struct my_gtid_interval *kept = &sid->intervals[at];
    int64_t reach = sid->intervals[end - 1].last;
    kept->first = first < kept->first ? first : kept->first;
    kept->last = last > reach ? last : reach;
    memmove(kept + 1, sid->intervals + end, (sid->count - end) * sizeof *kept);
    sid->count -= end - at - 1;
    set->interval_count -= end - at - 1;
    return LEAT_OK;
}

/* A new source with its first interval. */
static int sid_insert(struct my_gtid_set *set, size_t at, const uint8_t *uuid, const char *tag,
                      int64_t first, int64_t last, struct leat_err *err)
{
    struct my_gtid_sid sid = {.count = 0};
    int status = sids_make_room(set, err);
    if (!status)
        status = sid_add(set, &sid, first, last, err);
    if (status)
        return status;
    memcpy(sid.uuid, uuid, UUID_BYTES);
    memcpy(sid.tag, tag, strlen(tag) + 1);
    memmove(set->sids + at + 1, set->sids + at, (set->count - at) * sizeof *set->sids);
    set->sids[at] = sid;
    set->count++;
    return LEAT_OK;
}

static int set_add(struct my_gtid_set *set, const uint8_t *uuid, const char *tag, int64_t first,
                   int64_t last, struct leat_err *err)
{
    size_t at = set->last;
    if (!sid_is_at(set, at, uuid, tag))
        at = sid_place(set, uuid, tag);
    int status = sid_is_at(set, at, uuid, tag) ? sid_add(set, &set->sids[at], first, last, err)
                                               : sid_insert(set, at, uuid, tag, first, last, err);
    if (!status)
        set->last = at;
    return status;
}

int my_gtid_set_add(struct my_gtid_set *set, const struct my_gtid *gtid, struct leat_err *err)
{
    assert(gtid->number > 0 && gtid->number <= NUMBER_MAX); /* the decoders see to that */
    if (__builtin_expect(sid_is_at(set, set->last, gtid->uuid, gtid->tag), 1)) {
        const struct my_gtid_sid *sid = &set->sids[set->last];
        struct my_gtid_interval *newest = &sid->intervals[sid->count - 1];
        if (__builtin_expect(newest->last + 1 == gtid->number, 1)) {
            newest->last++;
            return LEAT_OK;
        }
    }
    return set_add(set, gtid->uuid, gtid->tag, gtid->number, gtid->number, err);
}

/* --- questions ---------------------------------------------------------------------------------
 */

static bool sid_covers(const struct my_gtid_sid *sid, int64_t first, int64_t last)
{
    size_t at = interval_place(sid, first);
    return at < sid->count && sid->intervals[at].first <= first && sid->intervals[at].last >= last;
}

bool my_gtid_set_contains(const struct my_gtid_set *set, const struct my_gtid *gtid)
{
    const struct my_gtid_sid *sid = sid_find(set, gtid->uuid, gtid->tag);
    return sid && sid_covers(sid, gtid->number, gtid->number);
}

bool my_gtid_set_subset(const struct my_gtid_set *part, const struct my_gtid_set *whole)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct my_gtid_sid *p = &part->sids[i];
        const struct my_gtid_sid *w = sid_find(whole, p->uuid, p->tag);
        if (!w)
            return false;
        for (size_t k = 0; k < p->count; k++)
            if (!sid_covers(w, p->intervals[k].first, p->intervals[k].last))
                return false;
    }
    return true;
}

bool my_gtid_set_equal(const struct my_gtid_set *a, const struct my_gtid_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct my_gtid_sid *p = &a->sids[i], *q = &b->sids[i];
        if (compare_sid(p, q->uuid, q->tag) != 0 || p->count != q->count ||
            memcmp(p->intervals, q->intervals, p->count * sizeof *p->intervals) != 0)
            return false;
    }
    return true;
}

uint64_t my_gtid_set_count(const struct my_gtid_set *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < set->sids[i].count; k++)
            count +=
                (uint64_t)(set->sids[i].intervals[k].last - set->sids[i].intervals[k].first + 1);
    return count;
}

/* --- sets from sets ----------------------------------------------------------------------------
 */

static int merge_sid(struct my_gtid_set *into, const struct my_gtid_sid *sid, struct leat_err *err)
{
    int status = LEAT_OK;
    for (size_t k = 0; !status && k < sid->count; k++)
        status = set_add(into, sid->uuid, sid->tag, sid->intervals[k].first, sid->intervals[k].last,
                         err);
    return status;
}

int my_gtid_set_merge(struct my_gtid_set *into, const struct my_gtid_set *from,
                      struct leat_err *err)
{
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < from->count; i++)
        status = merge_sid(into, &from->sids[i], err);
    return status;
}

/* What of first … last is not in `minus`: the gaps between its intervals. */
static int add_gaps(struct my_gtid_set *set, const struct my_gtid_sid *of,
                    const struct my_gtid_sid *minus, int64_t first, int64_t last,
                    struct leat_err *err)
{
    int status = LEAT_OK;
    for (size_t at = interval_place(minus, first);
         !status && first <= last && at < minus->count && minus->intervals[at].first <= last;
         at++) {
        if (minus->intervals[at].first > first)
            status = set_add(set, of->uuid, of->tag, first, minus->intervals[at].first - 1, err);
        first = minus->intervals[at].last + 1;
    }
    if (!status && first <= last)
        status = set_add(set, of->uuid, of->tag, first, last, err);
    return status;
}

static int subtract_sid(struct my_gtid_set *set, const struct my_gtid_sid *sid,
                        const struct my_gtid_sid *minus, struct leat_err *err)
{
    int status = LEAT_OK;
    if (!minus)
        return merge_sid(set, sid, err);
    for (size_t k = 0; !status && k < sid->count; k++)
        status = add_gaps(set, sid, minus, sid->intervals[k].first, sid->intervals[k].last, err);
    return status;
}

/* Hands over what was built, or gives it back. */
static int hand_over(int status, struct my_gtid_set *built, struct my_gtid_set *ret_set)
{
    if (status)
        my_gtid_set_release(built);
    else
        *ret_set = *built;
    return status;
}

int my_gtid_set_subtract(const struct my_gtid_set *from, const struct my_gtid_set *minus,
                         struct my_gtid_set *ret_rest, struct leat_err *err)
{
    struct my_gtid_set set = {.sids = NULL};
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < from->count; i++) {
        const struct my_gtid_sid *sid = &from->sids[i];
        status = subtract_sid(&set, sid, sid_find(minus, sid->uuid, sid->tag), err);
    }
    return hand_over(status, &set, ret_rest);
}

int my_gtid_set_of_uuid(const struct my_gtid_set *from, const uint8_t uuid[16],
                        struct my_gtid_set *ret_part, struct leat_err *err)
{
    struct my_gtid_set set = {.sids = NULL};
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < from->count; i++)
        if (memcmp(from->sids[i].uuid, uuid, UUID_BYTES) == 0)
            status = merge_sid(&set, &from->sids[i], err);
    return hand_over(status, &set, ret_part);
}

/* --- text --------------------------------------------------------------------------------------
 */

static bool is_dash_at(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool my_uuid_parse(struct leat_slice text, uint8_t ret_uuid[16])
{
    uint8_t uuid[UUID_BYTES];
    if (text.len != UUID_TEXT)
        return false;
    for (size_t at = 0, n = 0; at < UUID_TEXT; n++) {
        if (is_dash_at(at) && text.ptr[at++] != '-')
            return false;
        int high = hex_value(text.ptr[at]), low = hex_value(text.ptr[at + 1]);
        if (high < 0 || low < 0)
            return false;
        uuid[n] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    memcpy(ret_uuid, uuid, UUID_BYTES);
    return true;
}

void my_uuid_format(const uint8_t uuid[16], char *ret_text)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t n = 0; n < UUID_BYTES; n++) {
        if (n == 4 || n == 6 || n == 8 || n == 10)
            *ret_text++ = '-';
        *ret_text++ = DIGITS[uuid[n] >> 4];
        *ret_text++ = DIGITS[uuid[n] & 15];
    }
    *ret_text = '\0';
}

static char *put_tag(char *at, const char *tag)
{
    size_t len = strlen(tag);
    *at++ = ':';
    memcpy(at, tag, len);
    return at + len;
}

void my_gtid_format(const struct my_gtid *gtid, char *ret_text)
{
    my_uuid_format(gtid->uuid, ret_text);
    char *at = ret_text + UUID_TEXT;
    if (gtid->tag[0])
        at = put_tag(at, gtid->tag);
    *at++ = ':';
    *gtid_put_number(at, (uint64_t)gtid->number) = '\0';
}

/* ",uuid" in front of a new uuid's first source, ":tag" in front of each tagged one. */
static void format_head(const struct my_gtid_set *set, size_t i, struct leat_buf *buf)
{
    const struct my_gtid_sid *sid = &set->sids[i];
    char text[2 + UUID_TEXT + 1 + MY_TAG_MAX];
    char *at = text;
    if (i == 0 || memcmp(set->sids[i - 1].uuid, sid->uuid, UUID_BYTES) != 0) {
        if (i)
            *at++ = ',';
        my_uuid_format(sid->uuid, at);
        at += UUID_TEXT;
    }
    if (sid->tag[0])
        at = put_tag(at, sid->tag);
    leat_buf_append(buf, leat_slice_of(text, (size_t)(at - text)));
}

static void format_interval(const struct my_gtid_interval *interval, struct leat_buf *buf)
{
    char text[INTERVAL_TEXT];
    char *at = text;
    *at++ = ':';
    at = gtid_put_number(at, (uint64_t)interval->first);
    if (interval->last != interval->first) {
        *at++ = '-';
        at = gtid_put_number(at, (uint64_t)interval->last);
    }
    leat_buf_append(buf, leat_slice_of(text, (size_t)(at - text)));
}

void my_gtid_set_format(const struct my_gtid_set *set, struct leat_buf *buf)
{
    for (size_t i = 0; i < set->count; i++) {
        format_head(set, i, buf);
        for (size_t k = 0; k < set->sids[i].count; k++)
            format_interval(&set->sids[i].intervals[k], buf);
    }
}

static bool take_uuid(struct gtid_cursor *c, uint8_t *uuid)
{
    gtid_skip_blanks(c);
    if (c->end - c->at < UUID_TEXT || !my_uuid_parse(leat_slice_of(c->at, UUID_TEXT), uuid))
        return false;
    c->at += UUID_TEXT;
    return true;
}

/* A letter or underscore, then digits too; lower-cased. */
static bool take_tag(struct gtid_cursor *c, char *tag)
{
    size_t len = 0;
    for (; c->at != c->end; c->at++) {
        uint8_t byte = *c->at, lower = byte | 0x20;
        bool letter = byte == '_' || (lower >= 'a' && lower <= 'z');
        if (!letter && !(len && byte >= '0' && byte <= '9'))
            break;
        if (len == MY_TAG_MAX)
            return false;
        tag[len++] = (char)(byte >= 'A' && byte <= 'Z' ? lower : byte);
    }
    tag[len] = '\0';
    return len > 0;
}

static bool take_interval(struct gtid_cursor *c, int64_t *ret_first, int64_t *ret_last)
{
    uint64_t first, last;
    if (!gtid_take_number(c, NUMBER_MAX, &first))
        return false;
    last = first;
    if (gtid_take(c, '-') && !gtid_take_number(c, NUMBER_MAX, &last))
        return false;
    *ret_first = (int64_t)first;
    *ret_last = (int64_t)last;
    return first >= 1 && last >= first;
}

/* uuid (:interval | :tag)…; a tag holds until the next one, and wants an interval. */
static int parse_sid(struct gtid_cursor *c, struct my_gtid_set *set, struct leat_err *err)
{
    struct my_gtid gtid = {.number = 0};
    int64_t first, last;
    bool has_interval = false;
    int status = LEAT_OK;
    if (!take_uuid(c, gtid.uuid))
        return LEAT_ECONFIG;
    while (!status && gtid_take(c, ':')) {
        uint8_t next = gtid_peek(c);
        if (next >= '0' && next <= '9') {
            if (!take_interval(c, &first, &last))
                return LEAT_ECONFIG;
            status = set_add(set, gtid.uuid, gtid.tag, first, last, err);
            has_interval = true;
        } else {
            if ((gtid.tag[0] && !has_interval) || !take_tag(c, gtid.tag))
                return LEAT_ECONFIG;
            has_interval = false;
        }
    }
    return status || has_interval ? status : LEAT_ECONFIG;
}

static bool at_end(struct gtid_cursor *c)
{
    gtid_skip_blanks(c);
    return c->at == c->end;
}

int my_gtid_set_parse(struct leat_slice text, struct my_gtid_set *ret_set, struct leat_err *err)
{
    struct my_gtid_set set = {.sids = NULL};
    struct gtid_cursor c = gtid_cursor_of(text);
    int status = LEAT_OK;
    if (!at_end(&c)) {
        do
            status = parse_sid(&c, &set, err);
        while (!status && gtid_take(&c, ','));
        if (!status && !at_end(&c))
            status = LEAT_ECONFIG;
    }
    if (status == LEAT_ECONFIG) {
        size_t left = (size_t)(c.end - c.at);
        leat_fail(err, LEAT_ECONFIG,
                  "this is no MySQL GTID set, which is uuid:1-5:7:tag:1-3,uuid2:9: wrong before "
                  "its last %zu bytes, \"%.*s\"",
                  left, left < 60 ? (int)left : 60, (const char *)c.at);
    }
    return hand_over(status, &set, ret_set);
}

/* --- bytes -------------------------------------------------------------------------------------
 * count u64, then per source: uuid, (tag), intervals u64, first i64 and last + 1 i64 each. With
 * tags the count's lowest and highest byte are 1 and it stands between them; a tag is its length,
 * doubled, and its bytes.
 */

#define TAGGED_FORMAT (UINT64_C(1) << 56 | 1)

static bool has_tags(const struct my_gtid_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->sids[i].tag[0])
            return true;
    return false;
}

static void append_le64(struct leat_buf *buf, uint64_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, sizeof v));
}

static void encode_tag(const char *tag, struct leat_buf *buf)
{
    uint8_t len = (uint8_t)strlen(tag), doubled = (uint8_t)(len << 1);
    leat_buf_append(buf, leat_slice_of(&doubled, 1));
    leat_buf_append(buf, leat_slice_of(tag, len));
}

void my_gtid_set_encode(const struct my_gtid_set *set, struct leat_buf *buf)
{
    bool tagged = has_tags(set);
    append_le64(buf, tagged ? TAGGED_FORMAT | (uint64_t)set->count << 8 : set->count);
    for (size_t i = 0; i < set->count; i++) {
        const struct my_gtid_sid *sid = &set->sids[i];
        leat_buf_append(buf, leat_slice_of(sid->uuid, UUID_BYTES));
        if (tagged)
            encode_tag(sid->tag, buf);
        append_le64(buf, sid->count);
        for (size_t k = 0; k < sid->count; k++) {
            append_le64(buf, (uint64_t)sid->intervals[k].first);
            append_le64(buf, (uint64_t)sid->intervals[k].last + 1);
        }
    }
}

static void decode_tag(struct leat_reader *r, char *tag)
{
    uint8_t doubled = leat_reader_u8(r);
    struct leat_slice bytes = leat_reader_bytes(r, doubled >> 1);
    struct gtid_cursor c = gtid_cursor_of(bytes);
    tag[0] = '\0';
    if ((doubled & 1) || (bytes.len && (!take_tag(&c, tag) || c.at != c.end)))
        r->bad = true;
}

static int decode_sid(struct leat_reader *r, bool tagged, struct my_gtid_set *set,
                      struct leat_err *err)
{
    char tag[MY_TAG_MAX + 1] = "";
    struct leat_slice uuid = leat_reader_bytes(r, UUID_BYTES);
    if (tagged)
        decode_tag(r, tag);
    uint64_t count = leat_reader_le64(r), before = 0;
    if (r->bad || count == 0 || sid_find(set, uuid.ptr, tag))
        r->bad = true;
    int status = LEAT_OK;
    for (uint64_t k = 0; !status && !r->bad && k < count; k++) {
        uint64_t first = leat_reader_le64(r), end = leat_reader_le64(r);
        if (first <= before || end <= first || end > INT64_MAX)
            r->bad = true;
        else
            status = set_add(set, uuid.ptr, tag, (int64_t)first, (int64_t)end - 1, err);
        before = end;
    }
    return status;
}

int my_gtid_set_decode(struct leat_slice bytes, struct my_gtid_set *ret_set, struct leat_err *err)
{
    struct my_gtid_set set = {.sids = NULL};
    struct leat_reader r = leat_reader_of(bytes);
    uint64_t count = leat_reader_le64(&r);
    bool tagged = (count & (UINT64_C(0xff) << 56 | 0xff)) == TAGGED_FORMAT;
    int status = LEAT_OK;
    if (tagged)
        count = count << 8 >> 16;
    for (uint64_t i = 0; !status && !r.bad && i < count; i++)
        status = decode_sid(&r, tagged, &set, err);
    if (!status && !leat_reader_done(&r))
        status =
            leat_fail(err, LEAT_EPROTO,
                      "the server sent a broken log: these %zu bytes are no GTID set", bytes.len);
    return hand_over(status, &set, ret_set);
}
