#include "sources/mysql/table_schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    SLOTS = 1024, /* a power of two */
    TABLES_MAX = 16 << 10,
    TABLES_BYTES_MAX = 128 << 20,
    TABLE_ARENA_MAX = 16 << 20, /* 4,096 columns with names, types and labels */
    TYPE_TEXT_MAX = 64 << 10,
    BINARY_COLLATION = 63,
    SEQUENCE_COLUMNS = 8,
};

/* --- the cache ---------------------------------------------------------------------------------
 */

static void table_free(struct my_table *t)
{
    if (!t)
        return;
    leat_arena_release(&t->arena);
    free(t);
}

static void forget_all(struct my_tables *c)
{
    for (size_t i = 0; i < c->slot_count; i++)
        while (c->slots[i]) {
            struct my_table *next = c->slots[i]->next;
            table_free(c->slots[i]);
            c->slots[i] = next;
        }
    c->count = c->bytes = 0;
}

void my_tables_release(struct my_tables *c)
{
    forget_all(c);
    free(c->slots);
    free(c->open);
    *c = (struct my_tables){.slots = NULL};
}

struct my_table *my_tables_find(struct my_tables *c, uint64_t shape)
{
    struct my_table *t = c->slot_count ? c->slots[shape & (SLOTS - 1)] : NULL;
    while (t && t->shape != shape)
        t = t->next;
    return t;
}

static int cache_add(struct my_tables *c, struct my_table *t, struct leat_err *err)
{
    if (!c->slot_count) {
        c->slots = calloc(SLOTS, sizeof(struct my_table *));
        if (!c->slots)
            return leat_fail(err, LEAT_ERETRY, "out of memory for tables");
        c->slot_count = SLOTS;
    }
    if ((c->count >= TABLES_MAX || c->bytes >= TABLES_BYTES_MAX) && !c->open_count)
        forget_all(c);
    struct my_table **slot = &c->slots[t->shape & (SLOTS - 1)];
    t->next = *slot;
    *slot = t;
    c->count++;
    c->bytes += sizeof *t + t->arena.used;
    return LEAT_OK;
}

static bool is_named(const struct my_table *t, struct leat_slice database, struct leat_slice table)
{
    return leat_slice_equal(t->schema.database, database) &&
           (!table.len || leat_slice_equal(t->schema.table, table));
}

uint32_t my_tables_forget(struct my_tables *c, struct leat_slice database, struct leat_slice table)
{
    uint32_t ref = 0;
    for (size_t i = 0; i < c->slot_count; i++)
        for (struct my_table **at = &c->slots[i]; *at;) {
            struct my_table *t = *at;
            if (!is_named(t, database, table)) {
                at = &t->next;
                continue;
            }
            ref = t->schema.ref > ref ? t->schema.ref : ref;
            *at = t->next;
            c->bytes -= sizeof *t + t->arena.used;
            table_free(t);
            c->count--;
        }
    return ref;
}

struct my_table *my_tables_named(struct my_tables *c, struct leat_slice database,
                                 struct leat_slice table)
{
    struct my_table *found = NULL;
    for (size_t i = 0; i < c->slot_count; i++)
        for (struct my_table *t = c->slots[i]; t; t = t->next)
            if (is_named(t, database, table) && (!found || t->schema.ref > found->schema.ref))
                found = t;
    return found;
}

/* --- tables of a statement ---------------------------------------------------------------------
 */

int my_tables_open(struct my_tables *c, uint64_t id, struct my_table *table, struct leat_err *err)
{
    for (size_t i = 0; i < c->open_count; i++)
        if (c->open[i].id == id) {
            c->open[i].table = table;
            return LEAT_OK;
        }
    if (c->open_count == c->open_capacity) {
        size_t more = c->open_capacity ? 2 * c->open_capacity : 16;
        struct my_open_table *open =
            more <= MY_OPEN_TABLES_MAX ? realloc(c->open, more * sizeof *open) : NULL;
        if (!open)
            return leat_fail(err, LEAT_EPROTO, "a statement has more than %d tables",
                             MY_OPEN_TABLES_MAX);
        c->open = open;
        c->open_capacity = more;
    }
    c->open[c->open_count++] = (struct my_open_table){id, table};
    return LEAT_OK;
}

