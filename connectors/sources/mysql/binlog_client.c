#include "sources/mysql/binlog_client.h"

#include <leat/buf.h>
#include <leat/clock.h>

#include "sources/mysql/client_library.h"
#include "sources/mysql/event_ring.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The server kills a dump that it cannot write to for so long: as long as our store may stall. */
enum { NET_WRITE_TIMEOUT_S = 3600, SETUP_BYTES_MAX = 1 << 20 };

struct my_binlog_client {
    struct my_connection *connection;
    struct my_dump *dump;
    struct my_event_ring *ring;
    struct my_dump_command command; /* its texts are the two below */
    char *file;
    uint8_t *gtid_set;
    int cancel_fd; /* a duplicate: the library may close its own, and another thread get its number
                    */
    pthread_t reader;
    bool reading;
    int64_t patience_ms, impatient_ms; /* until when the first event must be there; 0: no matter */
    _Atomic uint64_t received;         /* the reader's, read by the source's thread */
    _Atomic int64_t received_ms;
};

/* --- opening ------------------------------------------------------------------------------------
 */

static void set_variable(struct leat_buf *sql, const char *name, struct leat_slice value)
{
    leat_buf_format(sql, ", @%s=", name);
    my_quote(sql, value);
}

/* mysql.md 3.2. User variables may have any name, so each server gets all names there ever were.
 * MariaDB begins by GTID as soon as @slave_connect_state is set at all. */
static void setup_statement(const struct my_settings *s, const struct my_dump_request *r,
                            struct leat_buf *sql)
{
    static const char *const CHECKSUM[] = {"master_binlog_checksum", "source_binlog_checksum"};
    static const char *const HEARTBEAT[] = {"master_heartbeat_period", "source_heartbeat_period"};
    static const char *const UUID[] = {"slave_uuid", "replica_uuid"};
    leat_buf_format(sql, "SET SESSION net_write_timeout=%d", NET_WRITE_TIMEOUT_S);
    for (int i = 0; i < 2; i++) {
        set_variable(sql, CHECKSUM[i], LEAT_SLICE_LITERAL("CRC32"));
        leat_buf_format(sql, ", @%s=%" PRId64, HEARTBEAT[i], s->heartbeat_ms * 1000000);
        set_variable(sql, UUID[i], leat_slice_text(r->uuid));
    }
    if (!r->mariadb)
        return;
    leat_buf_append_text(sql, ", @mariadb_slave_capability=4");
    if (r->gtid_mode) {
        set_variable(sql, "slave_connect_state", leat_slice_text(r->gtid_state));
        leat_buf_append_text(sql, ", @slave_gtid_strict_mode=0, @slave_gtid_ignore_duplicates=0");
    }
}

static int session_setup(struct my_binlog_client *client, const struct my_settings *settings,
                         const struct my_dump_request *request, struct leat_err *err)
{
    struct leat_buf sql;
    leat_buf_init(&sql, SETUP_BYTES_MAX);
    setup_statement(settings, request, &sql);
    const char *text = leat_buf_text(&sql);
    int status = sql.full
                     ? leat_fail(err, LEAT_ELIMIT, "the GTID position is longer than %d bytes",
                                 SETUP_BYTES_MAX)
                     : my_execute(client->connection, text, "prepare the binlog's session", err);
    leat_buf_release(&sql);
    return status;
}

/* What is sent later is copied now. */
static int command_prepare(struct my_binlog_client *client, const struct my_dump_request *r,
                           struct leat_err *err)
{
    assert(r->server_id != 0); /* or the server would end the dump at the end of the log */
    assert(r->gtid_mode || (r->file && r->position >= 4));
    if (!r->gtid_mode && r->position > UINT32_MAX) {
        leat_fail(err, LEAT_ECONFIG,
                  "cannot begin at %s:%" PRIu64 ": the protocol has 32 bits for a position",
                  r->file, r->position);
        leat_err_hint(err, "set resume to gtid, or max_binlog_size on the server to 1G");
        return err->code;
    }
    struct leat_slice set = {NULL, 0};
    if (r->gtid_mode && !r->mariadb)
        set = r->gtid_set;
    client->file = strdup(r->gtid_mode ? "" : r->file);
    client->gtid_set = malloc(set.len ? set.len : 1);
    if (!client->file || !client->gtid_set)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a position");
    if (set.len)
        memcpy(client->gtid_set, set.ptr, set.len);
    client->command = (struct my_dump_command){
        .file = client->file,
        .position = r->gtid_mode ? 4 : (uint32_t)r->position,
        .server_id = r->server_id,
        .by_gtid_set = r->gtid_mode && !r->mariadb,
        .gtid_set = {client->gtid_set, set.len},
        .flags =
            (uint16_t)((r->once ? MY_DUMP_NON_BLOCK : 0) | (r->mariadb ? 0 : MY_DUMP_HEARTBEAT_V2)),
    };
    return LEAT_OK;
}

