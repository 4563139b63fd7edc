/*
 * The tables at the destination: what they are, what is missing, and making it. Every statement may
 * be done twice.
 *
 *     stream_data   an event a row; primary key (source_id, seq), indexes (source_id, created_at)
 * and (source_id, external_id) leat_cursor   a row an emitter: which store it is of, up to which
 * sequence its events are here
 */
#ifndef EMIT_POSTGRES_TABLES_H
#define EMIT_POSTGRES_TABLES_H

#include "emitters/postgres/session.h"

/* "schema"."table", quoted; the caller's array has PGE_NAME_BYTES bytes. */
enum { PGE_NAME_BYTES = 256 };
void pge_table_name(const struct pge_settings *settings, const char *table, char *ret_name);

/* Appends `"name"` with quotes doubled. */
void pge_quote(struct leat_buf *buf, const char *name);

/* The statements that make everything, each ending with ';' and a newline. */
void pge_tables_ddl(const struct pge_settings *settings, struct leat_buf *sql);

/* Reports what is there; with `apply` makes what is missing first. */
int pge_tables_check(struct pge_session *session, bool apply, struct leat_report *report,
                     struct leat_err *err) LEAT_MUST_CHECK;

#endif
