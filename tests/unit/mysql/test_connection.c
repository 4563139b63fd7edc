/*
 * What error numbers mean (the table is mysql.md 7.8, written down a second time by hand), what
 * they advise, and how text is quoted. What needs a server is in tests/integration.
 */
#include "sources/mysql/connection.h"

#include "unit/outcome.h"

#include <leat/buf.h>

static const struct my_settings SETTINGS = {
    .host = "db.example.org", .port = 3306, .user = "leat", .row_bytes_max = 96 << 20};

static void classify__passing_troubles_are_tried_again(void **state)
{
    (void)state;
    static const unsigned PASSING[] = {1053, 1077, 1078, 1079, 2002, 2003, 2006, 2013, 2055,
                                       1158, 1159, 1160, 1161, 1927, 3169, 1317, 1040, 1203,
                                       1205, 1213, 2005, 2012, 5013, 5014, 0};
    for (size_t i = 0; i < sizeof PASSING / sizeof *PASSING; i++)
        if (my_classify(PASSING[i], "text") != LEAT_ERETRY)
            fail_msg("%u is %s", PASSING[i], leat_code_name(my_classify(PASSING[i], "text")));
}

static void classify__what_an_operator_must_mend_is_not_tried_again(void **state)
{
    (void)state;
    static const unsigned LASTING[] = {1044, 1045, 1698, 1130, 1129, 1142, 1227, 1047, 1064,
                                       1146, 1193, 1251, 2059, 2061, 1820, 1862, 3118, 4151,
                                       4052, 1381, 1373, 2007, 3159, 1999, 4999};
    for (size_t i = 0; i < sizeof LASTING / sizeof *LASTING; i++)
        if (my_classify(LASTING[i], "text") != LEAT_ECONFIG)
            fail_msg("%u is %s", LASTING[i], leat_code_name(my_classify(LASTING[i], "text")));
    assert_int_equal(my_classify(2014, ""), LEAT_EPROTO);
    assert_int_equal(my_classify(2027, NULL), LEAT_EPROTO);
    assert_int_equal(my_classify(2020, ""), LEAT_ELIMIT);
}

/* Texts as servers wrote them: MariaDB 10.11 (appendix A 10 and seen), MySQL 5.7 to 9. */
static const struct {
    const char *text;
    int code;
    const char *hint; /* a part of it */
} ENDS[] = {
    {"Could not find first log file name in binary log index file", LEAT_ECONFIG, "gone"},
    {"The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master has "
     "purged binary logs containing GTIDs that the slave requires.",
     LEAT_ECONFIG, "gone"},
    {"Cannot replicate because the source purged required binary logs. Replicate the missing "
     "transactions from elsewhere, or provision a new replica from backup.",
     LEAT_ECONFIG, "gone"},
    {"Could not find GTID state requested by slave in any binlog files. Probably the slave state "
     "is too old and required binlog files have been purged.",
     LEAT_ECONFIG, "gone"},
    {"Client requested master to start replication from position > file size", LEAT_ECONFIG,
     "sync_binlog"},
    {"Client requested master to start replication from impossible position; the first event "
     "'mysql-bin.000001' at 99999999, the last event read from 'mysql-bin.000001' at 4",
     LEAT_ECONFIG, "sync_binlog"},
    {"Slave has more GTIDs than the master has, using the master's SERVER_UUID.", LEAT_ECONFIG,
     "does not have transactions"},
    {"Replica has more GTIDs than the source has, using the source's SERVER_UUID.", LEAT_ECONFIG,
     "does not have transactions"},
    {"Error: connecting slave requested to start from GTID 0-77-99, which is not in the master's "
     "binlog",
     LEAT_ECONFIG, "does not have transactions"},
    {"A replica with the same server_uuid/server_id as this replica has connected to the source",
     LEAT_ECONFIG, "server_id of its own"},
    {"A slave with the same server_uuid/server_id as this slave has connected to the master",
     LEAT_ECONFIG, "server_id of its own"},
    {"The replication sender thread cannot start in AUTO_POSITION mode: this server has GTID_MODE "
     "= OFF_PERMISSIVE instead of ON.",
     LEAT_ECONFIG, "resume"},
    {"Cannot replicate anonymous transaction when AUTO_POSITION = 1", LEAT_ECONFIG, "resume"},
    {"Slave can not handle replication events with the checksum that master is configured to log",
     LEAT_ECONFIG, ""},
    {"log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master",
     LEAT_ELIMIT, "max_allowed_packet"},
    {"bogus data in log event; the first event", LEAT_EPROTO, ""},
    {"binlog truncated in the middle of event; consider out of disk space on master", LEAT_EPROTO,
     ""},
    {"event read from binlog did not pass crc check", LEAT_EPROTO, ""},
    {"Could not find format_description_event in binlog", LEAT_EPROTO, ""},
    {"could not find next log; the first event 'mysql-bin.000002' at 4", LEAT_ERETRY, ""},
    {"Binary log is not open", LEAT_ECONFIG, "log_bin"},
    {"Misconfigured master - server_id was not set", LEAT_ECONFIG, "log_bin"},
    {"something that nobody has said yet", LEAT_ECONFIG, ""},
};

static void classify__the_ends_of_a_dump_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        if (my_classify(1236, ENDS[i].text) != ENDS[i].code)
            fail_msg("another end than expected: %s", ENDS[i].text);
        gives(ENDS[i].code,
              my_fail(&SETTINGS, 1236, "HY000", ENDS[i].text, "read the binlog", &err));
        if (*ENDS[i].hint)
            assert_text_has(err.hint, ENDS[i].hint);
        else
            assert_string_equal(err.hint, "");
    }
    assert_int_equal(my_classify(1236, NULL), LEAT_ECONFIG);
}

