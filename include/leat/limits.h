/*
 * Every bound of the program, with its reason. Nothing grows without one of these (I6).
 */
#ifndef LEAT_LIMITS_H
#define LEAT_LIMITS_H

/* Sequences, names */
#define LEAT_INSTANCE_MAX         63   /* bytes of an instance's name: it fits into a slot's */
#define LEAT_COLUMNS_MAX          4096 /* Postgres allows 1,600, MySQL 4,096 */
#define LEAT_NAME_MAX             1024 /* bytes of an identifier: MySQL has 64 characters */
#define LEAT_ATTRS_MAX            8    /* attributes of a transaction, or of an event */
#define LEAT_TRANSACTION_ID_MAX   160  /* bytes: a GTID, or "timeline/LSN" */
#define LEAT_TOKEN_MAX            (128 << 10) /* bytes: a GTID set of 5,000 intervals */
#define LEAT_NOTE_KEY_MAX         60          /* bytes: a word and two numbers */
#define LEAT_NOTE_VALUE_MAX       (64 << 10)  /* bytes: it is rewritten whole with each change */
#define LEAT_ARRAY_DIMENSIONS_MAX 6           /* Postgres' MAXDIM */
#define LEAT_NESTING_MAX          32          /* of what is parsed: no recursion without it */

/* Blocks: large enough for zstd to find repeats, small enough to be read and dropped quickly */
#define LEAT_BLOCK_RAW_BYTES  (64u << 10) /* a block is sealed when its raw frames pass this */
#define LEAT_BLOCK_RAW_MAX    (4u << 20)  /* no block is larger: readers allocate by this */
#define LEAT_VALUE_INLINE_MAX (64u << 10) /* a longer value is kept in parts, beside its record */
#define LEAT_PART_BYTES       (1u << 20)  /* raw bytes of one part */
#define LEAT_VALUE_MAX        (1u << 30)  /* Postgres' own limit of a field */

/* Batches and the committer's queue */
#define LEAT_BATCH_BYTES  (1u << 20) /* a batch is handed in when its sealed bytes pass this */
#define LEAT_QUEUE_BYTES  (8u << 20) /* waiting for the committer, per source */
#define LEAT_COMMIT_BYTES (8u << 20) /* in one LMDB transaction: dirty pages stay in the heap */

/* Receiving */
#define LEAT_RECEIVE_BYTES (256u << 10) /* one read of the socket; the buffer's resting size */

#endif
