/*
 * What we ask the server besides its log: who it is, how our slot and publication stand, what a relation's columns
 * are. Every question has a deadline. Answers about relations are of the present, while the log may be hours
 * behind: a fact is used only where name and type still match what the log says (I9).
 *
 * Threads: the source's.
 */
#ifndef POSTGRES_CATALOG_H
#define POSTGRES_CATALOG_H

#include <leat/arena.h>

#include "sources/postgres/connection.h"

enum { PG_SYSTEM_ID_TEXT = 24 };

struct pg_server {
    int version;                         /* 150020 */
    char system_id[PG_SYSTEM_ID_TEXT];
    uint32_t timeline;
    uint32_t database_oid;
    bool in_recovery;
    uint64_t flush_lsn;                  /* end of what is durable there; replayed on a standby */
    char encoding[32];
    char version_text[64];
};

/* Identifies the server on both connections. */
int pg_catalog_server(PGconn *stream, PGconn *sql, int64_t timeout_ms, struct pg_server *ret_server,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Where `timeline` ended, by the history of the server's own timeline. LEAT_EOF: it is no ancestor. */
int pg_catalog_timeline_end(PGconn *stream, uint32_t server_timeline, uint32_t timeline, int64_t timeout_ms,
                            uint64_t *ret_lsn, struct leat_err *err) LEAT_MUST_CHECK;

struct pg_slot {
    bool exists, active, temporary, logical, synced;
    char plugin[64], database[64];
    char wal_status[16];          /* reserved extended unreserved lost; "" before 13 */
    char invalidation_reason[40]; /* 17 and later */
    char holder[64];              /* application_name of the session that uses it */
    int64_t active_pid;
    uint64_t restart_lsn, confirmed_lsn;
};

int pg_catalog_slot(PGconn *sql, int server_version, const char *slot, int64_t timeout_ms,
                    struct pg_slot *ret_slot, struct leat_err *err) LEAT_MUST_CHECK;

/* Creates the slot without a snapshot; *ret_lsn is its consistent point. */
int pg_catalog_slot_create(PGconn *stream, int server_version, const char *slot, int64_t timeout_ms,
                           uint64_t *ret_lsn, struct leat_err *err) LEAT_MUST_CHECK;

/* Brings publication and <publication>_insert up to date: creates what is missing and adds tables that match;
 * drops nothing. Each statement that ran is logged. */
int pg_catalog_publish(PGconn *sql, const struct pg_settings *settings, const char *instance,
                       int server_version, const char *publication, int64_t timeout_ms,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Whether the publication exists, and the one for tables without identity. */
int pg_catalog_publications(PGconn *sql, const char *publication, int64_t timeout_ms, bool *ret_main,
                            bool *ret_insert, struct leat_err *err) LEAT_MUST_CHECK;

/* True in *ret_exact when every published column's type has an exact binary form here. */
int pg_catalog_binary_exact(PGconn *sql, const char *publication, int64_t timeout_ms, bool *ret_exact,
                            struct leat_err *err) LEAT_MUST_CHECK;

/* What the catalogue knows of a column beyond the log. */
struct pg_column_fact {
    struct leat_slice name;
    uint32_t type;        /* OID, to compare */
    uint32_t base_type;   /* OID behind any domains */
    int32_t base_typmod;  /* the domain's, or the column's */
    bool not_null;
    bool is_enum;
    uint16_t key_ordinal; /* in the primary key */
    struct leat_slice type_text;
};

/* Columns of a relation; texts live in the arena. An unknown relation has none. */
int pg_catalog_columns(PGconn *sql, uint32_t relation, int64_t timeout_ms, struct leat_arena *arena,
                       struct pg_column_fact **ret_facts, size_t *ret_count, struct leat_err *err)
    LEAT_MUST_CHECK;

#endif
