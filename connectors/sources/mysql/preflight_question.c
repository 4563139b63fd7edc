/*
 * Preflight: how a question is asked, what becomes of one that is refused, and the statements that
 * set a server's variables.
 *
 * A role that leat needs sees little of what others do. That is as it should be, so what only more
 * privileges could show is no warning: it is collected and named once, with the privileges.
 */
#include "sources/mysql/preflight.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    /* how servers refuse */
    ER_ACCESS_TO_DATABASE = 1044,
    ER_ACCESS_TO_TABLE = 1142,
    ER_ACCESS_TO_COLUMN = 1143,
    ER_PRIVILEGE = 1227,
    ER_ROUTINE = 1370,
    ER_XA = 1401, /* MySQL says so of XA RECOVER without XA_RECOVER_ADMIN */
    PERSIST_VERSION_MIN = 80000,
    BINLOG_MONITOR_MARIADB = 100502,
};

/* --- asking ------------------------------------------------------------------------------------
 */

/* A statement that took too long or was killed passes by itself as a broken connection does; only
 * another question tells them apart. */
static bool is_alive(struct my_look *look)
{
    struct leat_err again;
    return look->err->code != LEAT_ERETRY ? look->err->code != LEAT_EPROTO
                                          : my_execute(look->sql, "DO 0", "go on", &again) == 0;
}

bool my_look_answered(struct my_look *look, const char *id, int status)
{
    if (!status)
        return true;
    if (is_alive(look))
        MY_LOOK_FINDING(look, LEAT_FINDING_WARN, id, NULL, "could not be checked: %s",
                        look->err->text);
    else
        look->lost = true;
    return false;
}

bool my_look_ask(struct my_look *look, const char *id, const char *sql,
                 struct my_result **ret_result)
{
    if (look->lost)
        return false;
    char what[64];
    snprintf(what, sizeof what, "check %s", id);
    return my_look_answered(look, id, my_query(look->sql, sql, what, ret_result, look->err));
}

static bool is_refusal(const struct leat_err *err)
{
    switch (err->native) {
    case ER_ACCESS_TO_DATABASE:
    case ER_ACCESS_TO_TABLE:
    case ER_ACCESS_TO_COLUMN:
    case ER_PRIVILEGE:
    case ER_ROUTINE:
    case ER_XA:
        return true;
    default:
        return false;
    }
}

static void remember(struct leat_buf *list, const char *item)
{
    if (!strstr(leat_buf_text(list), item))
        leat_buf_format(list, "%s%s", list->len ? ", " : "", item);
}

bool my_look_ask_more(struct my_look *look, const char *id, const char *subject,
                      const char *privilege, const char *sql, struct my_result **ret_result)
{
    if (look->lost)
        return false;
    char what[64];
    snprintf(what, sizeof what, "check %s", id);
    int status = my_query_if_known(look->sql, sql, what, ret_result, look->err);
    if (status == LEAT_EOF)
        return false;
    if (status && is_refusal(look->err)) {
        remember(&look->unseen, subject);
        remember(&look->wanted, privilege);
        return false;
    }
    return my_look_answered(look, id, status);
}

const char *my_look_text(const struct my_result *result, size_t row, unsigned column)
{
    struct leat_slice value = my_result_value(result, row, column);
    return value.ptr ? (const char *)value.ptr : "";
}

/* --- variables ---------------------------------------------------------------------------------
 */

const char *my_look_variable(const struct my_look *look, const char *name)
{
    for (size_t i = 0; i < my_result_rows(look->variables); i++)
        if (strcasecmp(my_look_text(look->variables, i, 0), name) == 0)
            return my_look_text(look->variables, i, 1);
    return NULL;
}

int64_t my_look_number(const struct my_look *look, const char *name, int64_t fallback)
{
    for (size_t i = 0; i < my_result_rows(look->variables); i++)
        if (strcasecmp(my_look_text(look->variables, i, 0), name) == 0)
            return my_result_int(look->variables, i, 1);
    return fallback;
}

bool my_look_is(const struct my_look *look, const char *name, const char *value)
{
    const char *is = my_look_variable(look, name);
    return is && strcasecmp(is, value) == 0;
}

