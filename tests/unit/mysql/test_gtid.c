/*
 * GTID sets against a naive model, a bit for each number, over random sequences of operations; the
 * texts and bytes of mysql.md's golden vectors; and the bounds.
 */
#include "sources/mysql/gtid.h"

#include <inttypes.h>

#include "unit/outcome.h"

#define UUID_A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define UUID_B "8a94f357-aab4-11df-86ab-c80aa9429562"
#define UUID_C "ffffffff-0000-1111-2222-333333333333"

enum { TEXT_MAX = 8 << 20 };

static struct my_gtid_set set_of(const char *text)
{
    struct my_gtid_set set = {.sids = NULL};
    ok(my_gtid_set_parse(leat_slice_text(text), &set, &err));
    return set;
}

static void assert_set(const struct my_gtid_set *set, const char *text)
{
    struct leat_buf buf;
    leat_buf_init(&buf, TEXT_MAX);
    my_gtid_set_format(set, &buf);
    assert_string_equal(leat_buf_text(&buf), text);
    leat_buf_release(&buf);
}

static struct my_gtid gtid_of(const char *uuid, const char *tag, int64_t number)
{
    struct my_gtid g = {.number = number};
    assert_true(my_uuid_parse(leat_slice_text(uuid), g.uuid));
    snprintf(g.tag, sizeof g.tag, "%s", tag);
    return g;
}

/* --- text --------------------------------------------------------------------------------------
 */

