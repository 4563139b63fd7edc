/*
 * Bad configuration files, each with exactly what a user reads about it: place, path, what is
 * wrong, what was probably meant. The places were counted by hand against the text, the words are
 * the contract.
 */
#include "unit/config/sample_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RIVER_SOURCE "sources:\n  shop:\n    type: river\n    publication: p\n"

struct bad_file {
    const char *text, *problems;
};

/* clang-format off */
static const struct bad_file BAD_FILES[] = {
    /* unknown keys */
    {RIVER_SOURCE "    publicaton: x\n",
     "f:5:5: sources.shop: unknown key \"publicaton\"; did you mean \"publication\"?\n"},
    {RIVER_SOURCE "    portt: 1\n",
     "f:5:5: sources.shop: unknown key \"portt\"; did you mean \"port\"?\n"},
    {RIVER_SOURCE "    tok: 1\n",
     "f:5:5: sources.shop: unknown key \"tok\"; did you mean \"token\"?\n"},
    {RIVER_SOURCE "    HOST: x\n",
     "f:5:5: sources.shop: unknown key \"HOST\"; did you mean \"host\"?\n"},
    {RIVER_SOURCE "    nothing_like_it: x\n",
     "f:5:5: sources.shop: unknown key \"nothing_like_it\"\n"},
    {"stores: {}\n",
     "f:1:1: unknown key \"stores\"; did you mean \"store\"?\n"},
    {"sourcs: {}\n",
     "f:1:1: unknown key \"sourcs\"; did you mean \"sources\"?\n"},
    {"store: {pth: x}\n",
     "f:1:9: store: unknown key \"pth\"; did you mean \"path\"?\n"},
    {"shutdown_timout: 1s\n",
     "f:1:1: unknown key \"shutdown_timout\"; did you mean \"shutdown_timeout\"?\n"},
    {"log: {lvl: x}\n",
     "f:1:7: log: unknown key \"lvl\"\n"},
    {"whatever: 1\n",
     "f:1:1: unknown key \"whatever\"\n"},
    {"store: {<<: {path: x}}\n",
     "f:1:9: store: unknown key \"<<\"\n"},
    {"store: {path: \303\251, p\303\242th: 1}\n",
     "f:1:18: store: unknown key \"p\303\242th\"\n"},
    {"store: {\"a\\eb\\u202e\": 1}\n",
     "f:1:9: store: unknown key \"a\\x1bb\\xe2\\x80\\xae\"\n"},
    /* keys given twice */
    {RIVER_SOURCE "    port: 1\n    port: 2\n",
     "f:6:5: sources.shop: \"port\" is given twice; the first is on line 5\n"},
    {"store: {}\nlog: {}\nstore: {}\n",
     "f:3:1: \"store\" is given twice; the first is on line 1\n"},
    {RIVER_SOURCE "  shop: {type: pond}\n",
     "f:5:3: sources: \"shop\" is given twice; the first is on line 2\n"},
    {"store: {path: a, \"path\": b}\n",
     "f:1:18: store: \"path\" is given twice; the first is on line 1\n"},
    /* numbers */
    {RIVER_SOURCE "    port: abc\n",
     "f:5:11: sources.shop.port: \"abc\" is not a whole number\n"},
    {RIVER_SOURCE "    port: 1.5\n",
     "f:5:11: sources.shop.port: \"1.5\" is not a whole number\n"},
    {RIVER_SOURCE "    port: 0\n",
     "f:5:11: sources.shop.port: \"0\" is out of range; must be 1 to 65535\n"},
    {RIVER_SOURCE "    port: 65536\n",
     "f:5:11: sources.shop.port: \"65536\" is out of range; must be 1 to 65535\n"},
    {RIVER_SOURCE "    port: 99999999999999999999\n",
     "f:5:11: sources.shop.port: \"99999999999999999999\" is too large a number\n"},
    {RIVER_SOURCE "    port: 010\n",
     "f:5:11: sources.shop.port: \"010\" begins with a zero; write the number without "
     "it\n"},
    {RIVER_SOURCE "    port: +1\n",
     "f:5:11: sources.shop.port: \"+1\" is not a whole number\n"},
    {RIVER_SOURCE "    port: 1_000\n",
     "f:5:11: sources.shop.port: \"1_000\" is not a whole number\n"},
    {RIVER_SOURCE "    port: 0x10\n",
     "f:5:11: sources.shop.port: \"0x10\" is not a whole number\n"},
    {RIVER_SOURCE "    port: ''\n",
     "f:5:11: sources.shop.port: \"\" is not a whole number\n"},
    {RIVER_SOURCE "    offset: 9223372036854775808\n",
     "f:5:13: sources.shop.offset: \"9223372036854775808\" is too large a number\n"},
    {"store: {compression_level: 99}\n",
     "f:1:28: store.compression_level: \"99\" is out of range; must be -7 to 19\n"},
    /* no value, or one of another shape */
    {RIVER_SOURCE "    port:\n",
     "f:5:10: sources.shop.port: has no value; leave the key out for the default\n"},
    {RIVER_SOURCE "    port: ~\n",
     "f:5:11: sources.shop.port: null is no value; leave the key out for the default, "
     "or quote the word\n"},
    {RIVER_SOURCE "    host: null\n",
     "f:5:11: sources.shop.host: null is no value; leave the key out for the default, "
     "or quote the word\n"},
    {RIVER_SOURCE "    port: [1]\n",
     "f:5:11: sources.shop.port: expects one value, not a list\n"},
    {RIVER_SOURCE "    port: {a: 1}\n",
     "f:5:11: sources.shop.port: expects one value, not a mapping\n"},
    {"http: {listen: [a]}\n",
     "f:1:16: http.listen: expects one value, not a list\n"},
    {"shutdown_timeout: {a: b}\n",
     "f:1:19: shutdown_timeout: expects one value, not a mapping\n"},
    {RIVER_SOURCE "    host: \"a\\0b\"\n",
     "f:5:11: sources.shop.host: holds a NUL character\n"},
    /* bools */
    {RIVER_SOURCE "    create: yes\n",
     "f:5:13: sources.shop.create: \"yes\" is neither true nor false\n"},
    {RIVER_SOURCE "    create: True\n",
     "f:5:13: sources.shop.create: \"True\" is neither true nor false\n"},
    {RIVER_SOURCE "    create: 1\n",
     "f:5:13: sources.shop.create: \"1\" is neither true nor false\n"},
    /* sizes */
    {RIVER_SOURCE "    row_max: 64Mb\n",
     "f:5:14: sources.shop.row_max: \"64Mb\" has the unknown unit \"Mb\"; units are B, "
     "kB, MB, GB, TB, KiB, MiB, GiB or TiB; did you mean \"MB\"?\n"},
    {RIVER_SOURCE "    row_max: 64 megabytes\n",
     "f:5:14: sources.shop.row_max: \"64 megabytes\" has the unknown unit \"megabytes\"; "
     "units are B, kB, MB, GB, TB, KiB, MiB, GiB or TiB\n"},
    {RIVER_SOURCE "    row_max: 1.5GiB\n",
     "f:5:14: sources.shop.row_max: \"1.5GiB\" is not a size; write a whole number with "
     "a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB\n"},
    {RIVER_SOURCE "    row_max: -1\n",
     "f:5:14: sources.shop.row_max: \"-1\" is not a size; write a whole number with a "
     "unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB\n"},
    {RIVER_SOURCE "    row_max: big\n",
     "f:5:14: sources.shop.row_max: \"big\" is not a size; write a whole number with "
     "a unit: B, kB, MB, GB, TB, KiB, MiB, GiB or TiB\n"},
    {RIVER_SOURCE "    row_max: 1kB\n",
     "f:5:14: sources.shop.row_max: \"1kB\" is out of range; must be 1MiB to 1GiB\n"},
    {RIVER_SOURCE "    row_max: 2GiB\n",
     "f:5:14: sources.shop.row_max: \"2GiB\" is out of range; must be 1MiB to 1GiB\n"},
    {RIVER_SOURCE "    row_max: 9000000000TiB\n",
     "f:5:14: sources.shop.row_max: \"9000000000TiB\" is too large a number\n"},
    {"store: {quota: -5GB}\n",
     "f:1:16: store.quota: \"-5GB\" is not a size; write a whole number with a unit: "
     "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB\n"},
    /* durations */
    {RIVER_SOURCE "    confirm_interval: 10\n",
     "f:5:23: sources.shop.confirm_interval: \"10\" needs a unit: ms, s, m, h or d\n"},
    {RIVER_SOURCE "    confirm_interval: 10us\n",
     "f:5:23: sources.shop.confirm_interval: \"10us\" has the unknown unit \"us\"; units "
     "are ms, s, m, h or d\n"},
    {RIVER_SOURCE "    confirm_interval: 2m\n",
     "f:5:23: sources.shop.confirm_interval: \"2m\" is out of range; must be 50ms to "
     "1m\n"},
    {RIVER_SOURCE "    confirm_interval: 0\n",
     "f:5:23: sources.shop.confirm_interval: \"0\" is out of range; must be 50ms to 1m\n"},
    {RIVER_SOURCE "    confirm_interval: soon\n",
     "f:5:23: sources.shop.confirm_interval: \"soon\" is not a duration; write a whole "
     "number with a unit: ms, s, m, h or d\n"},
    {RIVER_SOURCE "    confirm_interval: 1h30m\n",
     "f:5:23: sources.shop.confirm_interval: \"1h30m\" has the unknown unit \"h30m\"; "
     "units are ms, s, m, h or d\n"},
    /* choices */
    {RIVER_SOURCE "    mode: binari\n",
     "f:5:11: sources.shop.mode: \"binari\" is not one of auto, binary, text; did you "
     "mean \"binary\"?\n"},
    {RIVER_SOURCE "    mode: xml\n",
     "f:5:11: sources.shop.mode: \"xml\" is not one of auto, binary, text\n"},
    {RIVER_SOURCE "    mode: [auto]\n",
     "f:5:11: sources.shop.mode: expects one value, not a list\n"},
    {"store: {compression: lz4}\n",
     "f:1:22: store.compression: \"lz4\" is not one of none, zstd\n"},
    {"log: {level: warning}\n",
     "f:1:14: log.level: \"warning\" is not one of debug, info, warn, error; did you "
     "mean \"warn\"?\n"},
    /* lists */
    {RIVER_SOURCE "    tables: public.a\n",
     "f:5:13: sources.shop.tables: expects a list, such as [a, b]\n"},
    {RIVER_SOURCE "    tables: {a: b}\n",
     "f:5:13: sources.shop.tables: expects a list, such as [a, b]\n"},
    {RIVER_SOURCE "    tables: [a, [b]]\n",
     "f:5:17: sources.shop.tables: an item of this list must be one value\n"},
    {RIVER_SOURCE "    tables: [a, , b]\n",
     "f:5:17: expected a value\n"},
    {RIVER_SOURCE "    tables: [a, ~]\n",
     "f:5:17: sources.shop.tables: an item of this list has no value\n"},
    {RIVER_SOURCE "    tables:\n      - a\n      -\n",
     "f:7:8: sources.shop.tables: an item of this list has no value\n"},
    {RIVER_SOURCE "    tables: [\"a\\0b\"]\n",
     "f:5:14: sources.shop.tables: an item of this list holds a NUL character\n"},
    /* names and types of sources */
    {"sources: {Shop: {type: pond}}\n",
     "f:1:11: sources: \"Shop\" is no name of a source; use 1 to 63 of a-z, 0-9 and _\n"},
    {"sources:\n  my-shop: {type: pond}\n",
     "f:2:3: sources: \"my-shop\" is no name of a source; use 1 to 63 of a-z, 0-9 and "
     "_\n"},
    {"sources: {aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {type: "
     "pond}}\n",
     "f:1:11: sources: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\342\200\246 "
     "is no name of a source; use 1 to 63 of a-z, 0-9 and _\n"},
    {"sources: {\"\": {type: pond}}\n",
     "f:1:11: sources: a key is empty\n"},
    {"sources:\n  shop: {type: rivr}\n",
     "f:2:16: sources.shop: unknown type \"rivr\"; known: river, pond; did you mean \"river\"?\n"},
    {"sources:\n  shop: {type: mysql}\n",
     "f:2:16: sources.shop: unknown type \"mysql\"; known: river, pond\n"},
    {"sources:\n  shop: {}\n",
     "f:2:3: sources.shop: required key \"type\" is missing; known types: river, pond\n"},
    {"sources:\n  shop:\n",
     "f:2:3: sources.shop: required key \"type\" is missing; known types: river, pond\n"},
    {"sources:\n  shop: {type: [river]}\n",
     "f:2:16: sources.shop.type: expects one value, not a list\n"},
    /* wrong nesting */
    {"sources:\n  shop: river\n",
     "f:2:9: sources.shop: expects a mapping of keys to values, not one value\n"},
    {"sources:\n  shop: [river]\n",
     "f:2:9: sources.shop: expects a mapping of keys to values, not a list\n"},
    {"sources: [shop]\n",
     "f:1:10: sources: expects a mapping of keys to values, not a list\n"},
    {"sources: shop\n",
     "f:1:10: sources: expects a mapping of keys to values, not one value\n"},
    {"store: [a]\n",
     "f:1:8: store: expects a mapping of keys to values, not a list\n"},
    {"store: text\n",
     "f:1:8: store: expects a mapping of keys to values, not one value\n"},
    {"a\n",
     "f:1:1: expects a mapping of keys to values, not one value\n"},
    {"[a]\n",
     "f:1:1: expects a mapping of keys to values, not a list\n"},
    {"- a\n",
     "f:1:1: expects a mapping of keys to values, not a list\n"},
    /* what is missing, and settings against each other */
    {"sources:\n  shop:\n    type: river\n",
     "f:2:3: sources.shop: required key \"publication\" is missing\n"},
    {RIVER_SOURCE "    create: true\n    mode: binary\n",
     "f:2:3: sources.shop: create: makes no sense with mode binary; leave one of them out\n"},
    {"store: {map_size: 4MiB}\n",
     "f:1:1: store: map_size must be larger than segment_size\n"},
    {"store: {map_size: 1GiB, segment_size: 1GiB}\n",
     "f:1:1: store: map_size must be larger than segment_size\n"},
    /* anchors, aliases, tags, odd keys, documents */
    {"store: &a {}\n",
     "f:1:8: anchors (&name) are not allowed\n"},
    {"store: {path: *a}\n",
     "f:1:15: store: aliases (*name) are not allowed\n"},
    {"store: {path: !!str x}\n",
     "f:1:15: store: tags (!type) are not allowed\n"},
    {"store: !x {}\n",
     "f:1:8: tags (!type) are not allowed\n"},
    {"log: &x {}\nhttp: *x\n",
     "f:1:6: anchors (&name) are not allowed\n"
     "f:2:7: aliases (*name) are not allowed\n"},
    {"store: *s\n",
     "f:1:8: aliases (*name) are not allowed\n"},
    {"? [a]\n: b\n",
     "f:1:3: a key must be a word\n"},
    {"store: {? {a: b} : c}\n",
     "f:1:11: store: a key must be a word\n"},
    {"store: {\"\": 1}\n",
     "f:1:9: store: a key is empty\n"},
    {"store: {\"a\\0\": 1}\n",
     "f:1:9: store: a key holds a NUL character\n"},
    {"--- {}\n--- {}\n",
     "f:2:1: a second document begins; only one is allowed\n"},
    {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
     "f:1:33: nested too deeply\n"},
    /* not YAML */
    {"store: [\n",
     "f:2:1: expected a value\n"},
    {"store: {path: \"abc\n",
     "f:2:1: the file ends inside a quoted text\n"},
    {"\tstore: {}\n",
     "f:1:1: a value cannot begin like this; indent with spaces, not tabs, and quote "
     "texts that begin with @, ` or %\n"},
    {"store:\n\tpath: a\n",
     "f:2:1: a value cannot begin like this; indent with spaces, not tabs, and quote "
     "texts that begin with @, ` or %\n"},
    {"store: {path: a: b}\n",
     "f:1:16: expected ',' or '}'\n"},
    {"store: path: x\n",
     "f:1:12: a ':' that makes no sense here; quote texts that hold \": \", and indent "
     "the keys of a mapping alike\n"},
    {"store:\n  path: a\n path: b\n",
     "f:3:2: expected a key; are the keys of this mapping indented alike?\n"},
    {"store: @x\n",
     "f:1:8: a value cannot begin like this; indent with spaces, not tabs, and quote "
     "texts that begin with @, ` or %\n"},
    {"store: {path: a\n",
     "f:2:1: expected ',' or '}'\n"},
    {"store\n  path: a\n",
     "f:2:7: a ':' that makes no sense here; quote texts that hold \": \", and indent "
     "the keys of a mapping alike\n"},
    {"]\n",
     "f:1:1: expected a value\n"},
    {"%YAML 9.9\n---\n{}\n",
     "f:1:1: found incompatible YAML document\n"},
    /* not text */
    {"store: {path: \377}\n",
     "f:1:15: not UTF-8\n"},
    {"# caf\351\nstore: {}\n",
     "f:1:7: not UTF-8\n"},
    {"a: \001\n",
     "f:1:4: control characters are not allowed\n"},
    {"\377\376s",
     "f:1:1: not UTF-8\n"},
    {"# \303\251\nlog: {\303\251: \002}\n",
     "f:2:10: control characters are not allowed\n"},
    {"x: \355\240\200\n",
     "f:1:4: not UTF-8\n"},
    {"a: \302",
     "f:1:4: not UTF-8\n"},
    /* several at once, in the order of the file */
    {"store: {quota: 1, pth: 2}\nlog: {level: loud}\n" RIVER_SOURCE
     "    port: x\n    mode: y\n  Pond: {type: pnd}\n",
     "f:1:19: store: unknown key \"pth\"; did you mean \"path\"?\n"
     "f:2:14: log.level: \"loud\" is not one of debug, info, warn, error\n"
     "f:7:11: sources.shop.port: \"x\" is not a whole number\n"
     "f:8:11: sources.shop.mode: \"y\" is not one of auto, binary, text\n"
     "f:9:3: sources: \"Pond\" is no name of a source; use 1 to 63 of a-z, 0-9 and _\n"
     "f:9:16: sources.Pond: unknown type \"pnd\"; known: river, pond; did you mean \"pond\"?\n"},
};
/* clang-format on */
enum { BAD_FILE_COUNT = sizeof BAD_FILES / sizeof BAD_FILES[0] };

