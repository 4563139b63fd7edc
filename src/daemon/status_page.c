#include "daemon/status_page.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "codec/json_writer.h"
#include "daemon/reader_table.h"

#include <unistd.h>

/* A wall time as text, or null for none. */
static void put_time(struct leat_json *j, int64_t wall_us)
{
    char text[LEAT_CLOCK_TEXT];
    if (wall_us <= 0) {
        leat_json_null(j);
        return;
    }
    leat_clock_format(wall_us, text);
    leat_json_text(j, text);
}

/* A number, or null where it is not known. */
static void put_known(struct leat_json *j, int64_t value)
{
    if (value < 0)
        leat_json_null(j);
    else
        leat_json_int(j, value);
}

static void put_error(struct leat_json *j, const struct leat_err *err)
{
    if (!err->text[0]) {
        leat_json_null(j);
        return;
    }
    leat_json_object(j);
    LEAT_JSON_NAME(j, "class");
    leat_json_text(j, leat_code_name(err->code));
    LEAT_JSON_NAME(j, "text");
    leat_json_text(j, err->text);
    LEAT_JSON_NAME(j, "remedy");
    leat_json_text(j, err->hint);
    leat_json_object_end(j);
}

static void put_source(struct leat_json *j, struct leat_source_runner *r)
{
    const struct leat_source_stats *s = leat_source_runner_stats(r);
    struct leat_err last;
    int64_t since_us;
    leat_source_runner_last_error(r, &last, &since_us);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, leat_source_runner_instance(r));
    LEAT_JSON_NAME(j, "state");
    leat_json_text(j, leat_source_state_name(leat_source_runner_state(r)));
    LEAT_JSON_NAME(j, "since");
    put_time(j, since_us);
    LEAT_JSON_NAME(j, "ready");
    leat_json_bool(j, leat_source_runner_ready(r));
    LEAT_JSON_NAME(j, "events");
    leat_json_int(j, s->events);
    LEAT_JSON_NAME(j, "transactions");
    leat_json_int(j, s->transactions);
    LEAT_JSON_NAME(j, "received_bytes");
    leat_json_int(j, s->received_bytes);
    LEAT_JSON_NAME(j, "lag_bytes");
    put_known(j, s->lag_bytes);
    LEAT_JSON_NAME(j, "lag_us");
    put_known(j, s->lag_us);
    LEAT_JSON_NAME(j, "retained_bytes");
    put_known(j, s->retained_bytes);
    LEAT_JSON_NAME(j, "connects");
    leat_json_int(j, s->connects);
    LEAT_JSON_NAME(j, "last_event_time");
    put_time(j, s->last_event_time_us);
    LEAT_JSON_NAME(j, "last_error");
    put_error(j, &last);
    leat_json_object_end(j);
}

static void put_store(struct leat_json *j, const struct engine *e)
{
    struct leat_store_usage usage = {.bytes = -1, .free_bytes = -1};
    struct leat_err err = {.text = ""}, full = {.text = ""};
    if (leat_store_usage(e->store, &usage, &err))
        usage.bytes = usage.free_bytes = -1;
    int state = leat_committer_state(e->committer, &full);
    const struct leat_committer_stats *s = leat_committer_stats(e->committer);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "path");
    leat_json_text(j, leat_config_settings(e->config)->store.path);
    LEAT_JSON_NAME(j, "state");
    leat_json_text(j, state == LEAT_OK ? "writing" : state == LEAT_ERETRY ? "full" : "failed");
    LEAT_JSON_NAME(j, "problem");
    put_error(j, &full);
    LEAT_JSON_NAME(j, "bytes");
    put_known(j, usage.bytes);
    LEAT_JSON_NAME(j, "free_bytes");
    put_known(j, usage.free_bytes);
    LEAT_JSON_NAME(j, "segments");
    leat_json_int(j, usage.segment_count);
    LEAT_JSON_NAME(j, "first_sequence");
    leat_json_int(j, (int64_t)usage.first_sequence);
    LEAT_JSON_NAME(j, "last_sequence");
    leat_json_int(j, (int64_t)leat_store_durable(e->store));
    LEAT_JSON_NAME(j, "oldest_event_time");
    put_time(j, usage.oldest_event_us);
    LEAT_JSON_NAME(j, "commits");
    leat_json_int(j, s->commits);
    LEAT_JSON_NAME(j, "raw_bytes");
    leat_json_int(j, s->raw_bytes);
    LEAT_JSON_NAME(j, "stored_bytes");
    leat_json_int(j, s->stored_bytes);
    leat_json_object_end(j);
}

static void put_readers(struct leat_json *j, struct leat_store *store)
{
    struct leat_readers *readers;
    struct leat_err err;
    if (leat_readers_open(leat_store_path(store), store, &readers, &err)) {
        leat_json_null(j);
        return;
    }
    if (reader_table_json(readers, leat_store_durable(store), j, &err))
        leat_log_err(LEAT_LOG_ERROR, "readers", NULL, "cannot be read", &err);
    leat_readers_close(readers);
}

void status_page(const struct engine *e, struct leat_buf *buf)
{
    struct leat_json json = leat_json_at(buf), *j = &json;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "version");
    leat_json_text(j, LEAT_VERSION);
    LEAT_JSON_NAME(j, "running");
    leat_json_bool(j, true);
    LEAT_JSON_NAME(j, "pid");
    leat_json_int(j, getpid());
    LEAT_JSON_NAME(j, "started");
    put_time(j, e->started_us);
    LEAT_JSON_NAME(j, "ready");
    leat_json_bool(j, engine_ready(e));
    LEAT_JSON_NAME(j, "store");
    put_store(j, e);
    LEAT_JSON_NAME(j, "sources");
    leat_json_array(j);
    for (size_t i = 0; i < e->runner_count; i++)
        put_source(j, e->runners[i]);
    leat_json_array_end(j);
    LEAT_JSON_NAME(j, "readers");
    put_readers(j, e->store);
    leat_json_object_end(j);
}
