/*
 * What the log puts on standard error, caught in a pipe. The source is compiled in here with a
 * clock that the test turns, so that folding over a minute needs no minute. Lines in JSON are read
 * back by a parser that is not ours.
 */
static long long fake_now_ms;
#define leat_clock_monotonic_ms fake_monotonic_ms
#include "base/log.c"
#undef leat_clock_monotonic_ms

#include "unit/outcome.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>

int64_t fake_monotonic_ms(void)
{
    return fake_now_ms;
}

enum { OUTPUT_BYTES = 1 << 20 };
static char output[OUTPUT_BYTES];

/* Sends standard error into a pipe whose capacity holds what a test writes. */
static int saved_stderr, pipe_out;

static void catch_begin(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETPIPE_SZ, OUTPUT_BYTES);
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    pipe_out = ends[0];
}

static const char *catch_end(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    size_t len = 0;
    for (ssize_t got; (got = read(pipe_out, output + len, sizeof output - 1 - len)) > 0;)
        len += (size_t)got;
    close(pipe_out);
    output[len] = '\0';
    assert_int_equal(strlen(output), len); /* no NUL was written */
    return output;
}

static int setup(void **state)
{
    (void)state;
    leat_log_setup(LEAT_LOG_INFO, LEAT_LOG_LOGFMT);
    fake_now_ms += 10 * 60 * 1000; /* nothing of an earlier test is folded */
    return 0;
}

static size_t count_of(const char *text, char c)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == c;
    return count;
}

/* The one line without its time stamp. */
static const char *one_line(void)
{
    char *text = output + 28;
    assert_int_equal(count_of(output, '\n'), 1);
    assert_int_equal(output[strlen(output) - 1], '\n');
    assert_int_equal(output[10], 'T');
    assert_int_equal(output[26], 'Z');
    text[strlen(text) - 1] = '\0';
    return text;
}

static void log__line_is_level_component_instance_event_and_fields(void **state)
{
    (void)state;
    catch_begin();
    LEAT_INFO("source", "shop", "connected", LEAT_F_INT("server", 150020),
              LEAT_F_TEXT("slot", "leat_shop"));
    catch_end();
    assert_string_equal(one_line(), "INFO source[shop] connected server=150020 slot=\"leat_shop\"");
    catch_begin();
    LEAT_ERROR("store", NULL, "full", LEAT_F_INT("least", INT64_MIN),
               LEAT_F_SLICE("none", leat_slice_text(NULL)));
    catch_end();
    assert_string_equal(one_line(), "ERROR store full least=-9223372036854775808 none=\"\"");
}

static void log__levels_below_the_set_one_are_silent(void **state)
{
    (void)state;
    catch_begin();
    LEAT_DEBUG("a", NULL, "quiet");
    leat_log_level_set(LEAT_LOG_ERROR);
    LEAT_WARN("a", NULL, "quiet");
    LEAT_ERROR("a", NULL, "loud");
    leat_log_level_set(LEAT_LOG_DEBUG);
    LEAT_DEBUG("a", NULL, "loud too");
    const char *text = catch_end();
    assert_null(strstr(text, "quiet"));
    assert_text_has(text, "ERROR a loud\n");
    assert_text_has(text, "DEBUG a loud too\n");
}

/* Names as an attacker would choose them: each must stay inside its quotes, on its line. */
static const char *const FORGERIES[] = {
    "x\n2026-11-21T03:41:35.123456Z ERROR store failed",
    "x\r\nERROR store failed",
    "x\" level=ERROR event=\"failed",
    "x\\",
    "x\\\" y=\"",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x7f\x08\x08\x08",
    "\xc2\x85next line", /* U+0085 */
    "\xc2\x9b"
    "31m", /* U+009B, one-character CSI */
    "\x9b"
    "31m", /* the same for an eight-bit terminal */
    "\xe2\x80\xae"
    "gpj.exe",                     /* U+202E, right to left override */
    "\xe2\x81\xa6 a \xe2\x81\xa9", /* U+2066, U+2069, isolates */
    "\xd8\x9c"
    "arabic letter mark",                    /* U+061C */
    "\xe2\x80\x8e\xe2\x80\x8f",              /* U+200E, U+200F */
    "\xe2\x80\xa8line\xe2\x80\xa9paragraph", /* U+2028, U+2029 */
    "\xe2\x80\"",                            /* a lead that must not swallow the quote */
    "\xe2\x80",
    "\xe2",
    "\xc2",
    "\xf0\x9f\x98",     /* cut short */
    "\xc0\x8a",         /* overlong newline */
    "\xed\xa0\x80",     /* a surrogate */
    "\xf4\x90\x80\x80", /* past U+10FFFF */
    "\xff\xfe",
    "\xf3\xa0\x81\x81", /* U+E0041, an invisible tag */
};
enum { FORGERY_COUNT = sizeof FORGERIES / sizeof *FORGERIES };