/* All problems of a text as the user reads them, in `text`; the code of the failure. */
static int problems_of(struct leat_slice file, struct leat_buf *text, struct leat_err *err)
{
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    int status = leat_config_parse("f", file, TYPES, TYPE_COUNT, &config, &problems, err);
    leat_buf_reset(text);
    leat_config_problems_text(&problems, text);
    leat_config_problems_release(&problems);
    leat_config_free(config);
    return status;
}

static void bad_file__every_problem_is_told_with_its_place(void **state)
{
    (void)state;
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < BAD_FILE_COUNT; i++) {
        struct leat_err err;
        assert_int_equal(problems_of(leat_slice_text(BAD_FILES[i].text), &text, &err),
                         LEAT_ECONFIG);
        if (strcmp(leat_buf_text(&text), BAD_FILES[i].problems) != 0)
            print_error("%s\nsaid\n%snot\n%s", BAD_FILES[i].text, leat_buf_text(&text),
                        BAD_FILES[i].problems);
        assert_string_equal(leat_buf_text(&text), BAD_FILES[i].problems);
    }
    leat_buf_release(&text);
}

static void bad_file__there_are_at_least_sixty_of_them(void **state)
{
    (void)state;
    assert_true(BAD_FILE_COUNT >= 60);
}

static void bad_file__a_nul_byte_is_a_control_character(void **state)
{
    (void)state;
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    struct leat_err err;
    struct leat_slice file = LEAT_SLICE_LITERAL("log: {}\n\0");
    assert_int_equal(problems_of(file, &text, &err), LEAT_ECONFIG);
    assert_string_equal(leat_buf_text(&text), "f:2:1: control characters are not allowed\n");
    leat_buf_release(&text);
}

