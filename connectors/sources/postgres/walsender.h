/*
 * The stream's transport, and the only I/O of the stream: START_REPLICATION, CopyData in, status
 * updates out.
 *
 * libpq opens, authenticates and encrypts the connection; from START_REPLICATION on we read its
 * socket (or its SSL session) ourselves, because PQgetCopyData() allocates and copies every
 * message, and its input buffer doubles without bound: a 64 MiB row would cost 192 MiB. Here
 * messages are views into one receive buffer that grows to what the longest message needs and
 * shrinks again.
 *
 *     start ─▶ { next … AGAIN, fill, wait } … ─▶ end
 *
 * Ownership: a message's `payload` lives until the next fill.
 * Bounds:    one message of `message_max` bytes: LEAT_ELIMIT.
 * Threads:   the source's.
 * Errors:    LEAT_ERETRY connection lost, LEAT_EPROTO nonsense, else by the server's SQLSTATE.
 * Source:    PostgreSQL manual, "Streaming Replication Protocol" and "Message Formats".
 */
#ifndef POSTGRES_WALSENDER_H
#define POSTGRES_WALSENDER_H

#include <leat/buf.h>
#include <leat/err.h>

#include <libpq-fe.h>

typedef struct ssl_st SSL;

enum pg_wal_kind { PG_WAL_DATA, PG_WAL_KEEPALIVE };

struct pg_wal_message {
    enum pg_wal_kind kind;
    uint64_t lsn;    /* data: position as postgres.md 3.1 says; keepalive: decoded up to here */
    int64_t sent_us; /* server's clock, Unix µs */
    bool reply_requested;      /* keepalive */
    struct leat_slice payload; /* data: one pgoutput message */
};

struct pg_walsender {
    PGconn *conn; /* ours until end */
    SSL *ssl;     /* NULL: plain */
    int fd;
    bool tcp;
    struct leat_buf in;
    size_t at;   /* first unread byte of `in` */
    size_t need; /* bytes of the message that is incomplete, 0 unknown */
    uint64_t
        server_lsn; /* highest position the server gave: nothing above is ever confirmed (rule 3) */
    uint64_t flush_lsn; /* last confirmed */
    int64_t sent_us;    /* server's clock in its last message, Unix µs; 0: none yet */
    int64_t received_bytes;
    int64_t received_ms; /* monotonic, last byte */
    int64_t status_ms;   /* monotonic, last status update */
    uint8_t out[256];    /* status updates that the socket did not take yet */
    size_t out_len;
};

void pg_walsender_init(struct pg_walsender *ws, size_t message_max);

/* Takes over `conn` and sends the command; returns when the server streams. */
int pg_walsender_start(struct pg_walsender *ws, PGconn *conn, const char *command,
                       int64_t timeout_ms, struct leat_err *err) LEAT_MUST_CHECK;

/* The next message that is there completely. LEAT_AGAIN: fill first. LEAT_EOF: the server ended the
 * stream. */
int pg_walsender_next(struct pg_walsender *ws, struct pg_wal_message *ret_message,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Reads what the socket has, never blocking. LEAT_AGAIN: nothing. */
int pg_walsender_fill(struct pg_walsender *ws, struct leat_err *err) LEAT_MUST_CHECK;

/* Waits for the socket (unless `deaf`), or for `wake_fd`, until until_ms. True when wake_fd is
 * readable. */
bool pg_walsender_wait(struct pg_walsender *ws, bool deaf, int wake_fd, int64_t until_ms);

/* A status update: everything below flush_lsn may be forgotten. Clamped, never backwards. `ask`
 * wants a keepalive back. */
int pg_walsender_status(struct pg_walsender *ws, uint64_t flush_lsn, bool ask,
                        struct leat_err *err) LEAT_MUST_CHECK;

/* Ends the stream politely if it can, closes the connection, releases the buffer. Idempotent. */
void pg_walsender_end(struct pg_walsender *ws);

#endif
