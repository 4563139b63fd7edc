/*
 * leat dlq: dead letters, the events that a destination refused. Shown with reason and original
 * bytes, asked to be tried again, or dropped. Works beside a running daemon, which tries again
 * within a second.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_writer.h"
#include "daemon/show.h"
#include "store/delivery.h"

struct dlq {
    struct leat_delivery *delivery;
    const char *name; /* of the emitter that is walked */
    uint64_t only;    /* sequence; 0: all */
    bool json, drop;
    uint64_t *found; /* sequences, to be changed after the walk */
    size_t found_count;
    size_t shown;
    struct leat_buf line;
};

enum { LINE_BYTES_MAX = 256 << 20, EMITTERS_MAX = 1000 };

/* --- show ---------------------------------------------------------------------------------------
 */

static void put_json(struct dlq *q, const struct leat_dead_letter *l, bool whole)
{
    char time[LEAT_CLOCK_TEXT];
    leat_clock_format(l->failed_at_us, time);
    struct leat_json json = leat_json_at(&q->line), *j = &json;
    leat_json_object(j);
    LEAT_JSON_NAME(j, "emitter");
    leat_json_text(j, q->name);
    LEAT_JSON_NAME(j, "sequence");
    leat_json_uint(j, l->sequence);
    LEAT_JSON_NAME(j, "class");
    leat_json_text(j, leat_code_name(l->code));
    LEAT_JSON_NAME(j, "reason");
    leat_json_string(j, l->reason);
    LEAT_JSON_NAME(j, "tries");
    leat_json_uint(j, l->tries);
    LEAT_JSON_NAME(j, "failed");
    leat_json_text(j, time);
    LEAT_JSON_NAME(j, "again");
    leat_json_bool(j, l->again);
    LEAT_JSON_NAME(j, "topic");
    leat_json_string(j, l->topic);
    LEAT_JSON_NAME(j, "bytes");
    leat_json_uint(j, l->value.len);
    if (whole) {
        LEAT_JSON_NAME(j, "key");
        leat_json_string(j, l->key);
        LEAT_JSON_NAME(j, "value_base64");
        leat_json_base64(j, l->value);
    }
    leat_json_object_end(j);
}

static int print_one(void *arg, const struct leat_dead_letter *l, struct leat_err *err)
{
    struct dlq *q = arg;
    (void)err;
    if (q->only && l->sequence != q->only)
        return LEAT_EOF;
    q->shown++;
    leat_buf_reset(&q->line);
    if (q->json) {
        put_json(q, l, q->only != 0);
        printf("%s\n", leat_buf_text(&q->line));
        return LEAT_OK;
    }
    leat_buf_append(&q->line, l->reason);
    printf("%s %" PRIu64 " %s%s: ", q->name, l->sequence, show_time(l->failed_at_us).text,
           l->again ? " (to be tried again)" : "");
    show_text(stdout, leat_buf_text(&q->line));
    printf("\n");
    return LEAT_OK;
}

/* The bytes as they were to be delivered, alone, so that they can be put into a file. */
static int print_value(void *arg, const struct leat_dead_letter *l, struct leat_err *err)
{
    struct dlq *q = arg;
    if (q->json || l->sequence != q->only)
        return print_one(arg, l, err);
    q->shown++;
    leat_buf_append(&q->line, l->reason);
    fprintf(stderr, "topic %.*s, %" PRIu64 " tries: ", LEAT_SLICE_ARG(l->topic), l->tries);
    show_text(stderr, leat_buf_text(&q->line));
    fprintf(stderr, "\n");
    fwrite(l->value.ptr, 1, l->value.len, stdout);
    printf("\n");
    return LEAT_EOF;
}

struct names {
    char items[EMITTERS_MAX][LEAT_INSTANCE_MAX + 1];
    size_t count;
};

static int name_keep(void *arg, const struct leat_delivery_state *state, struct leat_err *err)
{
    struct names *names = arg;
    (void)err;
    if (names->count < EMITTERS_MAX)
        memcpy(names->items[names->count++], state->name, sizeof state->name);
    return LEAT_OK;
}

static int list(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    static struct names names;
    int status = leat_delivery_each(q->delivery, name_keep, &names, err);
    for (size_t i = 0; !status && i < names.count; i++) {
        q->name = names.items[i];
        if (line->operand_count < 2 || strcmp(line->operands[1], q->name) == 0)
            status = leat_delivery_letters(q->delivery, q->name, 0, print_one, q, err);
    }
    return status;
}

/* --- one or all of an emitter -------------------------------------------------------------------
 */

static int none(const struct dlq *q, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "emitter %.63s has no such dead letter", q->name);
    leat_err_hint(err, "leat dlq list");
    return LEAT_ECONFIG;
}

/* "all", or a sequence. */
static int operand_take(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    const char *text = line->operands[2];
    q->name = line->operands[1];
    q->only = 0;
    if (strcmp(text, "all") == 0)
        return LEAT_OK;
    for (const char *at = text; *at >= '0' && *at <= '9' && q->only < UINT64_MAX / 10 - 9; at++)
        q->only = q->only * 10 + (uint64_t)(*at - '0');
    return q->only ? LEAT_OK
                   : leat_fail(err, LEAT_ECONFIG, "\"%.40s\" is neither a sequence nor all", text);
}

