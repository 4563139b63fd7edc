/*
 * Bodies as senders compress them: gzip, deflate (with zlib's frame as the RFC says, or bare as some
 * send it), zstd. What comes out is bounded in bytes and by its ratio to what went in.
 *
 * Threads: pure; each call has its own decoder.
 */
#ifndef WEBHOOK_INFLATE_H
#define WEBHOOK_INFLATE_H

#include <leat/buf.h>

enum { INFLATE_RATIO_MAX = 100, INFLATE_FREE_BYTES = 64 << 10 /* so much may come of anything */ };

enum inflate_coding {
    INFLATE_IDENTITY,
    INFLATE_GZIP,
    INFLATE_DEFLATE,
    INFLATE_ZSTD,
    INFLATE_UNKNOWN,
};

/* Of a Content-Encoding header; NULL is identity. Several codings are unknown. */
enum inflate_coding inflate_coding_of(const char *header);

/* Appends the content to `buf`, whose max bounds it. 0, or the status to refuse with and why. */
unsigned inflate_body(enum inflate_coding coding, struct leat_slice body, struct leat_buf *buf,
                      const char **ret_why) LEAT_MUST_CHECK;

#endif