static void text__every_form_comes_back_in_the_one_form(void **state)
{
    static const struct {
        const char *text, *shown;
    } CASES[] = {
        {"", ""},
        {" \n\t", ""},
        {UUID_A ":1", UUID_A ":1"},
        {UUID_A ":1-5:7", UUID_A ":1-5:7"},
        {"3E11FA47-71CA-11E1-9E33-C80AA9429562:3-3", UUID_A ":3"},
        {UUID_A ":7:1-5", UUID_A ":1-5:7"},
        {UUID_A ":1-5:6-9", UUID_A ":1-9"},
        {UUID_A ":1-5:3-9:9", UUID_A ":1-9"},
        {UUID_A ":1:3:5:2:4", UUID_A ":1-5"},
        {UUID_A ":2-3:8-9:1-100", UUID_A ":1-100"},
        {UUID_B ":1,\n" UUID_A ":2", UUID_A ":2," UUID_B ":1"},
        {" " UUID_A " : 1 - 5 : 7 , " UUID_B " : 2 ", UUID_A ":1-5:7," UUID_B ":2"},
        {UUID_A ":1," UUID_A ":2", UUID_A ":1-2"},
        {UUID_A ":1-5:tag_a:1-3:tag_b:9", UUID_A ":1-5:tag_a:1-3:tag_b:9"},
        {UUID_A ":b:1:a:2", UUID_A ":a:2:b:1"},
        {UUID_A ":TAG:1:tag:2", UUID_A ":tag:1-2"},
        {UUID_A ":_9:4," UUID_B ":1," UUID_A ":3", UUID_A ":3:_9:4," UUID_B ":1"},
        {UUID_A ":9223372036854775806", UUID_A ":9223372036854775806"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct my_gtid_set set = set_of(CASES[i].text);
        assert_set(&set, CASES[i].shown);
        struct my_gtid_set again = set_of(CASES[i].shown);
        assert_true(my_gtid_set_equal(&set, &again));
        my_gtid_set_release(&set);
        my_gtid_set_release(&again);
    }
}

static void text__what_is_no_set_is_refused(void **state)
{
    static const char *const CASES[] = {
        "x",
        ",",
        UUID_A,
        UUID_A ":",
        UUID_A ":0",
        UUID_A ":0-3",
        UUID_A ":5-4",
        UUID_A ":1-",
        UUID_A ":-1",
        UUID_A ":1:",
        UUID_A ":1,",
        "," UUID_A ":1",
        UUID_A ":1 " UUID_B ":1",
        UUID_A ":1;",
        UUID_A ":9223372036854775807",
        UUID_A ":18446744073709551617",
        UUID_A ":tag",
        UUID_A ":tag:",
        UUID_A ":tag:1:other",
        UUID_A ":1:tag",
        UUID_A ":a:b:1",
        UUID_A ":1a",
        UUID_A ":t-x:1",
        UUID_A ":a23456789012345678901234567890123:1",
        "3e11fa4-771ca-11e1-9e33-c80aa9429562:1",
        "3e11fa47-71ca-11e1-9e33-c80aa942956g:1",
        "0-1-100",
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct my_gtid_set set = {.count = 77};
        err.text[0] = '\0';
        if (my_gtid_set_parse(leat_slice_text(CASES[i]), &set, &err) != LEAT_ECONFIG)
            fail_msg("\"%s\" was taken", CASES[i]);
        assert_true(set.count == 77 && err.text[0]);
    }
}

static void text__a_gtid_is_its_name(void **state)
{
    char text[MY_GTID_TEXT];
    struct my_gtid g = gtid_of(UUID_A, "", 7);
    (void)state;
    my_gtid_format(&g, text);
    assert_string_equal(text, UUID_A ":7");
    g = gtid_of(UUID_B, "t2345678901234567890123456789012", INT64_MAX - 1);
    my_gtid_format(&g, text);
    assert_string_equal(text, UUID_B ":t2345678901234567890123456789012:9223372036854775806");
}

static void uuid__is_thirty_six_characters(void **state)
{
    uint8_t uuid[16];
    char text[37];
    (void)state;
    assert_true(my_uuid_parse(leat_slice_text("01234567-89ab-cdef-ABCD-EF0123456789"), uuid));
    my_uuid_format(uuid, text);
    assert_string_equal(text, "01234567-89ab-cdef-abcd-ef0123456789");
    assert_false(my_uuid_parse(leat_slice_text(""), uuid));
    assert_false(my_uuid_parse(leat_slice_text("0123456789abcdefABCDEF0123456789"), uuid));
    assert_false(my_uuid_parse(leat_slice_text("01234567-89ab-cdef-ABCD-EF012345678"), uuid));
    assert_false(my_uuid_parse(leat_slice_text("01234567-89ab-cdef-ABCD-EF01234567890"), uuid));
    assert_false(my_uuid_parse(leat_slice_text("01234567:89ab-cdef-ABCD-EF0123456789"), uuid));
    assert_false(my_uuid_parse(leat_slice_text("0123456--89ab-cdef-ABCD-EF0123456789"), uuid));
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static void assert_bytes(const char *text, const char *bytes, size_t len)
{
    struct leat_buf buf;
    struct my_gtid_set set = set_of(text), back;
    leat_buf_init(&buf, TEXT_MAX);
    my_gtid_set_encode(&set, &buf);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.data, bytes, len);
    ok(my_gtid_set_decode(leat_buf_slice(&buf), &back, &err));
    assert_set(&back, text);
    my_gtid_set_release(&back);
    for (size_t cut = 0; cut < len; cut++)
        gives(LEAT_EPROTO, my_gtid_set_decode(leat_slice_of(buf.data, cut), &back, &err));
    leat_buf_append(&buf, leat_slice_of("", 1));
    gives(LEAT_EPROTO, my_gtid_set_decode(leat_buf_slice(&buf), &back, &err));
    my_gtid_set_release(&set);
    leat_buf_release(&buf);
}

#define U64(c)   c "\0\0\0\0\0\0\0"
#define BYTES(b) b, sizeof b - 1
#define RAW_A    "\x3e\x11\xfa\x47\x71\xca\x11\xe1\x9e\x33\xc8\x0a\xa9\x42\x95\x62"
#define RAW_B    "\x8a\x94\xf3\x57\xaa\xb4\x11\xdf\x86\xab\xc8\x0a\xa9\x42\x95\x62"

static void bytes__are_the_golden_ones(void **state)
{
    (void)state;
    assert_bytes("", BYTES(U64("\0")));
    assert_bytes(UUID_A ":1-5", BYTES(U64("\1") RAW_A U64("\1") U64("\1") U64("\6")));
    assert_bytes(UUID_A ":1-5:7," UUID_B ":2",
                 BYTES(U64("\2") RAW_A U64("\2") U64("\1") U64("\6") U64("\7") U64("\x8")
                           RAW_B U64("\1") U64("\2") U64("\3")));
    assert_bytes(UUID_A ":1-5:abc:1", BYTES("\1\2\0\0\0\0\0\1" RAW_A "\0" U64("\1") U64("\1") U64(
                                          "\6") RAW_A "\6abc" U64("\1") U64("\1") U64("\2")));
}

static void bytes__only_sorted_sets_are_taken(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        {BYTES(U64("\1") RAW_A U64("\0"))},                                /* no interval */
        {BYTES(U64("\1") RAW_A U64("\1") U64("\0") U64("\6"))},            /* from 0 */
        {BYTES(U64("\1") RAW_A U64("\1") U64("\6") U64("\6"))},            /* empty */
        {BYTES(U64("\1") RAW_A U64("\1") U64("\6") U64("\5"))},            /* backwards */
        {BYTES(U64("\1") RAW_A U64("\1") U64("\1") "\0\0\0\0\0\0\0\x80")}, /* too far */
        {BYTES(U64("\1") RAW_A U64("\2") U64("\5") U64("\6") U64("\1") U64("\2"))},
        {BYTES(U64("\1") RAW_A U64("\2") U64("\1") U64("\6") U64("\6") U64("\7"))}, /* touch */
        {BYTES(U64("\2") RAW_A U64("\1") U64("\1") U64("\2") RAW_A U64("\1") U64("\5") U64("\6"))},
        {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")},
        {BYTES("\2\1\0\0\0\0\0\1" RAW_A "\0" U64("\1") U64("\1") U64("\2"))}, /* neither form */
        {BYTES("\1\1\0\0\0\0\0\1" RAW_A "\3a" U64("\1") U64("\1") U64("\2"))},
        {BYTES("\1\1\0\0\0\0\0\1" RAW_A "\2-" U64("\1") U64("\1") U64("\2"))},
        {BYTES("\1\1\0\0\0\0\0\1" RAW_A "\x42"
               "abcdefghijklmnopqrstuvwxyzabcdefg" U64("\1") U64("\1") U64("\2"))},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct my_gtid_set set;
        if (my_gtid_set_decode(leat_slice_of(CASES[i].bytes, CASES[i].len), &set, &err) !=
            LEAT_EPROTO)
            fail_msg("case %zu was taken", i);
    }
}

/* --- sets against a model ----------------------------------------------------------------------
 */

enum { SOURCES = 6, NUMBERS = 64, ROUNDS = 4000 };

static const struct {
    const char *uuid, *tag;
} SOURCE[SOURCES] = {{UUID_C, ""},  {UUID_A, ""},  {UUID_A, "b"},
                     {UUID_B, "a"}, {UUID_A, "a"}, {UUID_B, ""}};

/* Bit n - 1 of a source: number n is in it. */
struct model {
    uint64_t bits[SOURCES];
};

static unsigned seed = 4711;

static unsigned roll(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

static void add_one(struct my_gtid_set *set, struct model *m, unsigned source, unsigned number)
{
    struct my_gtid g = gtid_of(SOURCE[source].uuid, SOURCE[source].tag, number);
    ok(my_gtid_set_add(set, &g, &err));
    m->bits[source] |= UINT64_C(1) << (number - 1);
}

/* A random set; often in order, as a server commits. */
static struct my_gtid_set random_set(struct model *m)
{
    struct my_gtid_set set = {.sids = NULL};
    unsigned next[SOURCES], count = roll(80), source = roll(SOURCES);
    *m = (struct model){{0}};
    for (unsigned s = 0; s < SOURCES; s++)
        next[s] = 1 + roll(NUMBERS);
    for (unsigned i = 0; i < count; i++) {
        source = roll(4) ? source : roll(SOURCES);
        if (!roll(3))
            next[source] = 1 + roll(NUMBERS);
        add_one(&set, m, source, next[source]);
        next[source] = next[source] % NUMBERS + 1;
    }
    return set;
}

static void assert_model(const struct my_gtid_set *set, const struct model *m)
{
    uint64_t count = 0;
    size_t intervals = 0, sources = 0;
    for (unsigned s = 0; s < SOURCES; s++) {
        uint64_t bits = m->bits[s];
        for (unsigned n = 1; n <= NUMBERS; n++) {
            struct my_gtid g = gtid_of(SOURCE[s].uuid, SOURCE[s].tag, n);
            assert_int_equal(my_gtid_set_contains(set, &g), bits >> (n - 1) & 1);
        }
        count += (uint64_t)__builtin_popcountll(bits);
        intervals += (size_t)__builtin_popcountll(bits & ~(bits << 1)); /* where a run begins */
        sources += bits != 0;
    }
    assert_true(my_gtid_set_count(set) == count);
    assert_int_equal(set->interval_count, intervals);
    assert_int_equal(set->count, sources);
    for (size_t i = 0; i < set->count; i++)
        intervals -= set->sids[i].count;
    assert_int_equal(intervals, 0);
}

static void model__what_was_added_is_in_it_and_nothing_else(void **state)
{
    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < ROUNDS / 8; round++) {
        struct model m;
        struct my_gtid_set set = random_set(&m);
        assert_model(&set, &m);
        my_gtid_set_release(&set);
    }
}

static void model__texts_and_bytes_come_back(void **state)
{
    struct leat_buf buf;
    (void)state;
    leat_buf_init(&buf, TEXT_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        struct model m;
        struct my_gtid_set set = random_set(&m), back;
        leat_buf_reset(&buf);
        my_gtid_set_format(&set, &buf);
        ok(my_gtid_set_parse(leat_buf_slice(&buf), &back, &err));
        assert_true(my_gtid_set_equal(&set, &back));
        my_gtid_set_release(&back);
        leat_buf_reset(&buf);
        my_gtid_set_encode(&set, &buf);
        ok(my_gtid_set_decode(leat_buf_slice(&buf), &back, &err));
        assert_true(my_gtid_set_equal(&set, &back));
        my_gtid_set_release(&back);
        my_gtid_set_release(&set);
    }
    leat_buf_release(&buf);
}

static void check_pair(struct my_gtid_set *a, const struct model *ma, const struct my_gtid_set *b,
                       const struct model *mb)
{
    struct my_gtid_set rest = {.sids = NULL};
    struct model minus, both;
    bool subset = true, equal = true;
    for (unsigned s = 0; s < SOURCES; s++) {
        minus.bits[s] = ma->bits[s] & ~mb->bits[s];
        both.bits[s] = ma->bits[s] | mb->bits[s];
        subset &= minus.bits[s] == 0;
        equal &= ma->bits[s] == mb->bits[s];
    }
    assert_int_equal(my_gtid_set_subset(a, b), subset);
    assert_int_equal(my_gtid_set_equal(a, b), equal);
    ok(my_gtid_set_subtract(a, b, &rest, &err));
    assert_model(&rest, &minus);
    my_gtid_set_release(&rest);
    ok(my_gtid_set_merge(a, b, &err));
    assert_model(a, &both);
    assert_true(my_gtid_set_subset(b, a));
    add_one(a, &both, roll(SOURCES), 1 + roll(NUMBERS)); /* `last` is right after a merge */
    assert_model(a, &both);
}

static void model__sets_of_sets_are_those_of_bits(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 8; round++) {
        struct model ma, mb;
        struct my_gtid_set a = random_set(&ma), b = random_set(&mb);
        if (round % 4 == 0) { /* else one is hardly ever part of the other */
            ok(my_gtid_set_merge(&b, &a, &err));
            for (unsigned s = 0; s < SOURCES; s++)
                mb.bits[s] |= ma.bits[s];
        }
        check_pair(&a, &ma, &b, &mb);
        my_gtid_set_release(&a);
        my_gtid_set_release(&b);
    }
}