struct my_table *my_tables_opened(struct my_tables *c, uint64_t id)
{
    for (size_t i = c->open_count; i-- > 0;)
        if (c->open[i].id == id)
            return c->open[i].table;
    return NULL;
}

void my_tables_close(struct my_tables *c)
{
    c->open_count = 0;
}

/* --- a table from its map ----------------------------------------------------------------------
 * Optional metadata counts columns of some class only: the n-th numeric, character, enum … one.
 */

static struct my_wire_column *nth(struct my_table *t, bool (*of_class)(const struct my_column *),
                                  uint64_t n)
{
    for (uint32_t i = 0; i < t->wire_count; i++)
        if (of_class(&t->wire[i].column) && n-- == 0)
            return &t->wire[i];
    return NULL;
}

/* An iterator over the columns of a class, for metadata in their order. */
static struct my_column *step(struct my_table *t, bool (*of_class)(const struct my_column *),
                              uint32_t *at)
{
    while (*at < t->wire_count) {
        struct my_column *c = &t->wire[(*at)++].column;
        if (of_class(c))
            return c;
    }
    return NULL;
}

static void take_signs(struct my_table *t, struct leat_slice bits)
{
    uint32_t at = 0;
    struct my_column *c;
    for (size_t n = 0; n / 8 < bits.len && (c = step(t, my_column_is_numeric, &at)); n++)
        c->is_unsigned = bits.ptr[n / 8] >> (7 - n % 8) & 1;
}

static void take_charsets(struct my_table *t, struct my_charsets *charsets,
                          bool (*of_class)(const struct my_column *), struct leat_slice defaults,
                          struct leat_slice each)
{
    uint32_t at = 0;
    struct my_column *c;
    struct leat_reader r = leat_reader_of(defaults.ptr ? defaults : each);
    if (defaults.ptr) {
        struct my_charset *common = my_charset_of(charsets, (uint32_t)my_lenenc(&r));
        while ((c = step(t, of_class, &at)))
            c->charset = common;
        while (leat_reader_left(&r) && !r.bad) {
            struct my_wire_column *w = nth(t, of_class, my_lenenc(&r));
            struct my_charset *own = my_charset_of(charsets, (uint32_t)my_lenenc(&r));
            if (w && !r.bad)
                w->column.charset = own;
        }
    } else if (each.ptr) {
        while (!r.bad && (c = step(t, of_class, &at)))
            c->charset = my_charset_of(charsets, (uint32_t)my_lenenc(&r));
    }
}

static bool is_enum(const struct my_column *c)
{
    return c->type == MY_TYPE_ENUM;
}

static bool is_set(const struct my_column *c)
{
    return c->type == MY_TYPE_SET;
}

static int take_label(struct my_table *t, struct my_column *c, struct leat_slice text,
                      struct leat_slice *ret_label, struct leat_err *err)
{
    int64_t replaced = 0;
    struct leat_slice label = text;
    if (c->charset && !my_charset_is_binary(c->charset)) {
        int status = my_charset_utf8(c->charset, text, &t->arena, &label, &replaced, err);
        if (status)
            return status;
    }
    *ret_label = leat_arena_copy(&t->arena, label);
    return LEAT_OK;
}

/* Labels in the column's own character set, by column: count, then (length, bytes) each. */
static int take_labels(struct my_table *t, bool (*of_class)(const struct my_column *),
                       struct leat_slice values, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(values);
    struct my_column *c;
    uint32_t at = 0;
    while (values.ptr && (c = step(t, of_class, &at))) {
        uint64_t count = my_lenenc(&r);
        if (r.bad || count > leat_reader_left(&r))
            return leat_fail(err, LEAT_EPROTO, "a table map has a broken list of labels");
        struct leat_slice *labels =
            leat_arena_zeroed(&t->arena, count ? (size_t)count : 1, sizeof *labels);
        if (!labels)
            return leat_fail(err, LEAT_ELIMIT, "a table has too many labels");
        for (uint64_t i = 0; i < count; i++) {
            size_t len = (size_t)my_lenenc(&r);
            int status = take_label(t, c, leat_reader_bytes(&r, len), &labels[i], err);
            if (status)
                return status;
        }
        c->labels = labels;
        c->label_count = (uint32_t)count;
    }
    return r.bad ? leat_fail(err, LEAT_EPROTO, "a table map has a broken label") : LEAT_OK;
}

