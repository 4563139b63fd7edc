/*
 * What a user may set for the Postgres emitter. The table in settings.c parses, documents and
 * validates it.
 */
#ifndef EMIT_POSTGRES_SETTINGS_H
#define EMIT_POSTGRES_SETTINGS_H

#include <leat/emitter.h>
#include <leat/password.h>
#include <leat/tls_mode.h>

enum pge_record { PGE_RECORD_DATA, PGE_RECORD_EVENT };
enum pge_type { PGE_TYPE_JSONB, PGE_TYPE_JSON, PGE_TYPE_TEXT };

struct pge_settings {
    struct leat_emit_settings emit;
    const char *host;
    int64_t port;
    const char *database, *user;
    struct leat_password password;
    int sslmode; /* enum leat_tls_mode */
    const char *sslrootcert, *sslcert, *sslkey;
    int64_t connect_timeout_ms, timeout_ms;
    const char *schema, *table;
    int record;      /* enum pge_record */
    int record_type; /* enum pge_type */
    bool row_security;
};

extern const struct leat_option pge_options[];

int pge_settings_validate(const void *ctx, struct leat_err *err) LEAT_MUST_CHECK;

/* "jsonb", "json", "text" */
const char *pge_settings_record_type(const struct pge_settings *settings);

#endif
