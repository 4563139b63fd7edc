/*
 * The events of one transaction, kept until it is known how the transaction ends: a rolled-back one
 * can stand in the log, a savepoint can be undone, a prepared one can wait for days (mysql.md 7).
 * Only at the end are its events decoded.
 *
 *     append … mark … cut(mark) … append ─▶ rewind ─▶ next … next (LEAT_EOF) ─▶ reset
 *
 * Up to `memory_max` bytes are held in memory; more goes to a file without a name, which is read
 * back through a mapping, so that the size of a transaction never shows in private memory (I6).
 *
 * Ownership: events that next gives live until reset, cut or release.
 * Bounds:    `max` bytes in all: LEAT_ELIMIT. A full disk is LEAT_ERETRY: the transaction is read
 *            again.
 * Threads:   one owner.
 */
#ifndef MYSQL_GROUP_H
#define MYSQL_GROUP_H

#include <leat/buf.h>

struct my_group {
    const char *directory; /* of the file */
    uint64_t max;
    size_t memory_max;
    struct leat_buf memory; /* behind the spilled bytes */
    int fd;                 /* -1: nothing was spilled */
    uint64_t spilled;
    uint8_t *map; /* while it is read */
    uint64_t map_len;
    uint64_t read_at;
};

struct my_group_event {
    uint64_t position;       /* in the log's file, of the event's first byte */
    struct leat_slice bytes; /* header and body, without the checksum */
};

void my_group_init(struct my_group *group, const char *directory, size_t memory_max, uint64_t max);
void my_group_release(struct my_group *group);
void my_group_reset(struct my_group *group); /* empty again; gives the file back */
void my_group_trim(struct my_group *group);  /* gives large memory back, if it is empty */

int my_group_append(struct my_group *group, uint64_t position, struct leat_slice bytes,
                    struct leat_err *err) LEAT_MUST_CHECK;

uint64_t my_group_mark(const struct my_group *group); /* its length, to cut back to */
int my_group_cut(struct my_group *group, uint64_t mark, struct leat_err *err) LEAT_MUST_CHECK;
bool my_group_empty(const struct my_group *group);

/* Holds `memory` bytes at most from now on: what is over goes to the file. */
int my_group_shrink(struct my_group *group, size_t memory, struct leat_err *err) LEAT_MUST_CHECK;

/* Makes the group readable from its beginning; nothing is appended after that. */
int my_group_rewind(struct my_group *group, struct leat_err *err) LEAT_MUST_CHECK;
/* False: that was the last. */
bool my_group_next(struct my_group *group, struct my_group_event *ret_event);

#endif