static void take_geometry(struct my_table *t, struct leat_slice types)
{
    struct leat_reader r = leat_reader_of(types);
    struct my_column *c;
    uint32_t at = 0;
    while (types.ptr && !r.bad && (c = step(t, my_column_is_geometry, &at)))
        c->geometry = (uint16_t)my_lenenc(&r);
}

static int take_columns(struct my_table *t, const struct my_table_map *m, struct leat_err *err)
{
    struct leat_reader metadata = leat_reader_of(m->metadata);
    for (uint32_t i = 0; i < t->wire_count; i++) {
        struct my_column *c = &t->wire[i].column;
        int status = my_column_init(c, m->types.ptr[i], &metadata, err);
        if (status) {
            leat_err_context(err, "table \"%.*s\", column %u", LEAT_SLICE_ARG(m->table), i + 1);
            return status;
        }
        c->nullable = m->nullable.ptr[i / 8] >> (i % 8) & 1;
        t->wire[i].stored = -1;
    }
    return LEAT_OK;
}

static int take_optional(struct my_table *t, const struct my_table_map *m,
                         struct my_charsets *charsets, struct leat_err *err)
{
    take_signs(t, m->signedness);
    take_charsets(t, charsets, my_column_is_character, m->default_charset, m->column_charset);
    take_charsets(t, charsets, my_column_is_enum_or_set, m->enum_default_charset,
                  m->enum_column_charset);
    take_geometry(t, m->geometry_types);
    int status = take_labels(t, is_set, m->set_values, err);
    return status ? status : take_labels(t, is_enum, m->enum_values, err);
}

/* --- names and what the catalogue adds ---------------------------------------------------------
 */

static bool text_is(struct leat_slice text, const char *word)
{
    return leat_slice_equal(text, leat_slice_text(word));
}

static const struct my_column_fact *fact_named(const struct my_table_env *env,
                                               struct leat_slice name)
{
    for (size_t i = 0; i < env->fact_count; i++)
        if (leat_slice_equal(env->facts[i].name, name))
            return &env->facts[i];
    return NULL;
}

static bool is_bytes_of(const struct my_column *c, uint32_t length)
{
    return c->type == MY_TYPE_STRING && c->length == length &&
           (!c->charset || my_charset_is_binary(c->charset));
}

static bool is_text(const struct my_column *c)
{
    return c->type == MY_TYPE_BLOB && c->charset && !my_charset_is_binary(c->charset);
}

/* A logical type counts only where the shape could be one: the declaration may be newer. */
static uint8_t logical_of(const struct my_column *c, const struct my_column_fact *fact)
{
    if (text_is(fact->data_type, "uuid") && is_bytes_of(c, 16))
        return MY_LOGICAL_UUID;
    if (text_is(fact->data_type, "inet6") && is_bytes_of(c, 16))
        return MY_LOGICAL_INET6;
    if (text_is(fact->data_type, "inet4") && is_bytes_of(c, 4))
        return MY_LOGICAL_INET4;
    if (fact->is_json && is_text(c))
        return MY_LOGICAL_JSON;
    if (text_is(fact->data_type, "vector") && c->type == MY_TYPE_VARCHAR)
        return MY_LOGICAL_VECTOR;
    return MY_LOGICAL_NONE;
}

/* "int unsigned" and "int(10) unsigned" are one type: compares up to blanks and display widths. */
static bool same_integer(struct leat_slice ours, struct leat_slice declared)
{
    size_t n = 0, d = 0;
    while (d < declared.len) {
        if (declared.ptr[d] == '(') {
            const uint8_t *end = memchr(declared.ptr + d, ')', declared.len - d);
            if (!end)
                return false;
            d = (size_t)(end - declared.ptr) + 1;
        } else if (n < ours.len && ours.ptr[n] == declared.ptr[d]) {
            n++;
            d++;
        } else {
            break;
        }
    }
    return n == ours.len &&
           (d == declared.len ||
            text_is(leat_slice_of(declared.ptr + d, declared.len - d), " zerofill"));
}

static bool is_integer(const struct my_column *c)
{
    return c->type == MY_TYPE_TINY || c->type == MY_TYPE_SHORT || c->type == MY_TYPE_INT24 ||
           c->type == MY_TYPE_LONG || c->type == MY_TYPE_LONGLONG;
}

