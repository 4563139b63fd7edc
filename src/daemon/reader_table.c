#include "daemon/reader_table.h"

#include <leat/clock.h>

#include "daemon/show.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COLUMNS = 5 };

static uint64_t lag(const struct leat_named_reader *reader, uint64_t last)
{
    return last > reader->sequence ? last - reader->sequence : 0;
}

static void put_scope(struct leat_json *j, const char *text)
{
    if (text[0])
        leat_json_text(j, text);
    else
        leat_json_null(j);
}

static void put_time(struct leat_json *j, int64_t us)
{
    char text[LEAT_CLOCK_TEXT];
    leat_clock_format(us, text);
    leat_json_text(j, text);
}

void reader_table_put(const struct leat_named_reader *reader, uint64_t last, struct leat_json *j)
{
    leat_json_object(j);
    LEAT_JSON_NAME(j, "name");
    leat_json_text(j, reader->name);
    LEAT_JSON_NAME(j, "sequence");
    leat_json_uint(j, reader->sequence);
    LEAT_JSON_NAME(j, "lag_events");
    leat_json_uint(j, lag(reader, last));
    LEAT_JSON_NAME(j, "tenant");
    put_scope(j, reader->tenant);
    LEAT_JSON_NAME(j, "source");
    put_scope(j, reader->source);
    LEAT_JSON_NAME(j, "created");
    put_time(j, reader->created_at_us);
    LEAT_JSON_NAME(j, "committed");
    put_time(j, reader->committed_at_us);
    leat_json_object_end(j);
}

struct telling {
    struct leat_json *json;
    uint64_t last;
};

static int tell(void *arg, const struct leat_named_reader *reader, struct leat_err *err)
{
    struct telling *t = arg;
    (void)err;
    reader_table_put(reader, t->last, t->json);
    return LEAT_OK;
}

int reader_table_json(struct leat_readers *readers, uint64_t last, struct leat_json *json,
                      struct leat_err *err)
{
    struct telling t = {json, last};
    leat_json_array(json);
    int status = leat_readers_each(readers, tell, &t, err);
    leat_json_array_end(json);
    return status;
}

struct rows {
    struct leat_named_reader items[LEAT_READERS_MAX];
    struct {
        char text[24];
    } numbers[LEAT_READERS_MAX][2];
    struct show_word times[LEAT_READERS_MAX];
    const char *cells[(LEAT_READERS_MAX + 1) * COLUMNS];
    size_t count;
};

static int keep(void *arg, const struct leat_named_reader *reader, struct leat_err *err)
{
    struct rows *rows = arg;
    (void)err;
    if (rows->count < LEAT_READERS_MAX)
        rows->items[rows->count++] = *reader;
    return LEAT_OK;
}

static void print(struct rows *rows, uint64_t last)
{
    static const char *const HEAD[COLUMNS] = {"READER", "BEHIND", "SEQUENCE", "COMMITTED",
                                              "KEYS OF"};
    memcpy(rows->cells, HEAD, sizeof HEAD);
    for (size_t i = 0; i < rows->count; i++) {
        const struct leat_named_reader *r = &rows->items[i];
        const char **row = &rows->cells[(i + 1) * COLUMNS];
        snprintf(rows->numbers[i][0].text, sizeof rows->numbers[i][0].text, "%" PRIu64,
                 lag(r, last));
        snprintf(rows->numbers[i][1].text, sizeof rows->numbers[i][1].text, "%" PRIu64,
                 r->sequence);
        rows->times[i] = show_time(r->committed_at_us);
        row[0] = r->name;
        row[1] = rows->numbers[i][0].text;
        row[2] = rows->numbers[i][1].text;
        row[3] = rows->times[i].text;
        row[4] = r->tenant[0] ? r->tenant : r->source[0] ? r->source : "(all)";
    }
    show_table(stdout, rows->cells, COLUMNS, rows->count + 1);
}

int reader_table_print(struct leat_readers *readers, uint64_t last, struct leat_err *err)
{
    struct rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return leat_fail(err, LEAT_ERETRY, "out of memory for readers");
    int status = leat_readers_each(readers, keep, rows, err);
    if (!status)
        print(rows, last);
    free(rows);
    return status;
}
