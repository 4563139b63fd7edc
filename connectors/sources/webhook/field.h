/*
 * Where a request says something: settings such as `event_type: header:X-GitHub-Event`.
 *
 *     header:NAME      a header
 *     json:/a/b        a string or number of the body, by pointer; json: alone is the whole body
 *     text:WORD        always that
 *
 * Threads: pure.
 */
#ifndef WEBHOOK_FIELD_H
#define WEBHOOK_FIELD_H

#include <leat/ingest.h>

/* For option tables: LEAT_ECONFIG says the forms. */
int field_check(const char *text, struct leat_err *err);

/* Appends the value; false: the request does not say it. `body` is JSON that was checked, or empty. */
bool field_read(const char *field, const struct leat_ingest_request *request, struct leat_slice body,
                struct leat_buf *buf);

#endif
