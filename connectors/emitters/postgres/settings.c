#include "emitters/postgres/settings.h"

#define AT(member) .offset = offsetof(struct pge_settings, member)

static const char *const RECORD_CHOICES[] = {"data", "event", NULL};
static const char *const TYPE_CHOICES[] = {"jsonb", "json", "text", NULL};

enum { NAME_BYTES_MAX = 50 }; /* room for what indexes and policies are called */

/* clang-format off */
const struct leat_option pge_options[] = {
    {.section = "Connection", .name = "host", .type = LEAT_OPTION_TEXT, AT(host),
     .fallback = "/var/run/postgresql",
     .doc = "Directory of the Unix socket (begins with a slash), host name or address."},
    {.name = "port", .type = LEAT_OPTION_INT, AT(port), .fallback = "5432", .min = 1, .max = 65535,
     .doc = "Port of the server, for sockets too."},
    {.name = "database", .type = LEAT_OPTION_TEXT, AT(database), .flags = LEAT_OPTION_REQUIRED,
     .doc = "The database to write to.", .example = "stream"},
    {.name = "user", .type = LEAT_OPTION_TEXT, AT(user), .flags = LEAT_OPTION_REQUIRED,
     .doc = "A role that owns the tables, or may write them.", .example = "leat"},
    LEAT_PASSWORD_OPTIONS(offsetof(struct pge_settings, password)),
    {.name = "sslmode", .type = LEAT_OPTION_CHOICE, AT(sslmode), .fallback = "auto",
     .choices = leat_tls_mode_names,
     .doc = "libpq's modes; auto means disable on a socket, prefer on loopback, verify-full "
            "everywhere else."},
    {.name = "sslrootcert", .type = LEAT_OPTION_TEXT, AT(sslrootcert),
     .doc = "Certificates of the authorities to trust.", .example = "/etc/leat/ca.pem"},
    {.name = "sslcert", .type = LEAT_OPTION_TEXT, AT(sslcert), .doc = "Client certificate.",
     .example = "/etc/leat/client.pem"},
    {.name = "sslkey", .type = LEAT_OPTION_TEXT, AT(sslkey), .doc = "Key of the client certificate.",
     .example = "/etc/leat/client.key"},
    {.name = "connect_timeout", .type = LEAT_OPTION_DURATION, AT(connect_timeout_ms),
     .fallback = "10s", .min = 1000, .max = 300000, .doc = "Longest wait for a connection."},
    {.name = "timeout", .type = LEAT_OPTION_DURATION, AT(timeout_ms), .fallback = "60s", .min = 1000,
     .max = 3600000,
     .doc = "Longest wait for a batch to be committed; then the connection is dropped and the "
            "server asked what became of it."},

    {.section = "The table", .name = "target_schema", .type = LEAT_OPTION_TEXT, AT(schema),
     .fallback = "public", .doc = "Schema of the tables; one a tenant, for example."},
    {.name = "table", .type = LEAT_OPTION_TEXT, AT(table), .fallback = "stream_data",
     .doc = "The table; beside it stands leat_cursor. `leat check --apply` makes both."},
    {.name = "record", .type = LEAT_OPTION_CHOICE, AT(record), .fallback = "data",
     .choices = RECORD_CHOICES,
     .doc = "What stands in the column record: data is a post's body where that is JSON, and the "
            "event by `format` otherwise; event is the latter always."},
    {.name = "record_type", .type = LEAT_OPTION_CHOICE, AT(record_type), .fallback = "jsonb",
     .choices = TYPE_CHOICES,
     .doc = "Type of record and metadata. jsonb can be asked into and indexed; json and text keep "
            "the bytes and are quicker to write."},
    {.name = "row_security", .type = LEAT_OPTION_BOOL, AT(row_security), .fallback = "false",
     .doc = "With a column tenant and a policy by which a role other than the owner sees the rows "
            "of current_setting('app.tenant') only."},
    LEAT_EMIT_OPTIONS,
    {.name = NULL},
};
/* clang-format on */

static int name_check(const char *what, const char *name, struct leat_err *err)
{
    size_t len = strlen(name);
    if (len && len <= NAME_BYTES_MAX)
        return LEAT_OK;
    return leat_fail(err, LEAT_ECONFIG, "%s: must have 1 to %d bytes", what, NAME_BYTES_MAX);
}

int pge_settings_validate(const void *ctx, struct leat_err *err)
{
    const struct pge_settings *s = ctx;
    int status = leat_emit_settings_validate(&s->emit, err);
    if (!status)
        status = leat_password_validate(&s->password, err);
    if (!status)
        status = name_check("target_schema", s->schema, err);
    return status ? status : name_check("table", s->table, err);
}

const char *pge_settings_record_type(const struct pge_settings *s)
{
    return TYPE_CHOICES[s->record_type];
}