static void bad_file__the_error_is_the_first_problem_and_counts_the_others(void **state)
{
    (void)state;
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    struct leat_err err;
    assert_int_equal(problems_of(leat_slice_text("log: {levl: x}\nstor: {}\n"), &text, &err),
                     LEAT_ECONFIG);
    assert_string_equal(err.text, "f:1:7: log: unknown key \"levl\"; did you mean \"level\"?");
    assert_string_equal(err.hint, "1 more problem in the file; `leat check` shows all of them");
    leat_buf_release(&text);
}

static void bad_file__only_so_many_problems_are_kept(void **state)
{
    (void)state;
    struct leat_buf file, text;
    leat_buf_init(&file, 1 << 20);
    leat_buf_init(&text, 1 << 20);
    for (int i = 0; i < 250; i++)
        leat_buf_format(&file, "zzzz%d: 1\n", i);
    struct leat_err err;
    assert_int_equal(problems_of(leat_buf_slice(&file), &text, &err), LEAT_ECONFIG);
    assert_non_null(strstr(leat_buf_text(&text),
                           "f:100:1: unknown key \"zzzz99\"\nf: and 150 more problems\n"));
    leat_buf_release(&file);
    leat_buf_release(&text);
}

/* `piece` so often that the file has `bytes`. */
static void expect_of_many(const char *head, const char *piece, size_t bytes, const char *expected)
{
    struct leat_buf file, text;
    leat_buf_init(&file, 4 << 20);
    leat_buf_init(&text, 1 << 20);
    leat_buf_append_text(&file, head);
    while (file.len < bytes)
        leat_buf_append_text(&file, piece);
    struct leat_err err;
    assert_int_equal(problems_of(leat_buf_slice(&file), &text, &err), LEAT_ECONFIG);
    assert_string_equal(leat_buf_text(&text), expected);
    leat_buf_release(&file);
    leat_buf_release(&text);
}