/* True for text that shows what it is: printable ASCII, or UTF-8 that is no control and no mark. */
static void assert_harmless(const char *line)
{
    static const char *const MARKS[] = {
        "\xc2\x85", "\xc2\x9b",     "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",
        "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (const char *at = line; *at; at++)
        assert_false((unsigned char)*at < 0x20 || *at == 0x7f);
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++)
        assert_null(strstr(line, MARKS[i]));
    json_t *text = json_stringn(line, strlen(line)); /* refuses what is not UTF-8 */
    assert_non_null(text);
    json_decref(text);
}

static void log__no_value_can_forge_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORGERY_COUNT; i++) {
        fake_now_ms += 61 * 1000; /* some look alike when they are written */
        catch_begin();
        LEAT_WARN("source", "shop", "table", LEAT_F_TEXT("name", FORGERIES[i]),
                  LEAT_F_INT("end", 1));
        catch_end();
        const char *line = one_line();
        assert_harmless(line);
        assert_memory_equal(line, "WARN source[shop] table name=\"", 30);
        const char *at = line + 30; /* the value ends at the first quote that no backslash hides */
        while (*at != '"')
            at += *at == '\\' ? 2 : 1;
        assert_string_equal(at, "\" end=1");
    }
}

static void log__no_instance_can_forge_a_line(void **state)
{
    (void)state;
    for (int format = 0; format < 2; format++) {
        leat_log_setup(LEAT_LOG_INFO, (enum leat_log_format)format);
        for (size_t i = 0; i < FORGERY_COUNT; i++) {
            fake_now_ms += 61 * 1000;
            catch_begin();
            LEAT_WARN("source", FORGERIES[i], "event");
            catch_end();
            assert_int_equal(count_of(output, '\n'), 1);
            output[strlen(output) - 1] = '\0';
            assert_harmless(output);
        }
    }
}

static void log__other_scripts_pass_as_they_are(void **state)
{
    (void)state;
    static const char TEXT[] = "Grüße — “注文” заказы 😀 café…";
    catch_begin();
    LEAT_INFO("a", NULL, "b", LEAT_F_TEXT("t", TEXT));
    catch_end();
    assert_string_equal(one_line(), "INFO a b t=\"Grüße — “注文” заказы 😀 café…\"");
}

static json_t *parsed(const char *line)
{
    json_error_t problem;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &problem);
    if (!object)
        fail_msg("not JSON: %s: %s", problem.text, line);
    return object;
}

static const char *member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "(none)";
}

static void log__json_lines_are_what_a_parser_reads(void **state)
{
    (void)state;
    leat_log_setup(LEAT_LOG_INFO, LEAT_LOG_JSON);
    for (size_t i = 0; i < FORGERY_COUNT; i++) {
        fake_now_ms += 61 * 1000; /* some look alike when they are written */
        catch_begin();
        LEAT_WARN("source", "shop", "table", LEAT_F_TEXT("name", FORGERIES[i]),
                  LEAT_F_INT("n", -7));
        json_t *object = parsed(catch_end());
        assert_int_equal(count_of(output, '\n'), 1);
        assert_string_equal(member(object, "level"), "WARN");
        assert_string_equal(member(object, "component"), "source");
        assert_string_equal(member(object, "instance"), "shop");
        assert_string_equal(member(object, "event"), "table");
        assert_int_equal(json_integer_value(json_object_get(object, "n")), -7);
        assert_int_equal(json_object_size(object), 7);
        json_t *whole = json_string(FORGERIES[i]); /* NULL for what is not UTF-8 */
        if (whole)
            assert_string_equal(member(object, "name"), FORGERIES[i]);
        json_decref(whole);
        json_decref(object);
    }
}

static void log__long_lines_are_cut_and_stay_whole_lines(void **state)
{
    (void)state;
    static const char *const UNITS[] = {"x", "\n", "\"", "\\", "é", "😀", "\xff"};
    static char text[8000];
    for (int format = 0; format < 2; format++) {
        leat_log_setup(LEAT_LOG_INFO, (enum leat_log_format)format);
        for (size_t u = 0; u < sizeof UNITS / sizeof *UNITS; u++) {
            size_t len = 0, unit = strlen(UNITS[u]);
            for (; len + unit < sizeof text; len += unit)
                memcpy(text + len, UNITS[u], unit);
            catch_begin();
            LEAT_INFO("a", NULL, "b", LEAT_F_SLICE("long", leat_slice_of(text, len)),
                      LEAT_F_INT("n", 1), LEAT_F_SLICE("more", leat_slice_of(text, len)),
                      LEAT_F_TEXT("last", "z"));
            const char *line = catch_end();
            assert_int_equal(count_of(line, '\n'), 1);
            assert_true(strlen(line) <= 4096);
            assert_true(strlen(line) > 3000);
            if (format == LEAT_LOG_JSON)
                json_decref(parsed(line));
            else
                assert_harmless(one_line());
        }
    }
}

