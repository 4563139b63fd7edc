/*
 * The golden dialogues of tests/golden/pgoutput are decoded message by message and printed; the
 * line that each of them carries was printed by another decoder (capture.py). Then the laws hold
 * for every message of them: each strict prefix and each extension is an error, and an error
 * changes nothing.
 */
#include "sources/postgres/pgoutput.h"

#include <leat/buf.h>
#include <leat/limits.h>
#include <leat/reader.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const GOLDEN[] = {
    "protocol1",       "protocol2",       "protocol3",         "protocol4", "captured_transaction",
    "captured_binary", "captured_stream", "captured_two_phase"};
enum { GOLDEN_COUNT = sizeof GOLDEN / sizeof GOLDEN[0], LINE_MAX_BYTES = 16 << 10 };

/* --- the golden files ------------------------------------------------------------------------- */

struct golden {
    FILE *file;
    char line[LINE_MAX_BYTES];
    struct leat_buf expected;
    struct leat_buf bytes;
};

static void golden_open(struct golden *g, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/pgoutput/%s.hex", name);
    g->file = fopen(path, "r");
    if (!g->file)
        fail_msg("%s is missing", path);
    leat_buf_init(&g->expected, LINE_MAX_BYTES);
    leat_buf_init(&g->bytes, 1 << 20);
    g->line[0] = '\0';
}

static void golden_close(struct golden *g)
{
    fclose(g->file);
    leat_buf_release(&g->expected);
    leat_buf_release(&g->bytes);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static void golden_bytes(struct golden *g)
{
    for (const char *at = g->line; *at && *at != '#' && *at != '\n'; at++) {
        if (*at == ' ')
            continue;
        uint8_t byte = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
        assert_true(hex_value(at[0]) >= 0 && hex_value(at[1]) >= 0);
        leat_buf_append(&g->bytes, leat_slice_of(&byte, 1));
        at++;
    }
}

/* The next message and its line; false at the end of the file. */
static bool golden_next(struct golden *g)
{
    leat_buf_reset(&g->expected);
    leat_buf_reset(&g->bytes);
    do {
        if (strncmp(g->line, "# = ", 4) == 0) {
            if (g->expected.len)
                return true;
            leat_buf_append(&g->expected, leat_slice_of(g->line + 4, strcspn(g->line + 4, "\n")));
        } else {
            golden_bytes(g);
        }
        g->line[0] = '\0';
    } while (fgets(g->line, sizeof g->line, g->file));
    return g->expected.len > 0;
}

/* --- the printer ------------------------------------------------------------------------------ */

static void show(struct leat_buf *out, struct leat_slice s)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:";
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c && strchr(plain, c))
            leat_buf_append(out, leat_slice_of(&c, 1));
        else
            leat_buf_format(out, "%%%02x", c);
    }
}

static void show_named(struct leat_buf *out, const char *label, struct leat_slice s)
{
    leat_buf_append_text(out, label);
    show(out, s);
}

static void show_lsn(struct leat_buf *out, const char *label, uint64_t lsn)
{
    leat_buf_format(out, "%s%X/%X", label, (unsigned)(lsn >> 32), (unsigned)lsn);
}

static void show_tuple(struct leat_buf *out, char marker, const struct pgoutput_tuple *t)
{
    leat_buf_format(out, " %c=[", marker);
    for (unsigned i = 0; i < t->count; i++) {
        leat_buf_format(out, "%s%c", i ? " " : "", t->fields[i].form);
        if (t->fields[i].form == PGOUTPUT_TEXT || t->fields[i].form == PGOUTPUT_BINARY)
            show_named(out, "=", t->fields[i].data);
        else
            assert_int_equal(t->fields[i].data.len, 0);
    }
    leat_buf_append_text(out, "]");
}