static struct leat_slice type_text(struct my_table *t, const struct my_column *c,
                                   const struct my_column_fact *fact, struct leat_buf *room,
                                   struct leat_column *ret_column)
{
    leat_buf_reset(room);
    my_column_describe(c, room, &ret_column->precision, &ret_column->scale);
    struct leat_slice ours = leat_buf_slice(room);
    if (fact && c->logical != MY_LOGICAL_NONE)
        return leat_arena_copy(&t->arena, c->logical == MY_LOGICAL_JSON ? leat_slice_text("json")
                                                                        : fact->type);
    if (fact && is_integer(c) && same_integer(ours, fact->type))
        return leat_arena_copy(&t->arena, fact->type);
    if (fact && c->type == MY_TYPE_VECTOR && text_is(fact->data_type, "vector"))
        return leat_arena_copy(&t->arena, fact->type);
    return leat_arena_copy(&t->arena, ours);
}

static void store_column(struct my_table *t, struct my_wire_column *w, struct leat_slice name,
                         const struct my_table_env *env, struct leat_buf *room)
{
    enum leat_column_rule rule =
        leat_filter_column(env->filter, t->schema.database, t->schema.table, name);
    const struct my_column_fact *fact = fact_named(env, name);
    if (fact)
        w->column.logical = logical_of(&w->column, fact);
    my_column_refine(&w->column);
    if (rule == LEAT_COLUMN_DROP)
        return;
    w->stored = (int32_t)t->schema.column_count++;
    struct leat_column *c = &t->schema.columns[w->stored];
    c->name = leat_arena_copy(&t->arena, name);
    c->type = type_text(t, &w->column, fact, room, c);
    c->kind = w->column.kind;
    c->element = w->column.kind == LEAT_ARRAY ? LEAT_FLOAT32 : LEAT_ABSENT;
    c->nullable = w->column.nullable ? LEAT_NULLABLE_YES : LEAT_NULLABLE_NO;
    w->masked = rule == LEAT_COLUMN_MASK;
    if (w->masked) {
        c->kind = LEAT_STRING;
        c->element = LEAT_ABSENT;
        c->precision = c->scale = -1;
    }
}

/* MariaDB keeps a sequence as a table of one row, and logs each step as a new row without a key. */
static bool is_sequence_column(uint32_t number, struct leat_slice name)
{
    static const char *const NAMES[SEQUENCE_COLUMNS] = {
        "next_not_cached_value", "minimum_value", "maximum_value", "start_value",
        "increment",             "cache_size",    "cycle_option",  "cycle_count"};
    return number < SEQUENCE_COLUMNS && text_is(name, NAMES[number]);
}

static int name_columns(struct my_table *t, const struct my_table_map *m,
                        const struct my_table_env *env, struct leat_err *err)
{
    struct leat_reader names = leat_reader_of(m->names);
    struct leat_buf room;
    bool sequence = t->wire_count == SEQUENCE_COLUMNS;
    leat_buf_init(&room, TYPE_TEXT_MAX);
    for (uint32_t i = 0; i < t->wire_count; i++) {
        struct leat_slice name = env->by_catalogue && !t->named
                                     ? env->facts[i].name
                                     : leat_reader_bytes(&names, (size_t)my_lenenc(&names));
        store_column(t, &t->wire[i], name, env, &room);
        sequence &= is_sequence_column(i, name);
    }
    t->captured &= !sequence;
    leat_buf_release(&room);
    return names.bad ? leat_fail(err, LEAT_EPROTO, "a table map has broken column names") : LEAT_OK;
}

/* The primary key: of the map, or of the catalogue where the map has none. */
static void number_key(struct my_table *t, const struct my_table_map *m,
                       const struct my_table_env *env)
{
    bool prefixes = m->prefix_key.ptr != NULL;
    struct leat_reader r = leat_reader_of(prefixes ? m->prefix_key : m->simple_key);
    uint16_t ordinal = 0;
    while (leat_reader_left(&r) && !r.bad) {
        uint64_t column = my_lenenc(&r);
        if (prefixes)
            my_lenenc(&r);
        if (!r.bad && column < t->wire_count && t->wire[column].stored >= 0)
            t->schema.columns[t->wire[column].stored].key_ordinal = ++ordinal;
    }
    for (uint32_t i = 0; env->by_catalogue && !t->named && i < t->wire_count; i++)
        if (t->wire[i].stored >= 0)
            t->schema.columns[t->wire[i].stored].key_ordinal = env->facts[i].key_ordinal;
}

