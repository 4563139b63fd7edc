/*
 * Writes a store whose content is known, without any database: store_writer DIR FIRST COUNT [MUTANT]
 *
 * Transactions FIRST … FIRST + COUNT - 1 of source "shop", each with two events: a row of public.a with its number
 * and a long text, and a row of public.b with its number. Blocks are stored uncompressed, so that a test finds the
 * texts in the file, and segments are small. The token is the number of the last transaction.
 *
 * A mutant hurts the last transaction: `again` repeats the one before it, `backwards` lets an ordinal fall,
 * `total` says one event too few.
 */
#include "pipeline/batch.h"

#include <leat/clock.h>

#include <stdio.h>
#include <stdlib.h>

enum { PER_COMMIT = 10, TEXT_BYTES = 400 };

static struct leat_err err;
static struct leat_store *store;
static struct leat_batch *batch;
static struct leat_origin origin;
static struct leat_schema tables[2];
static struct leat_column columns[2];

static void must(int status)
{
    if (!status)
        return;
    fprintf(stderr, "store_writer: %s: %s\n", leat_code_name(status), err.text);
    exit(1);
}

static void define(void)
{
    bool fresh;
    origin = (struct leat_origin){.connector = LEAT_SLICE_LITERAL("postgresql"),
                                  .lineage = LEAT_SLICE_LITERAL("7000000000000000001"),
                                  .database = LEAT_SLICE_LITERAL("shop")};
    columns[0] = (struct leat_column){.name = LEAT_SLICE_LITERAL("id"), .type = LEAT_SLICE_LITERAL("bigint"),
                                      .kind = LEAT_INT64, .key_ordinal = 1, .precision = -1, .scale = -1};
    columns[1] = (struct leat_column){.name = LEAT_SLICE_LITERAL("v"), .type = LEAT_SLICE_LITERAL("text"),
                                      .kind = LEAT_STRING, .precision = -1, .scale = -1};
    for (int i = 0; i < 2; i++)
        tables[i] = (struct leat_schema){.relation = 16384 + (uint64_t)i,
                                         .database = LEAT_SLICE_LITERAL("shop"),
                                         .schema = LEAT_SLICE_LITERAL("public"),
                                         .table = leat_slice_text(i ? "b" : "a"),
                                         .column_count = i ? 1 : 2,
                                         .columns = columns};
    must(leat_batch_origin(batch, &origin, &err));
    must(leat_batch_define(batch, &tables[0], &fresh, &err));
    must(leat_batch_define(batch, &tables[1], &fresh, &err));
}

static void add(const struct leat_transaction *t, int table, unsigned number, uint32_t ordinal)
{
    char text[TEXT_BYTES + 1];
    for (unsigned i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + (i * 7 + number * 13) % 26);
    text[TEXT_BYTES] = '\0';
    snprintf(text, 16, "row-%08u", number);
    text[strlen(text)] = '-';
    struct leat_value values[2] = {{.kind = LEAT_INT64, .integer = number},
                                   {.kind = LEAT_STRING, .text = leat_slice_text(text)}};
    struct leat_event event = {.op = LEAT_OP_CREATE,
                               .ordinal = ordinal,
                               .transaction = t,
                               .relation = &tables[table],
                               .after = {table ? 1 : 2, values},
                               .event_time_us = t->commit_time_us,
                               .valid_time_us = t->commit_time_us};
    must(leat_batch_add(batch, &event, &err));
}

static void transaction(unsigned number, const char *mutant)
{
    char id[32];
    snprintf(id, sizeof id, "1/%08X", number);
    struct leat_transaction t = {.id = leat_slice_text(id),
                                 .commit_time_us = leat_clock_wall_us(),
                                 .origin = &origin};
    must(leat_batch_begin(batch, &t, &err));
    bool backwards = strcmp(mutant, "backwards") == 0;
    add(&t, 0, number, backwards ? 1 : 0);
    add(&t, 1, number, backwards ? 0 : 1);
    must(leat_batch_commit(batch, strcmp(mutant, "total") == 0 ? 1 : 2, &err));
}

static void flush(unsigned number)
{
    char token[32];
    struct leat_commit *commit;
    snprintf(token, sizeof token, "at %u", number);
    must(leat_batch_position(batch, leat_slice_text(token), &err));
    must(leat_batch_take(batch, &commit, &err));
    must(leat_store_commit(store, &commit->write, 1, &err));
    leat_commit_free(commit);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct leat_store_options options = {.path = argv[1], .segment_bytes = 256 << 10, .map_bytes = 64 << 20};
    struct leat_batch_settings settings = {LEAT_COMPRESSION_NONE, 0, 0};
    struct leat_store_source source;
    unsigned first = (unsigned)atoi(argv[2]), last = first + (unsigned)atoi(argv[3]) - 1;
    const char *mutant = argc > 4 ? argv[4] : "";
    must(leat_store_open(&options, &store, &err));
    must(leat_store_source(store, "shop", &source, &err));
    must(leat_batch_new(&settings, &source, &batch, &err));
    define();
    for (unsigned n = first; n <= last; n++) {
        transaction(n, n == last ? mutant : "");
        if (n % PER_COMMIT == 0 || n == last)
            flush(n);
    }
    if (strcmp(mutant, "again") == 0) {
        transaction(last - 1, "");
        flush(last);
    }
    leat_batch_free(batch);
    leat_buf_release(&source.token);
    leat_store_close(store);
    return 0;
}
