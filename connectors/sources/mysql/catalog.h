/*
 * Every question to the server that more than one file asks. Facts about columns only fill up what
 * the log's table maps say; they never decide how bytes are read, except in the mode `catalogue`.
 *
 * Threads: the source's.
 */
#ifndef MYSQL_CATALOG_H
#define MYSQL_CATALOG_H

#include <leat/arena.h>

#include "sources/mysql/connection.h"

enum { MY_UUID_TEXT = 37, MY_FILE_MAX = 512 };

struct my_server {
    bool mariadb;     /* by the words in version and version_comment, never by number */
    char version[80]; /* "8.4.3", "10.11.19-MariaDB-…" */
    uint32_t number;  /* 80403, 101119 */
    uint32_t server_id;
    char uuid[MY_UUID_TEXT]; /* MySQL's server_uuid; "" on MariaDB */
    bool log_bin;
    char format[12];       /* binlog_format: "ROW" … */
    char row_image[16];    /* "FULL" … */
    char row_metadata[12]; /* "FULL", "MINIMAL", "NO_LOG", or "" where there is none */
    bool gtid_mode;        /* MySQL: gtid_mode=ON; MariaDB: always */
    bool innodb_binlog;    /* MariaDB 12.3+: no files, GTID only */
    int lower_case_table_names;
};

int my_catalog_server(struct my_connection *connection, struct my_server *ret_server,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Where the log ends now: file, position and GTIDs (MySQL: gtid_executed, MariaDB:
 * gtid_binlog_pos), `gtids` appended as text. On a busy MariaDB the GTIDs may be of a moment before
 * the position's, never after. LEAT_ECONFIG: there is no binlog, or no privilege. */
struct my_log_end {
    char file[MY_FILE_MAX];
    uint64_t position;
};
int my_catalog_log_end(struct my_connection *connection, const struct my_server *server,
                       struct my_log_end *ret_end, struct leat_buf *gtids,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* The logs that are there, oldest first; names and sizes in the arena. */
struct my_log_file {
    const char *name;
    uint64_t bytes;
};
int my_catalog_log_files(struct my_connection *connection, struct leat_arena *arena,
                         struct my_log_file **ret_files, size_t *ret_count,
                         struct leat_err *err) LEAT_MUST_CHECK;

/* The sessions that this account may see, its own at least; texts in the arena. */
enum { MY_SESSIONS_BYTES_MAX = 4 << 20 };
struct my_session {
    uint64_t id;
    const char *command; /* "Sleep", "Binlog Dump" … */
    const char *host;
    int64_t seconds; /* since the command began */
};
int my_catalog_sessions(struct my_connection *connection, struct leat_arena *arena,
                        struct my_session **ret_sessions, size_t *ret_count,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* MySQL's gtid_purged as text. */
int my_catalog_purged(struct my_connection *connection, struct leat_buf *gtids,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* MariaDB: gtid_binlog_state, the last GTID of each server in each domain of the log, and
 * gtid_slave_pos, the last of each domain that was replicated. */
int my_catalog_maria_states(struct my_connection *connection, struct leat_buf *log,
                            struct leat_buf *copied, struct leat_err *err) LEAT_MUST_CHECK;

/* Facts about the columns of one table as it is now, in ordinal order; nothing (count 0) when it is
 * gone or not ours to see. */
struct my_column_fact {
    struct leat_slice name;
    struct leat_slice type;      /* COLUMN_TYPE: "int(10) unsigned", "enum('a','b')", "uuid" */
    struct leat_slice data_type; /* DATA_TYPE: "int", "enum", "uuid" */
    struct leat_slice charset;   /* CHARACTER_SET_NAME, or empty */
    struct leat_slice collation;
    bool nullable;
    bool is_json;         /* MariaDB: LONGTEXT with a json_valid check on it alone */
    uint16_t key_ordinal; /* in the primary key, 1-based; 0: not in it */
};
int my_catalog_columns(struct my_connection *connection, const struct my_server *server,
                       struct leat_slice database, struct leat_slice table,
                       struct leat_arena *arena, struct my_column_fact **ret_facts,
                       size_t *ret_count, struct leat_err *err) LEAT_MUST_CHECK;

/* Collation ids of this server beyond the built-in table: id and character set's name. */
struct my_collation {
    uint32_t id;
    const char *charset;
};
int my_catalog_collations(struct my_connection *connection, const struct my_server *server,
                          struct leat_arena *arena, struct my_collation **ret_collations,
                          size_t *ret_count, struct leat_err *err) LEAT_MUST_CHECK;

#endif
