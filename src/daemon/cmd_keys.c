/*
 * leat keys: who may bring events and read them. The secret is shown once, when it is made; what is
 * kept is a salted hash. All of it works beside a running daemon, which follows within a second.
 */
#include "daemon/commands.h"

#include <leat/clock.h>
#include <leat/ingest.h>
#include <leat/secret.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "codec/json_writer.h"
#include "daemon/show.h"
#include "store/keys.h"

enum { ID_DIGITS = 12, SECRET_DIGITS = 32, OUT_BYTES_MAX = 16 << 20 };

static const struct {
    const char *word;
    unsigned bit;
} RIGHTS[] = {{"write", LEAT_INGEST_WRITE}, {"read", LEAT_INGEST_READ}, {"admin", LEAT_INGEST_ADMIN}};

enum { RIGHT_COUNT = sizeof RIGHTS / sizeof *RIGHTS };

/* --- create ----------------------------------------------------------------------------------- */

/* So many letters of an alphabet of at most 64, each equally likely. */
static int random_text(const char *alphabet, size_t len, char *ret_text, struct leat_err *err)
{
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < len;) {
        uint8_t byte;
        if (getrandom(&byte, 1, 0) != 1)
            return leat_fail(err, LEAT_ERETRY, "the kernel gives no random bytes");
        if ((byte & 63) < letters)
            ret_text[i++] = alphabet[byte & 63];
    }
    ret_text[len] = '\0';
    return LEAT_OK;
}

static int rights_parse(const char *list, uint8_t *ret_rights, struct leat_err *err)
{
    uint8_t rights = 0;
    while (*list) {
        size_t len = strcspn(list, ","), i = 0;
        while (i < RIGHT_COUNT &&
               (strlen(RIGHTS[i].word) != len || strncmp(RIGHTS[i].word, list, len) != 0))
            i++;
        if (i == RIGHT_COUNT)
            return leat_fail(err, LEAT_ECONFIG, "--rights: \"%.*s\" is none of write, read, admin",
                             (int)len, list);
        rights |= (uint8_t)RIGHTS[i].bit;
        list += len + (list[len] == ',');
    }
    *ret_rights = rights;
    return LEAT_OK;
}

static int text_take(const struct command_line *line, const char *option, char *ret_text,
                     struct leat_err *err)
{
    const char *text = command_text(line, option);
    if (!text)
        return LEAT_OK;
    if (!*text || strlen(text) > LEAT_API_KEY_TEXT_MAX)
        return leat_fail(err, LEAT_ECONFIG, "--%s: 1 to %d bytes", option, LEAT_API_KEY_TEXT_MAX);
    snprintf(ret_text, LEAT_API_KEY_TEXT_MAX + 1, "%s", text);
    return LEAT_OK;
}

static int key_make(const struct command_line *line, struct leat_api_key *ret_key, char *ret_secret,
                    struct leat_err *err)
{
    struct leat_api_key k = {.created_at_us = leat_clock_wall_us()};
    const char *rights = command_text(line, "rights");
    int status = rights_parse(rights ? rights : "write", &k.rights, err);
    if (!status)
        status = text_take(line, "tenant", k.tenant, err);
    if (!status)
        status = text_take(line, "source", k.source, err);
    if (!status)
        status = text_take(line, "label", k.label, err);
    if (!status)
        status = random_text("0123456789abcdef", ID_DIGITS, k.id, err);
    if (!status)
        status = random_text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                             SECRET_DIGITS, ret_secret, err);
    if (!status && getrandom(k.salt, sizeof k.salt, 0) != sizeof k.salt)
        status = leat_fail(err, LEAT_ERETRY, "the kernel gives no random bytes");
    if (status)
        return status;
    leat_api_key_hash(k.salt, leat_slice_text(ret_secret), k.hash);
    *ret_key = k;
    return LEAT_OK;
}

static int create(const struct command_line *line, struct leat_api_keys *keys, struct leat_err *err)
{
    struct leat_api_key key;
    char secret[SECRET_DIGITS + 1];
    int status = key_make(line, &key, secret, err);
    if (!status)
        status = leat_api_keys_put(keys, &key, err);
    if (!status)
        printf("lk_%s_%s\n", key.id, secret);
    leat_secret_wipe(secret, sizeof secret);
    return status;
}

/* --- list ------------------------------------------------------------------------------------- */

struct list {
    struct leat_api_key *items;
    size_t count;
};

static int keep(void *arg, const struct leat_api_key *key, struct leat_err *err)
{
    struct list *list = arg;
    struct leat_api_key *items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return leat_fail(err, LEAT_ERETRY, "out of memory for keys");
    list->items = items;
    list->items[list->count++] = *key;
    return LEAT_OK;
}

struct rights_text {
    char text[24];
};

static struct rights_text rights_of(uint8_t rights)
{
    struct rights_text out = {""};
    size_t at = 0;
    for (size_t i = 0; i < RIGHT_COUNT; i++)
        if (rights & RIGHTS[i].bit)
            at += (size_t)snprintf(out.text + at, sizeof out.text - at, "%s%s", at ? "," : "",
                                   RIGHTS[i].word);
    return out;
}

static void put_scope(struct leat_json *j, const char *text)
{
    if (text[0])
        leat_json_text(j, text);
    else
        leat_json_null(j);
}

