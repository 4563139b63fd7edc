/*
 * What a user may set for a Postgres source. The table in settings.c parses, documents and
 * validates it.
 */
#ifndef POSTGRES_SETTINGS_H
#define POSTGRES_SETTINGS_H

#include <leat/filter.h>
#include <leat/gap.h>
#include <leat/password.h>
#include <leat/tls_mode.h>

enum pg_format { PG_FORMAT_AUTO, PG_FORMAT_BINARY, PG_FORMAT_TEXT };
enum pg_partitions { PG_PARTITIONS_LEAF, PG_PARTITIONS_ROOT };

struct pg_settings {
    const char *host;
    int64_t port;
    const char *database;
    const char *user;
    struct leat_password password;
    int sslmode; /* enum leat_tls_mode */
    const char *sslrootcert, *sslcert, *sslkey;
    int64_t connect_timeout_ms;
    const char *slot;        /* NULL: leat_<instance> */
    const char *publication; /* NULL: leat_<instance> */
    bool create;
    struct leat_filter filter;
    int format;     /* enum pg_format */
    int partitions; /* enum pg_partitions, when leat creates the publication */
    bool messages;
    bool local_only; /* origin 'none' */
    const char *client_encoding;
    int64_t row_bytes_max;
    int64_t confirm_interval_ms;
    int64_t wal_sender_timeout_ms;
    int64_t decoding_work_mem;
    bool allow_unlimited_wal;
    int on_gap; /* enum leat_on_gap */
    const char *accept_system;
};

/* Offsets are relative to a context whose first member is a struct pg_settings. */
extern const struct leat_option pg_options[];

/* Settings against each other; LEAT_ECONFIG names the key. */
int pg_settings_validate(const struct pg_settings *settings, struct leat_err *err) LEAT_MUST_CHECK;

/* The slot's or publication's name: as configured, or made from the instance's. `ret_name` has
 * PG_NAME_BYTES bytes. */
enum { PG_NAME_BYTES = 64 };
void pg_settings_name(const char *configured, const char *instance, char *ret_name);

#endif