static void show_row(struct leat_buf *out, const struct pgoutput_message *m)
{
    leat_buf_format(out, "oid=%u", m->row.oid);
    assert_int_equal(m->row.old_form != 0, m->row.before.fields != NULL);
    if (m->row.old_form)
        show_tuple(out, (char)m->row.old_form, &m->row.before);
    if (m->row.after.fields)
        show_tuple(out, 'N', &m->row.after);
}

static void show_relation(struct leat_buf *out, const struct pgoutput_message *m)
{
    leat_buf_format(out, "oid=%u", m->relation.oid);
    show_named(out, " name=", m->relation.schema);
    show_named(out, ".", m->relation.table);
    leat_buf_format(out, " identity=%c columns=[", m->relation.identity);
    for (unsigned i = 0; i < m->relation.count; i++) {
        const struct pgoutput_column *c = &m->relation.columns[i];
        leat_buf_format(out, "%s%d:", i ? " " : "", c->flags);
        show(out, c->name);
        leat_buf_format(out, ":%u:%d", c->type, c->typmod);
    }
    leat_buf_append_text(out, "]");
}

static void show_change(struct leat_buf *out, const struct pgoutput_message *m)
{
    if (m->in_stream)
        leat_buf_format(out, "xid=%u ", m->xid);
    switch (m->type) {
    case PGOUTPUT_RELATION:
        show_relation(out, m);
        return;
    case PGOUTPUT_TYPE:
        leat_buf_format(out, "oid=%u", m->type_name.oid);
        show_named(out, " name=", m->type_name.schema);
        show_named(out, ".", m->type_name.name);
        return;
    case PGOUTPUT_TRUNCATE:
        leat_buf_format(out, "options=%d oids=[", m->truncate.options);
        for (uint32_t i = 0; i < m->truncate.count; i++)
            leat_buf_format(out, "%s%u", i ? " " : "", pgoutput_truncate_oid(m, i));
        leat_buf_append_text(out, "]");
        return;
    case PGOUTPUT_MESSAGE:
        leat_buf_format(out, "flags=%d", m->message.flags);
        show_lsn(out, " lsn=", m->message.lsn);
        show_named(out, " prefix=", m->message.prefix);
        show_named(out, " content=", m->message.content);
        return;
    default:
        show_row(out, m);
    }
}

static void show_prepare(struct leat_buf *out, const struct pgoutput_prepare *p)
{
    leat_buf_format(out, "flags=%d", p->flags);
    show_lsn(out, " lsn=", p->lsn);
    show_lsn(out, " end=", p->end_lsn);
    leat_buf_format(out, " time=%lld xid=%u", (long long)p->time_us, p->xid);
    show_named(out, " gid=", p->gid);
}

static void show_abort(struct leat_buf *out, const struct pgoutput_message *m)
{
    leat_buf_format(out, "xid=%u subxid=%u", m->stream_abort.xid, m->stream_abort.subxid);
    if (!m->stream_abort.has_lsn)
        return;
    show_lsn(out, " lsn=", m->stream_abort.abort_lsn);
    leat_buf_format(out, " time=%lld", (long long)m->stream_abort.abort_time_us);
}

static void show_rollback(struct leat_buf *out, const struct pgoutput_message *m)
{
    leat_buf_format(out, "flags=%d", m->rollback_prepared.flags);
    show_lsn(out, " prepare_end=", m->rollback_prepared.prepare_end_lsn);
    show_lsn(out, " end=", m->rollback_prepared.rollback_end_lsn);
    leat_buf_format(out, " prepared=%lld time=%lld xid=%u",
                    (long long)m->rollback_prepared.prepare_time_us,
                    (long long)m->rollback_prepared.rollback_time_us, m->rollback_prepared.xid);
    show_named(out, " gid=", m->rollback_prepared.gid);
}