int my_binlog_client_open(const struct my_settings *settings, const char *instance,
                          const struct my_dump_request *request,
                          struct my_binlog_client **ret_client, struct leat_err *err)
{
    struct my_binlog_client *client = calloc(1, sizeof *client);
    if (!client)
        return leat_fail(err, LEAT_ERETRY, "out of memory for a binlog client");
    client->cancel_fd = -1;
    client->patience_ms = request->patience_ms;
    int status = command_prepare(client, request, err);
    if (!status)
        status = my_event_ring_new(&client->ring, err);
    if (!status)
        status = my_session_open(settings, instance, MY_FOR_STREAM, &client->connection, err);
    if (!status)
        status = session_setup(client, settings, request, err);
    if (!status) {
        client->cancel_fd = dup(my_library_socket(client->connection->mysql));
        if (client->cancel_fd < 0)
            status =
                leat_fail_errno(err, LEAT_ERETRY, errno, "cannot keep the connection's socket");
    }
    if (status) {
        my_binlog_client_close(client);
        return status;
    }
    *ret_client = client;
    return LEAT_OK;
}

/* --- the reader's thread ------------------------------------------------------------------------
 */

/* The coarse clock: the fine one would cost as much per event as the ring. */
static int64_t clock_coarse_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nobody else writes them, so no locked addition is needed. */
static void count_event(struct my_binlog_client *client, size_t len)
{
    uint64_t received = atomic_load_explicit(&client->received, memory_order_relaxed);
    atomic_store_explicit(&client->received, received + len, memory_order_relaxed);
    atomic_store_explicit(&client->received_ms, clock_coarse_ms(), memory_order_relaxed);
}

static void *reader_run(void *arg)
{
    struct my_binlog_client *client = arg;
    struct leat_err err = {.code = LEAT_OK};
    struct leat_slice event;
    int status;
    my_library_thread_begin();
    while ((status = my_dump_next(client->dump, &event, &err)) == LEAT_OK) {
        count_event(client, event.len);
        if (!my_event_ring_put(client->ring, event))
            break;
    }
    /* An end that nobody asked for is the server's way to shut down. */
    if (status == LEAT_EOF && !(client->command.flags & MY_DUMP_NON_BLOCK))
        status = leat_fail(&err, LEAT_ERETRY, "the server ended the binlog's stream");
    my_event_ring_end(client->ring, status ? status : LEAT_EOF, &err);
    my_library_thread_end();
    return NULL;
}

int my_binlog_client_dump(struct my_binlog_client *client, struct leat_err *err)
{
    int status = my_dump_open(client->connection, &client->command, &client->dump, err);
    if (status)
        return status;
    client->received_ms = clock_coarse_ms();
    int failed = pthread_create(&client->reader, NULL, reader_run, client);
    if (failed)
        return leat_fail_errno(err, LEAT_ERETRY, failed, "cannot start a thread");
    client->reading = true;
    if (client->patience_ms)
        client->impatient_ms = leat_clock_monotonic_ms() + client->patience_ms;
    return LEAT_OK;
}

/* --- the source's thread ------------------------------------------------------------------------
 */

/* A server was seen to take the command and send nothing, no heartbeat either, when streams with
 * our number had just ended; the next one that asked was served. */
static int silent(const struct my_binlog_client *client, struct leat_err *err)
{
    return leat_fail(err, LEAT_ERETRY,
                     "the server has sent nothing in the %" PRId64 " ms since it was asked for "
                     "its binlog",
                     client->patience_ms);
}

int my_binlog_client_next(struct my_binlog_client *client, struct leat_slice *ret_event,
                          struct leat_err *err)
{
    int status = my_event_ring_next(client->ring, ret_event, err);
    if (status != LEAT_AGAIN)
        client->impatient_ms = 0;
    else if (client->impatient_ms && leat_clock_monotonic_ms() >= client->impatient_ms)
        status = silent(client, err);
    return status;
}

bool my_binlog_client_wait(struct my_binlog_client *client, int wake_fd, int64_t until_ms)
{
    if (client->impatient_ms && client->impatient_ms < until_ms)
        until_ms = client->impatient_ms;
    return my_event_ring_wait(client->ring, wake_fd, until_ms);
}

uint64_t my_binlog_client_session(const struct my_binlog_client *client)
{
    return mysql_thread_id(client->connection->mysql);
}

uint64_t my_binlog_client_received(const struct my_binlog_client *client)
{
    return atomic_load_explicit(&client->received, memory_order_relaxed);
}

int64_t my_binlog_client_received_ms(const struct my_binlog_client *client)
{
    return atomic_load_explicit(&client->received_ms, memory_order_relaxed);
}

const char *my_binlog_client_cipher(const struct my_binlog_client *client)
{
    return my_connection_cipher(client->connection);
}

/* The reader blocks in the ring or in the library, which restarts after signals: so the ring is
 * closed, and the socket shut down under it. */
void my_binlog_client_close(struct my_binlog_client *client)
{
    if (!client)
        return;
    if (client->reading) {
        my_event_ring_close(client->ring);
        shutdown(client->cancel_fd, SHUT_RDWR);
        pthread_join(client->reader, NULL);
    }
    if (client->cancel_fd >= 0)
        close(client->cancel_fd);
    my_dump_close(client->dump);
    my_disconnect(client->connection);
    my_event_ring_free(client->ring);
    free(client->file);
    free(client->gtid_set);
    free(client);
}
