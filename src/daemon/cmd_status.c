/*
 * leat status: the daemon's own page /status, as it is or as a table. When the daemon does not
 * answer, the store is read instead, which is always possible: what is known then is what is
 * durable.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_writer.h"
#include "daemon/ask.h"
#include "daemon/guard.h"
#include "daemon/holder.h"
#include "daemon/reader_table.h"
#include "daemon/show.h"
#include "store/store.h"

enum { TIMEOUT_MS = 2000, ANSWER_BYTES_MAX = 16 << 20, COLUMNS = 6 };

/* --- a running daemon, for people ------------------------------------------------------------- */

struct cell {
    char text[120];
};

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

/* -1: null, which the page says for what is not known. */
static int64_t number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
}

static void source_cells(json_t *source, struct cell *cells)
{
    int64_t lag_us = number_of(source, "lag_us");
    snprintf(cells[0].text, sizeof cells->text, "%.110s", text_of(source, "name"));
    snprintf(cells[1].text, sizeof cells->text, "%.40s", text_of(source, "state"));
    snprintf(cells[2].text, sizeof cells->text, "%s", show_span_ms(lag_us < 0 ? -1 : lag_us / 1000).text);
    snprintf(cells[3].text, sizeof cells->text, "%s", show_bytes(number_of(source, "lag_bytes")).text);
    snprintf(cells[4].text, sizeof cells->text, "%s", show_bytes(number_of(source, "retained_bytes")).text);
    snprintf(cells[5].text, sizeof cells->text, "%lld", (long long)number_of(source, "events"));
}

static void print_sources(json_t *sources)
{
    static const char *const HEAD[COLUMNS] = {"SOURCE", "STATE", "LAG", "BEHIND", "RETAINED", "EVENTS"};
    size_t count = json_array_size(sources);
    struct cell *cells = calloc((count + 1) * COLUMNS, sizeof *cells);
    const char **texts = calloc((count + 1) * COLUMNS, sizeof *texts);
    if (!cells || !texts)
        abort();
    memcpy(texts, HEAD, sizeof HEAD);
    for (size_t i = 0; i < count; i++) {
        struct cell *row = &cells[(i + 1) * COLUMNS];
        source_cells(json_array_get(sources, i), row);
        for (size_t c = 0; c < COLUMNS; c++)
            texts[(i + 1) * COLUMNS + c] = row[c].text;
    }
    show_table(stdout, texts, COLUMNS, count + 1);
    free(cells);
    free(texts);
}

static void print_readers(json_t *readers)
{
    static const char *const HEAD[] = {"READER", "BEHIND", "SEQUENCE", "COMMITTED"};
    enum { READER_COLUMNS = sizeof HEAD / sizeof *HEAD };
    size_t count = json_array_size(readers);
    struct cell *cells = calloc((count + 1) * READER_COLUMNS, sizeof *cells);
    const char **texts = calloc((count + 1) * READER_COLUMNS, sizeof *texts);
    if (!cells || !texts)
        abort();
    memcpy(texts, HEAD, sizeof HEAD);
    for (size_t i = 0; i < count; i++) {
        json_t *reader = json_array_get(readers, i);
        struct cell *row = &cells[(i + 1) * READER_COLUMNS];
        snprintf(row[0].text, sizeof row->text, "%.110s", text_of(reader, "name"));
        snprintf(row[1].text, sizeof row->text, "%lld", (long long)number_of(reader, "lag_events"));
        snprintf(row[2].text, sizeof row->text, "%lld", (long long)number_of(reader, "sequence"));
        snprintf(row[3].text, sizeof row->text, "%.19s", text_of(reader, "committed"));
        for (size_t c = 0; c < READER_COLUMNS; c++)
            texts[(i + 1) * READER_COLUMNS + c] = row[c].text;
    }
    printf("\n");
    show_table(stdout, texts, READER_COLUMNS, count + 1);
    free(cells);
    free(texts);
}

static void print_problem(const char *where, json_t *error)
{
    if (!json_is_object(error))
        return;
    printf("\n");
    show_text(stdout, where);
    printf(": ");
    show_text(stdout, text_of(error, "text"));
    printf("\n");
    show_lines(stdout, 2, text_of(error, "remedy"));
}

