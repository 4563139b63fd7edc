#include "sources/mysql/client_library.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the process and its threads --------------------------------------------------------------*/

static void library_init(void)
{
    mysql_library_init(0, NULL, NULL);
}

void my_library_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init);
}

void my_library_thread_begin(void)
{
    mysql_thread_init();
}

void my_library_thread_end(void)
{
    mysql_thread_end();
}

/* A password in clear text may go where nobody listens, or to a server that proved who it is. */
static bool peer_is_trusted(const struct my_settings *s, enum leat_tls_mode mode)
{
    return s->host[0] == '/' || mode >= LEAT_TLS_VERIFY_CA;
}

static void option_text(MYSQL *mysql, enum mysql_option option, const char *text)
{
    if (text)
        mysql_options(mysql, option, text);
}

#ifdef MYSQL_RPL_GTID

/* ============================ libmysqlclient ===================================================*/

#include <openssl/x509.h>

static unsigned ssl_mode(enum leat_tls_mode mode)
{
    switch (mode) {
    case LEAT_TLS_AUTO: /* was resolved before */
    case LEAT_TLS_DISABLE:
        return SSL_MODE_DISABLED;
    case LEAT_TLS_PREFER:
        return SSL_MODE_PREFERRED;
    case LEAT_TLS_REQUIRE:
        return SSL_MODE_REQUIRED;
    case LEAT_TLS_VERIFY_CA:
        return SSL_MODE_VERIFY_CA;
    case LEAT_TLS_VERIFY_FULL:
        break;
    }
    return SSL_MODE_VERIFY_IDENTITY;
}

void my_library_secure(MYSQL *mysql, const struct my_settings *s, enum leat_tls_mode mode)
{
    unsigned native = ssl_mode(mode);
    bool clear_text = peer_is_trusted(s, mode);
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &native);
    mysql_options(mysql, MYSQL_ENABLE_CLEARTEXT_PLUGIN, &clear_text);
    option_text(mysql, MYSQL_SERVER_PUBLIC_KEY, s->server_public_key);
    if (mode == LEAT_TLS_DISABLE)
        return;
    option_text(mysql, MYSQL_OPT_SSL_CA, s->ssl_ca);
    option_text(mysql, MYSQL_OPT_SSL_CERT, s->ssl_cert);
    option_text(mysql, MYSQL_OPT_SSL_KEY, s->ssl_key);
    if (!s->ssl_ca && mode >= LEAT_TLS_VERIFY_CA) /* it does not know the system's by itself */
        mysql_options(mysql, MYSQL_OPT_SSL_CAPATH, X509_get_default_cert_dir());
}

bool my_library_lacks_tls(unsigned number, const char *text)
{
    (void)number;
    (void)text;
    return false; /* its own `prefer` goes on without */
}

int my_library_socket(MYSQL *mysql)
{
    return mysql->net.fd;
}

struct my_dump {
    struct my_connection *connection;
    MYSQL_RPL rpl;
};

int my_dump_open(struct my_connection *connection, const struct my_dump_command *c,
                 struct my_dump **ret_dump, struct leat_err *err)
{
    struct my_dump *dump = calloc(1, sizeof *dump);
    if (!dump)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a dump");
    dump->connection = connection;
    dump->rpl = (MYSQL_RPL){
        .file_name_length = strlen(c->file),
        .file_name = c->file,
        .start_position = c->position,
        .server_id = c->server_id,
        .flags = c->flags | (c->by_gtid_set ? MYSQL_RPL_GTID : 0u),
        .gtid_set_encoded_size = c->gtid_set.len,
        .gtid_set_arg = (void *)(uintptr_t)c->gtid_set.ptr, /* it is only read */
    };
    if (mysql_binlog_open(connection->mysql, &dump->rpl) != 0) {
        free(dump);
        return my_session_fail(connection, "ask for the binlog", err);
    }
    *ret_dump = dump;
    return LEAT_OK;
}

