#include "sources/postgres/settings.h"

#include <leat/limits.h>

#include <ctype.h>
#include <stdio.h>

#define AT(member) offsetof(struct pg_settings, member)

static const char *const FORMAT_CHOICES[] = {"auto", "binary", "text", NULL};
static const char *const PARTITION_CHOICES[] = {"leaf", "root", NULL};
static const char *const GAP_CHOICES[] = {"stop", "record", NULL};

static const int64_t MIB = 1 << 20;

const struct leat_option pg_options[] = {
    {.section = "Connection",
     .name = "host",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(host),
     .fallback = "/var/run/postgresql",
     .doc = "Directory of the Unix socket (begins with a slash), host name or address. Beside the "
            "server the socket is the fastest way."},
    {.name = "port",
     .type = LEAT_OPTION_INT,
     .offset = AT(port),
     .fallback = "5432",
     .min = 1,
     .max = 65535,
     .doc = "Port of the server, for sockets too."},
    {.name = "database",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(database),
     .flags = LEAT_OPTION_REQUIRED,
     .doc = "The database to read. A source reads one database.",
     .example = "shop"},
    {.name = "user",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(user),
     .flags = LEAT_OPTION_REQUIRED,
     .doc = "A role with LOGIN and REPLICATION.",
     .example = "leat"},
    LEAT_PASSWORD_OPTIONS(AT(password)),
    {.name = "sslmode",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(sslmode),
     .fallback = "auto",
     .choices = leat_tls_mode_names,
     .doc = "libpq's modes; auto means disable on a socket, prefer on loopback, verify-full "
            "everywhere else."},
    {.name = "sslrootcert",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(sslrootcert),
     .doc = "Certificates of the authorities to trust.",
     .example = "/etc/leat/ca.pem"},
    {.name = "sslcert",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(sslcert),
     .doc = "Client certificate.",
     .example = "/etc/leat/client.pem"},
    {.name = "sslkey",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(sslkey),
     .doc = "Key of the client certificate.",
     .example = "/etc/leat/client.key"},
    {.name = "connect_timeout",
     .type = LEAT_OPTION_DURATION,
     .offset = AT(connect_timeout_ms),
     .fallback = "10s",
     .min = 1000,
     .max = 300000,
     .doc = "Longest wait for a connection or a question."},

    {.section = "What to read",
     .name = "slot",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(slot),
     .doc =
         "Logical replication slot (plugin pgoutput). Unless given: leat_ and the source's name.",
     .example = "leat_shop"},
    {.name = "publication",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(publication),
     .doc = "Publication. Unless given: leat_ and the source's name.",
     .example = "leat_shop"},
    {.name = "create",
     .type = LEAT_OPTION_BOOL,
     .offset = AT(create),
     .fallback = "false",
     .doc = "Create publication and slot where they are missing, and add newly matching tables to "
            "the publication. Tables without replica identity go to a second one, "
            "<publication>_insert, that publishes inserts and truncates only, because publishing "
            "more would make their updates fail."},
    LEAT_FILTER_OPTIONS(AT(filter)),
    {.name = "format",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(format),
     .fallback = "auto",
     .choices = FORMAT_CHOICES,
     .doc = "Wire format of values. auto takes binary where it is exact for every type of every "
            "table, else text; the events are the same. Before server 14 always text."},
    {.name = "partitions",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(partitions),
     .fallback = "leaf",
     .choices = PARTITION_CHOICES,
     .doc = "With create: publish changes of partitions under the leaf's name or the root's "
            "(server 13 and later)."},
    {.name = "messages",
     .type = LEAT_OPTION_BOOL,
     .offset = AT(messages),
     .fallback = "true",
     .doc = "Take logical messages (pg_logical_emit_message, server 14 and later)."},
    {.name = "local_only",
     .type = LEAT_OPTION_BOOL,
     .offset = AT(local_only),
     .fallback = "false",
     .doc = "Leave out changes that the server itself got by logical replication (server 16 and "
            "later)."},
    {.name = "client_encoding",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(client_encoding),
     .doc =
         "Encoding of text on the wire. Unless given: UTF8, and SQL_ASCII for SQL_ASCII databases.",
     .example = "UTF8"},

    {.section = "Flow",
     .name = "row_max",
     .type = LEAT_OPTION_SIZE,
     .offset = AT(row_bytes_max),
     .fallback = "96MiB",
     .min = 1 << 20,
     .max = 1100 * MIB,
     .doc = "Longest change, as it comes over the wire; memory for one is held while it is read."},
    {.name = "confirm_interval",
     .type = LEAT_OPTION_DURATION,
     .offset = AT(confirm_interval_ms),
     .fallback = "1s",
     .min = 50,
     .max = 60000,
     .doc = "How often the server is told what is durable here, when it does not ask."},
    {.name = "wal_sender_timeout",
     .type = LEAT_OPTION_DURATION,
     .offset = AT(wal_sender_timeout_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 3600000,
     .doc = "The server drops us when it hears nothing for so long (server 12 and later; set for "
            "our session only)."},
    {.name = "decoding_work_mem",
     .type = LEAT_OPTION_SIZE,
     .offset = AT(decoding_work_mem),
     .min = 0,
     .max = 4096 * MIB,
     .doc = "Memory that the server may use to decode before it spills to its disk (server 13 and "
            "later). Unless given: the server's setting.",
     .example = "256MiB"},

    {.name = "allow_unlimited_wal",
     .type = LEAT_OPTION_BOOL,
     .offset = AT(allow_unlimited_wal),
     .fallback = "false",
     .doc =
         "Make a slot on a server whose max_slot_wal_keep_size is -1. Such a slot keeps log until "
         "the disk of the database is full, should leat be down for long; with a limit the slot "
         "is lost instead."},

    {.section = "When the log is gone",
     .name = "on_gap",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(on_gap),
     .fallback = "stop",
     .choices = GAP_CHOICES,
     .doc = "The slot was dropped, re-created, advanced or lost, or the server is behind the "
            "store: stop with the remedy, or record one gap event that says from where to where, "
            "and go on."},
    {.name = "accept_system",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(accept_system),
     .doc = "System identifier of another cluster that this source may continue on, after an "
            "upgrade or a restore.",
     .example = "7385020611530956829"},
    {.name = NULL},
};

static bool slot_name_good(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= PG_NAME_BYTES)
        return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

int pg_settings_validate(const struct pg_settings *s, struct leat_err *err)
{
    int status = leat_password_validate(&s->password, err);
    if (status)
        return status;
    if (s->slot && !slot_name_good(s->slot))
        return leat_fail(err, LEAT_ECONFIG,
                         "slot: \"%s\" must be 1 to 63 of a-z, 0-9 and underscore", s->slot);
    if (s->publication && (!*s->publication || strlen(s->publication) >= PG_NAME_BYTES))
        return leat_fail(err, LEAT_ECONFIG, "publication: must have 1 to 63 bytes");
    return leat_filter_validate(&s->filter, err);
}

void pg_settings_name(const char *configured, const char *instance, char *ret_name)
{
    if (configured)
        snprintf(ret_name, PG_NAME_BYTES, "%s", configured);
    else
        snprintf(ret_name, PG_NAME_BYTES, "leat_%s", instance);
}
