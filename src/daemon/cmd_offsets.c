/*
 * leat offsets: the resume token of each source, which is stored in the same transaction as the
 * events before it (I1). Setting one by hand breaks that bond on purpose, so it needs --yes and a
 * store that nobody writes.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_writer.h"
#include "daemon/guard.h"
#include "daemon/show.h"
#include "store/store.h"

enum { OFFSETS_MAX = 1024, IMPORT_LINE_MAX = 4 * LEAT_TOKEN_MAX, OUT_BYTES_MAX = 64 << 20 };

struct offset {
    char name[LEAT_INSTANCE_MAX + 1];
    char *token; /* owned, never NULL */
    int64_t committed_at_us;
};

struct offsets {
    struct offset *items;
    size_t count;
};

/* --- reading ---------------------------------------------------------------------------------- */

static int offset_add(struct offsets *list, struct leat_slice name, struct leat_slice token,
                      int64_t committed_at_us, struct leat_err *err)
{
    if (list->count >= OFFSETS_MAX || name.len > LEAT_INSTANCE_MAX || token.len > LEAT_TOKEN_MAX)
        return leat_fail(err, LEAT_ELIMIT, "too many sources, or a name or token is too long");
    struct offset *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return leat_fail(err, LEAT_ERETRY, "out of memory for offsets");
    list->items = items;
    struct offset *o = &items[list->count++];
    *o = (struct offset){.token = strndup(token.len ? (const char *)token.ptr : "", token.len),
                         .committed_at_us = committed_at_us};
    if (name.len)
        memcpy(o->name, name.ptr, name.len);
    if (!o->token) {
        list->count--;
        return leat_fail(err, LEAT_ERETRY, "out of memory for offsets");
    }
    return LEAT_OK;
}

static void offsets_free(struct offsets *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].token);
    free(list->items);
}

static int offset_keep(void *arg, const char *instance, const struct leat_store_source *source,
                       struct leat_err *err)
{
    return offset_add(arg, leat_slice_text(instance), leat_buf_slice(&source->token),
                      source->committed_at_us, err);
}

static int offsets_read(const char *store_path, struct offsets *ret_list, struct leat_err *err)
{
    struct leat_store_reader *reader;
    int status = leat_store_reader_open(store_path, NULL, &reader, err);
    if (status)
        return status;
    status = leat_store_reader_sources(reader, offset_keep, ret_list, err);
    leat_store_reader_close(reader);
    return status;
}

static const struct offset *offset_find(const struct offsets *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

/* --- list, show, export ----------------------------------------------------------------------- */

static void put_offset(struct leat_json *j, const struct offset *o)
{
    char time[LEAT_CLOCK_TEXT];
    leat_json_object(j);
    LEAT_JSON_NAME(j, "source");
    leat_json_text(j, o->name);
    LEAT_JSON_NAME(j, "token");
    leat_json_text(j, o->token);
    LEAT_JSON_NAME(j, "committed_at");
    if (o->committed_at_us) {
        leat_clock_format(o->committed_at_us, time);
        leat_json_text(j, time);
    } else {
        leat_json_null(j);
    }
    leat_json_object_end(j);
}

static void print_json(const struct offsets *list, const char *only, bool lines)
{
    struct leat_buf buf;
    leat_buf_init(&buf, OUT_BYTES_MAX);
    struct leat_json j = leat_json_at(&buf);
    if (!lines && !only)
        leat_json_array(&j);
    for (size_t i = 0; i < list->count; i++) {
        if (only && strcmp(only, list->items[i].name) != 0)
            continue;
        put_offset(&j, &list->items[i]);
        if (lines) {
            leat_buf_append_text(&buf, "\n");
            j = leat_json_at(&buf);
        }
    }
    if (!lines && !only)
        leat_json_array_end(&j);
    printf("%s%s", leat_buf_text(&buf), lines ? "" : "\n");
    leat_buf_release(&buf);
}

static void print_table(const struct offsets *list)
{
    const char **cells = calloc(3 * (list->count + 1), sizeof *cells);
    struct show_word *times = calloc(list->count + 1, sizeof *times);
    if (!cells || !times)
        abort();
    cells[0] = "SOURCE", cells[1] = "STORED", cells[2] = "TOKEN";
    for (size_t i = 0; i < list->count; i++) {
        const struct offset *o = &list->items[i];
        times[i] = show_time(o->committed_at_us);
        cells[3 * (i + 1)] = o->name;
        cells[3 * (i + 1) + 1] = times[i].text;
        cells[3 * (i + 1) + 2] = o->token[0] ? o->token : "(from the beginning)";
    }
    show_table(stdout, cells, 3, list->count + 1);
    free(cells);
    free(times);
}

static int no_such_source(const char *name, const struct leat_settings *settings,
                          struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "store \"%s\" has no source \"%s\"", settings->store.path, name);
    leat_err_hint(err, "leat offsets list");
    return LEAT_ECONFIG;
}