static int show(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    int status = operand_take(line, q, err);
    if (!status)
        status = leat_delivery_letters(q->delivery, q->name, q->only, print_value, q, err);
    return status || q->shown ? status : none(q, err);
}

static int note(void *arg, const struct leat_dead_letter *l, struct leat_err *err)
{
    struct dlq *q = arg;
    if (q->only && l->sequence != q->only)
        return LEAT_EOF;
    uint64_t *found = realloc(q->found, (q->found_count + 1) * sizeof *found);
    if (!found)
        return leat_fail(err, LEAT_ERETRY, "out of memory for dead letters");
    q->found = found;
    q->found[q->found_count++] = l->sequence;
    return LEAT_OK;
}

struct marked {
    struct dlq *q;
    struct leat_dead_letter letter;
};

/* The letter is read and written in two transactions: who drops it in between has it back. */
static int mark_copy(void *arg, const struct leat_dead_letter *l, struct leat_err *err)
{
    struct marked *m = arg;
    (void)err;
    m->letter = *l;
    leat_buf_reset(&m->q->line);
    leat_buf_append(&m->q->line, l->reason);
    leat_buf_append(&m->q->line, l->topic);
    leat_buf_append(&m->q->line, l->key);
    leat_buf_append(&m->q->line, l->value);
    return LEAT_EOF;
}

static int mark_again(struct dlq *q, uint64_t sequence, struct leat_err *err)
{
    struct marked m = {.q = q};
    int status = leat_delivery_letters(q->delivery, q->name, sequence, mark_copy, &m, err);
    if (status || m.letter.sequence != sequence)
        return status;
    const uint8_t *at = q->line.data;
    m.letter.reason.ptr = at;
    m.letter.topic.ptr = m.letter.reason.ptr + m.letter.reason.len;
    m.letter.key.ptr = m.letter.topic.ptr + m.letter.topic.len;
    m.letter.value.ptr = m.letter.key.ptr + m.letter.key.len;
    m.letter.again = true;
    return q->line.full ? leat_fail(err, LEAT_ELIMIT, "the dead letter is too large")
                        : leat_delivery_bury(q->delivery, q->name, &m.letter, err);
}

static int change_all(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    int status = operand_take(line, q, err);
    if (!status)
        status = leat_delivery_letters(q->delivery, q->name, q->only, note, q, err);
    if (!status && !q->found_count)
        return none(q, err);
    for (size_t i = 0; !status && i < q->found_count; i++)
        status = q->drop ? leat_delivery_drop(q->delivery, q->name, q->found[i], err)
                         : mark_again(q, q->found[i], err);
    if (status >= 0)
        printf("%zu dead letters of %s %s\n", q->found_count, q->name,
               q->drop ? "dropped" : "are tried again by the running daemon, or the next one");
    return status < 0 ? status : LEAT_OK;
}

static int retry(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    return change_all(line, q, err);
}

static int drop(const struct command_line *line, struct dlq *q, struct leat_err *err)
{
    if (!command_flag(line, "yes")) {
        leat_fail(err, LEAT_ECONFIG, "a dropped letter is never delivered");
        leat_err_hint(err, "the same command with --yes does it");
        return LEAT_ECONFIG;
    }
    q->drop = true;
    return change_all(line, q, err);
}

/* --- the command -------------------------------------------------------------------------------
 */

int cmd_dlq(const struct command_line *line)
{
    static const struct {
        const char *name;
        int least, most; /* operands behind it */
        int (*run)(const struct command_line *line, struct dlq *q, struct leat_err *err);
    } VERBS[] = {
        {"list", 0, 1, list}, {"show", 2, 2, show}, {"retry", 2, 2, retry}, {"drop", 2, 2, drop}};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    struct dlq q = {.json = command_flag(line, "json")};
    for (size_t i = 0; line->operand_count && i < sizeof VERBS / sizeof *VERBS; i++) {
        int behind = line->operand_count - 1;
        if (strcmp(VERBS[i].name, line->operands[0]) != 0 || behind < VERBS[i].least ||
            behind > VERBS[i].most)
            continue;
        int exit_code = command_settings(line, &config, &settings);
        if (exit_code)
            return exit_code;
        leat_buf_init(&q.line, LINE_BYTES_MAX);
        int status = leat_delivery_open(settings.store.path, NULL, &q.delivery, &err);
        if (!status)
            status = VERBS[i].run(line, &q, &err);
        leat_delivery_close(q.delivery);
        leat_buf_release(&q.line);
        free(q.found);
        leat_config_free(config);
        fflush(stdout);
        return status ? command_failed(&err) : EXIT_SUCCESS;
    }
    leat_fail(&err, LEAT_ECONFIG,
              "leat dlq knows: list [NAME], show NAME SEQ, retry NAME SEQ|all, drop NAME SEQ|all");
    leat_err_hint(&err, "leat dlq --help");
    return command_failed(&err);
}