static void show_message(struct leat_buf *out, const struct pgoutput_message *m)
{
    leat_buf_format(out, "%s ", pgoutput_type_name(m->type));
    switch (m->type) {
    case PGOUTPUT_BEGIN:
        show_lsn(out, "lsn=", m->begin.commit_lsn);
        leat_buf_format(out, " time=%lld xid=%u", (long long)m->begin.commit_time_us, m->begin.xid);
        return;
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_STREAM_COMMIT:
        leat_buf_format(out, "flags=%d", m->commit.flags);
        show_lsn(out, " lsn=", m->commit.commit_lsn);
        show_lsn(out, " end=", m->commit.end_lsn);
        leat_buf_format(out, " time=%lld xid=%u", (long long)m->commit.commit_time_us,
                        m->commit.xid);
        return;
    case PGOUTPUT_ORIGIN:
        show_lsn(out, "lsn=", m->origin.lsn);
        show_named(out, " name=", m->origin.name);
        return;
    case PGOUTPUT_STREAM_START:
        leat_buf_format(out, "xid=%u first=%d", m->stream_start.xid, m->stream_start.first);
        return;
    case PGOUTPUT_STREAM_STOP:
        out->len--;
        return;
    case PGOUTPUT_STREAM_ABORT:
        show_abort(out, m);
        return;
    case PGOUTPUT_BEGIN_PREPARE:
    case PGOUTPUT_PREPARE:
    case PGOUTPUT_COMMIT_PREPARED:
    case PGOUTPUT_STREAM_PREPARE:
        show_prepare(out, &m->prepare);
        return;
    case PGOUTPUT_ROLLBACK_PREPARED:
        show_rollback(out, m);
        return;
    default:
        show_change(out, m);
    }
}

/* --- decoding from exactly as many bytes as there are, so that one read too many is seen ------ */

static int decode(struct pgoutput *d, struct leat_slice bytes, struct pgoutput_message *ret_message)
{
    struct leat_err err = {.code = 0};
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    assert_non_null(exact);
    if (bytes.len)
        memcpy(exact, bytes.ptr, bytes.len);
    int rc = pgoutput_decode(d, leat_slice_of(exact, bytes.len), ret_message, &err);
    if (rc) {
        assert_int_equal(err.code, rc);
        assert_true(err.text[0]);
    }
    free(exact);
    return rc;
}

static void assert_rejected(struct pgoutput *d, struct leat_slice bytes)
{
    bool in_stream = d->in_stream;
    struct pgoutput_message m;
    int rc = decode(d, bytes, &m);
    if (rc != LEAT_EPROTO)
        fail_msg("%zu bytes of %s were accepted", bytes.len, pgoutput_type_name(bytes.ptr[0]));
    assert_int_equal(d->in_stream, in_stream);
}

static void decode_ok(struct pgoutput *d, struct leat_slice bytes,
                      struct pgoutput_message *ret_message)
{
    struct leat_err err;
    if (pgoutput_decode(d, bytes, ret_message, &err))
        fail_msg("%s", err.text);
}

/* --- golden tests ----------------------------------------------------------------------------- */

static void golden__every_message_is_read_as_the_other_decoder_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden g;
        struct pgoutput d;
        struct leat_buf out;
        size_t count = 0;
        golden_open(&g, GOLDEN[i]);
        pgoutput_init(&d);
        leat_buf_init(&out, 1 << 20);
        for (; golden_next(&g); count++) {
            struct pgoutput_message m;
            decode_ok(&d, leat_buf_slice(&g.bytes), &m);
            leat_buf_reset(&out);
            show_message(&out, &m);
            assert_string_equal(leat_buf_text(&out), leat_buf_text(&g.expected));
        }
        assert_true(count > 4);
        assert_false(d.in_stream);
        leat_buf_release(&out);
        pgoutput_release(&d);
        golden_close(&g);
    }
}

