/*
 * A gap is log that is gone: from … to is not in the stream, and everybody is told (I10).
 *
 * Threads: plain values.
 */
#ifndef LEAT_GAP_H
#define LEAT_GAP_H

#include <leat/buf.h>

/* What the operator wants done about one. */
enum leat_on_gap { LEAT_GAP_STOP, LEAT_GAP_RECORD };

/* Appends the body of a gap event, {"reason":…,"from":…,"to":…,"text":…}. Quotes, backslashes and
 * control characters, which positions and our own sentences never have, become question marks. */
void leat_gap_body(struct leat_buf *buf, const char *reason, struct leat_slice from,
                   struct leat_slice to, struct leat_slice text);

#endif
