/*
 * leat emitters: where each stands; pause, resume, rewind. All of it works beside a running daemon,
 * which follows within a second, and without one.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_writer.h"
#include "daemon/emission.h"
#include "daemon/show.h"
#include "pipeline/stream.h"
#include "store/delivery.h"

enum { COLUMNS = 6, EMITTERS_MAX = 1000, OUT_BYTES_MAX = 4 << 20 };

struct emitters {
    const char *path;
    struct leat_delivery *delivery;
    struct leat_store_usage usage;
    struct leat_delivery_state states[EMITTERS_MAX];
    uint64_t dead[EMITTERS_MAX];
    size_t count;
};

/* --- list ------------------------------------------------------------------------------------- */

static int letter_count(void *arg, const struct leat_dead_letter *letter, struct leat_err *err)
{
    uint64_t *count = arg;
    (void)letter;
    (void)err;
    ++*count;
    return LEAT_OK;
}

static int state_keep(void *arg, const struct leat_delivery_state *state, struct leat_err *err)
{
    struct emitters *e = arg;
    (void)err;
    if (e->count == EMITTERS_MAX)
        return LEAT_OK;
    e->states[e->count++] = *state;
    return LEAT_OK;
}

static int states_read(struct emitters *e, struct leat_err *err)
{
    struct leat_store_reader *reader;
    int status = leat_store_reader_open(e->path, NULL, &reader, err);
    if (status)
        return status;
    status = leat_store_reader_usage(reader, &e->usage, err);
    leat_store_reader_close(reader);
    if (!status)
        status = leat_delivery_each(e->delivery, state_keep, e, err);
    for (size_t i = 0; !status && i < e->count; i++)
        status = leat_delivery_letters(e->delivery, e->states[i].name, 0, letter_count, &e->dead[i],
                                       err);
    return status;
}

static uint64_t behind(const struct emitters *e, size_t i)
{
    return e->usage.last_sequence > e->states[i].cursor
               ? e->usage.last_sequence - e->states[i].cursor
               : 0;
}

static void print_json(const struct emitters *e)
{
    struct leat_buf buf;
    char time[LEAT_CLOCK_TEXT];
    leat_buf_init(&buf, OUT_BYTES_MAX);
    struct leat_json json = leat_json_at(&buf), *j = &json;
    leat_json_array(j);
    for (size_t i = 0; i < e->count; i++) {
        const struct leat_delivery_state *s = &e->states[i];
        leat_clock_format(s->updated_at_us, time);
        leat_json_object(j);
        LEAT_JSON_NAME(j, "name");
        leat_json_text(j, s->name);
        LEAT_JSON_NAME(j, "paused");
        leat_json_bool(j, s->paused);
        LEAT_JSON_NAME(j, "cursor");
        leat_json_uint(j, s->cursor);
        LEAT_JSON_NAME(j, "behind");
        leat_json_uint(j, behind(e, i));
        LEAT_JSON_NAME(j, "dead_letters");
        leat_json_uint(j, e->dead[i]);
        LEAT_JSON_NAME(j, "rewinds");
        leat_json_uint(j, s->rewinds);
        LEAT_JSON_NAME(j, "updated");
        leat_json_text(j, time);
        leat_json_object_end(j);
    }
    leat_json_array_end(j);
    printf("%s\n", leat_buf_text(&buf));
    leat_buf_release(&buf);
}

struct row {
    char cursor[24], behind[24], dead[24];
    struct show_word updated;
};

static void print_table(const struct emitters *e)
{
    const char **cells = calloc(COLUMNS * (e->count + 1), sizeof *cells);
    struct row *rows = calloc(e->count + 1, sizeof *rows);
    static const char *const HEAD[COLUMNS] = {"EMITTER", "CURSOR", "BEHIND",
                                              "DEAD",    "PAUSED", "MOVED"};
    if (!cells || !rows)
        abort();
    memcpy(cells, HEAD, sizeof HEAD);
    for (size_t i = 0; i < e->count; i++) {
        const char **row = &cells[COLUMNS * (i + 1)];
        snprintf(rows[i].cursor, sizeof rows[i].cursor, "%" PRIu64, e->states[i].cursor);
        snprintf(rows[i].behind, sizeof rows[i].behind, "%" PRIu64, behind(e, i));
        snprintf(rows[i].dead, sizeof rows[i].dead, "%" PRIu64, e->dead[i]);
        rows[i].updated = show_time(e->states[i].updated_at_us);
        row[0] = e->states[i].name;
        row[1] = rows[i].cursor;
        row[2] = rows[i].behind;
        row[3] = rows[i].dead;
        row[4] = e->states[i].paused ? "yes" : "no";
        row[5] = rows[i].updated.text;
    }
    show_table(stdout, cells, COLUMNS, e->count + 1);
    free(cells);
    free(rows);
}

static int list(const struct command_line *line, struct emitters *e, struct leat_err *err)
{
    int status = states_read(e, err);
    if (!status && command_flag(line, "json"))
        print_json(e);
    else if (!status)
        print_table(e);
    return status;
}