/* --- the catalogue in place of names -----------------------------------------------------------
 */

/* 'a','it''s' of enum('a','it''s'), as the catalogue prints it in UTF-8. */
static int labels_of(struct my_table *t, struct my_column *c, struct leat_slice type,
                     struct leat_err *err)
{
    uint32_t count = 0;
    struct leat_slice *labels = leat_arena_zeroed(&t->arena, type.len / 3 + 1, sizeof *labels);
    char *copy = leat_arena_alloc(&t->arena, type.len + 1);
    if (!labels || !copy)
        return leat_fail(err, LEAT_ELIMIT, "a table has too many labels");
    for (size_t i = 0; i < type.len; i++) {
        if (type.ptr[i] != '\'')
            continue;
        char *begin = copy;
        for (i++; i < type.len; i++) {
            if (type.ptr[i] == '\'' && (i + 1 == type.len || type.ptr[i + 1] != '\''))
                break;
            i += type.ptr[i] == '\'';
            *copy++ = (char)type.ptr[i];
        }
        labels[count++] = leat_slice_of(begin, (size_t)(copy - begin));
    }
    c->labels = labels;
    c->label_count = count;
    return LEAT_OK;
}

/* The catalogue is in utf8mb3: what that cannot print is a question mark there, which may also be
 * one. */
static int check_labels(const struct my_column *c, const struct my_column_fact *fact,
                        struct leat_err *err)
{
    static const char *const LARGER[] = {"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"};
    bool larger = false;
    for (size_t i = 0; i < sizeof LARGER / sizeof *LARGER; i++)
        larger |= text_is(fact->charset, LARGER[i]);
    for (uint32_t i = 0; larger && i < c->label_count; i++)
        if (memchr(c->labels[i].ptr, '?', c->labels[i].len))
            return leat_fail(err, LEAT_EDATA,
                             "label %" PRIu32 " of column \"%.*s\" has a question mark, which in "
                             "the catalogue may stand for any character",
                             i + 1, LEAT_SLICE_ARG(fact->name));
    return LEAT_OK;
}

static bool has_word(struct leat_slice text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, word, len) == 0)
            return true;
    return false;
}

static struct leat_slice first_word(struct leat_slice text)
{
    size_t n = 0;
    while (n < text.len && isalnum(text.ptr[n]))
        n++;
    return leat_slice_of(text.ptr, n);
}

/* ZEROFILL is for display, and not in the log. */
static bool same_type(struct leat_slice ours, struct leat_slice declared)
{
    static const char ZEROFILL[] = " zerofill";
    size_t len = sizeof ZEROFILL - 1;
    if (declared.len == ours.len + len && memcmp(declared.ptr + ours.len, ZEROFILL, len) == 0)
        declared.len = ours.len;
    return leat_slice_equal(ours, declared);
}

/* Does the declaration give this shape? Lengths count where the shape has them. */
static bool agrees(const struct my_column *c, const struct my_column_fact *fact,
                   struct leat_buf *room)
{
    int32_t precision, scale;
    if (c->nullable != fact->nullable)
        return false;
    if (c->logical != MY_LOGICAL_NONE)
        return true;
    leat_buf_reset(room);
    my_column_describe(c, room, &precision, &scale);
    struct leat_slice ours = leat_buf_slice(room);
    if (is_integer(c))
        return same_integer(ours, fact->type);
    if (my_column_is_geometry(c) || c->type == MY_TYPE_FLOAT || c->type == MY_TYPE_DOUBLE ||
        c->type == MY_TYPE_YEAR || c->type == MY_TYPE_VECTOR)
        return my_column_is_geometry(c) || leat_slice_equal(first_word(ours), fact->data_type);
    return same_type(ours, fact->type) || is_enum(c) || is_set(c) ||
           (c->type == MARIA_TYPE_BLOB_COMPRESSED || c->type == MARIA_TYPE_VARCHAR_COMPRESSED);
}

