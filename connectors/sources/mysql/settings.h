/*
 * What a user may set for a MySQL or MariaDB source. The table in settings.c parses, documents and
 * validates it.
 */
#ifndef MYSQL_SETTINGS_H
#define MYSQL_SETTINGS_H

#include <leat/filter.h>
#include <leat/gap.h>
#include <leat/password.h>
#include <leat/tls_mode.h>

enum my_resume { MY_RESUME_AUTO, MY_RESUME_GTID, MY_RESUME_POSITION };
enum my_schema_mode { MY_SCHEMA_METADATA, MY_SCHEMA_CATALOGUE };
enum my_zero_dates { MY_ZERO_TEXT, MY_ZERO_NULL, MY_ZERO_ERROR };
enum my_bad_text { MY_BAD_TEXT_REPLACE, MY_BAD_TEXT_ERROR };
enum my_statements { MY_STATEMENTS_STOP, MY_STATEMENTS_WARN };

struct my_settings {
    const char *host; /* begins with a slash: path of the Unix socket itself */
    int64_t port;
    const char *user;
    struct leat_password password;
    int sslmode; /* enum leat_tls_mode */
    const char *ssl_ca, *ssl_cert, *ssl_key;
    const char *server_public_key; /* RSA key file for caching_sha2_password without TLS, or NULL */
    bool compress;                 /* the protocol, by zlib */
    int64_t connect_timeout_ms;
    int64_t server_id; /* 0: chosen at random, kept in the position */
    int64_t heartbeat_ms;
    struct leat_filter filter;
    int resume;            /* enum my_resume */
    int schema_mode;       /* enum my_schema_mode */
    int zero_dates;        /* enum my_zero_dates */
    int bad_text;          /* enum my_bad_text */
    int statements;        /* enum my_statements: data changes that were logged as statements */
    int64_t row_bytes_max; /* longest event */
    int64_t transaction_memory;  /* bytes of a transaction held in memory; more goes to a file */
    int64_t transaction_max;     /* bytes of a transaction at all */
    const char *spill_directory; /* NULL: the store's */
    int on_gap;                  /* enum leat_on_gap */
    const char
        *accept_server; /* server uuid (MariaDB: server id) that we may continue on by position */
};

/* Offsets are relative to a context whose first member is a struct my_settings. */
extern const struct leat_option my_options[];

/* Settings against each other; LEAT_ECONFIG names the key. */
int my_settings_validate(const struct my_settings *settings, struct leat_err *err) LEAT_MUST_CHECK;

#endif