/* The packet with its status byte; empty: the end. */
static int packet_read(struct my_dump *dump, struct leat_slice *ret_packet, struct leat_err *err)
{
    if (mysql_binlog_fetch(dump->connection->mysql, &dump->rpl) != 0)
        return my_session_fail(dump->connection, "read the binlog", err);
    *ret_packet = leat_slice_of(dump->rpl.buffer, dump->rpl.size);
    return LEAT_OK;
}

void my_dump_close(struct my_dump *dump)
{
    if (!dump)
        return;
    mysql_binlog_close(dump->connection->mysql, &dump->rpl);
    free(dump);
}

#else

/* ============================ MariaDB Connector/C ==============================================*/

#include <leat/buf.h>

#include <errmsg.h>

enum { COMMAND_DUMP = 0x12, COMMAND_REGISTER = 0x15, COMMAND_DUMP_GTID = 0x1E };

/* All that hash the password before they send it. */
static const char HASHING_PLUGINS[] = "mysql_native_password,caching_sha2_password,"
                                      "sha256_password,client_ed25519,parsec,auth_gssapi_client";

void my_library_secure(MYSQL *mysql, const struct my_settings *s, enum leat_tls_mode mode)
{
    my_bool enforce = mode >= LEAT_TLS_PREFER, verify = mode >= LEAT_TLS_VERIFY_CA;
    /* Both are said always: since 3.4 they are on unless told otherwise. */
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    option_text(mysql, MYSQL_SERVER_PUBLIC_KEY, s->server_public_key);
    if (!peer_is_trusted(s, mode))
        mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, HASHING_PLUGINS);
    if (mode == LEAT_TLS_DISABLE)
        return;
    option_text(mysql, MYSQL_OPT_SSL_CA, s->ssl_ca);
    option_text(mysql, MYSQL_OPT_SSL_CERT, s->ssl_cert);
    option_text(mysql, MYSQL_OPT_SSL_KEY, s->ssl_key);
}

/* It has no `prefer`: one asks with TLS and then again without. */
bool my_library_lacks_tls(unsigned number, const char *text)
{
    return number == 2026 && strstr(text, "server does not support");
}

int my_library_socket(MYSQL *mysql)
{
    return mysql_get_socket(mysql);
}

struct my_dump {
    struct my_connection *connection;
};

static void append_le16(struct leat_buf *buf, uint16_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, sizeof v));
}

static void append_le32(struct leat_buf *buf, uint32_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, sizeof v));
}

static void append_le64(struct leat_buf *buf, uint64_t v)
{
    leat_buf_append(buf, leat_slice_of(&v, sizeof v));
}

static void append_counted8(struct leat_buf *buf, const char *text)
{
    uint8_t len = (uint8_t)strlen(text);
    leat_buf_append(buf, leat_slice_of(&len, 1));
    leat_buf_append(buf, leat_slice_of(text, len));
}

/* COM_REGISTER_SLAVE: le32 server_id · text8 host · text8 user · text8 password · le16 port ·
 * le32 rank · le32 source's id. The server lists 60 bytes of each text at most. */
static void register_payload(const struct my_dump_command *c, struct leat_buf *buf)
{
    char host[61] = "leat";
    if (gethostname(host, sizeof host) == 0)
        host[sizeof host - 1] = '\0';
    append_le32(buf, c->server_id);
    append_counted8(buf, host);
    append_counted8(buf, "");
    append_counted8(buf, "");
    append_le16(buf, 0);
    append_le32(buf, 0);
    append_le32(buf, 0);
}

/* COM_BINLOG_DUMP: le32 position · le16 flags · le32 server_id · file name, the rest. */
static void dump_payload(const struct my_dump_command *c, struct leat_buf *buf)
{
    append_le32(buf, c->position);
    append_le16(buf, c->flags);
    append_le32(buf, c->server_id);
    leat_buf_append_text(buf, c->file);
}

/* COM_BINLOG_DUMP_GTID: le16 flags · le32 server_id · text32 file name · le64 position ·
 * bytes32 set; an empty set has eight zero bytes too. */