static int take_facts(struct my_table *t, const struct my_table_map *m,
                      const struct my_table_env *env, struct leat_err *err)
{
    struct leat_buf room;
    if (env->fact_count != t->wire_count)
        return leat_fail(err, LEAT_EDATA,
                         "table \"%.*s\" has %zu columns now, and had %u when the log was written",
                         LEAT_SLICE_ARG(m->table), env->fact_count, t->wire_count);
    leat_buf_init(&room, TYPE_TEXT_MAX);
    int status = LEAT_OK;
    for (uint32_t i = 0; !status && i < t->wire_count; i++) {
        const struct my_column_fact *fact = &env->facts[i];
        struct my_column *c = &t->wire[i].column;
        if (!m->signedness.ptr)
            c->is_unsigned = has_word(fact->type, " unsigned");
        if (!c->charset)
            c->charset = fact->charset.len ? my_charset_named(env->charsets, fact->charset)
                                           : my_charset_of(env->charsets, BINARY_COLLATION);
        if (is_enum(c) || is_set(c))
            status = labels_of(t, c, fact->type, err);
        if (!status && (is_enum(c) || is_set(c)))
            status = check_labels(c, fact, err);
        c->logical = logical_of(c, fact);
        my_column_refine(c);
        if (!status && !agrees(c, fact, &room))
            status = leat_fail(err, LEAT_EDATA,
                               "column \"%.*s\" of table \"%.*s\" is %.*s now, and was %s when the "
                               "log was written",
                               LEAT_SLICE_ARG(fact->name), LEAT_SLICE_ARG(m->table),
                               LEAT_SLICE_ARG(fact->type), leat_buf_text(&room));
    }
    leat_buf_release(&room);
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static struct my_table *table_new(const struct my_table_map *m)
{
    struct my_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    leat_arena_init(&t->arena, TABLE_ARENA_MAX);
    size_t n = m->column_count ? m->column_count : 1;
    t->wire_count = m->column_count;
    t->named = m->names.ptr != NULL;
    t->wire = leat_arena_zeroed(&t->arena, n, sizeof *t->wire);
    t->schema.columns = leat_arena_zeroed(&t->arena, n, sizeof *t->schema.columns);
    t->before = leat_arena_zeroed(&t->arena, n, sizeof *t->before);
    t->after = leat_arena_zeroed(&t->arena, n, sizeof *t->after);
    t->schema.database = leat_arena_copy(&t->arena, m->database);
    t->schema.table = leat_arena_copy(&t->arena, m->table);
    if (t->wire && t->schema.columns && t->before && t->after && t->schema.table.ptr)
        return t;
    table_free(t);
    return NULL;
}

static int no_names(const struct my_table_map *m, struct leat_err *err)
{
    leat_fail(err, LEAT_ECONFIG, "the log has no column names for table \"%.*s\".\"%.*s\"",
              LEAT_SLICE_ARG(m->database), LEAT_SLICE_ARG(m->table));
    leat_err_hint(err, "SET GLOBAL binlog_row_metadata = FULL; FLUSH BINARY LOGS; and begin behind "
                       "that place; or set schema: catalogue, which takes them from the server's "
                       "catalogue as far as that is certain");
    return err->code;
}

static int compile(struct my_table *t, const struct my_table_map *m, const struct my_table_env *env,
                   struct leat_err *err)
{
    int status = take_columns(t, m, err);
    if (!status && t->captured && !t->named && !env->by_catalogue)
        status = no_names(m, err);
    if (status || !t->captured)
        return status;
    status = take_optional(t, m, env->charsets, err);
    if (!status && !t->named)
        status = take_facts(t, m, env, err);
    if (!status)
        status = name_columns(t, m, env, err);
    if (!status)
        number_key(t, m, env);
    return status;
}

int my_tables_put(struct my_tables *c, const struct my_table_map *m, uint64_t shape,
                  const struct my_table_env *env, struct my_table **ret_table, struct leat_err *err)
{
    if (m->column_count > LEAT_COLUMNS_MAX)
        return leat_fail(err, LEAT_EPROTO, "a table map has %u columns", m->column_count);
    struct my_table *t = table_new(m);
    if (!t)
        return leat_fail(err, LEAT_ERETRY, "out of memory for the description of a table");
    t->shape = shape;
    t->captured = leat_filter_table(env->filter, t->schema.database, t->schema.table);
    int status = compile(t, m, env, err);
    if (!status)
        status = cache_add(c, t, err);
    if (status) {
        table_free(t);
        return status;
    }
    *ret_table = t;
    return LEAT_OK;
}