static void set__of_one_uuid_has_all_its_tags(void **state)
{
    uint8_t uuid[16];
    struct my_gtid_set set = set_of(UUID_A ":1-5:t:2:u:9," UUID_B ":1:t:1"), part;
    (void)state;
    assert_true(my_uuid_parse(leat_slice_text(UUID_A), uuid));
    ok(my_gtid_set_of_uuid(&set, uuid, &part, &err));
    assert_set(&part, UUID_A ":1-5:t:2:u:9");
    my_gtid_set_release(&part);
    assert_true(my_uuid_parse(leat_slice_text(UUID_C), uuid));
    ok(my_gtid_set_of_uuid(&set, uuid, &part, &err));
    assert_set(&part, "");
    my_gtid_set_release(&part);
    my_gtid_set_release(&set);
}

/* --- bounds ------------------------------------------------------------------------------------
 */

static void bound__intervals_and_sources_are_limited(void **state)
{
    struct my_gtid_set set = {.sids = NULL};
    struct my_gtid g = gtid_of(UUID_A, "", 1);
    (void)state;
    for (int i = 0; i < MY_GTID_INTERVALS_MAX; i++) {
        g.number = 1 + 2 * (int64_t)i;
        ok(my_gtid_set_add(&set, &g, &err));
    }
    g.number += 2;
    gives(LEAT_ELIMIT, my_gtid_set_add(&set, &g, &err));
    assert_false(my_gtid_set_contains(&set, &g));
    g.number = 2; /* closes a hole */
    ok(my_gtid_set_add(&set, &g, &err));
    g.number = 3 + 2 * (int64_t)MY_GTID_INTERVALS_MAX;
    ok(my_gtid_set_add(&set, &g, &err));
    my_gtid_set_release(&set);
    g.number = 1;
    for (unsigned i = 0; i < MY_GTID_SIDS_MAX; i++) {
        memcpy(g.uuid, &i, sizeof i);
        ok(my_gtid_set_add(&set, &g, &err));
    }
    memset(g.uuid, 0xff, sizeof g.uuid);
    gives(LEAT_ELIMIT, my_gtid_set_add(&set, &g, &err));
    assert_int_equal(set.count, MY_GTID_SIDS_MAX);
    my_gtid_set_release(&set);
}

