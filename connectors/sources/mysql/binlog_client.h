/*
 * The stream's bytes: one connection that was told to dump its binlog, and a thread that reads it,
 * because both client libraries only know how to block. The library is the transport (connect,
 * authentication, TLS, compression, packets); events are decoded elsewhere.
 *
 *     library ──▶ reader thread ──▶ ring ──▶ next ──▶ source's thread
 *
 * Small events are copied into a ring of RING_BYTES; a long one is handed over where it lies in the
 * library's buffer, and the reader waits until it is done with. So memory is the ring and the
 * library's buffer, which has room for the longest event there was.
 *
 * Two back ends, chosen when it is compiled (mysql.md 1.3): libmysqlclient (MYSQL_RPL_GTID is
 * defined) by mysql_binlog_open and mysql_binlog_fetch; Connector/C by the method table of its
 * public header and mysql_net_read_packet.
 *
 * Order:   open, dump once, any number of next and wait, close (from any state).
 * Threads: the source's, but for the reader, which is inside.
 * Errors:  as connection.h. After an error only close is left to do.
 */
#ifndef MYSQL_BINLOG_CLIENT_H
#define MYSQL_BINLOG_CLIENT_H

#include <leat/err.h>
#include <leat/slice.h>

#include "sources/mysql/settings.h"

struct my_binlog_client;

struct my_dump_request {
    bool mariadb; /* the server is one: other variables, other commands */
    uint32_t server_id;
    const char *uuid;           /* ours, 36 characters */
    const char *file;           /* NULL in GTID mode */
    uint64_t position;          /* >= 4; must fit in 32 bits */
    struct leat_slice gtid_set; /* MySQL: the encoded set (my_gtid_set_encode); empty: none */
    const char *gtid_state;     /* MariaDB: "0-1-100,2-7-55", "" from the first log; NULL: none */
    bool gtid_mode;             /* by gtid_set or gtid_state, not by file and position */
    bool once;           /* end at the end of the log: LEAT_EOF (COM_BINLOG_DUMP, non-blocking) */
    int64_t patience_ms; /* for the first event, from the dump on; 0: as long as the library has */
};

/* Connects and prepares the session (mysql.md 3.2). */
int my_binlog_client_open(const struct my_settings *settings, const char *instance,
                          const struct my_dump_request *request,
                          struct my_binlog_client **ret_client,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* Sends the dump command and starts the reader. */
int my_binlog_client_dump(struct my_binlog_client *client, struct leat_err *err) LEAT_MUST_CHECK;

/* The next event, header first, without the packet's status byte; it lives until the next call of
 * next or close. LEAT_AGAIN: none is there now. LEAT_EOF: the end of the log, with `once`.
 * LEAT_ERETRY too when the first one did not come within patience_ms. */
int my_binlog_client_next(struct my_binlog_client *client, struct leat_slice *ret_event,
                          struct leat_err *err) LEAT_MUST_CHECK;

/* Waits until an event or an error is there, wake_fd is readable, or until_ms (monotonic), at most
 * as long as the patience lasts. True: wake_fd is readable. */
bool my_binlog_client_wait(struct my_binlog_client *client, int wake_fd, int64_t until_ms);

/* The server's number of this session. */
uint64_t my_binlog_client_session(const struct my_binlog_client *client);

/* Bytes of events read so far, and when the last came (monotonic ms). */
uint64_t my_binlog_client_received(const struct my_binlog_client *client);
int64_t my_binlog_client_received_ms(const struct my_binlog_client *client);
const char *my_binlog_client_cipher(const struct my_binlog_client *client); /* NULL: no TLS */

void my_binlog_client_close(struct my_binlog_client *client); /* accepts NULL; ends the reader */

#endif
