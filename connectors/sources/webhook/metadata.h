/*
 * The metadata of an event: what the sender said in a header, every value as text, and what we add.
 *
 *     x-flowcore-metadata-json: base64 of {"a":1,"b":"x"}, or the object itself
 *         ─▶ {"a":"1","b":"x","producer":"…","ingested-at":"…","event-time":"…"}
 *
 * What we add wins over the same names of the sender, however those are escaped. ttl-on/stored-event and
 * do-not-archive-on/stored-event may stand once each, have one of the forms below, and are stored under
 * their plain names, for whoever ends and archives events. Values that are not strings become their own
 * JSON text, to the digit.
 *
 * Ownership: the sender's part is a copy in the caller's buffer. Threads: pure.
 * Source:    Flowcore's ingestion service; the ttl's forms from its documentation, SDK and tests.
 */
#ifndef WEBHOOK_METADATA_H
#define WEBHOOK_METADATA_H

#include <leat/buf.h>

enum { METADATA_BYTES_MAX = 64 << 10 };

/* Appends `"name":"value",` for each member of the header's object. 0, or 400 and why. */
unsigned metadata_read(const char *header, struct leat_buf *buf, const char **ret_why) LEAT_MUST_CHECK;

/* What we say about an event; times of 0 are left out. */
struct metadata_own {
    const char *producer;
    const char *content_type; /* of a body that is not JSON; NULL else */
    struct leat_slice attributes; /* `"name":"value",` for each, or empty */
    int64_t ingested_at_us;
    int64_t event_time_us, valid_time_us;
};

/* Appends the whole object; `sent` is what metadata_read() made. */
void metadata_write(struct leat_slice sent, const struct metadata_own *own, struct leat_buf *buf);

/* "true", digits (seconds), or numbers with d, h, m, s behind them. */
bool metadata_ttl_valid(struct leat_slice text);

#endif