static int list_or_export(const struct command_line *line, const struct leat_settings *settings,
                          struct leat_err *err)
{
    struct offsets list = {0};
    int status = offsets_read(settings->store.path, &list, err);
    bool export = strcmp(line->operands[0], "export") == 0;
    if (!status && (export || command_flag(line, "json")))
        print_json(&list, NULL, export);
    else if (!status)
        print_table(&list);
    offsets_free(&list);
    return status;
}

static int show(const struct command_line *line, const struct leat_settings *settings,
                struct leat_err *err)
{
    struct offsets list = {0};
    const char *name = line->operands[1];
    int status = offsets_read(settings->store.path, &list, err);
    const struct offset *o = status ? NULL : offset_find(&list, name);
    if (!status && !o)
        status = no_such_source(name, settings, err);
    else if (o && command_flag(line, "json"))
        print_json(&list, name, false);
    else if (o)
        printf("%s\n", o->token); /* alone on its line, for `leat offsets set` */
    offsets_free(&list);
    return status;
}

/* --- set -------------------------------------------------------------------------------------- */

static int token_check(const char *name, const char *token, struct leat_err *err)
{
    if (strlen(token) > LEAT_TOKEN_MAX)
        return leat_fail(err, LEAT_ECONFIG, "the token for \"%s\" is longer than %d bytes", name,
                         LEAT_TOKEN_MAX);
    for (const char *at = token; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return leat_fail(err, LEAT_ECONFIG,
                             "the token for \"%s\" has a control byte: a token is "
                             "one line of text",
                             name);
    return LEAT_OK;
}

static int import_line(const char *text, unsigned number, struct offsets *list,
                       struct leat_err *err)
{
    json_error_t why;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    const char *name = json_string_value(json_object_get(object, "source"));
    const char *token = json_string_value(json_object_get(object, "token"));
    int status = LEAT_OK;
    if (!name || !token)
        status = leat_fail(err, LEAT_ECONFIG,
                           "line %u is no offset: expected "
                           "{\"source\":\"…\",\"token\":\"…\"} as `leat offsets export` prints it",
                           number);
    if (!status)
        status = token_check(name, token, err);
    if (!status)
        status = offset_add(list, leat_slice_text(name), leat_slice_text(token), 0, err);
    json_decref(object);
    return status;
}

/* Lines of `leat offsets export` on standard input. */
static int import(struct offsets *list, struct leat_err *err)
{
    char *text = malloc(IMPORT_LINE_MAX);
    int status = text ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for a line");
    for (unsigned number = 1; !status && fgets(text, IMPORT_LINE_MAX, stdin); number++)
        if (text[strspn(text, " \t\r\n")])
            status = import_line(text, number, list, err);
    free(text);
    return status;
}

static int wanted(const struct command_line *line, struct offsets *list, struct leat_err *err)
{
    const char *name = line->operands[1], *token = line->operands[2];
    if (strcmp(name, "-") == 0 && !token)
        return import(list, err);
    if (!token)
        return leat_fail(err, LEAT_ECONFIG, "leat offsets set needs a name and a token, or \"-\"");
    int status = token_check(name, token, err);
    return status ? status
                  : offset_add(list, leat_slice_text(name), leat_slice_text(token), 0, err);
}

/* Everything is looked at before the first is set. */
static int review(const struct offsets *wish, const struct offsets *now, bool yes,
                  const struct leat_settings *settings, struct leat_err *err)
{
    for (size_t i = 0; i < wish->count; i++) {
        const struct offset *o = offset_find(now, wish->items[i].name);
        if (!o)
            return no_such_source(wish->items[i].name, settings, err);
        printf("%s\n  from ", o->name);
        show_text(stdout, o->token[0] ? o->token : "(the beginning)");
        printf("\n  to   ");
        show_text(stdout, wish->items[i].token[0] ? wish->items[i].token : "(the beginning)");
        printf("\n");
    }
    if (yes)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG, "nothing was set: the source would repeat or leave out changes");
    leat_err_hint(err, "Say --yes if that is what you want.");
    return LEAT_ECONFIG;
}