static void bound__the_largest_number_joins_the_one_before(void **state)
{
    struct my_gtid_set set = set_of(UUID_A ":9223372036854775805");
    struct my_gtid g = gtid_of(UUID_A, "", INT64_MAX - 1);
    (void)state;
    ok(my_gtid_set_add(&set, &g, &err));
    ok(my_gtid_set_add(&set, &g, &err));
    assert_set(&set, UUID_A ":9223372036854775805-9223372036854775806");
    my_gtid_set_release(&set);
}

/* --- MariaDB -----------------------------------------------------------------------------------
 */

static void assert_state(const struct maria_gtid_state *state, const char *text)
{
    struct leat_buf buf;
    leat_buf_init(&buf, TEXT_MAX);
    maria_gtid_state_format(state, &buf);
    assert_string_equal(leat_buf_text(&buf), text);
    leat_buf_release(&buf);
}

static void maria__a_state_is_one_position_a_domain(void **state)
{
    static const struct {
        const char *text, *shown;
    } CASES[] = {
        {"", ""},
        {" ", ""},
        {"0-1-100", "0-1-100"},
        {"2-7-55,0-1-100", "0-1-100,2-7-55"},
        {" 0-1-100 ,\n2-7-55 ", "0-1-100,2-7-55"},
        {"4294967295-4294967295-18446744073709551615",
         "4294967295-4294967295-18446744073709551615"},
    };
    static const char *const WRONG[] = {"x",
                                        "0",
                                        "0-1",
                                        "0-1-",
                                        "0-1-2,",
                                        ",0-1-2",
                                        "0-1-2-3",
                                        "0--1",
                                        "-0-1-2",
                                        "0-1-2 1-1-1",
                                        "0-1-2;",
                                        "4294967296-1-1",
                                        "0-4294967296-1",
                                        "0-1-18446744073709551616",
                                        "0-1-2,0-2-3",
                                        UUID_A ":1"};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct maria_gtid_state s;
        ok(maria_gtid_state_parse(leat_slice_text(CASES[i].text), &s, &err));
        assert_state(&s, CASES[i].shown);
        maria_gtid_state_release(&s);
    }
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct maria_gtid_state s = {.count = 77};
        if (maria_gtid_state_parse(leat_slice_text(WRONG[i]), &s, &err) != LEAT_ECONFIG)
            fail_msg("\"%s\" was taken", WRONG[i]);
        assert_int_equal(s.count, 77);
    }
}

