/*
 * What we ask the server besides its log: who it is, how our slot and publication stand, what a
 * relation's columns are. Every question has a deadline. Answers about relations are of the
 * present, while the log may be hours behind: a fact is used only where name and type still match
 * what the log says (I9).
 *
 * Threads: the source's.
 */
#ifndef POSTGRES_CATALOG_H
#define POSTGRES_CATALOG_H

#include <leat/arena.h>
#include <leat/buf.h>

#include "sources/postgres/connection.h"

enum { PG_SYSTEM_ID_TEXT = 24 };

struct pg_server {
    int version; /* 150020 */
    char system_id[PG_SYSTEM_ID_TEXT];
    uint32_t timeline;
    uint32_t database_oid;
    bool in_recovery;
    uint64_t flush_lsn; /* end of what is durable there; replayed on a standby */
    char encoding[32];
    char version_text[64];
};

/* Identifies the server on both connections. */
int pg_catalog_server(PGconn *stream, PGconn *sql, int64_t timeout_ms, struct pg_server *ret_server,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Where `timeline` ended, by the history of the server's own timeline. LEAT_EOF: it is no ancestor.
 */
int pg_catalog_timeline_end(PGconn *stream, uint32_t server_timeline, uint32_t timeline,
                            int64_t timeout_ms, uint64_t *ret_lsn,
                            struct leat_err *err) LEAT_MUST_CHECK;

struct pg_slot {
    bool exists, active, temporary, logical, synced, two_phase;
    char plugin[64], database[64];
    char wal_status[16];          /* reserved extended unreserved lost; "" before 13 */
    char invalidation_reason[40]; /* 17 and later */
    char holder[64];              /* application_name of the session that uses it */
    int64_t active_pid;
    uint64_t restart_lsn, confirmed_lsn;
};

int pg_catalog_slot(PGconn *sql, int server_version, const char *slot, int64_t timeout_ms,
                    struct pg_slot *ret_slot, struct leat_err *err) LEAT_MUST_CHECK;

/* Creates the slot; *ret_lsn is its consistent point. `ret_snapshot` (NULL: none is wanted) names
 * the snapshot of that point, in 64 bytes: it lives until the connection's next command. */
int pg_catalog_slot_create(PGconn *stream, int server_version, const char *slot, bool temporary,
                           int64_t timeout_ms, uint64_t *ret_lsn, char *ret_snapshot,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* Every table that could be published, by name. Columns of the result: */
enum pg_table_column {
    PG_TABLE_SCHEMA,
    PG_TABLE_NAME,
    PG_TABLE_IDENTITY,  /* updates of it can be published */
    PG_TABLE_PUBLISHED, /* in <publication> or <publication>_insert, itself or by its partitions */
    PG_TABLE_OWNED,     /* we may publish it: ours, or we are superuser */
    PG_TABLE_PARENT,    /* tables inherit from it */
};
int pg_catalog_tables(PGconn *sql, int server_version, const char *publication, int64_t timeout_ms,
                      PGresult **ret_tables, struct leat_err *err) LEAT_MUST_CHECK;

/* A condition on the table l: updates and deletes of it have an identity. A deferrable primary key
 * is none. */
#define PG_SQL_HAS_IDENTITY                                                                        \
    "(l.relreplident = 'f' OR (l.relreplident = 'd' AND EXISTS (SELECT 1 FROM "                    \
    "pg_catalog.pg_index i "                                                                       \
    " WHERE i.indrelid = l.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid)) "          \
    "OR (l.relreplident = 'i' AND EXISTS (SELECT 1 FROM pg_catalog.pg_index i "                    \
    " WHERE i.indrelid = l.oid AND i.indisreplident AND i.indisvalid)))"

/* The statements, without semicolon, that create the publication and <publication>_insert where
 * they are missing, or add to them the tables that match; empty where there is nothing to do. The
 * main one is always wanted. */
int pg_catalog_publish_plan(PGconn *sql, const struct pg_settings *settings, int server_version,
                            const char *publication, bool exists, bool insert_exists,
                            const PGresult *tables, struct leat_buf *ret_main,
                            struct leat_buf *ret_insert, struct leat_err *err) LEAT_MUST_CHECK;

/* Brings publication and <publication>_insert up to date: creates what is missing and adds tables
 * that match; drops nothing. Each statement that ran is logged. Both are made together, before the
 * slot: a second one that is missing while the slot is there is not made. */
int pg_catalog_publish(PGconn *sql, const struct pg_settings *settings, const char *instance,
                       int server_version, const char *publication, const char *slot,
                       int64_t timeout_ms, struct leat_err *err) LEAT_MUST_CHECK;

/* Appends the identifier, or schema.table, quoted for a statement. */
void pg_append_identifier(PGconn *conn, struct leat_buf *statement, const char *name);
void pg_append_table(PGconn *conn, struct leat_buf *statement, const char *schema,
                     const char *table);

/* Whether the publication exists, and the one for tables without identity. */
int pg_catalog_publications(PGconn *sql, const char *publication, int64_t timeout_ms,
                            bool *ret_main, bool *ret_insert, struct leat_err *err) LEAT_MUST_CHECK;

/* The types of the published columns, behind domains and without enums. Columns of the result: OID,
 * name, and a column that has it, as schema.table.column. */
int pg_catalog_types(PGconn *sql, const char *publication, int64_t timeout_ms, PGresult **ret_types,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* True in *ret_exact when every published column's type has an exact binary form here. */
int pg_catalog_binary_exact(PGconn *sql, const char *publication, int64_t timeout_ms,
                            bool *ret_exact, struct leat_err *err) LEAT_MUST_CHECK;

/* What the catalogue knows of a column beyond the log. */
struct pg_column_fact {
    struct leat_slice name;
    uint32_t type;       /* OID, to compare */
    uint32_t base_type;  /* OID behind any domains */
    int32_t base_typmod; /* the domain's, or the column's */
    bool not_null;
    bool is_enum;
    uint16_t key_ordinal; /* in the primary key */
    struct leat_slice type_text;
};

/* Columns of a relation; texts live in the arena. An unknown relation has none. */
int pg_catalog_columns(PGconn *sql, uint32_t relation, int64_t timeout_ms, struct leat_arena *arena,
                       struct pg_column_fact **ret_facts, size_t *ret_count,
                       struct leat_err *err) LEAT_MUST_CHECK;

#endif