/* An error that was overcome is history: it is in the log. */
static bool in_trouble(json_t *source)
{
    const char *state = text_of(source, "state");
    return strcmp(state, "streaming") != 0 && strcmp(state, "ended") != 0;
}

static void print_running(json_t *page)
{
    json_t *store = json_object_get(page, "store"), *sources = json_object_get(page, "sources"), *source;
    size_t i;
    printf("leat %s runs as process %lld since %.19s, %s\n", text_of(page, "version"),
           (long long)number_of(page, "pid"), text_of(page, "started"),
           json_is_true(json_object_get(page, "ready")) ? "ready" : "not ready yet");
    printf("store ");
    show_text(stdout, text_of(store, "path"));
    printf(": %s, %s in %lld segments, sequences %lld to %lld, %s free\n\n", text_of(store, "state"),
           show_bytes(number_of(store, "bytes")).text, (long long)number_of(store, "segments"),
           (long long)number_of(store, "first_sequence"), (long long)number_of(store, "last_sequence"),
           show_bytes(number_of(store, "free_bytes")).text);
    print_sources(sources);
    if (json_array_size(json_object_get(page, "readers")))
        print_readers(json_object_get(page, "readers"));
    print_problem("store", json_object_get(store, "problem"));
    json_array_foreach(sources, i, source)
        if (in_trouble(source))
            print_problem(text_of(source, "name"), json_object_get(source, "last_error"));
}

/* --- a daemon that does not answer ------------------------------------------------------------ */

struct known {
    const char *path, *reason, *holder; /* of the store; why we look here; who writes it, or "" */
    struct leat_store_reader *reader;
    struct leat_readers *readers;
    struct leat_store_usage usage;
    struct leat_json json;
};

static void put_time(struct leat_json *j, int64_t wall_us)
{
    char text[LEAT_CLOCK_TEXT];
    leat_clock_format(wall_us, text);
    if (wall_us)
        leat_json_text(j, text);
    else
        leat_json_null(j);
}

static int put_source(void *arg, const char *instance, const struct leat_store_source *source,
                      struct leat_err *err)
{
    struct leat_json *j = arg;
    (void)err;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, instance);
    LEAT_JSON_NAME(j, "token");
    (void)leat_json_string(j, leat_buf_slice(&source->token));
    LEAT_JSON_NAME(j, "committed_at");
    put_time(j, source->committed_at_us);
    leat_json_object_end(j);
    return LEAT_OK;
}

static void put_store(struct leat_json *j, const struct known *k)
{
    LEAT_JSON_NAME(j, "store");
    leat_json_object(j);
    LEAT_JSON_NAME(j, "path");
    leat_json_text(j, k->path);
    LEAT_JSON_NAME(j, "bytes");
    leat_json_int(j, k->usage.bytes);
    LEAT_JSON_NAME(j, "free_bytes");
    leat_json_int(j, k->usage.free_bytes);
    LEAT_JSON_NAME(j, "segments");
    leat_json_uint(j, k->usage.segment_count);
    LEAT_JSON_NAME(j, "first_sequence");
    leat_json_uint(j, k->usage.first_sequence);
    LEAT_JSON_NAME(j, "last_sequence");
    leat_json_uint(j, k->usage.last_sequence);
    LEAT_JSON_NAME(j, "oldest_event_time");
    put_time(j, k->usage.oldest_event_us);
    leat_json_object_end(j);
}

static int print_known_json(const struct known *k, struct leat_err *err)
{
    struct leat_buf buf;
    struct leat_json json = leat_json_at(&buf), *j = &json;
    leat_buf_init(&buf, ANSWER_BYTES_MAX);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "version");
    leat_json_text(j, LEAT_VERSION);
    LEAT_JSON_NAME(j, "running");
    leat_json_bool(j, k->holder[0] != '\0');
    LEAT_JSON_NAME(j, "reason");
    leat_json_text(j, k->reason);
    put_store(j, k);
    LEAT_JSON_NAME(j, "sources");
    leat_json_array(j);
    int status = leat_store_reader_sources(k->reader, put_source, j, err);
    leat_json_array_end(j);
    LEAT_JSON_NAME(j, "readers");
    if (!status)
        status = reader_table_json(k->readers, k->usage.last_sequence, j, err);
    leat_json_object_end(j);
    if (!status)
        printf("%s\n", leat_buf_text(&buf));
    leat_buf_release(&buf);
    return status;
}

