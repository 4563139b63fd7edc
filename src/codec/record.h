/*
 * The stored record: how events lie in a block. README.md of this directory has it byte by byte.
 *
 * A block's raw bytes are frames. A transaction frame says what the event frames behind it have in
 * common; a commit frame closes it with its total. Every block that holds events of a transaction
 * begins with (a copy of) its transaction frame, so each block can be read alone.
 *
 * A value longer than the caller's `inline_max` is kept outside the record, in parts; the record
 * holds an external reference in its place. Writing needs all references first, in the order in
 * which leat_record_long_values() visits the values.
 *
 * Bounds:  a frame is shorter than 16 MiB (24 bits of length).
 * Threads: pure functions over their arguments.
 * Errors:  reading: LEAT_EDATA for malformed frames, and whatever the lookup gives.
 */
#ifndef CODEC_RECORD_H
#define CODEC_RECORD_H

#include <leat/event.h>

enum leat_frame {
    LEAT_FRAME_TRANSACTION = 1,
    LEAT_FRAME_EVENT = 2,
    LEAT_FRAME_COMMIT = 3,
};

/* A value that lies in parts. */
struct leat_external {
    uint64_t set;     /* part set, unique within the source */
    uint64_t raw_len; /* bytes */
    uint64_t hash;    /* XXH3-64 of the whole value */
};

/* --- writing --------------------------------------------------------------------------------- */

/* Upper bound of the event's frame with every value inline; *ret_long_count counts values that are
 * longer than inline_max. */
size_t leat_record_measure(const struct leat_event *event, size_t inline_max,
                           uint32_t *ret_long_count);

/* The n-th value longer than inline_max, as a slice; the body of a message counts last. */
struct leat_slice leat_record_long_value(const struct leat_event *event, size_t inline_max,
                                         uint32_t n);

/* Each appends one frame; false, and nothing changed, when the buffer's maximum is reached. */
bool leat_record_put_transaction(struct leat_buf *buf,
                                 const struct leat_transaction *transaction) LEAT_MUST_CHECK;
bool leat_record_put_commit(struct leat_buf *buf, uint64_t total) LEAT_MUST_CHECK;

/* `size_max` is the bound that leat_record_measure() gave, less the long values when there are
 * externals. */
bool leat_record_put_event(struct leat_buf *buf, const struct leat_event *event,
                           const struct leat_transaction *transaction, size_t size_max,
                           size_t inline_max,
                           const struct leat_external *externals) LEAT_MUST_CHECK;

/* --- reading --------------------------------------------------------------------------------- */

/* Where a reader finds what records refer to. Each gives LEAT_OK or an error; results live as long
 * as the lookup says, at least until the next frame is read. */
struct leat_record_lookup {
    void *arg;
    int (*schema)(void *arg, uint32_t ref, const struct leat_schema **ret_schema,
                  struct leat_err *err);
    int (*origin)(void *arg, uint32_t ref, const struct leat_origin **ret_origin,
                  struct leat_err *err);
    /* NULL: a record with a value in parts is LEAT_EDATA */
    int (*external)(void *arg, const struct leat_external *external, struct leat_slice *ret_bytes,
                    struct leat_err *err);
    bool without_externals; /* values in parts are not looked up: they come as empty */
};

struct leat_record_reader {
    struct leat_reader frames;
    const struct leat_record_lookup *lookup;
    struct leat_arena *arena; /* rows of values; reset by the owner between events */
    struct leat_transaction transaction;
    bool in_transaction;
};

/* Begins a block; slices of events view `raw`. */
void leat_record_reader_init(struct leat_record_reader *reader, struct leat_slice raw,
                             const struct leat_record_lookup *lookup, struct leat_arena *arena);

/* The next frame. LEAT_OK with *ret_frame; an event is filled in for LEAT_FRAME_EVENT, *ret_total
 * for LEAT_FRAME_COMMIT. LEAT_EOF at the end of the block. */
int leat_record_next(struct leat_record_reader *reader, enum leat_frame *ret_frame,
                     struct leat_event *ret_event, uint64_t *ret_total,
                     struct leat_err *err) LEAT_MUST_CHECK;

#endif