static void maria__the_last_of_a_domain_counts_whatever_its_number(void **state)
{
    struct maria_gtid_state s = {.positions = NULL};
    static const struct maria_gtid LOG[] = {{.domain = 7, .server_id = 1, .sequence = 5},
                                            {.domain = 0, .server_id = 1, .sequence = 9},
                                            {.domain = 3, .server_id = 2, .sequence = 1},
                                            {.domain = 0, .server_id = 2, .sequence = 4}};
    (void)state;
    for (size_t i = 0; i < sizeof LOG / sizeof *LOG; i++)
        ok(maria_gtid_state_put(&s, &LOG[i], &err));
    assert_state(&s, "0-2-4,3-2-1,7-1-5");
    assert_int_equal(maria_gtid_state_find(&s, 3)->server_id, 2);
    assert_null(maria_gtid_state_find(&s, 4));
    assert_null(maria_gtid_state_find(&s, 8));
    maria_gtid_state_release(&s);
    assert_null(maria_gtid_state_find(&s, 3));
}

static void maria__a_domain_that_is_dropped_leaves_the_others(void **state)
{
    struct maria_gtid_state s;
    (void)state;
    ok(maria_gtid_state_parse(leat_slice_text("0-2-4,3-2-1,7-1-5"), &s, &err));
    maria_gtid_state_drop(&s, 3);
    assert_state(&s, "0-2-4,7-1-5");
    maria_gtid_state_drop(&s, 3);
    maria_gtid_state_drop(&s, 7);
    maria_gtid_state_drop(&s, 0);
    assert_state(&s, "");
    maria_gtid_state_release(&s);
}