static void classify__tls_cut_off_is_the_network_and_untrusted_is_not(void **state)
{
    (void)state;
    static const char *const CUT[] = {"TLS/SSL error: unexpected eof while reading",
                                      "TLS/SSL error: Connection reset by peer",
                                      "TLS/SSL error: Broken pipe"};
    static const char *const WRONG[] = {
        "TLS/SSL error: self-signed certificate in certificate chain",
        "TLS/SSL error: Validation of SSL server certificate failed",
        "TLS/SSL error: SSL is required, but the server does not support it",
        "SSL connection error: SSL_CTX_set_default_verify_paths failed",
    };
    for (size_t i = 0; i < sizeof CUT / sizeof *CUT; i++)
        assert_int_equal(my_classify(2026, CUT[i]), LEAT_ERETRY);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        gives(LEAT_ECONFIG, my_fail(&SETTINGS, 2026, "HY000", WRONG[i], "connect", &err));
    assert_text_has(err.hint, "ssl_ca");
}

static void fail__an_error_says_what_and_why_and_what_to_do(void **state)
{
    (void)state;
    gives(LEAT_ECONFIG, my_fail(&SETTINGS, 1227, "42000", "Access denied; you need\nmore\n",
                                "read the binlog", &err));
    assert_string_equal(err.text, "cannot read the binlog: Access denied; you need more (1227)");
    assert_string_equal(err.hint,
                        "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'leat'@'<host>'");
    assert_string_equal(err.state, "42000");
    assert_int_equal(err.native, 1227);
    assert_int_equal(err.domain, LEAT_DOMAIN_SQLSTATE);

    gives(LEAT_ERETRY, my_fail(&SETTINGS, 2013, NULL, "", "ask", &err));
    assert_string_equal(err.text, "cannot ask: the connection was lost (2013)");
    assert_string_equal(err.hint, "");
    gives(LEAT_ERETRY, my_fail(&SETTINGS, 0, "", NULL, "ask", &err));
}

static void fail__well_known_troubles_have_a_remedy(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *hint;
    } REMEDIES[] = {
        {1045, "user = 'leat'"},
        {1698, "user = 'leat'"},
        {1130, "CREATE USER 'leat'"},
        {1129, "FLUSH HOSTS"},
        {1142, "GRANT SELECT"},
        {1820, "ALTER USER 'leat'"},
        {1862, "ALTER USER 'leat'"},
        {3118, "ACCOUNT UNLOCK"},
        {4151, "ACCOUNT UNLOCK"},
        {2059, "MARIADB_PLUGIN_DIR"},
        {2061, "server_public_key"},
        {1047, "resume"},
        {1381, "log_bin"},
        {4052, "server_id"},
        {2020, "row_max (100663296 bytes)"},
    };
    for (size_t i = 0; i < sizeof REMEDIES / sizeof *REMEDIES; i++) {
        int status = my_fail(&SETTINGS, REMEDIES[i].number, "HY000", "t", "do it", &err);
        assert_true(status < 0);
        assert_text_has(err.hint, REMEDIES[i].hint);
    }
}

static void fail__a_very_long_message_is_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gives(LEAT_ERETRY, my_fail(&SETTINGS, 1105, "HY000", text, "ask", &err));
    assert_true(strlen(err.text) < sizeof err.text);
    assert_text_has(err.text, "(1105)");
}

static void assert_quoted(struct leat_slice text, const char *expected)
{
    struct leat_buf buf;
    leat_buf_init(&buf, 4096);
    my_quote(&buf, text);
    assert_string_equal(leat_buf_text(&buf), expected);
    leat_buf_release(&buf);
}

/* In both meanings that a backslash has, by sql_mode. */
static void quote__a_literal_means_the_same_in_every_sql_mode(void **state)
{
    (void)state;
    assert_quoted(LEAT_SLICE_LITERAL(""), "''");
    assert_quoted(LEAT_SLICE_LITERAL("orders"), "'orders'");
    assert_quoted(LEAT_SLICE_LITERAL("it's"), "'it''s'");
    assert_quoted(LEAT_SLICE_LITERAL("'; DROP TABLE t; --"), "'''; DROP TABLE t; --'");
    assert_quoted(LEAT_SLICE_LITERAL("\"`größe`\""), "'\"`größe`\"'");
    assert_quoted(LEAT_SLICE_LITERAL("\\' OR 1 -- "), "_utf8mb4 X'5C27204F522031202D2D20'");
    assert_quoted(LEAT_SLICE_LITERAL("a\\"), "_utf8mb4 X'615C'");
    assert_quoted(LEAT_SLICE_LITERAL("a\0b"), "_utf8mb4 X'610062'");
    assert_quoted(LEAT_SLICE_LITERAL("line\n"), "_utf8mb4 X'6C696E650A'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classify__passing_troubles_are_tried_again),
        cmocka_unit_test(classify__what_an_operator_must_mend_is_not_tried_again),
        cmocka_unit_test(classify__the_ends_of_a_dump_are_told_apart),
        cmocka_unit_test(classify__tls_cut_off_is_the_network_and_untrusted_is_not),
        cmocka_unit_test(fail__an_error_says_what_and_why_and_what_to_do),
        cmocka_unit_test(fail__well_known_troubles_have_a_remedy),
        cmocka_unit_test(fail__a_very_long_message_is_cut),
        cmocka_unit_test(quote__a_literal_means_the_same_in_every_sql_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
