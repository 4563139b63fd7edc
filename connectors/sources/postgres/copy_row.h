/*
 * Rows of COPY … TO STDOUT become fields, as pgoutput gives them: one decoder of values for both.
 *
 *     binary   the first message begins with "PGCOPY\n\377\r\n\0", flags (4), length of an
 *              extension (4); a row is its number of fields (2), then of each the length (4; -1:
 *              NULL) and the bytes; -1 in place of the number ends the data
 *     text     fields with tabs between, a line feed at the end; \N is NULL, a backslash hides
 *              what follows
 *
 * Ownership: fields view the message; the text form is unescaped where it stands.
 * Threads:   pure.
 * Errors:    LEAT_EPROTO: not such a row, or another number of fields. LEAT_EOF: the end.
 * Source:    PostgreSQL manual, "COPY".
 */
#ifndef POSTGRES_COPY_ROW_H
#define POSTGRES_COPY_ROW_H

#include "sources/postgres/pgoutput.h"

/* `first`: of the messages of one COPY. */
int pg_copy_binary(struct leat_slice message, bool first, uint16_t count,
                   struct pgoutput_field *ret_fields, struct leat_err *err) LEAT_MUST_CHECK;

int pg_copy_text(uint8_t *line, size_t len, uint16_t count, struct pgoutput_field *ret_fields,
                 struct leat_err *err) LEAT_MUST_CHECK;

/* Where a row lies, as both forms give it: six bytes, or "(block,offset)". False: neither. */
bool pg_copy_tid(const struct pgoutput_field *field, uint32_t *ret_block,
                 uint16_t *ret_offset) LEAT_MUST_CHECK;

#endif
