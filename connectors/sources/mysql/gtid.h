/*
 * Global transaction identifiers: MySQL's sets (uuid, tag → intervals) and MariaDB's state (domain
 * → last server and sequence). mysql.md 3.5 and 7.7.
 *
 * Bounds:  a set has at most MY_GTID_INTERVALS_MAX intervals and MY_GTID_SIDS_MAX sources; past
 * that LEAT_ELIMIT. add() of the next number of the last source is O(1): it is on the hot path.
 * Threads: one owner.
 */
#ifndef MYSQL_GTID_H
#define MYSQL_GTID_H

#include <leat/buf.h>

#include "sources/mysql/binlog_event.h"

enum { MY_GTID_INTERVALS_MAX = 1 << 17, MY_GTID_SIDS_MAX = 4096, MY_GTID_TEXT = 96 };

struct my_gtid_interval {
    int64_t first, last; /* inclusive */
};

struct my_gtid_sid {
    uint8_t uuid[16];
    char tag[MY_TAG_MAX + 1];
    struct my_gtid_interval *intervals; /* sorted, disjoint, never touching */
    size_t count, capacity;
};

struct my_gtid_set {
    struct my_gtid_sid *sids; /* sorted by uuid, then tag */
    size_t count, capacity;
    size_t last;           /* where the last add went */
    size_t interval_count; /* of all sources */
};

void my_gtid_set_release(struct my_gtid_set *set); /* a zeroed one is the empty set */
int my_gtid_set_add(struct my_gtid_set *set, const struct my_gtid *gtid,
                    struct leat_err *err) LEAT_MUST_CHECK;
bool my_gtid_set_contains(const struct my_gtid_set *set, const struct my_gtid *gtid);
bool my_gtid_set_subset(const struct my_gtid_set *part, const struct my_gtid_set *whole);
bool my_gtid_set_equal(const struct my_gtid_set *a, const struct my_gtid_set *b);
int my_gtid_set_merge(struct my_gtid_set *into, const struct my_gtid_set *from,
                      struct leat_err *err) LEAT_MUST_CHECK;
/* `from` without `minus`. */
int my_gtid_set_subtract(const struct my_gtid_set *from, const struct my_gtid_set *minus,
                         struct my_gtid_set *ret_rest, struct leat_err *err) LEAT_MUST_CHECK;
/* The numbers of one server's uuid alone, with any tag. */
int my_gtid_set_of_uuid(const struct my_gtid_set *set, const uint8_t uuid[16],
                        struct my_gtid_set *ret_part, struct leat_err *err) LEAT_MUST_CHECK;
uint64_t my_gtid_set_count(const struct my_gtid_set *set);

/* "uuid:1-5:7:tag_a:1-3,uuid2:…", blanks and newlines allowed between; LEAT_ECONFIG: not one. */
int my_gtid_set_parse(struct leat_slice text, struct my_gtid_set *ret_set,
                      struct leat_err *err) LEAT_MUST_CHECK;
void my_gtid_set_format(const struct my_gtid_set *set, struct leat_buf *buf); /* no blanks */
/* The bytes of COM_BINLOG_DUMP_GTID; with tags only if there are any. */
void my_gtid_set_encode(const struct my_gtid_set *set, struct leat_buf *buf);
/* The same bytes read: the body of a PREVIOUS_GTIDS event. */
int my_gtid_set_decode(struct leat_slice bytes, struct my_gtid_set *ret_set,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* "uuid:7", "uuid:tag:7"; MY_GTID_TEXT bytes. */
void my_gtid_format(const struct my_gtid *gtid, char *ret_text);
bool my_uuid_parse(struct leat_slice text, uint8_t ret_uuid[16]) LEAT_MUST_CHECK;
void my_uuid_format(const uint8_t uuid[16], char *ret_text); /* 37 bytes */

/* --- MariaDB -----------------------------------------------------------------------------------*/

enum { MARIA_DOMAINS_MAX = 1024 };

struct maria_gtid_state {
    struct maria_gtid_position {
        uint32_t domain, server_id;
        uint64_t sequence;
    } * positions; /* sorted by domain */
    size_t count, capacity;
};

void maria_gtid_state_release(struct maria_gtid_state *state);
/* The last of its domain in log order, whatever its number. */
int maria_gtid_state_put(struct maria_gtid_state *state, const struct maria_gtid *gtid,
                         struct leat_err *err) LEAT_MUST_CHECK;
/* NULL: nothing of that domain. */
const struct maria_gtid_position *maria_gtid_state_find(const struct maria_gtid_state *state,
                                                        uint32_t domain);
int maria_gtid_state_parse(struct leat_slice text, struct maria_gtid_state *ret_state,
                           struct leat_err *err) LEAT_MUST_CHECK; /* "0-1-100,2-7-55", "" */
void maria_gtid_state_format(const struct maria_gtid_state *state, struct leat_buf *buf);
void maria_gtid_state_drop(struct maria_gtid_state *state, uint32_t domain);
/* The number of the last transaction of one server in a domain, in gtid_binlog_state's text, which
 * has one for each server that ever wrote to the log. LEAT_EOF: it wrote none there; *ret_domain
 * says whether anybody did. */
int maria_gtid_binlog_state_find(struct leat_slice text, uint32_t domain, uint32_t server_id,
                                 uint64_t *ret_sequence, bool *ret_domain,
                                 struct leat_err *err) LEAT_MUST_CHECK;
void maria_gtid_format(const struct maria_gtid *gtid, char *ret_text); /* "0-1-100" */

#endif