/* --- pause, resume, rewind ----------------------------------------------------------------------
 */

struct wish {
    enum { PAUSE, RESUME, REWIND } what;
    uint64_t cursor;
};

static bool grant(void *arg, struct leat_delivery_state *state)
{
    const struct wish *wish = arg;
    if (wish->what != REWIND) {
        state->paused = wish->what == PAUSE;
        return true;
    }
    state->cursor = wish->cursor;
    state->reported = 0;
    state->rewinds++;
    return true;
}

static int ask(const struct command_line *line, struct emitters *e, struct wish wish,
               struct leat_err *err)
{
    struct leat_delivery_state state;
    const char *name = line->operands[1];
    int status = leat_delivery_get(e->delivery, name, &state, err);
    if (status == LEAT_EOF) {
        leat_fail(err, LEAT_ECONFIG, "no emitter \"%.63s\" ever ran on this store", name);
        leat_err_hint(err, "leat emitters list");
        return LEAT_ECONFIG;
    }
    return status ? status : leat_delivery_update(e->delivery, name, grant, &wish, &state, err);
}

static int pause_it(const struct command_line *line, struct emitters *e, struct leat_err *err)
{
    return ask(line, e, (struct wish){.what = PAUSE}, err);
}

static int resume(const struct command_line *line, struct emitters *e, struct leat_err *err)
{
    return ask(line, e, (struct wish){.what = RESUME}, err);
}

/* The first sequence to be delivered again, from what an operator typed. */
static int place_find(const struct emitters *e, const char *text, uint64_t *ret_first,
                      struct leat_err *err)
{
    struct leat_emit_runner_settings place;
    struct leat_store_usage usage;
    struct leat_stream *stream;
    int status = emission_place(text, &place, err);
    if (!status)
        status = leat_stream_open(e->path, NULL, &stream, err);
    if (status)
        return status;
    status = leat_store_reader_usage(leat_stream_reader(stream), &usage, err);
    *ret_first = usage.first_sequence ? usage.first_sequence : 1;
    if (!status && place.start == LEAT_EMIT_NOW)
        *ret_first = usage.last_sequence + 1;
    if (!status && place.start == LEAT_EMIT_TIME)
        status = leat_stream_find_since(stream, place.start_us, ret_first, err);
    if (place.start == LEAT_EMIT_SEQUENCE)
        *ret_first = place.start_sequence;
    leat_stream_close(stream);
    if (!status && (*ret_first == 0 || *ret_first > usage.last_sequence + 1))
        status =
            leat_fail(err, LEAT_ECONFIG, "the stream has the sequences %" PRIu64 " to %" PRIu64,
                      usage.first_sequence, usage.last_sequence);
    return status;
}

static int rewind_it(const struct command_line *line, struct emitters *e, struct leat_err *err)
{
    uint64_t first;
    int status = place_find(e, line->operands[2], &first, err);
    if (status)
        return status;
    if (!command_flag(line, "yes")) {
        leat_fail(err, LEAT_ECONFIG,
                  "emitter %.63s would go on with sequence %" PRIu64
                  ": events are delivered again, or left out",
                  line->operands[1], first);
        leat_err_hint(err, "the same command with --yes does it");
        return LEAT_ECONFIG;
    }
    status = ask(line, e, (struct wish){REWIND, first - 1}, err);
    if (!status)
        printf("%s goes on with sequence %" PRIu64 "\n", line->operands[1], first);
    return status;
}

/* --- the command -------------------------------------------------------------------------------
 */

int cmd_emitters(const struct command_line *line)
{
    static const struct {
        const char *name;
        int operands; /* behind it */
        int (*run)(const struct command_line *line, struct emitters *e, struct leat_err *err);
    } VERBS[] = {
        {"list", 0, list}, {"pause", 1, pause_it}, {"resume", 1, resume}, {"rewind", 2, rewind_it}};
    static struct emitters e;
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    for (size_t i = 0; line->operand_count && i < sizeof VERBS / sizeof *VERBS; i++) {
        if (strcmp(VERBS[i].name, line->operands[0]) != 0 ||
            line->operand_count - 1 != VERBS[i].operands)
            continue;
        int exit_code = command_settings(line, &config, &settings);
        if (exit_code)
            return exit_code;
        e.path = settings.store.path;
        int status = leat_delivery_open(e.path, NULL, &e.delivery, &err);
        if (!status)
            status = VERBS[i].run(line, &e, &err);
        leat_delivery_close(e.delivery);
        leat_config_free(config);
        fflush(stdout);
        return status ? command_failed(&err) : EXIT_SUCCESS;
    }
    leat_fail(&err, LEAT_ECONFIG,
              "leat emitters knows: list, pause NAME, resume NAME, rewind NAME PLACE");
    leat_err_hint(&err, "leat emitters --help");
    return command_failed(&err);
}