static int apply(const struct offsets *wish, const struct leat_settings *s, struct leat_err *err)
{
    struct leat_store *store;
    struct leat_store_options options = {
        .path = s->store.path,
        .segment_bytes = s->store.segment_bytes,
        .segment_age_ms = s->store.segment_age_ms,
        .map_bytes = s->store.map_bytes,
        .quota_bytes = s->store.quota_bytes,
        .low_water_bytes = s->store.low_water_bytes,
    };
    int status = leat_store_open(&options, &store, err);
    if (status)
        return status;
    for (size_t i = 0; !status && i < wish->count; i++) {
        const struct offset *o = &wish->items[i];
        status = leat_store_set_token(store, o->name, leat_slice_text(o->token), err);
    }
    leat_store_close(store);
    return status;
}

static int set(const struct command_line *line, const struct leat_settings *settings,
               struct leat_err *err)
{
    struct offsets wish = {0}, now = {0};
    int status = wanted(line, &wish, err);
    if (!status)
        status = offsets_read(settings->store.path, &now, err);
    if (!status)
        status = review(&wish, &now, command_flag(line, "yes"), settings, err);
    if (!status)
        status = apply(&wish, settings, err);
    if (!status)
        printf("%zu set\n", wish.count);
    offsets_free(&wish);
    offsets_free(&now);
    return status;
}

/* --- the command ------------------------------------------------------------------------------ */

int cmd_offsets(const struct command_line *line)
{
    static const struct {
        const char *name;
        int least, most; /* operands behind it */
        int (*run)(const struct command_line *line, const struct leat_settings *settings,
                   struct leat_err *err);
    } VERBS[] = {{"list", 0, 0, list_or_export},
                 {"show", 1, 1, show},
                 {"export", 0, 0, list_or_export},
                 {"set", 1, 2, set}};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    for (size_t i = 0; line->operand_count && i < sizeof VERBS / sizeof *VERBS; i++) {
        int more = line->operand_count - 1;
        if (strcmp(VERBS[i].name, line->operands[0]) != 0 || more < VERBS[i].least ||
            more > VERBS[i].most)
            continue;
        int exit_code = command_settings(line, &config, &settings);
        if (exit_code)
            return exit_code;
        guard_begin(settings.store.path);
        int status = VERBS[i].run(line, &settings, &err);
        leat_config_free(config);
        fflush(stdout);
        return status ? command_failed(&err) : EXIT_SUCCESS;
    }
    leat_fail(&err, LEAT_ECONFIG,
              "leat offsets knows: list, show NAME, export, set NAME TOKEN, set -");
    leat_err_hint(&err, "leat offsets --help");
    return command_failed(&err);
}
