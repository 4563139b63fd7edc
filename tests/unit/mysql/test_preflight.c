/* What of the preflight needs no server: who runs it, how long its log is kept, statements and names in fixes,
 * definitions of tables. */
#include "sources/mysql/preflight.h"

#include "unit/outcome.h"

static struct my_look look_at(bool mariadb, uint32_t number, enum my_service service)
{
    return (struct my_look){.server = {.mariadb = mariadb, .number = number},
                            .service = service,
                            .account = "'leat'@'%'"};
}

static void service__is_known_by_what_it_leaves_in_the_variables(void **state)
{
    (void)state;
    static const struct {
        const char *version, *comment, *basedir;
        bool aurora;
        enum my_service service;
    } CASES[] = {
        {"8.0.36", "MySQL Community Server - GPL", "/usr/", false, MY_SERVICE_NONE},
        {"10.11.6-MariaDB-0+deb12u1-log", "Debian 12", "/usr", false, MY_SERVICE_NONE},
        {"8.0.35", "Source distribution", "/rdsdbbin/mysql-8.0.35.R1/", false, MY_SERVICE_RDS},
        {"10.6.14-MariaDB-log", "managed by https://aws.amazon.com/rds/", "/rdsdbbin/mariadb-10.6.14.R1/", false,
         MY_SERVICE_RDS},
        {"8.0.32", "Source distribution", "/rdsdbbin/oscar-8.0.mysql_aurora.3.06.0/", true, MY_SERVICE_AURORA},
        {"8.0.31-google", "(Google)", "/usr/", false, MY_SERVICE_GOOGLE},
        {"8.0.35-azure", "MySQL Server (GPL)", "/usr/", false, MY_SERVICE_AZURE},
        {"5.7.44-log", "MySQL Community Server (Azure)", "/usr/", false, MY_SERVICE_AZURE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(my_service_of(CASES[i].version, CASES[i].comment, CASES[i].basedir, CASES[i].aurora),
                         CASES[i].service);
}

static void log__is_kept_as_the_newest_of_its_variables_says(void **state)
{
    (void)state;
    static const struct {
        const char *seconds, *days, *purge;
        int64_t kept;
    } CASES[] = {
        {NULL, NULL, NULL, 0},
        {"2592000", "0", NULL, 2592000}, /* MySQL 8's defaults */
        {"2592000", NULL, "ON", 2592000},
        {"2592000", NULL, "OFF", 0},
        {"0", "0", "ON", 0},
        {"0", "7", "ON", 7 * 86400}, /* both can be set; the older one counts then */
        {NULL, "3", NULL, 3 * 86400}, /* MySQL 5.7 */
        {"43200", "0.500000", NULL, 43200}, /* MariaDB: one setting by two names */
        {NULL, "0.500000", NULL, 43200},
        {"nonsense", "nonsense", NULL, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(my_log_kept_seconds(CASES[i].seconds, CASES[i].days, CASES[i].purge), CASES[i].kept);
}

static void account__is_quoted_as_a_grant_wants_it(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"leat@127.0.0.1", "'leat'@'127.0.0.1'"},
        {"leat@%", "'leat'@'%'"},
        {"me@home@10.0.0.%", "'me@home'@'10.0.0.%'"},
        {"o'neill@%", "'o''neill'@'%'"},
        {"back\\slash@%", "'back\\\\slash'@'%'"},
        {"role", "'role'"},
        {"", "''"},
    };
    char text[MY_ACCOUNT_MAX];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        my_account_format(leat_slice_text(CASES[i][0]), text);
        assert_string_equal(text, CASES[i][1]);
    }
}

static void name__is_quoted_whatever_is_in_it(void **state)
{
    (void)state;
    struct leat_buf buf;
    leat_buf_init(&buf, 256);
    my_fix_name(&buf, "a`b; DROP");
    assert_string_equal(leat_buf_text(&buf), "`a``b; DROP`");
    leat_buf_release(&buf);
}

static void set__is_what_this_server_understands(void **state)
{
    (void)state;
    static const struct {
        bool mariadb;
        uint32_t number;
        enum my_service service;
        const char *text;
    } CASES[] = {
        {false, 80036, MY_SERVICE_NONE, "SET PERSIST binlog_format = 'ROW';"},
        {false, 260700, MY_SERVICE_NONE, "SET PERSIST binlog_format = 'ROW';"},
        {false, 50744, MY_SERVICE_NONE,
         "SET GLOBAL binlog_format = 'ROW';\n-- and under [mysqld] of the server's configuration: binlog_format = ROW"},
        {true, 101106, MY_SERVICE_NONE,
         "SET GLOBAL binlog_format = 'ROW';\n-- and under [mysqld] of the server's configuration: binlog_format = ROW"},
        {false, 80036, MY_SERVICE_RDS, "-- in the parameters of the service's console: binlog_format = ROW"},
    };
    struct leat_buf fix;
    leat_buf_init(&fix, 1024);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct my_look look = look_at(CASES[i].mariadb, CASES[i].number, CASES[i].service);
        leat_buf_reset(&fix);
        my_fix_set(&look, &fix, "binlog_format", "'ROW'");
        assert_string_equal(leat_buf_text(&fix), CASES[i].text);
    }
    struct my_look look = look_at(true, 101106, MY_SERVICE_NONE);
    leat_buf_reset(&fix);
    my_fix_configure(&look, &fix, "binlog_row_value_options", "''");
    assert_string_equal(leat_buf_text(&fix),
                        "-- under [mysqld] of the server's configuration: binlog_row_value_options = ");
    leat_buf_release(&fix);
}