static void maria__a_binlog_s_state_has_the_last_of_each_server_in_a_domain(void **state)
{
    static const struct {
        uint32_t domain, server_id;
        int status;
        uint64_t sequence;
        bool others;
    } CASES[] = {{0, 1, LEAT_OK, 9, true},
                 {0, 4294967295, LEAT_OK, UINT64_MAX, true},
                 {0, 2, LEAT_EOF, 0, true},
                 {7, 2, LEAT_OK, 3, true},
                 {5, 1, LEAT_EOF, 0, false}};
    struct leat_slice text = LEAT_SLICE_LITERAL("0-1-9,0-4294967295-18446744073709551615,7-2-3");
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint64_t sequence = 0;
        bool others = !CASES[i].others;
        assert_int_equal(maria_gtid_binlog_state_find(text, CASES[i].domain, CASES[i].server_id,
                                                      &sequence, &others, &err),
                         CASES[i].status);
        assert_true(sequence == CASES[i].sequence && others == CASES[i].others);
    }
    uint64_t sequence = 0;
    bool others = true;
    assert_int_equal(
        maria_gtid_binlog_state_find(leat_slice_text(""), 0, 1, &sequence, &others, &err),
        LEAT_EOF);
    assert_false(others);
    for (size_t i = 1; i < text.len; i++) {
        struct leat_slice cut = {text.ptr, i};
        if (text.ptr[i - 1] == '-' || text.ptr[i - 1] == ',' || i < 5)
            assert_int_equal(maria_gtid_binlog_state_find(cut, 0, 1, &sequence, &others, &err),
                             LEAT_ECONFIG);
    }
}

static void maria__domains_are_limited(void **state)
{
    struct maria_gtid_state s = {.positions = NULL};
    struct maria_gtid g = {.server_id = 1, .sequence = 1};
    (void)state;
    for (g.domain = 0; g.domain < MARIA_DOMAINS_MAX; g.domain++)
        ok(maria_gtid_state_put(&s, &g, &err));
    gives(LEAT_ELIMIT, maria_gtid_state_put(&s, &g, &err));
    g.domain = 5;
    ok(maria_gtid_state_put(&s, &g, &err));
    assert_int_equal(s.count, MARIA_DOMAINS_MAX);
    maria_gtid_state_release(&s);
}

static void maria__a_gtid_is_three_numbers(void **state)
{
    char text[MY_GTID_TEXT];
    struct maria_gtid g = {.domain = 0, .server_id = 1, .sequence = 100};
    (void)state;
    maria_gtid_format(&g, text);
    assert_string_equal(text, "0-1-100");
    g = (struct maria_gtid){.domain = UINT32_MAX, .server_id = UINT32_MAX, .sequence = UINT64_MAX};
    maria_gtid_format(&g, text);
    assert_string_equal(text, "4294967295-4294967295-18446744073709551615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid__is_thirty_six_characters),
        cmocka_unit_test(text__a_gtid_is_its_name),
        cmocka_unit_test(text__every_form_comes_back_in_the_one_form),
        cmocka_unit_test(text__what_is_no_set_is_refused),
        cmocka_unit_test(bytes__are_the_golden_ones),
        cmocka_unit_test(bytes__only_sorted_sets_are_taken),
        cmocka_unit_test(model__what_was_added_is_in_it_and_nothing_else),
        cmocka_unit_test(model__texts_and_bytes_come_back),
        cmocka_unit_test(model__sets_of_sets_are_those_of_bits),
        cmocka_unit_test(set__of_one_uuid_has_all_its_tags),
        cmocka_unit_test(bound__intervals_and_sources_are_limited),
        cmocka_unit_test(bound__the_largest_number_joins_the_one_before),
        cmocka_unit_test(maria__a_gtid_is_three_numbers),
        cmocka_unit_test(maria__a_state_is_one_position_a_domain),
        cmocka_unit_test(maria__the_last_of_a_domain_counts_whatever_its_number),
        cmocka_unit_test(maria__a_domain_that_is_dropped_leaves_the_others),
        cmocka_unit_test(maria__a_binlog_s_state_has_the_last_of_each_server_in_a_domain),
        cmocka_unit_test(maria__domains_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