static void golden__no_message_type_is_left_out(void **state)
{
    (void)state;
    bool seen[2][256] = {{false}};
    bool abort_lengths[32] = {false};
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden g;
        struct pgoutput d;
        golden_open(&g, GOLDEN[i]);
        pgoutput_init(&d);
        while (golden_next(&g)) {
            struct pgoutput_message m;
            decode_ok(&d, leat_buf_slice(&g.bytes), &m);
            seen[m.in_stream][m.type] = true;
            if (m.type == PGOUTPUT_STREAM_ABORT && g.bytes.len < 32)
                abort_lengths[g.bytes.len] = true;
        }
        pgoutput_release(&d);
        golden_close(&g);
    }
    for (const char *c = "BCORYIUDTMScAbPKrp"; *c; c++)
        if (!seen[false][(uint8_t)*c])
            fail_msg("no golden %c outside of a stream", *c);
    for (const char *c = "ORYIUDTME"; *c; c++)
        if (!seen[true][(uint8_t)*c])
            fail_msg("no golden %c inside of a stream", *c);
    assert_true(abort_lengths[9] && abort_lengths[25]);
}

/* The shorter form of STREAM_ABORT is the beginning of the longer one: the only prefix that is a
 * message. */
static bool prefix_is_message(struct leat_slice bytes, size_t len)
{
    return bytes.ptr[0] == PGOUTPUT_STREAM_ABORT && len == 9;
}

static void golden__every_strict_prefix_is_an_error_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden g;
        struct pgoutput d;
        golden_open(&g, GOLDEN[i]);
        pgoutput_init(&d);
        while (golden_next(&g)) {
            struct pgoutput_message m;
            struct leat_slice all = leat_buf_slice(&g.bytes);
            for (size_t len = 0; len < all.len; len++)
                if (!prefix_is_message(all, len))
                    assert_rejected(&d, leat_slice_of(all.ptr, len));
            decode_ok(&d, all, &m);
        }
        pgoutput_release(&d);
        golden_close(&g);
    }
}

static void golden__every_extension_is_an_error_and_changes_nothing(void **state)
{
    static const uint8_t tails[] = {0, 'N', 't', 0xff};
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden g;
        struct pgoutput d;
        golden_open(&g, GOLDEN[i]);
        pgoutput_init(&d);
        while (golden_next(&g)) {
            struct pgoutput_message m;
            for (size_t t = 0; t < sizeof tails; t++) {
                leat_buf_append(&g.bytes, leat_slice_of(&tails[t], 1));
                assert_rejected(&d, leat_buf_slice(&g.bytes));
                g.bytes.len--;
            }
            decode_ok(&d, leat_buf_slice(&g.bytes), &m);
        }
        pgoutput_release(&d);
        golden_close(&g);
    }
}

/* --- what no server sends --------------------------------------------------------------------- */

static void decoder__unknown_tags_are_errors_inside_and_outside_of_a_stream(void **state)
{
    static const char known[] = "BCORYIUDTMSEcAbPKrp";
    uint8_t bytes[64] = {0};
    struct pgoutput d;
    (void)state;
    pgoutput_init(&d);
    for (unsigned tag = 0; tag < 256; tag++) {
        bytes[0] = (uint8_t)tag;
        if (tag && strchr(known, (int)tag))
            continue;
        for (size_t len = 1; len <= sizeof bytes; len++) {
            d.in_stream = len % 2;
            assert_rejected(&d, leat_slice_of(bytes, len));
        }
        assert_string_equal(pgoutput_type_name((uint8_t)tag), "unknown");
    }
    pgoutput_release(&d);
}

static void decoder__frames_of_transactions_may_not_stand_inside_of_a_stream(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden g;
        struct pgoutput d;
        golden_open(&g, GOLDEN[i]);
        pgoutput_init(&d);
        while (golden_next(&g)) {
            if (!strchr("BCScAbPKrp", g.bytes.data[0]))
                continue;
            d.in_stream = true;
            assert_rejected(&d, leat_buf_slice(&g.bytes));
        }
        pgoutput_release(&d);
        golden_close(&g);
    }
}

