/*
 * The stream's transport against a peer that is made by hand: what is confirmed, what is taken for
 * a message, and what ends the stream. A socket pair stands for the connection; frames and status
 * updates are written and read here byte by byte, as the manual's "Message Formats" has them.
 */
#include "sources/postgres/walsender.h"

#include "unit/outcome.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_MAX = 2 << 20, BODY_MAX = 512, STATUS_FRAME = 39 };

struct peer {
    struct pg_walsender ws;
    int fd;
};

static void peer_open(struct peer *p)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    pg_walsender_init(&p->ws, MESSAGE_MAX);
    p->ws.fd = ends[0];
    p->fd = ends[1];
    assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
}

static void peer_close(struct peer *p)
{
    int ours = p->ws.fd;
    pg_walsender_end(&p->ws);
    close(ours);
    close(p->fd);
}

/* Big-endian, at the end of a text of bytes. */
static void put(uint8_t *bytes, size_t *len, uint64_t v, int count)
{
    while (count--)
        bytes[(*len)++] = (uint8_t)(v >> (8 * count));
}

static uint64_t get(const uint8_t *bytes, int count)
{
    uint64_t v = 0;
    for (int i = 0; i < count; i++)
        v = v << 8 | bytes[i];
    return v;
}

static void send_bytes(struct peer *p, const void *bytes, size_t len)
{
    assert_int_equal(write(p->fd, bytes, len), len);
}

/* One protocol message to leat, which reads it at once. */
static void tell(struct peer *p, char type, const void *body, size_t len)
{
    uint8_t head[5] = {(uint8_t)type};
    size_t at = 1;
    put(head, &at, len + 4, 4);
    send_bytes(p, head, sizeof head);
    if (len)
        send_bytes(p, body, len);
    ok(pg_walsender_fill(&p->ws, &err));
}

static size_t keepalive(uint8_t *body, uint64_t lsn, bool reply)
{
    size_t len = 0;
    body[len++] = 'k';
    put(body, &len, lsn, 8);
    put(body, &len, 1000000, 8);
    body[len++] = reply;
    return len;
}

static void tell_keepalive(struct peer *p, uint64_t lsn, bool reply)
{
    uint8_t body[BODY_MAX];
    struct pg_wal_message m;
    tell(p, 'd', body, keepalive(body, lsn, reply));
    ok(pg_walsender_next(&p->ws, &m, &err));
    assert_int_equal(m.kind, PG_WAL_KEEPALIVE);
    assert_int_equal(m.lsn, lsn);
    assert_int_equal(m.reply_requested, reply);
    assert_int_equal(m.sent_us, 946684800000000 + 1000000);
}

struct status {
    uint64_t write, flush, apply;
    bool ask;
};

/* The next status update that leat sent; it must be whole. */
static struct status hear(struct peer *p)
{
    uint8_t b[STATUS_FRAME];
    assert_int_equal(read(p->fd, b, sizeof b), sizeof b);
    assert_int_equal(b[0], 'd');
    assert_int_equal(get(b + 1, 4), STATUS_FRAME - 1);
    assert_int_equal(b[5], 'r');
    return (struct status){get(b + 6, 8), get(b + 14, 8), get(b + 22, 8), b[38]};
}

/* --- what is confirmed ------------------------------------------------------------------------ */

static void status__confirms_nothing_that_the_server_has_not_shown(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    ok(pg_walsender_status(&p.ws, 0x7fff00000000, false, &err)); /* it has shown nothing yet */
    assert_int_equal(hear(&p).flush, 0);
    tell_keepalive(&p, 1000, false);
    ok(pg_walsender_status(&p.ws, 0x7fff00000000, false, &err));
    struct status s = hear(&p);
    assert_int_equal(s.flush, 1000);
    assert_int_equal(s.apply, 1000);
    assert_int_equal(s.write, 1000);
    ok(pg_walsender_status(&p.ws, 999, false, &err)); /* nor does it go back */
    assert_int_equal(hear(&p).flush, 1000);
    peer_close(&p);
}

static void status__says_what_was_seen_and_what_is_durable(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    tell_keepalive(&p, 5000, true);
    ok(pg_walsender_status(&p.ws, 700, true, &err));
    struct status s = hear(&p);
    assert_int_equal(s.write, 5000);
    assert_int_equal(s.flush, 700);
    assert_true(s.ask);
    ok(pg_walsender_status(&p.ws, 800, false, &err));
    s = hear(&p);
    assert_int_equal(s.flush, 800);
    assert_false(s.ask);
    peer_close(&p);
}

