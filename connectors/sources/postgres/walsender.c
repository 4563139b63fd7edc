#include "sources/postgres/walsender.h"

#include <leat/clock.h>
#include <leat/limits.h>
#include <leat/reader.h>

#include "sources/postgres/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    HEAD_BYTES = 5,       /* type byte and length */
    DATA_HEAD_BYTES = 25, /* 'w', start, end, time */
    STATUS_BYTES = 34,
    SHORT_BYTES_MAX = 30000, /* libpq's bound, too, for what is neither row nor text */
};
/* 2000-01-01 in Unix microseconds. */
static const int64_t EPOCH_2000_US = 946684800000000;

/* --- bytes -------------------------------------------------------------------------------------
 */

static int lost(struct leat_err *err, const char *what)
{
    return leat_fail(err, LEAT_ERETRY, "connection to the server lost: %s", what);
}

static int receive_tls(struct pg_walsender *ws, uint8_t *to, size_t room, size_t *ret_len,
                       struct leat_err *err)
{
    size_t got = 0;
    ERR_clear_error();
    while (got < room) {
        int n = SSL_read(ws->ssl, to + got, (int)(room - got < INT32_MAX ? room - got : INT32_MAX));
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        int reason = SSL_get_error(ws->ssl, n);
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
            break;
        return lost(err, reason == SSL_ERROR_ZERO_RETURN ? "the server closed it" : "TLS failed");
    }
    *ret_len = got;
    return got ? LEAT_OK : LEAT_AGAIN;
}

static int receive_plain(struct pg_walsender *ws, uint8_t *to, size_t room, size_t *ret_len,
                         struct leat_err *err)
{
    for (;;) {
        ssize_t n = recv(ws->fd, to, room, MSG_DONTWAIT);
        if (n > 0) {
            *ret_len = (size_t)n;
            return LEAT_OK;
        }
        if (n == 0)
            return lost(err, "the server closed it");
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return LEAT_AGAIN;
        if (errno != EINTR)
            return leat_fail_errno(err, LEAT_ERETRY, errno, "connection to the server lost");
    }
}

/* Makes room behind what is unread: moves it to the front, and grows to the message that is
 * incomplete. */
static int make_room(struct pg_walsender *ws, struct leat_err *err)
{
    struct leat_buf *in = &ws->in;
    size_t left = in->len - ws->at;
    if (ws->at) {
        memmove(in->data, in->data + ws->at, left);
        in->len = left;
        ws->at = 0;
    }
    size_t want = ws->need > LEAT_RECEIVE_BYTES ? ws->need : LEAT_RECEIVE_BYTES;
    if (in->capacity > LEAT_RECEIVE_BYTES && want == LEAT_RECEIVE_BYTES &&
        left < LEAT_RECEIVE_BYTES)
        leat_buf_shrink(in, LEAT_RECEIVE_BYTES);
    if (want <= in->capacity)
        return LEAT_OK;
    if (want > in->max)
        return leat_fail(err, LEAT_ELIMIT,
                         "a change of %zu bytes is longer than row_max (%zu bytes)", ws->need,
                         in->max);
    /* exactly what is needed: growing by half would cost the bound on memory its meaning */
    uint8_t *data = realloc(in->data, want);
    if (!data)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a change of %zu bytes", want);
    in->data = data;
    in->capacity = want;
    return LEAT_OK;
}

int pg_walsender_fill(struct pg_walsender *ws, struct leat_err *err)
{
    int status = make_room(ws, err);
    if (status)
        return status;
    struct leat_buf *in = &ws->in;
    size_t got = 0;
    uint8_t *to = in->data + in->len;
    size_t room = in->capacity - in->len;
    status =
        ws->ssl ? receive_tls(ws, to, room, &got, err) : receive_plain(ws, to, room, &got, err);
    if (status)
        return status;
    in->len += got;
    ws->received_bytes += (int64_t)got;
    ws->received_ms = leat_clock_monotonic_ms();
    return LEAT_OK;
}