static int print_source(void *arg, const char *instance, const struct leat_store_source *source,
                        struct leat_err *err)
{
    (void)arg;
    (void)err;
    printf("%s\n  stored  %s\n  offset  ", instance, show_time(source->committed_at_us).text);
    if (source->token.len) {
        struct leat_slice token = leat_buf_slice(&source->token);
        show_slice(stdout, token);
    } else {
        printf("(from the beginning)");
    }
    printf("\n");
    return LEAT_OK;
}

static int note_any(void *arg, const struct leat_named_reader *reader, struct leat_err *err)
{
    (void)reader;
    (void)err;
    *(bool *)arg = true;
    return LEAT_OK;
}

static int print_known(const struct known *k, struct leat_err *err)
{
    if (k->holder[0])
        printf("a daemon writes the store (%s) and could not be asked: %s\n", k->holder, k->reason);
    else
        printf("no daemon is running: %s\n", k->reason);
    printf("store ");
    show_text(stdout, k->path);
    printf(": %s in %u segments, sequences %llu to %llu, oldest event %s, %s free\n\n",
           show_bytes(k->usage.bytes).text, k->usage.segment_count,
           (unsigned long long)k->usage.first_sequence, (unsigned long long)k->usage.last_sequence,
           show_time(k->usage.oldest_event_us).text, show_bytes(k->usage.free_bytes).text);
    int status = leat_store_reader_sources(k->reader, print_source, NULL, err);
    bool any = false;
    if (!status)
        status = leat_readers_each(k->readers, note_any, &any, err);
    if (status || !any)
        return status;
    printf("\n");
    return reader_table_print(k->readers, k->usage.last_sequence, err);
}

static int look_into_store(const char *path, const char *reason, bool json, struct leat_err *err)
{
    char holder[256] = "";
    struct known k = {.path = path, .reason = reason, .holder = holder};
    if (!holder_find(path, holder, sizeof holder))
        holder[0] = '\0';
    guard_begin(path);
    int status = leat_store_reader_open(path, NULL, &k.reader, err);
    if (status) {
        leat_err_context(err, "%s", reason);
        return status;
    }
    status = leat_store_reader_usage(k.reader, &k.usage, err);
    if (!status)
        status = leat_readers_open(path, NULL, &k.readers, err);
    if (!status)
        status = json ? print_known_json(&k, err) : print_known(&k, err);
    leat_readers_close(k.readers);
    leat_store_reader_close(k.reader);
    return status;
}

/* --- the command ------------------------------------------------------------------------------ */

/* The page as JSON, or an error that says why there is none. */
static int ask(const char *listen, json_t **ret_page, struct leat_err *err)
{
    struct leat_buf body;
    json_error_t why;
    if (strcmp(listen, "off") == 0)
        return leat_fail(err, LEAT_ERETRY, "http.listen is off");
    leat_buf_init(&body, ANSWER_BYTES_MAX);
    int status = ask_daemon(listen, "/status", TIMEOUT_MS, &body, err);
    if (!status) {
        *ret_page = json_loads(leat_buf_text(&body), 0, &why);
        if (!json_is_object(*ret_page)) {
            json_decref(*ret_page);
            status = leat_fail(err, LEAT_ERETRY, "%s answered what is no status page", listen);
        }
    }
    leat_buf_release(&body);
    return status;
}

int cmd_status(const struct command_line *line)
{
    struct leat_config *config;
    struct leat_err err, why;
    json_t *page = NULL;
    bool json = command_flag(line, "json");
    int exit_code = command_load(line, &config);
    if (exit_code)
        return exit_code;
    const struct leat_settings *s = leat_config_settings(config);
    int status = LEAT_OK;
    if (ask(s->http.listen, &page, &why)) {
        status = look_into_store(s->store.path, why.text, json, &err);
    } else {
        if (json && json_dumpf(page, stdout, JSON_COMPACT) == 0)
            printf("\n");
        else if (!json)
            print_running(page);
        json_decref(page);
    }
    leat_config_free(config);
    return status ? command_failed(&err) : EXIT_SUCCESS;
}