/* --- statements --------------------------------------------------------------------------------
 */

/* name = value as a configuration has it, without the quotes of an SQL literal. */
static void configure_comment(const struct my_look *look, struct leat_buf *fix, const char *before,
                              const char *name, const char *value)
{
    int len = (int)strlen(value), quoted = len > 1 && *value == '\'';
    leat_fix_comment(fix, "%s%s: %s = %.*s", before,
                     look->service == MY_SERVICE_NONE
                         ? "under [mysqld] of the server's configuration"
                         : "in the parameters of the service's console",
                     name, quoted ? len - 2 : len, value + quoted);
}

void my_fix_set(const struct my_look *look, struct leat_buf *fix, const char *name,
                const char *value)
{
    bool persists = !look->server.mariadb && look->server.number >= PERSIST_VERSION_MIN;
    bool served = look->service != MY_SERVICE_NONE; /* which refuses SET GLOBAL */
    if (!served)
        leat_buf_format(fix, "%sSET %s %s = %s;", fix->len ? "\n" : "",
                        persists ? "PERSIST" : "GLOBAL", name, value);
    if (served || !persists)
        configure_comment(look, fix, served ? "" : "and ", name, value);
}

void my_fix_configure(const struct my_look *look, struct leat_buf *fix, const char *name,
                      const char *value)
{
    configure_comment(look, fix, "", name, value);
}

void my_fix_grant(const struct my_look *look, struct leat_buf *fix, const char *privileges)
{
    leat_buf_format(fix, "%sGRANT %s ON *.* TO %s;", fix->len ? "\n" : "", privileges,
                    look->account);
}

const char *my_replication_privileges(const struct my_look *look)
{
    bool named_anew = look->server.mariadb && look->server.number >= BINLOG_MONITOR_MARIADB;
    return named_anew ? "REPLICATION SLAVE, BINLOG MONITOR"
                      : "REPLICATION SLAVE, REPLICATION CLIENT";
}

void my_fix_name(struct leat_buf *fix, const char *name)
{
    leat_buf_append_text(fix, "`");
    for (; *name; name++)
        leat_buf_format(fix, *name == '`' ? "`%c" : "%c", *name);
    leat_buf_append_text(fix, "`");
}

/* --- who ---------------------------------------------------------------------------------------
 */

enum my_service my_service_of(const char *version, const char *comment, const char *basedir,
                              bool aurora)
{
    if (aurora)
        return MY_SERVICE_AURORA;
    if (strncmp(basedir, "/rdsdbbin", 9) == 0)
        return MY_SERVICE_RDS;
    if (strcasestr(version, "-google") || strcasestr(comment, "(Google)"))
        return MY_SERVICE_GOOGLE;
    if (strcasestr(version, "azure") || strcasestr(comment, "azure"))
        return MY_SERVICE_AZURE;
    return MY_SERVICE_NONE;
}

static void append_quoted(struct leat_buf *buf, struct leat_slice text)
{
    leat_buf_append_text(buf, "'");
    for (size_t i = 0; i < text.len; i++)
        leat_buf_format(buf, text.ptr[i] == '\'' || text.ptr[i] == '\\' ? "%1$c%1$c" : "%1$c",
                        text.ptr[i]);
    leat_buf_append_text(buf, "'");
}

void my_account_format(struct leat_slice current_user, char *ret_text)
{
    struct leat_buf buf;
    const uint8_t *at = current_user.len ? memrchr(current_user.ptr, '@', current_user.len) : NULL;
    size_t user = at ? (size_t)(at - current_user.ptr) : current_user.len;
    leat_buf_init(&buf, MY_ACCOUNT_MAX - 1);
    append_quoted(&buf, leat_slice_of(current_user.ptr, user));
    if (at) {
        leat_buf_append_text(&buf, "@");
        append_quoted(&buf, leat_slice_of(at + 1, current_user.len - user - 1));
    }
    snprintf(ret_text, MY_ACCOUNT_MAX, "%s", leat_buf_text(&buf));
    leat_buf_release(&buf);
}
