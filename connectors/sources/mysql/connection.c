#include "sources/mysql/connection.h"

#include <leat/arena.h>
#include <leat/buf.h>
#include <leat/limits.h>

#include "sources/mysql/client_library.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    RESULT_BYTES_MAX = 64 << 20, /* a question about all columns of 100,000 tables fits */
    PACKET_MARGIN = 64 << 10,    /* for the header and the check sum; and for a length's rounding */
};
static const unsigned long PACKET_MAX = 1ul << 30; /* the protocol's own */

/* --- opening ------------------------------------------------------------------------------------
 */

static unsigned seconds(int64_t ms)
{
    return (unsigned)((ms + 999) / 1000);
}

/* A dead server is noticed after three heartbeats that did not come. */
static int64_t read_timeout_ms(const struct my_settings *s, enum my_purpose purpose)
{
    int64_t silence_ms = 3 * s->heartbeat_ms;
    if (purpose == MY_FOR_QUESTIONS || silence_ms < s->connect_timeout_ms)
        return s->connect_timeout_ms;
    return silence_ms;
}

/* Nothing of the machine's own configuration files is read, and no server gets a file of ours. */
static void set_options(MYSQL *mysql, const struct my_settings *s, const char *instance,
                        enum my_purpose purpose)
{
    unsigned connect_s = seconds(s->connect_timeout_ms), no = 0;
    unsigned read_s = seconds(read_timeout_ms(s, purpose));
    unsigned protocol = s->host[0] == '/' ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned long packet = (unsigned long)s->row_bytes_max + PACKET_MARGIN;
    char program[LEAT_INSTANCE_MAX + 8];
    if (purpose == MY_FOR_QUESTIONS)
        packet = RESULT_BYTES_MAX;
    if (packet > PACKET_MAX)
        packet = PACKET_MAX;
    snprintf(program, sizeof program, "leat-%s", instance);
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &connect_s);
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", program);
    if (s->compress)
        mysql_options(mysql, MYSQL_OPT_COMPRESS, NULL);
}

/* What the settings of a machine may have otherwise. A Unix socket refuses, and needs none. */
static void set_keepalive(int fd)
{
    int on = 1, idle_s = 30, interval_s = 10, count = 3, unanswered_ms = 60000;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

static int connect_fail(MYSQL *mysql, const struct my_settings *s, struct leat_err *err)
{
    char what[300];
    if (s->host[0] == '/')
        snprintf(what, sizeof what, "connect to %s as \"%s\"", s->host, s->user);
    else
        snprintf(what, sizeof what, "connect to %s:%" PRId64 " as \"%s\"", s->host, s->port,
                 s->user);
    return my_fail(s, mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql), what, err);
}

/* One attempt. The library keeps a copy of the password for reconnecting, which we never do. */
static int attempt(const struct my_settings *s, const char *instance, enum my_purpose purpose,
                   enum leat_tls_mode mode, MYSQL **ret_mysql, struct leat_err *err)
{
    char password[LEAT_PASSWORD_MAX];
    bool given, by_socket = s->host[0] == '/';
    int status = leat_password_read(&s->password, password, sizeof password, &given, err);
    if (status)
        return status;
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql) {
        leat_secret_wipe(password, sizeof password);
        return leat_fail(err, LEAT_ERETRY, "out of memory for a connection");
    }
    set_options(mysql, s, instance, purpose);
    my_library_secure(mysql, s, mode);
    bool connected =
        mysql_real_connect(mysql, by_socket ? NULL : s->host, s->user, given ? password : NULL,
                           NULL, (unsigned)s->port, by_socket ? s->host : NULL, 0) != NULL;
    leat_secret_wipe(password, sizeof password);
    if (mysql->passwd)
        leat_secret_wipe(mysql->passwd, strlen(mysql->passwd));
    if (connected) {
        *ret_mysql = mysql;
        return LEAT_OK;
    }
    status = connect_fail(mysql, s, err);
    if (mode == LEAT_TLS_PREFER && my_library_lacks_tls(mysql_errno(mysql), mysql_error(mysql)))
        status = LEAT_AGAIN;
    mysql_close(mysql);
    return status;
}

/* Connector/C of some versions goes on without TLS although it was told not to. */
static int check_cipher(MYSQL *mysql, enum leat_tls_mode mode, struct leat_err *err)
{
    if (mode < LEAT_TLS_REQUIRE || mysql_get_ssl_cipher(mysql))
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG, "the server has no TLS, which sslmode asks for");
    leat_err_hint(err, "set up ssl_cert and ssl_key on the server, or set sslmode to prefer");
    return err->code;
}