static void grant__names_the_privileges_as_the_server_does(void **state)
{
    (void)state;
    struct leat_buf fix;
    struct my_look look = look_at(true, 101106, MY_SERVICE_NONE);
    leat_buf_init(&fix, 1024);
    my_fix_grant(&look, &fix, my_replication_privileges(&look));
    assert_string_equal(leat_buf_text(&fix), "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'leat'@'%';");
    look = look_at(true, 100400, MY_SERVICE_NONE);
    assert_string_equal(my_replication_privileges(&look), "REPLICATION SLAVE, REPLICATION CLIENT");
    look = look_at(false, 90700, MY_SERVICE_NONE);
    assert_string_equal(my_replication_privileges(&look), "REPLICATION SLAVE, REPLICATION CLIENT");
    leat_buf_release(&fix);
}

/* The statements of a fix, without its comments. */
static void assert_steps(const char *mode, const char *consistency, const char *expected)
{
    struct my_look look = look_at(false, 80036, MY_SERVICE_NONE);
    struct leat_buf fix;
    char steps[1024] = "", *line, *rest;
    leat_buf_init(&fix, 8192);
    my_gtid_mode_steps(&look, mode, consistency, &fix);
    char *text = strdup(leat_buf_text(&fix));
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "--", 2) != 0)
            snprintf(steps + strlen(steps), sizeof steps - strlen(steps), "%s\n", line);
    assert_string_equal(steps, expected);
    free(text);
    leat_buf_release(&fix);
}

static void gtid_mode__goes_from_where_it_is_to_on_without_leaving_out_a_step(void **state)
{
    (void)state;
    assert_steps("OFF", "OFF",
                 "SET PERSIST enforce_gtid_consistency = 'ON';\nSET PERSIST gtid_mode = 'OFF_PERMISSIVE';\n"
                 "SET PERSIST gtid_mode = 'ON_PERMISSIVE';\nSET PERSIST gtid_mode = 'ON';\n");
    assert_steps("OFF_PERMISSIVE", "WARN",
                 "SET PERSIST enforce_gtid_consistency = 'ON';\nSET PERSIST gtid_mode = 'ON_PERMISSIVE';\n"
                 "SET PERSIST gtid_mode = 'ON';\n");
    assert_steps("ON_PERMISSIVE", "ON", "SET PERSIST gtid_mode = 'ON';\n");
    assert_steps("ON", "ON", "");
}

static void cascades__are_found_in_a_definition_and_nowhere_else(void **state)
{
    (void)state;
    static const char *const WITH[] = {
        "CREATE TABLE `c` (\n  `a` int(11) DEFAULT NULL,\n  KEY `a` (`a`),\n  CONSTRAINT `f` FOREIGN KEY (`a`) "
        "REFERENCES `p` (`id`) ON DELETE CASCADE\n) ENGINE=InnoDB",
        "CREATE TABLE `c` (\n  CONSTRAINT `f` FOREIGN KEY (`a`,`b`) REFERENCES `d`.`p` (`id`,`x`) ON DELETE SET NULL "
        "ON UPDATE NO ACTION,\n  CONSTRAINT `g` FOREIGN KEY (`a`) REFERENCES `q` (`id`)\n)",
        "CREATE TABLE `c` (\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON UPDATE CASCADE",
    };
    static const char *const WITHOUT[] = {
        "",
        "CREATE TABLE `c` (\n  `a` int\n) COMMENT='ON DELETE CASCADE'",
        "CREATE TABLE `c` (\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`)\n)",
        "CREATE TABLE `c` (\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`) ON DELETE NO ACTION,\n)",
        "CREATE TABLE `c` (\n  CONSTRAINT `x ON DELETE CASCADE` FOREIGN KEY (`a`) REFERENCES `p` (`id`)\n)",
        "CREATE TABLE `c` (\n  CONSTRAINT `k` CHECK (`a` <> ' FOREIGN KEY ')\n) COMMENT=' CASCADE'",
        "CREATE TABLE `c` (\n  `v` varchar(9) COMMENT ') ON DELETE CASCADE'\n)",
    };
    for (size_t i = 0; i < sizeof WITH / sizeof *WITH; i++)
        if (!my_table_cascades(WITH[i]))
            fail_msg("not found in %s", WITH[i]);
    for (size_t i = 0; i < sizeof WITHOUT / sizeof *WITHOUT; i++)
        if (my_table_cascades(WITHOUT[i]))
            fail_msg("found in %s", WITHOUT[i]);
}

static void pattern__capitals_are_ascii_capitals(void **state)
{
    (void)state;
    assert_true(my_pattern_has_capitals("shop.Orders"));
    assert_true(my_pattern_has_capitals("Z"));
    assert_false(my_pattern_has_capitals("shop.orders_*"));
    assert_false(my_pattern_has_capitals(""));
}

void leat_report_add(struct leat_report *report, enum leat_severity severity, const char *id,
                     const char *observed, const char *fix, bool restart)
{
    (void)report;
    (void)severity;
    (void)id;
    (void)observed;
    (void)fix;
    (void)restart;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service__is_known_by_what_it_leaves_in_the_variables),
        cmocka_unit_test(log__is_kept_as_the_newest_of_its_variables_says),
        cmocka_unit_test(account__is_quoted_as_a_grant_wants_it),
        cmocka_unit_test(name__is_quoted_whatever_is_in_it),
        cmocka_unit_test(set__is_what_this_server_understands),
        cmocka_unit_test(grant__names_the_privileges_as_the_server_does),
        cmocka_unit_test(gtid_mode__goes_from_where_it_is_to_on_without_leaving_out_a_step),
        cmocka_unit_test(cascades__are_found_in_a_definition_and_nowhere_else),
        cmocka_unit_test(pattern__capitals_are_ascii_capitals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
