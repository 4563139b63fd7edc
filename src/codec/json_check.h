/*
 * Is this one JSON text (RFC 8259)? For bytes that are to stand inside a text of ours as they are:
 * whatever a sender wrote, the text around them stays well-formed.
 *
 * Numbers of any size and repeated names pass; what stands inside strings is not looked at beyond
 * escapes and control characters.
 *
 * Bounds:  JSON_CHECK_DEPTH levels. Threads: pure.
 */
#ifndef CODEC_JSON_CHECK_H
#define CODEC_JSON_CHECK_H

#include <leat/slice.h>

enum { JSON_CHECK_DEPTH = 1024 };

/* The first byte of the text ('{', '[', '"', a digit …), or 0 if it is none. */
char leat_json_check(struct leat_slice text);

#endif
