/*
 * `leat check` for a MySQL or MariaDB source, and what its files share: one look at a server.
 *
 *     preflight.c            who the server is, who we are, the order of all questions
 *     preflight_log.c        how the log is written, whether we may read it, how long it is kept
 *     preflight_tables.c     what is asked for against what there is: tables, keys, columns
 *     preflight_activity.c   what others do: replicas, prepared and long transactions
 *     preflight_question.c   questions, the server's variables, statements that set one
 *
 * A check is a function: it asks one question and reports what it found, good or bad. A question
 * that the server refuses is a finding too; one that only a privilege we need not have could answer
 * is named in a single note. A connection that breaks ends the look, and my_preflight() returns its
 * error.
 *
 * Ownership: everything in struct my_look is my_preflight()'s. Threads: one owner.
 */
#ifndef MYSQL_PREFLIGHT_H
#define MYSQL_PREFLIGHT_H

#include <leat/finding.h>

#include "sources/mysql/catalog.h"

/* Reports what keeps `leat run` from working, or will hurt one day. Changes nothing. LEAT_ERETRY or
 * LEAT_ECONFIG: there is no connection, or it broke. */
int my_preflight(const struct my_settings *settings, const char *instance,
                 struct leat_report *report, struct leat_err *err) LEAT_MUST_CHECK;

/* Who runs the server: where settings are made by a service's console, statements do not help. */
enum my_service {
    MY_SERVICE_NONE,
    MY_SERVICE_AURORA,
    MY_SERVICE_RDS,
    MY_SERVICE_GOOGLE,
    MY_SERVICE_AZURE
};

enum { MY_ACCOUNT_MAX = 1100 };

struct my_look {
    const struct my_settings *settings;
    const char *instance;
    struct leat_report *report;
    struct leat_err *err; /* set when `lost` */
    bool lost;            /* the connection is gone: no further questions */
    struct my_connection *sql;
    struct my_server server;
    enum my_service service;
    struct my_result *variables;  /* Variable_name, Value */
    char account[MY_ACCOUNT_MAX]; /* as a GRANT names it: 'leat'@'10.0.0.%' */
    int64_t clock_offset_us;      /* server's clock less ours */
    int64_t clock_doubt_us;       /* half of the round trip */
    int64_t connections_max;      /* of our account; 0: no limit */
    bool by_gtid;                 /* leat run would resume by GTID */
    bool end_known;               /* where the log ends */
    struct my_log_end end;
    struct leat_buf gtids;  /* … and its GTIDs */
    struct leat_buf unseen; /* what was not looked at for want of a privilege */
    struct leat_buf wanted; /* … and those privileges */
};

void my_look_log(struct my_look *look);
void my_look_tables(struct my_look *look);
void my_look_activity(struct my_look *look);

/* --- questions ---------------------------------------------------------------------------------*/

/* Asks; false when there is no answer, which has been reported under `id`. */
bool my_look_ask(struct my_look *look, const char *id, const char *sql,
                 struct my_result **ret_result) LEAT_MUST_CHECK;

/* The same for a question of catalog.h that was already asked with look->err: true when `status` is
 * fine. */
bool my_look_answered(struct my_look *look, const char *id, int status) LEAT_MUST_CHECK;

/* Asks what this server may not know (false, no finding), and what we may not be allowed to ask:
 * then `subject` and the privilege are noted for the end. */
bool my_look_ask_more(struct my_look *look, const char *id, const char *subject,
                      const char *privilege, const char *sql,
                      struct my_result **ret_result) LEAT_MUST_CHECK;

/* The value as text, "" for NULL. */
const char *my_look_text(const struct my_result *result, size_t row, unsigned column);

/* A variable of the server; NULL where this server has none of the name. */
const char *my_look_variable(const struct my_look *look, const char *name);
int64_t my_look_number(const struct my_look *look, const char *name, int64_t fallback);
bool my_look_is(const struct my_look *look, const char *name, const char *value); /* any case */

#define MY_LOOK_FINDING(look, ...)         leat_finding((look)->report, __VA_ARGS__)
#define MY_LOOK_FINDING_RESTART(look, ...) leat_finding_restart((look)->report, __VA_ARGS__)

/* --- statements --------------------------------------------------------------------------------*/

/* Appends the statement that sets a variable for good; `value` is an SQL literal. Where statements
 * cannot (a service, a server without SET PERSIST), a comment says what else is to be done. */
void my_fix_set(const struct my_look *look, struct leat_buf *fix, const char *name,
                const char *value);

/* Appends what has to stand in the server's configuration before a restart. */
void my_fix_configure(const struct my_look *look, struct leat_buf *fix, const char *name,
                      const char *value);

/* GRANT … ON *.* TO us; */
void my_fix_grant(const struct my_look *look, struct leat_buf *fix, const char *privileges);

/* What leat needs, as this server calls it. */
const char *my_replication_privileges(const struct my_look *look);

/* A name in backquotes. */
void my_fix_name(struct leat_buf *fix, const char *name);

/* --- pure parts, for the tests -----------------------------------------------------------------*/

enum my_service my_service_of(const char *version, const char *comment, const char *basedir,
                              bool aurora);

/* How long files of the log are kept, by what the server says (NULL: it has no such variable): in
 * seconds, 0 for ever. */
int64_t my_log_kept_seconds(const char *expire_seconds, const char *expire_days,
                            const char *auto_purge);

/* "leat@10.0.0.%" → 'leat'@'10.0.0.%' */
void my_account_format(struct leat_slice current_user, char *ret_text);

/* The statement's steps from one gtid_mode to ON, appended. */
void my_gtid_mode_steps(const struct my_look *look, const char *mode, const char *consistency,
                        struct leat_buf *fix);

/* Whether a table of this definition (SHOW CREATE TABLE) has rows changed by a foreign key. */
bool my_table_cascades(const char *create);

/* Whether a pattern has letters that a server with lower_case_table_names=1 never writes. */
bool my_pattern_has_capitals(const char *pattern);

#endif