static void put_time(struct leat_json *j, int64_t us)
{
    char time[LEAT_CLOCK_TEXT];
    leat_clock_format(us, time);
    put_scope(j, us ? time : "");
}

static void put_key(struct leat_json *j, const struct leat_api_key *k)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "id");
    leat_json_text(j, k->id);
    LEAT_JSON_NAME(j, "rights");
    leat_json_text(j, rights_of(k->rights).text);
    LEAT_JSON_NAME(j, "tenant");
    put_scope(j, k->tenant);
    LEAT_JSON_NAME(j, "source");
    put_scope(j, k->source);
    LEAT_JSON_NAME(j, "label");
    put_scope(j, k->label);
    LEAT_JSON_NAME(j, "created");
    put_time(j, k->created_at_us);
    LEAT_JSON_NAME(j, "used");
    put_time(j, k->used_at_us);
    LEAT_JSON_NAME(j, "revoked");
    put_time(j, k->revoked_at_us);
    leat_json_object_end(j);
}

static void print_json(const struct list *list)
{
    struct leat_buf buf;
    leat_buf_init(&buf, OUT_BYTES_MAX);
    struct leat_json j = leat_json_at(&buf);
    leat_json_array(&j);
    for (size_t i = 0; i < list->count; i++)
        put_key(&j, &list->items[i]);
    leat_json_array_end(&j);
    printf("%s\n", leat_buf_text(&buf));
    leat_buf_release(&buf);
}

enum { COLUMNS = 7 };

static void print_table(const struct list *list)
{
    const char **cells = calloc(COLUMNS * (list->count + 1), sizeof *cells);
    struct rights_text *rights = calloc(list->count + 1, sizeof *rights);
    struct show_word *times = calloc(2 * list->count + 1, sizeof *times);
    if (!cells || !rights || !times)
        abort();
    cells[0] = "ID", cells[1] = "RIGHTS", cells[2] = "TENANT", cells[3] = "SOURCE";
    cells[4] = "MADE", cells[5] = "USED", cells[6] = "LABEL";
    for (size_t i = 0; i < list->count; i++) {
        const struct leat_api_key *k = &list->items[i];
        const char **row = &cells[COLUMNS * (i + 1)];
        rights[i] = rights_of(k->rights);
        times[2 * i] = show_time(k->created_at_us);
        times[2 * i + 1] = show_time(k->used_at_us);
        row[0] = k->id;
        row[1] = k->revoked_at_us ? "revoked" : rights[i].text;
        row[2] = k->tenant[0] ? k->tenant : "(all)";
        row[3] = k->source[0] ? k->source : "(all)";
        row[4] = times[2 * i].text;
        row[5] = k->used_at_us ? times[2 * i + 1].text : "never";
        row[6] = k->label;
    }
    show_table(stdout, cells, COLUMNS, list->count + 1);
    free(cells);
    free(rights);
    free(times);
}

static int list(const struct command_line *line, struct leat_api_keys *keys, struct leat_err *err)
{
    struct list all = {NULL, 0};
    int status = leat_api_keys_each(keys, keep, &all, err);
    if (!status && command_flag(line, "json"))
        print_json(&all);
    else if (!status)
        print_table(&all);
    free(all.items);
    return status;
}

/* --- revoke ------------------------------------------------------------------------------------ */

static int revoke(const struct command_line *line, struct leat_api_keys *keys, struct leat_err *err)
{
    struct list all = {NULL, 0};
    const char *id = line->operands[1];
    int status = leat_api_keys_each(keys, keep, &all, err);
    struct leat_api_key *found = NULL;
    for (size_t i = 0; !status && i < all.count; i++)
        if (strcmp(all.items[i].id, id) == 0)
            found = &all.items[i];
    if (!status && !found) {
        status = leat_fail(err, LEAT_ECONFIG, "there is no key \"%s\"", id);
        leat_err_hint(err, "leat keys list");
    } else if (found && !found->revoked_at_us) {
        found->revoked_at_us = leat_clock_wall_us();
        status = leat_api_keys_put(keys, found, err);
    }
    free(all.items);
    return status;
}

/* --- the command ------------------------------------------------------------------------------- */

int cmd_keys(const struct command_line *line)
{
    static const struct {
        const char *name;
        int operands; /* behind it */
        int (*run)(const struct command_line *line, struct leat_api_keys *keys, struct leat_err *err);
    } VERBS[] = {{"create", 0, create}, {"list", 0, list}, {"revoke", 1, revoke}};
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_api_keys *keys = NULL;
    struct leat_err err;
    for (size_t i = 0; line->operand_count && i < sizeof VERBS / sizeof *VERBS; i++) {
        if (strcmp(VERBS[i].name, line->operands[0]) != 0 ||
            line->operand_count - 1 != VERBS[i].operands)
            continue;
        int exit_code = command_settings(line, &config, &settings);
        if (exit_code)
            return exit_code;
        int status = leat_api_keys_open(settings.store.path, NULL, &keys, &err);
        if (!status)
            status = VERBS[i].run(line, keys, &err);
        leat_api_keys_close(keys);
        leat_config_free(config);
        fflush(stdout);
        return status ? command_failed(&err) : EXIT_SUCCESS;
    }
    leat_fail(&err, LEAT_ECONFIG, "leat keys knows: create, list, revoke ID");
    leat_err_hint(&err, "leat keys --help");
    return command_failed(&err);
}
