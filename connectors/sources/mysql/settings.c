#include "sources/mysql/settings.h"

#include <leat/limits.h>

#define AT(member) offsetof(struct my_settings, member)

static const char *const RESUME_CHOICES[] = {"auto", "gtid", "position", NULL};
static const char *const SCHEMA_CHOICES[] = {"metadata", "catalogue", NULL};
static const char *const ZERO_CHOICES[] = {"text", "null", "error", NULL};
static const char *const BAD_TEXT_CHOICES[] = {"replace", "error", NULL};
static const char *const STATEMENT_CHOICES[] = {"stop", "warn", NULL};
static const char *const GAP_CHOICES[] = {"stop", "record", NULL};

static const int64_t MIB = 1 << 20, GIB = 1 << 30, SERVER_ID_LAST = UINT32_MAX;

const struct leat_option my_options[] = {
    {.section = "Connection",
     .name = "host",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(host),
     .fallback = "127.0.0.1",
     .doc = "Host name or address, or the path of the Unix socket itself (begins with a slash, "
            "such as /run/mysqld/mysqld.sock). Beside the server the socket is the fastest way."},
    {.name = "port",
     .type = LEAT_OPTION_INT,
     .offset = AT(port),
     .fallback = "3306",
     .min = 1,
     .max = 65535,
     .doc = "Port of the server; without meaning for a socket."},
    {.name = "user",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(user),
     .flags = LEAT_OPTION_REQUIRED,
     .doc = "An account with REPLICATION SLAVE, REPLICATION CLIENT (MariaDB: BINLOG MONITOR) and "
            "SELECT on the tables to take.",
     .example = "leat"},
    LEAT_PASSWORD_OPTIONS(AT(password)),
    {.name = "sslmode",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(sslmode),
     .fallback = "auto",
     .choices = leat_tls_mode_names,
     .doc = "disable, prefer (use TLS where the server has it), require, verify-ca, verify-full "
            "(certificate and host name); auto means disable on a socket, prefer on loopback, "
            "verify-full everywhere else. With MariaDB Connector/C verify-ca checks the host name "
            "too."},
    {.name = "ssl_ca",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(ssl_ca),
     .doc = "Certificates of the authorities to trust. Unless given: the system's.",
     .example = "/etc/leat/ca.pem"},
    {.name = "ssl_cert",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(ssl_cert),
     .doc = "Client certificate; needs ssl_key.",
     .example = "/etc/leat/client.pem"},
    {.name = "ssl_key",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(ssl_key),
     .doc = "Key of the client certificate.",
     .example = "/etc/leat/client.key"},
    {.name = "server_public_key",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(server_public_key),
     .doc = "The server's RSA key, for accounts with caching_sha2_password or sha256_password "
            "where neither TLS nor a socket is used. TLS is better.",
     .example = "/etc/leat/server-key.pem"},
    {.name = "compress",
     .type = LEAT_OPTION_BOOL,
     .offset = AT(compress),
     .fallback = "false",
     .doc = "Compress the connection by zlib. Only for slow lines: it costs most of the speed."},
    {.name = "connect_timeout",
     .type = LEAT_OPTION_DURATION,
     .offset = AT(connect_timeout_ms),
     .fallback = "10s",
     .min = 1000,
     .max = 300000,
     .doc = "Longest wait for a connection or a question."},
    {.name = "server_id",
     .type = LEAT_OPTION_INT,
     .offset = AT(server_id),
     .fallback = "0",
     .min = 0,
     .max = SERVER_ID_LAST,
     .doc = "Our number as a replica: no server and no other replica may have it. 0: chosen at "
            "random at the first start, checked, and kept in the position."},
    {.name = "heartbeat",
     .type = LEAT_OPTION_DURATION,
     .offset = AT(heartbeat_ms),
     .fallback = "10s",
     .min = 1000,
     .max = 300000,
     .doc = "How often an idle server says that it is there. After three of them without a word "
            "the connection is taken for dead."},

    {.section = "What to read",
     .name = "resume",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(resume),
     .fallback = "auto",
     .choices = RESUME_CHOICES,
     .doc = "How to tell the server where to begin: gtid (works on another server after a "
            "failover too) or position (file and offset of this very server). auto takes gtid "
            "where the server has it: always on MariaDB, with gtid_mode=ON on MySQL."},
    LEAT_FILTER_OPTIONS(AT(filter)),
    {.name = "schema",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(schema_mode),
     .fallback = "metadata",
     .choices = SCHEMA_CHOICES,
     .doc = "Where names and types of columns come from: metadata is the log itself and needs "
            "binlog_row_metadata=FULL on the server. catalogue asks the tables as they are now, "
            "for servers without that setting, and stops where table and log do not agree."},
    {.name = "zero_dates",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(zero_dates),
     .fallback = "text",
     .choices = ZERO_CHOICES,
     .doc = "Dates such as 0000-00-00 and 2024-00-00: kept as text, made NULL, or an error."},
    {.name = "bad_text",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(bad_text),
     .fallback = "replace",
     .choices = BAD_TEXT_CHOICES,
     .doc = "Text that is invalid in its column's character set: U+FFFD in place of each bad "
            "byte, counted, or an error."},
    {.name = "statements",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(statements),
     .fallback = "stop",
     .choices = STATEMENT_CHOICES,
     .doc = "Changes that were logged as statements, not as rows (binlog_format STATEMENT or "
            "MIXED), cannot be told: stop with the remedy, or warn and go on without them."},

    {.section = "Flow",
     .name = "row_max",
     .type = LEAT_OPTION_SIZE,
     .offset = AT(row_bytes_max),
     .fallback = "96MiB",
     .min = 1 << 20,
     .max = 1024 * MIB,
     .doc = "Longest event of the log; memory for one is held while it is read. The server cuts "
            "its events between rows (binlog_row_event_max_size), so this bounds a row."},
    {.name = "transaction_memory",
     .type = LEAT_OPTION_SIZE,
     .offset = AT(transaction_memory),
     .fallback = "16MiB",
     .min = 1 << 16,
     .max = 4 * GIB,
     .doc = "Bytes of a transaction that are held in memory until its commit is seen; what is "
            "longer goes to a file."},
    {.name = "transaction_max",
     .type = LEAT_OPTION_SIZE,
     .offset = AT(transaction_max),
     .fallback = "64GiB",
     .min = 1 << 20,
     .max = 16384 * GIB,
     .doc = "Longest transaction: the file's size at most. A longer one stops the source."},
    {.name = "spill_directory",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(spill_directory),
     .doc = "Directory of the files for long transactions; nothing is left in it. Unless given: "
            "the store's.",
     .example = "/var/tmp"},

    {.section = "When the log is gone",
     .name = "on_gap",
     .type = LEAT_OPTION_CHOICE,
     .offset = AT(on_gap),
     .fallback = "stop",
     .choices = GAP_CHOICES,
     .doc = "The log we need was purged or reset, or the server lacks transactions that are "
            "stored here: stop with the remedy, or record one gap event that says from where to "
            "where, and go on."},
    {.name = "accept_server",
     .type = LEAT_OPTION_TEXT,
     .offset = AT(accept_server),
     .doc = "server_uuid (MariaDB: server_id) of another server on which this source may go on "
            "by file and position. By GTID it is not needed.",
     .example = "3e11fa47-71ca-11e1-9e33-c80aa9429562"},
    {.name = NULL},
};

int my_settings_validate(const struct my_settings *s, struct leat_err *err)
{
    int status = leat_password_validate(&s->password, err);
    if (status)
        return status;
    if (!*s->host)
        return leat_fail(err, LEAT_ECONFIG, "host: must not be empty");
    if (!!s->ssl_cert != !!s->ssl_key)
        return leat_fail(err, LEAT_ECONFIG, "%s: needs %s too",
                         s->ssl_cert ? "ssl_cert" : "ssl_key",
                         s->ssl_cert ? "ssl_key" : "ssl_cert");
    if (s->accept_server && !*s->accept_server)
        return leat_fail(err, LEAT_ECONFIG, "accept_server: must not be empty");
    if (s->transaction_max < s->transaction_memory)
        return leat_fail(err, LEAT_ECONFIG, "transaction_max: is less than transaction_memory");
    if (s->spill_directory && s->spill_directory[0] != '/')
        return leat_fail(err, LEAT_ECONFIG, "spill_directory: must begin with a slash");
    return leat_filter_validate(&s->filter, err);
}
