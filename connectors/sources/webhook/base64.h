/*
 * base64 as senders write it: both alphabets, with padding or without.
 *
 * Threads: pure.
 */
#ifndef WEBHOOK_BASE64_H
#define WEBHOOK_BASE64_H

#include <leat/buf.h>

/* Appends the bytes; false: it is none. What does not fit sets the buffer's `full`. */
bool base64_decode(struct leat_slice text, struct leat_buf *buf) LEAT_MUST_CHECK;

#endif