/* Sends what is waiting in `out`; what the socket does not take stays. */
static int flush_out(struct pg_walsender *ws, struct leat_err *err)
{
    while (ws->out_len) {
        ssize_t n;
        if (ws->ssl) {
            int r = SSL_write(ws->ssl, ws->out, (int)ws->out_len);
            int reason = r > 0 ? SSL_ERROR_NONE : SSL_get_error(ws->ssl, r);
            if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
                return LEAT_OK;
            if (r <= 0)
                return lost(err, "TLS failed");
            n = r;
        } else {
            n = send(ws->fd, ws->out, ws->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                return LEAT_OK;
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return leat_fail_errno(err, LEAT_ERETRY, errno, "connection to the server lost");
        }
        ws->out_len -= (size_t)n;
        memmove(ws->out, ws->out + n, ws->out_len);
    }
    return LEAT_OK;
}

bool pg_walsender_wait(struct pg_walsender *ws, bool deaf, int wake_fd, int64_t until_ms)
{
    struct pollfd fds[2] = {
        {.fd = wake_fd, .events = POLLIN},
        {.fd = ws->fd, .events = (short)((deaf ? 0 : POLLIN) | (ws->out_len ? POLLOUT : 0))},
    };
    int64_t left = until_ms - leat_clock_monotonic_ms();
    if (!deaf && ws->ssl && SSL_pending(ws->ssl))
        left = 0;
    poll(fds, deaf && !ws->out_len ? 1 : 2,
         left > 0 ? (int)(left < INT32_MAX ? left : INT32_MAX) : 0);
    return fds[0].revents & POLLIN;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* ErrorResponse and NoticeResponse: fields of a letter and a text. */
static struct leat_slice error_field(struct leat_slice body, char letter)
{
    struct leat_reader r = leat_reader_of(body);
    while (!r.bad) {
        uint8_t code = leat_reader_u8(&r);
        if (code == 0)
            break;
        struct leat_slice text = leat_reader_text(&r);
        if (code == (uint8_t)letter)
            return text;
    }
    return (struct leat_slice){NULL, 0};
}

static int server_error(struct leat_slice body, struct leat_err *err)
{
    struct leat_slice message = error_field(body, 'M'), state = error_field(body, 'C');
    struct leat_slice hint = error_field(body, 'H');
    char code[6] = "";
    if (state.len == 5)
        memcpy(code, state.ptr, 5);
    leat_fail_sqlstate(err, pg_classify(code), code, "the server ended replication: %.*s",
                       LEAT_SLICE_ARG(message));
    if (hint.len)
        leat_err_hint(err, "%.*s", LEAT_SLICE_ARG(hint));
    return err->code;
}

/* From 18 on a publication that is missing at this position of the log is a mere warning, and what
 * it would have published is left out in silence: for us that is as fatal as the error before 18.
 */
static int server_notice(struct leat_slice body, struct leat_err *err)
{
    struct leat_slice severity = error_field(body, 'V'), state = error_field(body, 'C');
    bool skips = leat_slice_equal(severity, LEAT_SLICE_LITERAL("WARNING")) &&
                 leat_slice_equal(state, LEAT_SLICE_LITERAL("55000"));
    return skips ? server_error(body, err) : LEAT_OK;
}

/* Is this how a message begins that the server sends here? Asked before its end is waited for: of
 * nonsense the length is nonsense too, and no reason to raise row_max. Only rows and texts are
 * long. */
static bool head_plausible(uint8_t type, uint32_t len)
{
    static const char LONG[] = "dEN", SHORT[] = "cCZSAW";
    if (memchr(LONG, type, sizeof LONG - 1))
        return len >= 4 && len <= INT32_MAX;
    return memchr(SHORT, type, sizeof SHORT - 1) && len >= 4 && len <= SHORT_BYTES_MAX;
}

/* Cuts the next protocol message out of the buffer; LEAT_AGAIN when it is incomplete. */
static int frame_next(struct pg_walsender *ws, uint8_t *ret_type, struct leat_slice *ret_body,
                      struct leat_err *err)
{
    size_t left = ws->in.len - ws->at;
    ws->need = 0;
    if (left < HEAD_BYTES)
        return LEAT_AGAIN;
    const uint8_t *head = ws->in.data + ws->at;
    uint32_t len;
    memcpy(&len, head + 1, sizeof len);
    len = __builtin_bswap32(len);
    if (!head_plausible(head[0], len))
        return leat_fail(err, LEAT_EPROTO,
                         "the server sent an unexpected message (type 0x%02x, %" PRIu32 " bytes)",
                         head[0], len);
    if (left < (size_t)len + 1) {
        ws->need = (size_t)len + 1;
        return LEAT_AGAIN;
    }
    *ret_type = head[0];
    *ret_body = leat_slice_of(head + HEAD_BYTES, len - 4);
    ws->at += (size_t)len + 1;
    return LEAT_OK;
}

static int copy_data(struct pg_walsender *ws, struct leat_slice body, struct pg_wal_message *m,
                     struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(body);
    uint8_t tag = leat_reader_u8(&r);
    if (tag == 'w') {
        m->kind = PG_WAL_DATA;
        m->lsn = leat_reader_be64(&r);
        leat_reader_be64(&r); /* equals the first for logical decoding */
        m->sent_us = (int64_t)leat_reader_be64(&r) + EPOCH_2000_US;
        m->reply_requested = false;
        m->payload = leat_reader_bytes(&r, leat_reader_left(&r));
    } else if (tag == 'k') {
        m->kind = PG_WAL_KEEPALIVE;
        m->lsn = leat_reader_be64(&r);
        m->sent_us = (int64_t)leat_reader_be64(&r) + EPOCH_2000_US;
        m->reply_requested = leat_reader_u8(&r) != 0;
    }
    if ((tag != 'w' && tag != 'k') || !leat_reader_done(&r))
        return leat_fail(err, LEAT_EPROTO,
                         "the server sent a malformed replication message (tag 0x%02x)", tag);
    if (m->lsn > ws->server_lsn)
        ws->server_lsn = m->lsn;
    ws->sent_us = m->sent_us;
    return LEAT_OK;
}

int pg_walsender_next(struct pg_walsender *ws, struct pg_wal_message *ret_message,
                      struct leat_err *err)
{
    for (;;) {
        uint8_t type = 0;
        struct leat_slice body;
        int status = frame_next(ws, &type, &body, err);
        if (status)
            return status;
        switch (type) {
        case 'd':
            return copy_data(ws, body, ret_message, err);
        case 'E':
            return server_error(body, err);
        case 'c': /* CopyDone: a clean shutdown */
        case 'C':
        case 'Z':
            return LEAT_EOF;
        case 'N':
            status = server_notice(body, err);
            if (status)
                return status;
            continue;
        case 'S': /* parameter status */
        case 'A': /* notification */
        case 'W': /* CopyBothResponse */
            continue;
        default:
            return leat_fail(err, LEAT_EPROTO,
                             "the server sent an unexpected message (type 0x%02x)", type);
        }
    }
}

/* --- status updates -----------------------------------------------------------------------------
 */

static void put_be64(uint8_t *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, sizeof v);
}

int pg_walsender_status(struct pg_walsender *ws, uint64_t flush_lsn, bool ask, struct leat_err *err)
{
    if (flush_lsn > ws->server_lsn && flush_lsn > ws->flush_lsn)
        flush_lsn = ws->server_lsn > ws->flush_lsn ? ws->server_lsn : ws->flush_lsn;
    if (flush_lsn < ws->flush_lsn)
        flush_lsn = ws->flush_lsn;
    ws->flush_lsn = flush_lsn;
    ws->status_ms = leat_clock_monotonic_ms();
    int status = flush_out(ws, err);
    if (status)
        return status;
    if (ws->out_len + HEAD_BYTES + STATUS_BYTES > sizeof ws->out)
        return LEAT_OK; /* the socket is stuck: the next one says more anyway */
    uint8_t *at = ws->out + ws->out_len;
    uint32_t len = __builtin_bswap32(4 + STATUS_BYTES);
    at[0] = 'd';
    memcpy(at + 1, &len, sizeof len);
    at[5] = 'r';
    put_be64(at + 6, ws->server_lsn > flush_lsn ? ws->server_lsn : flush_lsn);
    put_be64(at + 14, flush_lsn);
    put_be64(at + 22, flush_lsn);
    put_be64(at + 30, (uint64_t)(leat_clock_wall_us() - EPOCH_2000_US));
    at[38] = ask;
    ws->out_len += HEAD_BYTES + STATUS_BYTES;
    return flush_out(ws, err);
}

/* --- life cycle --------------------------------------------------------------------------------
 */

void pg_walsender_init(struct pg_walsender *ws, size_t message_max)
{
    *ws = (struct pg_walsender){.fd = -1};
    leat_buf_init(&ws->in, message_max > LEAT_RECEIVE_BYTES ? message_max : LEAT_RECEIVE_BYTES);
}

/* Sends the Query message itself, so that libpq reads nothing of what follows. */
static int send_command(struct pg_walsender *ws, const char *command, int64_t until_ms,
                        struct leat_err *err)
{
    struct leat_buf out;
    leat_buf_init(&out, 64 << 10);
    size_t len = strlen(command) + 1;
    uint32_t head = __builtin_bswap32((uint32_t)(len + 4));
    leat_buf_append(&out, LEAT_SLICE_LITERAL("Q"));
    leat_buf_append(&out, leat_slice_of(&head, sizeof head));
    leat_buf_append(&out, leat_slice_of(command, len));
    size_t sent = 0;
    int status =
        out.full ? leat_fail(err, LEAT_ELIMIT, "the replication command is too long") : LEAT_OK;
    while (!status && sent < out.len) {
        ssize_t n =
            ws->ssl ? SSL_write(ws->ssl, out.data + sent, (int)(out.len - sent))
                    : send(ws->fd, out.data + sent, out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        struct pollfd fd = {.fd = ws->fd, .events = POLLOUT};
        int64_t left = until_ms - leat_clock_monotonic_ms();
        if (left <= 0 || poll(&fd, 1, (int)left) <= 0)
            status = lost(err, "the replication command could not be sent");
    }
    leat_buf_release(&out);
    return status;
}

/* Reads up to CopyBothResponse; what came behind it stays in the buffer. */
static int await_stream(struct pg_walsender *ws, int64_t until_ms, struct leat_err *err)
{
    for (;;) {
        uint8_t type = 0;
        struct leat_slice body;
        int status = frame_next(ws, &type, &body, err);
        if (status == LEAT_OK && type == 'W')
            return LEAT_OK;
        if (status == LEAT_OK && type == 'E')
            return server_error(body, err);
        if (status == LEAT_OK && type != 'N' && type != 'S' && type != 'A')
            return leat_fail(err, LEAT_EPROTO,
                             "the server did not begin to stream (message type 0x%02x)", type);
        if (status == LEAT_AGAIN) {
            status = pg_walsender_fill(ws, err);
            if (status == LEAT_AGAIN) {
                struct pollfd fd = {.fd = ws->fd, .events = POLLIN};
                int64_t left = until_ms - leat_clock_monotonic_ms();
                if (left <= 0 || (poll(&fd, 1, (int)left) <= 0 && errno != EINTR))
                    return lost(err, "the server did not begin to stream in time");
                status = LEAT_OK;
            }
        }
        if (status)
            return status;
    }
}

static bool socket_is_tcp(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family != AF_UNIX;
}

int pg_walsender_start(struct pg_walsender *ws, PGconn *conn, const char *command,
                       int64_t timeout_ms, struct leat_err *err)
{
    ws->conn = conn;
    ws->fd = PQsocket(conn);
    ws->ssl = PQsslInUse(conn) ? PQsslStruct(conn, "OpenSSL") : NULL;
    ws->tcp = socket_is_tcp(ws->fd);
    if (PQsslInUse(conn) && !ws->ssl)
        return leat_fail(err, LEAT_ECONFIG,
                         "libpq was built with a TLS library other than OpenSSL");
    if (ws->ssl)
        SSL_set_mode(ws->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int64_t until_ms = leat_clock_monotonic_ms() + timeout_ms;
    int status = send_command(ws, command, until_ms, err);
    if (!status)
        status = await_stream(ws, until_ms, err);
    ws->received_ms = ws->status_ms = leat_clock_monotonic_ms();
    return status;
}

void pg_walsender_end(struct pg_walsender *ws)
{
    struct leat_err ignored;
    if (ws->conn && flush_out(ws, &ignored))
        ws->out_len = 0;
    PQfinish(ws->conn);
    size_t max = ws->in.max;
    leat_buf_release(&ws->in);
    pg_walsender_init(ws, max);
}