static void bad_file__sizes_are_bounded(void **state)
{
    (void)state;
    expect_of_many("", "# a comment of no use\n", (1 << 20) + 1, "f: larger than 1 MiB\n");
    expect_of_many("a: [", "x,", 60000, "f:1:39999: a: more than 20000 values\n");
}

static void bad_file__keys_of_one_mapping_are_bounded(void **state)
{
    (void)state;
    struct leat_buf file, text;
    leat_buf_init(&file, 1 << 20);
    leat_buf_init(&text, 1 << 20);
    for (int i = 0; i < 3000; i++)
        leat_buf_format(&file, "k%d: 1\n", i);
    struct leat_err err;
    assert_int_equal(problems_of(leat_buf_slice(&file), &text, &err), LEAT_ECONFIG);
    assert_string_equal(leat_buf_text(&text), "f:1001:1: more than 1000 keys in one mapping\n");
    leat_buf_release(&file);
    leat_buf_release(&text);
}

/* A good file cut anywhere, or with any byte replaced, is accepted or refused with a reason. */
static void bad_file__no_cut_and_no_changed_byte_does_harm(void **state)
{
    (void)state;
    static const char GOOD[] =
        "store: {path: \"a\\x20\", quota: 5GB}\n" RIVER_SOURCE "    tables:\n      - 'a.b'\n"
        "      - c # d\n    mode: >-\n      text\n";
    struct leat_buf text;
    leat_buf_init(&text, 1 << 20);
    struct leat_err err;
    assert_int_equal(problems_of(leat_slice_text(GOOD), &text, &err), LEAT_OK);
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        int status = problems_of(leat_slice_of(GOOD, i), &text, &err);
        assert_true(status == LEAT_OK ? text.len == 0 : text.len != 0);
        for (unsigned byte = 0; byte < 256; byte += 7) {
            char changed[sizeof GOOD];
            memcpy(changed, GOOD, sizeof GOOD);
            changed[i] = (char)byte;
            status = problems_of(leat_slice_of(changed, sizeof GOOD - 1), &text, &err);
            assert_true(status == LEAT_OK ? text.len == 0 : text.len != 0);
        }
    }
    leat_buf_release(&text);
}

