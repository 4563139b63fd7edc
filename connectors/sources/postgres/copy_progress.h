/*
 * How far the copy of a table came: what stands in a job's progress.
 *
 *     places   pages of the table's file. `next` … `end` nobody began; each range is begun, and read
 *              up to (block, offset). Good for the snapshot it was planned in and, as long as the
 *              file is the same and no value lies outside of it, for the rest of the table later.
 *     keys     rows behind the key `after`, up to and with `upto`, as the server's own texts
 *
 * Bytes: form u8, then
 *     places   varints file, next, end, count of ranges; of each varints block, offset, end
 *     keys     u8 bits (1: after, 2: upto, 4: after is included), varint columns, then of each
 *              given key its counted texts
 *
 * Ownership: texts view the bytes they were read from.
 * Threads:   pure.
 */
#ifndef POSTGRES_COPY_PROGRESS_H
#define POSTGRES_COPY_PROGRESS_H

#include <leat/buf.h>
#include <leat/err.h>
#include <leat/slice.h>

enum {
    PG_RANGES_MAX = 33,      /* two a worker, and one */
    PG_KEY_COLUMNS_MAX = 32, /* the server's limit */
};

enum pg_progress_form { PG_PROGRESS_NONE = 0, PG_PROGRESS_PLACES = 1, PG_PROGRESS_KEYS = 2 };

/* Rows behind (block, offset) and before page `end`. */
struct pg_range {
    uint32_t block;
    uint16_t offset;
    uint32_t end;
};

struct pg_progress {
    uint8_t form;
    uint32_t file; /* pg_relation_filenode() */
    uint32_t next, end;
    unsigned range_count;
    struct pg_range ranges[PG_RANGES_MAX];
    unsigned key_count; /* columns */
    bool has_after, has_upto;
    bool from_included; /* `after` is the first key to be read, not the last one that was */
    struct leat_slice after[PG_KEY_COLUMNS_MAX], upto[PG_KEY_COLUMNS_MAX];
};

void pg_progress_write(const struct pg_progress *progress, struct leat_buf *buf);

/* False: not such bytes. No bytes are a progress of form NONE. */
bool pg_progress_read(struct leat_slice bytes, struct pg_progress *ret_progress) LEAT_MUST_CHECK;

/* Takes `pages` of what nobody began. False: nothing is left. */
bool pg_progress_take(struct pg_progress *progress, uint32_t pages,
                      struct pg_range *ret_range) LEAT_MUST_CHECK;

#endif