int my_session_open(const struct my_settings *s, const char *instance, enum my_purpose purpose,
                    struct my_connection **ret_connection, struct leat_err *err)
{
    enum leat_tls_mode mode = leat_tls_mode_for(s->sslmode, s->host);
    MYSQL *mysql = NULL;
    my_library_begin();
    int status = attempt(s, instance, purpose, mode, &mysql, err);
    if (status == LEAT_AGAIN)
        status = attempt(s, instance, purpose, LEAT_TLS_DISABLE, &mysql, err);
    if (!status)
        status = check_cipher(mysql, mode, err);
    struct my_connection *connection = status ? NULL : malloc(sizeof *connection);
    if (!status && !connection)
        status = leat_fail(err, LEAT_ERETRY, "out of memory for a connection");
    if (status) {
        if (mysql)
            mysql_close(mysql);
        return status;
    }
    *connection = (struct my_connection){mysql, s};
    if (s->host[0] != '/')
        set_keepalive(my_library_socket(mysql));
    *ret_connection = connection;
    return LEAT_OK;
}

int my_connect(const struct my_settings *s, const char *instance,
               struct my_connection **ret_connection, struct leat_err *err)
{
    struct my_connection *connection;
    char setup[160];
    *ret_connection = NULL;
    int status = my_session_open(s, instance, MY_FOR_QUESTIONS, &connection, err);
    if (status)
        return status;
    snprintf(setup, sizeof setup,
             "SET time_zone='+00:00', sql_mode='', autocommit=1, lock_wait_timeout=%u",
             seconds(s->connect_timeout_ms));
    status = my_execute(connection, setup, "prepare the session", err);
    if (status) {
        my_disconnect(connection);
        return status;
    }
    *ret_connection = connection;
    return LEAT_OK;
}

void my_disconnect(struct my_connection *connection)
{
    if (!connection)
        return;
    mysql_close(connection->mysql);
    free(connection);
}

const char *my_connection_cipher(const struct my_connection *connection)
{
    return mysql_get_ssl_cipher(connection->mysql);
}

int my_session_fail(const struct my_connection *c, const char *what, struct leat_err *err)
{
    enum { ACCESS_DENIED = 1045 };
    int status = my_fail(c->settings, mysql_errno(c->mysql), mysql_sqlstate(c->mysql),
                         mysql_error(c->mysql), what, err);
    if (err->native == ACCESS_DENIED) /* who is in has a right password, and lacks a privilege */
        leat_err_hint(err, "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '%s'@'<host>'",
                      c->settings->user);
    return status;
}

/* --- results -----------------------------------------------------------------------------------
 */

struct my_result {
    struct leat_arena arena; /* names and values */
    const char **names;
    unsigned columns;
    struct leat_slice *values; /* rows * columns */
    size_t rows, capacity;     /* rows */
};

static int too_long(const char *what, struct leat_err *err)
{
    return leat_fail(err, LEAT_ELIMIT, "cannot %s: the answer is longer than %d MiB", what,
                     RESULT_BYTES_MAX >> 20);
}

static bool result_init(struct my_result *result, MYSQL_RES *rows)
{
    result->columns = mysql_num_fields(rows);
    result->names = leat_arena_zeroed(&result->arena, result->columns, sizeof *result->names);
    const MYSQL_FIELD *fields = mysql_fetch_fields(rows);
    for (unsigned i = 0; result->names && i < result->columns; i++) {
        result->names[i] = leat_arena_text(&result->arena, leat_slice_text(fields[i].name));
        if (!result->names[i])
            return false;
    }
    return result->names != NULL;
}

static bool row_room(struct my_result *result)
{
    if (result->rows < result->capacity)
        return true;
    size_t capacity = result->capacity ? 2 * result->capacity : 16;
    size_t bytes = capacity * result->columns * sizeof *result->values;
    struct leat_slice *values =
        bytes <= 2 * (size_t)RESULT_BYTES_MAX ? realloc(result->values, bytes) : NULL;
    if (!values)
        return false;
    result->values = values;
    result->capacity = capacity;
    return true;
}