static void expect_unreadable(const char *path, const char *expected)
{
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    struct leat_err err;
    assert_int_equal(leat_config_load(path, TYPES, TYPE_COUNT, &config, &problems, &err),
                     LEAT_ECONFIG);
    assert_string_equal(err.text, expected);
    assert_int_equal(problems.count, 1);
    leat_config_problems_release(&problems);
}

static void bad_file__one_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    expect_unreadable("/nonexistent/leat.yaml",
                      "/nonexistent/leat.yaml: cannot be read: No such file or directory");
    expect_unreadable("/tmp", "/tmp: cannot be read: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_file__every_problem_is_told_with_its_place),
        cmocka_unit_test(bad_file__there_are_at_least_sixty_of_them),
        cmocka_unit_test(bad_file__a_nul_byte_is_a_control_character),
        cmocka_unit_test(bad_file__the_error_is_the_first_problem_and_counts_the_others),
        cmocka_unit_test(bad_file__only_so_many_problems_are_kept),
        cmocka_unit_test(bad_file__sizes_are_bounded),
        cmocka_unit_test(bad_file__keys_of_one_mapping_are_bounded),
        cmocka_unit_test(bad_file__no_cut_and_no_changed_byte_does_harm),
        cmocka_unit_test(bad_file__one_that_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