static void decoder__a_stream_stops_only_once_and_reset_ends_it_too(void **state)
{
    static const uint8_t start[] = {'S', 0, 0, 0, 1, 1};
    struct pgoutput d;
    struct pgoutput_message m;
    (void)state;
    pgoutput_init(&d);
    assert_rejected(&d, LEAT_SLICE_LITERAL("E"));
    decode_ok(&d, leat_slice_of(start, sizeof start), &m);
    assert_true(d.in_stream);
    assert_false(m.in_stream);
    decode_ok(&d, LEAT_SLICE_LITERAL("E"), &m);
    assert_rejected(&d, LEAT_SLICE_LITERAL("E"));
    decode_ok(&d, leat_slice_of(start, sizeof start), &m);
    pgoutput_reset(&d);
    assert_false(d.in_stream);
    pgoutput_release(&d);
}

static void decoder__forged_counts_and_lengths_are_errors(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } forged[] = {
#define FORGED(text) {text, sizeof(text) - 1}
        FORGED("I\0\0\0\1N\xff\xffnnn"),           /* 65,535 columns in three bytes */
        FORGED("I\0\0\0\1N\0\1t\xff\xff\xff\xff"), /* a field of 4 GB */
        FORGED("I\0\0\0\1N\0\1t\x7f\xff\xff\xff"
               "a"),                     /* … and of 2 GB */
        FORGED("I\0\0\0\1N\0\1x"),       /* an unknown form */
        FORGED("I\0\0\0\1K\0\1n"),       /* an old row in an INSERT */
        FORGED("U\0\0\0\1X\0\1nN\0\1n"), /* an unknown marker */
        FORGED("U\0\0\0\1K\0\1nO\0\1n"), /* two old rows */
        FORGED("D\0\0\0\1N\0\1n"),       /* a new row in a DELETE */
        FORGED("T\x40\0\0\0\0\0\0\0\1"), /* 2^30 relations: times four is 0 in 32 bits */
        FORGED("T\xff\xff\xff\xff\0\0\0\0\1"),
        FORGED("M\0"
               "12345678p\0\xff\xff\xff\xff"
               "c"), /* a message of 4 GB */
        FORGED("R\0\0\0\1s\0t\0d\xff\xff\0a\0\0\0\0\1\0\0\0\0"),
    };
    struct pgoutput d;
    (void)state;
    pgoutput_init(&d);
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++)
        assert_rejected(&d, leat_slice_of(forged[i].bytes, forged[i].len));
    assert_true(d.columns_capacity < 128 &&
                d.after.capacity < 128); /* nothing was reserved for them */
    pgoutput_release(&d);
}

static void append_be(struct leat_buf *buf, uint32_t v, unsigned bytes)
{
    while (bytes--) {
        uint8_t byte = (uint8_t)(v >> 8 * bytes);
        leat_buf_append(buf, leat_slice_of(&byte, 1));
    }
}

static void append_row(struct leat_buf *buf, char marker, unsigned columns, unsigned first)
{
    append_be(buf, (uint8_t)marker, 1);
    append_be(buf, columns, 2);
    for (unsigned i = 0; i < columns; i++) {
        append_be(buf, 't', 1);
        append_be(buf, 4, 4);
        append_be(buf, first + i, 4);
    }
}

static void decoder__rows_may_grow_and_both_rows_of_an_update_stay_valid(void **state)
{
    struct pgoutput d;
    struct pgoutput_message m;
    struct leat_buf buf;
    (void)state;
    pgoutput_init(&d);
    leat_buf_init(&buf, 1 << 20);
    for (unsigned columns = 0; columns <= LEAT_COLUMNS_MAX; columns = columns * 3 + 1) {
        leat_buf_reset(&buf);
        append_be(&buf, 'U', 1);
        append_be(&buf, 42, 4);
        append_row(&buf, 'O', columns, 0);
        append_row(&buf, 'N', columns, 100000);
        decode_ok(&d, leat_buf_slice(&buf), &m);
        assert_int_equal(m.row.before.count, columns);
        assert_int_equal(m.row.after.count, columns);
        for (unsigned i = 0; i < columns; i++) {
            struct leat_reader before = leat_reader_of(m.row.before.fields[i].data);
            struct leat_reader after = leat_reader_of(m.row.after.fields[i].data);
            assert_int_equal(leat_reader_be32(&before), i);
            assert_int_equal(leat_reader_be32(&after), 100000 + i);
        }
    }
    leat_buf_release(&buf);
    pgoutput_release(&d);
}