static void log__failure_shows_its_parts(void **state)
{
    (void)state;
    struct leat_err failure;
    leat_fail_sqlstate(&failure, LEAT_ECONFIG, "42704", "no slot \"x\"");
    leat_err_hint(&failure, "SELECT 1;");
    catch_begin();
    leat_log_err(LEAT_LOG_ERROR, "source", "shop", "stopped", &failure);
    catch_end();
    assert_string_equal(one_line(),
                        "ERROR source[shop] stopped error=\"config\" text=\"no slot \\\"x\\\"\" "
                        "sqlstate=\"42704\" hint=\"SELECT 1;\"");
    leat_fail_native(&failure, LEAT_ESTORE, LEAT_DOMAIN_LMDB, -30796, "corrupt");
    catch_begin();
    leat_log_err(LEAT_LOG_ERROR, "store", NULL, "failed", &failure);
    catch_end();
    assert_string_equal(one_line(),
                        "ERROR store failed error=\"store\" text=\"corrupt\" native=-30796");
}

static void log__repeats_within_a_minute_are_folded_and_counted(void **state)
{
    (void)state;
    catch_begin();
    for (int i = 0; i < 5; i++) {
        LEAT_WARN("source", "shop", "disconnected", LEAT_F_TEXT("text", "refused"));
        fake_now_ms += 14999; /* the fifth comes 59,996 ms after the first */
    }
    catch_end();
    assert_string_equal(one_line(), "WARN source[shop] disconnected text=\"refused\"");
    catch_begin();
    fake_now_ms += 1;
    LEAT_WARN("source", "shop", "disconnected", LEAT_F_TEXT("text", "refused"));
    catch_end();
    assert_string_equal(one_line(), "WARN source[shop] disconnected text=\"refused\" repeated=4");
    fake_now_ms += 61 * 1000;
    catch_begin();
    LEAT_WARN("source", "shop", "disconnected", LEAT_F_TEXT("text", "refused"));
    catch_end();
    assert_string_equal(one_line(), "WARN source[shop] disconnected text=\"refused\"");
}

static void log__lines_that_differ_are_not_folded(void **state)
{
    (void)state;
    catch_begin();
    LEAT_WARN("source", "shop", "e", LEAT_F_INT("n", 1));
    LEAT_WARN("source", "shop", "e", LEAT_F_INT("n", 2));
    LEAT_WARN("source", "stock", "e", LEAT_F_INT("n", 1));
    LEAT_ERROR("source", "shop", "e", LEAT_F_INT("n", 1));
    LEAT_WARN("sources", "hop", "e", LEAT_F_INT("n", 1));
    assert_int_equal(count_of(catch_end(), '\n'), 5);
}

static void log__repeats_are_counted_in_json_too(void **state)
{
    (void)state;
    leat_log_setup(LEAT_LOG_INFO, LEAT_LOG_JSON);
    catch_begin();
    for (int i = 0; i < 3; i++) {
        LEAT_INFO("a", NULL, "json repeat");
        fake_now_ms += 30000;
    }
    const char *second = strchr(catch_end(), '\n');
    assert_non_null(second);
    json_t *object = parsed(second + 1);
    assert_int_equal(json_integer_value(json_object_get(object, "repeated")), 1);
    json_decref(object);
}

static void *writer(void *arg)
{
    for (int i = 0; i < 200; i++)
        LEAT_INFO("thread", (const char *)arg, "line", LEAT_F_INT("n", i),
                  LEAT_F_TEXT("pad", "0123456789"));
    return NULL;
}

static void log__lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    catch_begin();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, (void *)NAMES[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    char *text = (char *)catch_end();
    int next[4] = {0};
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        char name;
        int n, used = 0;
        *end = '\0';
        assert_int_equal(
            sscanf(line + 28, "INFO thread[%c] line n=%d pad=\"0123456789\"%n", &name, &n, &used),
            2);
        assert_int_equal(line[28 + used], '\0');
        assert_int_equal(n, next[name - 'a']++);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(next[i], 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(log__line_is_level_component_instance_event_and_fields, setup),
        cmocka_unit_test_setup(log__levels_below_the_set_one_are_silent, setup),
        cmocka_unit_test_setup(log__no_value_can_forge_a_line, setup),
        cmocka_unit_test_setup(log__no_instance_can_forge_a_line, setup),
        cmocka_unit_test_setup(log__other_scripts_pass_as_they_are, setup),
        cmocka_unit_test_setup(log__json_lines_are_what_a_parser_reads, setup),
        cmocka_unit_test_setup(log__long_lines_are_cut_and_stay_whole_lines, setup),
        cmocka_unit_test_setup(log__failure_shows_its_parts, setup),
        cmocka_unit_test_setup(log__repeats_within_a_minute_are_folded_and_counted, setup),
        cmocka_unit_test_setup(log__lines_that_differ_are_not_folded, setup),
        cmocka_unit_test_setup(log__repeats_are_counted_in_json_too, setup),
        cmocka_unit_test_setup(log__lines_of_many_threads_do_not_mix, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