static bool row_add(struct my_result *result, MYSQL_ROW row, const unsigned long *lengths)
{
    if (!row_room(result))
        return false;
    struct leat_slice *values = result->values + result->rows * result->columns;
    for (unsigned i = 0; i < result->columns; i++) {
        values[i] = (struct leat_slice){NULL, 0};
        if (!row[i])
            continue;
        char *copy = leat_arena_text(&result->arena, leat_slice_of(row[i], lengths[i]));
        if (!copy)
            return false;
        values[i] = leat_slice_of(copy, lengths[i]);
    }
    result->rows++;
    return true;
}

static int result_read(struct my_connection *c, MYSQL_RES *rows, const char *what,
                       struct my_result *result, struct leat_err *err)
{
    if (!result_init(result, rows))
        return too_long(what, err);
    MYSQL_ROW row;
    while ((row = mysql_fetch_row(rows)))
        if (!row_add(result, row, mysql_fetch_lengths(rows)))
            return too_long(what, err); /* freeing `rows` reads the others */
    return mysql_errno(c->mysql) ? my_session_fail(c, what, err) : LEAT_OK;
}

void my_result_free(struct my_result *result)
{
    if (!result)
        return;
    leat_arena_release(&result->arena);
    free(result->values);
    free(result);
}

size_t my_result_rows(const struct my_result *result)
{
    return result->rows;
}

unsigned my_result_columns(const struct my_result *result)
{
    return result->columns;
}

struct leat_slice my_result_value(const struct my_result *result, size_t row, unsigned column)
{
    return result->values[row * result->columns + column];
}

int64_t my_result_int(const struct my_result *result, size_t row, unsigned column)
{
    struct leat_slice value = my_result_value(result, row, column);
    int64_t number = 0;
    if (!value.ptr || sscanf((const char *)value.ptr, "%" SCNd64, &number) != 1)
        return 0;
    return number;
}

int my_result_column(const struct my_result *result, const char *name)
{
    for (unsigned i = 0; i < result->columns; i++)
        if (strcasecmp(result->names[i], name) == 0)
            return (int)i;
    return -1;
}

/* --- questions ---------------------------------------------------------------------------------
 */

int my_query(struct my_connection *c, const char *sql, const char *what,
             struct my_result **ret_result, struct leat_err *err)
{
    if (mysql_real_query(c->mysql, sql, strlen(sql)) != 0)
        return my_session_fail(c, what, err);
    struct my_result *result = calloc(1, sizeof *result);
    if (!result)
        return leat_fail(err, LEAT_ERETRY, "out of memory for an answer");
    leat_arena_init(&result->arena, RESULT_BYTES_MAX);
    MYSQL_RES *rows = mysql_use_result(c->mysql);
    int status = LEAT_OK;
    if (rows)
        status = result_read(c, rows, what, result, err);
    else if (mysql_errno(c->mysql))
        status = my_session_fail(c, what, err);
    if (rows)
        mysql_free_result(rows);
    if (status) {
        my_result_free(result);
        return status;
    }
    *ret_result = result;
    return LEAT_OK;
}

int my_execute(struct my_connection *c, const char *sql, const char *what, struct leat_err *err)
{
    struct my_result *result;
    int status = my_query(c, sql, what, &result, err);
    if (!status)
        my_result_free(result);
    return status;
}

/* Statement, variable, table, function or column that this server does not have. */
static bool is_unknown(int64_t number)
{
    static const int UNKNOWN[] = {1047, 1049, 1054, 1064, 1109, 1128, 1146, 1193, 1235, 1305};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++)
        if (number == UNKNOWN[i])
            return true;
    return false;
}

int my_query_if_known(struct my_connection *c, const char *sql, const char *what,
                      struct my_result **ret_result, struct leat_err *err)
{
    int status = my_query(c, sql, what, ret_result, err);
    return status < 0 && is_unknown(err->native) ? LEAT_EOF : status;
}

/* What reads alike with and without NO_BACKSLASH_ESCAPES, and holds no NUL. */
static bool is_plain(struct leat_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\\' || text.ptr[i] < ' ')
            return false;
    return true;
}

void my_quote(struct leat_buf *buf, struct leat_slice text)
{
    bool plain = is_plain(text);
    leat_buf_append_text(buf, plain ? "'" : "_utf8mb4 X'");
    for (size_t i = 0; i < text.len; i++) {
        if (!plain)
            leat_buf_format(buf, "%02X", text.ptr[i]);
        else if (text.ptr[i] == '\'')
            leat_buf_append_text(buf, "''");
        else
            leat_buf_append(buf, leat_slice_of(text.ptr + i, 1));
    }
    leat_buf_append_text(buf, "'");
}