/* A server that reads nothing must not hold us: what the socket does not take is dropped whole. */
static void status__a_stuck_socket_does_not_block_and_tears_nothing(void **state)
{
    (void)state;
    struct peer p;
    peer_open(&p);
    tell_keepalive(&p, 1 << 30, false);
    int small = 1;
    assert_int_equal(setsockopt(p.ws.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    for (uint64_t i = 1; i <= 100000; i++)
        ok(pg_walsender_status(&p.ws, i, false, &err));
    uint64_t last = 0;
    int heard = 0;
    for (uint8_t first; recv(p.fd, &first, 1, MSG_PEEK) == 1; heard++) {
        struct status s = hear(&p);
        assert_true(s.flush > last);
        last = s.flush;
        if (heard == 0) /* there is room again: what waited comes, and in order */
            ok(pg_walsender_status(&p.ws, 100001, false, &err));
    }
    assert_true(heard > 1 && heard < 100000);
    peer_close(&p);
}

/* --- what comes ------------------------------------------------------------------------------- */

static void messages__data_is_a_view_of_its_payload(void **state)
{
    (void)state;
    struct peer p;
    struct pg_wal_message m;
    uint8_t body[BODY_MAX];
    size_t len = 0;
    peer_open(&p);
    body[len++] = 'w';
    put(body, &len, 0x1122334455667788, 8);
    put(body, &len, 0x1122334455667788, 8);
    put(body, &len, 7, 8);
    memcpy(body + len, "payload", 7);
    tell(&p, 'd', body, len + 7);
    ok(pg_walsender_next(&p.ws, &m, &err));
    assert_int_equal(m.kind, PG_WAL_DATA);
    assert_true(m.lsn == 0x1122334455667788);
    assert_int_equal(m.payload.len, 7);
    assert_memory_equal(m.payload.ptr, "payload", 7);
    gives(LEAT_AGAIN, pg_walsender_next(&p.ws, &m, &err));
    peer_close(&p);
}

static void messages__come_out_the_same_however_they_are_cut(void **state)
{
    (void)state;
    struct peer p;
    struct pg_wal_message m;
    uint8_t frame[BODY_MAX] = {'d'};
    size_t at = 1;
    peer_open(&p);
    put(frame, &at, 4 + 18, 4);
    size_t len = at + keepalive(frame + at, 4711, true);
    for (size_t i = 0; i < len; i++) {
        gives(LEAT_AGAIN, pg_walsender_next(&p.ws, &m, &err));
        send_bytes(&p, frame + i, 1);
        ok(pg_walsender_fill(&p.ws, &err));
    }
    ok(pg_walsender_next(&p.ws, &m, &err));
    assert_int_equal(m.lsn, 4711);
    assert_true(m.reply_requested);
    peer_close(&p);
}

static void messages__malformed_ones_end_the_connection(void **state)
{
    (void)state;
    struct pg_wal_message m;
    uint8_t body[BODY_MAX] = {0};
    size_t whole = keepalive(body, 99, false);
    for (size_t len = 0; len <= whole + 1; len++) { /* every strict prefix, and an extension */
        struct peer p;
        peer_open(&p);
        tell(&p, 'd', body, len);
        gives(len == whole ? LEAT_OK : LEAT_EPROTO, pg_walsender_next(&p.ws, &m, &err));
        if (len != whole)
            assert_int_equal(p.ws.server_lsn, 0); /* nothing of it is believed */
        peer_close(&p);
    }
    body[0] = 'w';
    for (size_t len = 1; len < 25; len++) {
        struct peer p;
        peer_open(&p);
        tell(&p, 'd', body, len);
        gives(LEAT_EPROTO, pg_walsender_next(&p.ws, &m, &err));
        peer_close(&p);
    }
}

static void messages__unknown_tags_and_types_are_errors(void **state)
{
    (void)state;
    struct pg_wal_message m;
    for (int tag = 0; tag < 256; tag++) {
        struct peer p;
        uint8_t body[BODY_MAX] = {(uint8_t)tag};
        peer_open(&p);
        tell(&p, 'd', body, 18);
        if (tag != 'k')
            gives(LEAT_EPROTO, pg_walsender_next(&p.ws, &m, &err));
        peer_close(&p);
        peer_open(&p);
        tell(&p, (char)tag, NULL, 0);
        if (!strchr("dEcCZNSAW", tag) || !tag)
            gives(LEAT_EPROTO, pg_walsender_next(&p.ws, &m, &err));
        peer_close(&p);
    }
}

/* Behind each head stands a good body, so that only its length is wrong. */
static void messages__forged_lengths_are_errors(void **state)
{
    (void)state;
    static const uint32_t LENGTHS[] = {0, 1, 2, 3, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++) {
        struct peer p;
        struct pg_wal_message m;
        uint8_t frame[5 + 25] = {'d'};
        size_t at = 1;
        peer_open(&p);
        put(frame, &at, LENGTHS[i], 4);
        frame[at] = 'w';
        send_bytes(&p, frame, sizeof frame);
        ok(pg_walsender_fill(&p.ws, &err));
        gives(LEAT_EPROTO, pg_walsender_next(&p.ws, &m, &err));
        peer_close(&p);
    }
}

static void messages__one_above_the_bound_is_a_limit_before_it_is_read(void **state)
{
    (void)state;
    struct peer p;
    struct pg_wal_message m;
    uint8_t head[5] = {'d'};
    size_t at = 1;
    peer_open(&p);
    put(head, &at, MESSAGE_MAX, 4); /* one byte too many, its type's */
    send_bytes(&p, head, sizeof head);
    ok(pg_walsender_fill(&p.ws, &err));
    gives(LEAT_AGAIN, pg_walsender_next(&p.ws, &m, &err));
    gives(LEAT_ELIMIT, pg_walsender_fill(&p.ws, &err));
    assert_text_has(err.text, "row_max");
    assert_true(p.ws.in.capacity <= MESSAGE_MAX);
    peer_close(&p);
}

/* --- what ends the stream --------------------------------------------------------------------- */

static void end__copy_done_is_the_end(void **state)
{
    (void)state;
    struct peer p;
    struct pg_wal_message m;
    peer_open(&p);
    tell(&p, 'c', NULL, 0);
    gives(LEAT_EOF, pg_walsender_next(&p.ws, &m, &err));
    peer_close(&p);
    peer_open(&p);
    close(p.fd);
    gives(LEAT_ERETRY, pg_walsender_fill(&p.ws, &err));
    p.fd = -1;
    peer_close(&p);
}

/* Fields as the server sends them: S and V severity, C SQLSTATE, M text. */
static int told(char type, const char *severity, const char *sqlstate, const char *text)
{
    struct peer p;
    struct pg_wal_message m;
    char body[BODY_MAX];
    peer_open(&p);
    int len = snprintf(body, sizeof body, "SFEHLER%cV%s%cC%s%cM%s%c", 0, severity, 0, sqlstate, 0,
                       text, 0);
    tell(&p, type, body, (size_t)len + 1); /* the list ends with a zero */
    err = (struct leat_err){.code = LEAT_OK};
    int status = pg_walsender_next(&p.ws, &m, &err);
    peer_close(&p);
    return status;
}

static void end__errors_are_known_by_their_sqlstate_whatever_the_text_says(void **state)
{
    (void)state;
    assert_int_equal(told('E', "ERROR", "42704", "Publikation »p« existiert nicht"), LEAT_ECONFIG);
    assert_string_equal(err.state, "42704");
    assert_text_has(err.text, "existiert nicht");
    assert_int_equal(told('E', "ERROR", "55000", "?"), LEAT_ECONFIG);
    assert_int_equal(told('E', "FATAL", "57P01", "publication does not exist"), LEAT_ERETRY);
    assert_int_equal(told('E', "ERROR", "55006", "le slot est actif"), LEAT_ERETRY);
    assert_int_equal(told('N', "WARNING", "55000", "Publikation wird übersprungen"), LEAT_ECONFIG);
    assert_int_equal(told('N', "WARNING", "01000", "publication does not exist"), LEAT_AGAIN);
    assert_int_equal(told('N', "NOTICE", "55000", "nur ein Hinweis"), LEAT_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status__confirms_nothing_that_the_server_has_not_shown),
        cmocka_unit_test(status__says_what_was_seen_and_what_is_durable),
        cmocka_unit_test(status__a_stuck_socket_does_not_block_and_tears_nothing),
        cmocka_unit_test(messages__data_is_a_view_of_its_payload),
        cmocka_unit_test(messages__come_out_the_same_however_they_are_cut),
        cmocka_unit_test(messages__malformed_ones_end_the_connection),
        cmocka_unit_test(messages__unknown_tags_and_types_are_errors),
        cmocka_unit_test(messages__forged_lengths_are_errors),
        cmocka_unit_test(messages__one_above_the_bound_is_a_limit_before_it_is_read),
        cmocka_unit_test(end__copy_done_is_the_end),
        cmocka_unit_test(end__errors_are_known_by_their_sqlstate_whatever_the_text_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
