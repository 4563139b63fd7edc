/*
 * The document of the HTTP paths (OpenAPI 3.1): GET /openapi.json on the port for events, without a key.
 * It is src/feed/openapi.json, byte by byte; a test compares it with the paths of the sources.
 *
 * Threads: any; there is no state.
 */
#ifndef FEED_OPENAPI_H
#define FEED_OPENAPI_H

#include <leat/ingest.h>

struct leat_slice openapi_text(void);

/* For the server: its context is not looked at. */
extern const struct leat_ingest_ops openapi_ops;

#endif