static void dump_gtid_payload(const struct my_dump_command *c, struct leat_buf *buf)
{
    append_le16(buf, c->flags);
    append_le32(buf, c->server_id);
    append_le32(buf, (uint32_t)strlen(c->file));
    leat_buf_append_text(buf, c->file);
    append_le64(buf, c->position);
    append_le32(buf, c->gtid_set.len ? (uint32_t)c->gtid_set.len : 8);
    if (c->gtid_set.len)
        leat_buf_append(buf, c->gtid_set);
    else
        append_le64(buf, 0);
}

/* One command by the method table of the public header. `answered`: an OK comes back. */
static int command_send(struct my_connection *connection, int command, struct leat_buf *payload,
                        bool answered, const char *what, struct leat_err *err)
{
    if (payload->full)
        return leat_fail(err, LEAT_EBUG, "a command of the replication protocol got too long");
    MYSQL *mysql = connection->mysql;
    int failed = mysql->methods->db_command(mysql, (enum enum_server_command)command,
                                            (const char *)payload->data, payload->len,
                                            (my_bool)!answered, NULL);
    leat_buf_reset(payload);
    return failed ? my_session_fail(connection, what, err) : LEAT_OK;
}

int my_dump_open(struct my_connection *connection, const struct my_dump_command *c,
                 struct my_dump **ret_dump, struct leat_err *err)
{
    struct my_dump *dump = malloc(sizeof *dump);
    if (!dump)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a dump");
    dump->connection = connection;
    struct leat_buf payload;
    leat_buf_init(&payload, 1024 + strlen(c->file) + c->gtid_set.len);
    int status = LEAT_OK;
    if (!(c->flags & MY_DUMP_NON_BLOCK)) { /* a glance at the log needs no entry in the list */
        register_payload(c, &payload);
        status = command_send(connection, COMMAND_REGISTER, &payload, true, "register as a replica",
                              err);
    }
    if (!status) {
        if (c->by_gtid_set)
            dump_gtid_payload(c, &payload);
        else
            dump_payload(c, &payload);
        status = command_send(connection, c->by_gtid_set ? COMMAND_DUMP_GTID : COMMAND_DUMP,
                              &payload, false, "ask for the binlog", err);
    }
    leat_buf_release(&payload);
    if (status) {
        free(dump);
        return status;
    }
    *ret_dump = dump;
    return LEAT_OK;
}

/* It calls a packet that is too long a lost connection; only net.error tells them apart: 2 is the
 * network's. */
static int read_fail(const struct my_connection *connection, struct leat_err *err)
{
    static const char WHAT[] = "read the binlog";
    if (mysql_errno(connection->mysql) != CR_SERVER_LOST || connection->mysql->net.error != 1)
        return my_session_fail(connection, WHAT, err);
    return my_fail(connection->settings, CR_NET_PACKET_TOO_LARGE, "HY000",
                   "the next event is too long", WHAT, err);
}

/* The packet with its status byte; empty: the end. */
static int packet_read(struct my_dump *dump, struct leat_slice *ret_packet, struct leat_err *err)
{
    MYSQL *mysql = dump->connection->mysql;
    unsigned long len = mysql_net_read_packet(mysql);
    if (len == packet_error) /* its 32 bits of ones, not ours of 64 */
        return read_fail(dump->connection, err);
    bool end = len == 0 || (mysql->net.read_pos[0] == 0xFE && len < 9);
    *ret_packet = leat_slice_of(mysql->net.read_pos, end ? 0 : len);
    return LEAT_OK;
}

void my_dump_close(struct my_dump *dump)
{
    free(dump);
}

#endif

/* ============================ both =============================================================*/

int my_dump_next(struct my_dump *dump, struct leat_slice *ret_event, struct leat_err *err)
{
    struct leat_slice packet = {NULL, 0};
    int status = packet_read(dump, &packet, err);
    if (status)
        return status;
    if (packet.len == 0)
        return LEAT_EOF;
    if (packet.ptr[0] != 0)
        return leat_fail(err, LEAT_EPROTO, "cannot read the binlog: a packet begins with 0x%02x",
                         packet.ptr[0]);
    *ret_event = leat_slice_of(packet.ptr + 1, packet.len - 1);
    return LEAT_OK;
}
