/*
 * A file that was stored as the events of one transaction, put together again and checked.
 *
 *     open ─▶ find (LEAT_AGAIN: it has only looked for a while) ─▶ next ─▶ next … LEAT_EOF ─▶ close
 *
 * It is named by the id of any of its events, a time UUID: only blocks of that millisecond are
 * looked into, those stored since then first. Each event's body is a JSON object with part,
 * totalParts, fileSize, checksum, and "data" as its last member.
 *
 * Whole or an error: the last bytes are only given when count, size and SHA-256 of all are what
 * each part says. Whoever sees no LEAT_EOF has no file.
 *
 * Ownership: bytes and description live until the next call.
 * Bounds:    one part, and what a stream holds. A part's JSON beside its data is at most 1 MiB.
 * Threads:   one owner.
 * Errors:    find: LEAT_EOF there is no file of that id. Both: LEAT_EDATA damage, or parts that do
 * not fit together; others as the stream's.
 */
#ifndef PIPELINE_STORED_FILE_H
#define PIPELINE_STORED_FILE_H

#include "pipeline/stream.h"

enum { LEAT_STORED_FILE_ID_BYTES = 16, LEAT_STORED_FILE_CHECKSUM_TEXT = 65 };

struct leat_stored_file;

struct leat_stored_file_about {
    const char *instance;
    const char *tenant;           /* of the transaction, or "" */
    uint64_t sequence;            /* of the first part */
    const char *id, *name, *type; /* as the sender said, UTF-8 */
    int64_t bytes;
    uint64_t parts;
    char checksum[LEAT_STORED_FILE_CHECKSUM_TEXT]; /* SHA-256 in hex */
};

/* "01234567-89ab-1def-8123-456789abcdef". False: it is no time UUID. */
bool leat_stored_file_id(const char *text, uint8_t *ret_id);

/* `store`: as of leat_stream_open(). */
int leat_stored_file_open(const char *path, struct leat_store *store, const uint8_t *id,
                          struct leat_stored_file **ret_file, struct leat_err *err) LEAT_MUST_CHECK;
void leat_stored_file_close(struct leat_stored_file *file); /* accepts NULL */

/* Looks on until that time (monotonic). */
int leat_stored_file_find(struct leat_stored_file *file, int64_t until_ms,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* What is known once it is found. */
const struct leat_stored_file_about *leat_stored_file_about(const struct leat_stored_file *file);

int leat_stored_file_next(struct leat_stored_file *file, struct leat_slice *ret_bytes,
                          struct leat_err *err) LEAT_MUST_CHECK;

#endif