static void decoder__more_columns_or_longer_names_than_the_limits_are_errors(void **state)
{
    struct pgoutput d;
    struct pgoutput_message m;
    struct leat_buf buf;
    (void)state;
    pgoutput_init(&d);
    leat_buf_init(&buf, 1 << 20);
    append_be(&buf, 'I', 1);
    append_be(&buf, 42, 4);
    append_row(&buf, 'N', LEAT_COLUMNS_MAX + 1, 0);
    assert_rejected(&d, leat_buf_slice(&buf));
    for (size_t len = LEAT_NAME_MAX; len <= LEAT_NAME_MAX + 1; len++) {
        leat_buf_reset(&buf);
        leat_buf_append(&buf, leat_slice_of("R\0\0\0\1s", 7));
        for (size_t i = 0; i < len; i++)
            append_be(&buf, 't', 1);
        leat_buf_append(&buf, leat_slice_of("\0d\0\0", 4));
        if (len > LEAT_NAME_MAX)
            assert_rejected(&d, leat_buf_slice(&buf));
        else
            decode_ok(&d, leat_buf_slice(&buf), &m);
    }
    leat_buf_release(&buf);
    pgoutput_release(&d);
}

static void decoder__errors_say_what_was_wrong_with_which_message(void **state)
{
    struct pgoutput d;
    struct pgoutput_message m;
    struct leat_err err;
    (void)state;
    pgoutput_init(&d);
    assert_int_equal(pgoutput_decode(&d, LEAT_SLICE_LITERAL("C\0"), &m, &err), LEAT_EPROTO);
    assert_non_null(strstr(err.text, "COMMIT of 2 bytes is cut short"));
    d.in_stream = true;
    assert_int_equal(pgoutput_decode(&d, LEAT_SLICE_LITERAL("Exx"), &m, &err), LEAT_EPROTO);
    assert_non_null(strstr(err.text, "STREAM_STOP of 3 bytes has 2 bytes too many"));
    assert_int_equal(pgoutput_decode(&d, LEAT_SLICE_LITERAL("B"), &m, &err), LEAT_EPROTO);
    assert_non_null(strstr(err.text, "BEGIN (tag 0x42, 1 bytes) inside of a stream"));
    assert_int_equal(pgoutput_decode(&d, leat_slice_of(NULL, 0), &m, &err), LEAT_EPROTO);
    assert_non_null(strstr(err.text, "empty message"));
    pgoutput_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden__every_message_is_read_as_the_other_decoder_reads_it),
        cmocka_unit_test(golden__no_message_type_is_left_out),
        cmocka_unit_test(golden__every_strict_prefix_is_an_error_and_changes_nothing),
        cmocka_unit_test(golden__every_extension_is_an_error_and_changes_nothing),
        cmocka_unit_test(decoder__unknown_tags_are_errors_inside_and_outside_of_a_stream),
        cmocka_unit_test(decoder__frames_of_transactions_may_not_stand_inside_of_a_stream),
        cmocka_unit_test(decoder__a_stream_stops_only_once_and_reset_ends_it_too),
        cmocka_unit_test(decoder__forged_counts_and_lengths_are_errors),
        cmocka_unit_test(decoder__rows_may_grow_and_both_rows_of_an_update_stay_valid),
        cmocka_unit_test(decoder__more_columns_or_longer_names_than_the_limits_are_errors),
        cmocka_unit_test(decoder__errors_say_what_was_wrong_with_which_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
