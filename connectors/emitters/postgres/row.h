/*
 * A row of stream_data in COPY's binary form, written once, when the event is encoded.
 *
 *     fields u16 BE, then of each: length i32 BE (-1: NULL) and bytes
 *
 *     source_id text, external_id text, record, metadata (jsonb: version u8 = 1 and text; json,
 * text: text), created_at timestamptz (µs since 2000, i64 BE), seq int8 (i64 BE) [, tenant text]
 *
 * Threads: pure. Source: PostgreSQL's documentation of COPY, "Binary Format".
 */
#ifndef EMIT_POSTGRES_ROW_H
#define EMIT_POSTGRES_ROW_H

#include "emitters/postgres/settings.h"

#define PGE_COPY_HEAD LEAT_SLICE_LITERAL("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0")
#define PGE_COPY_TAIL LEAT_SLICE_LITERAL("\377\377")

/* The columns in their order, for a statement. */
const char *pge_row_columns(const struct pge_settings *settings);

/* As ops->encode. */
int pge_row_encode(const void *ctx, const struct leat_emit_input *in, struct leat_buf *buf,
                   struct leat_err *err) LEAT_MUST_CHECK;

#endif
