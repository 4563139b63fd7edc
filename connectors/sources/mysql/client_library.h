/*
 * The two client libraries as one: libmysqlclient 8 to 9 (its header defines MYSQL_RPL_GTID) and
 * MariaDB Connector/C 3. All that differs between them stands in client_library.c, and this is the
 * only header that includes theirs.
 *
 *                    libmysqlclient             Connector/C
 *     TLS            MYSQL_OPT_SSL_MODE         ENFORCE and VERIFY_SERVER_CERT; no "CA only"
 *     dump           mysql_binlog_open          the method table, a command of our own making
 *     next event     mysql_binlog_fetch         mysql_net_read_packet
 *     registration   none                       COM_REGISTER_SLAVE: SHOW SLAVE HOSTS lists us
 *
 * Neither is ever told to reconnect by itself: both have that off, and setting it writes to
 * standard error in newer ones.
 *
 * Threads: as connection.h and binlog_client.h; a dump is read by one thread at a time.
 */
#ifndef MYSQL_CLIENT_LIBRARY_H
#define MYSQL_CLIENT_LIBRARY_H

#include "sources/mysql/binlog_client.h"
#include "sources/mysql/connection.h"

#include <mysql.h>

struct my_connection {
    MYSQL *mysql;
    const struct my_settings *settings; /* outlives it */
};

enum my_purpose { MY_FOR_QUESTIONS, MY_FOR_STREAM };

/* my_connect(), but with the time-outs and packets of the purpose, and TCP that notices a dead
 * peer. */
int my_session_open(const struct my_settings *settings, const char *instance,
                    enum my_purpose purpose, struct my_connection **ret_connection,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* err from the library's last error on this connection. */
int my_session_fail(const struct my_connection *connection, const char *what, struct leat_err *err);

/* Once per process, and once per thread that uses a connection made by another. */
void my_library_begin(void);
void my_library_thread_begin(void);
void my_library_thread_end(void);

/* Before connecting: TLS as `mode` says, and which ways to tell the password are allowed. */
void my_library_secure(MYSQL *mysql, const struct my_settings *settings, enum leat_tls_mode mode);

/* True: a connection failed because the server has no TLS, which `prefer` is content with. */
bool my_library_lacks_tls(unsigned number, const char *text);

int my_library_socket(MYSQL *mysql);

/* What is sent to begin the stream. */
struct my_dump_command {
    const char *file; /* "" in GTID mode */
    uint32_t position;
    uint32_t server_id;
    bool by_gtid_set; /* COM_BINLOG_DUMP_GTID */
    struct leat_slice gtid_set;
    uint16_t flags; /* on the wire */
};
enum { MY_DUMP_NON_BLOCK = 1, MY_DUMP_HEARTBEAT_V2 = 2 /* MySQL; another meaning on MariaDB */ };

struct my_dump;

/* The command's texts must outlive the dump. */
int my_dump_open(struct my_connection *connection, const struct my_dump_command *command,
                 struct my_dump **ret_dump, struct leat_err *err) LEAT_MUST_CHECK;

/* Blocks until an event is there; it lives until the next call. LEAT_EOF: the server ended the dump
 * in good order. */
int my_dump_next(struct my_dump *dump, struct leat_slice *ret_event,
                 struct leat_err *err) LEAT_MUST_CHECK;

void my_dump_close(struct my_dump *dump); /* accepts NULL; before my_disconnect() */

#endif
