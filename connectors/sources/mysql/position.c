#include "sources/mysql/position.h"

#include <leat/words.h>

#include <inttypes.h>
#include <stdio.h>

void my_position_init(struct my_position *p)
{
    *p = (struct my_position){.mariadb = false};
    leat_buf_init(&p->gtids, LEAT_TOKEN_MAX);
    leat_buf_init(&p->from_gtids, LEAT_TOKEN_MAX);
}

void my_position_release(struct my_position *p)
{
    leat_buf_release(&p->gtids);
    leat_buf_release(&p->from_gtids);
}

/* --- text --------------------------------------------------------------------------------------
 */

static const char *word_or_dash(const char *word)
{
    return *word ? word : "-";
}

static void append_set(struct leat_buf *buf, const char *key, const struct leat_buf *set)
{
    leat_buf_append_text(buf, key);
    if (set->len)
        leat_buf_append(buf, leat_buf_slice(set));
    else
        leat_buf_append_text(buf, "-");
}

void my_position_format(const struct my_position *p, struct leat_buf *buf)
{
    leat_buf_format(buf,
                    "my1 flavour=%s server=%s stamp=%s id=%" PRIu32
                    " uuid=%s lineage=%s file=%s position=%" PRIu64,
                    p->mariadb ? "mariadb" : "mysql", word_or_dash(p->server),
                    word_or_dash(p->stamp), p->id, word_or_dash(p->uuid), word_or_dash(p->lineage),
                    word_or_dash(p->at.file), p->at.position);
    append_set(buf, " gtids=", &p->gtids);
    leat_buf_format(buf, " transaction=%s rows=%" PRIu32 " from_file=%s from_position=%" PRIu64,
                    word_or_dash(p->transaction), p->rows, word_or_dash(p->from.file),
                    p->from.position);
    append_set(buf, " from_gtids=", &p->from_gtids);
    leat_buf_format(buf, " parked=%" PRIu32, p->parked);
}

/* "-" stands for nothing, so nothing else may be empty. */
static struct leat_slice word(struct leat_reader *r, const char *key)
{
    struct leat_slice found = leat_word(r, key);
    r->bad |= found.len == 0;
    return found.len == 1 && found.ptr[0] == '-' ? leat_slice_of(found.ptr, 0) : found;
}

static void text(struct leat_reader *r, const char *key, char *ret_text, size_t size)
{
    struct leat_slice found = word(r, key);
    r->bad |= found.len >= size;
    snprintf(ret_text, size, "%.*s", r->bad ? 0 : (int)found.len, (const char *)found.ptr);
}

int my_position_parse(struct leat_slice token, struct my_position *p, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(token);
    char flavour[10];
    text(&r, "my1 flavour=", flavour, sizeof flavour);
    p->mariadb = strcmp(flavour, "mariadb") == 0;
    r.bad |= !p->mariadb && strcmp(flavour, "mysql") != 0;
    text(&r, " server=", p->server, sizeof p->server);
    text(&r, " stamp=", p->stamp, sizeof p->stamp);
    p->id = (uint32_t)leat_word_number(&r, " id=", UINT32_MAX);
    text(&r, " uuid=", p->uuid, sizeof p->uuid);
    text(&r, " lineage=", p->lineage, sizeof p->lineage);
    text(&r, " file=", p->at.file, sizeof p->at.file);
    p->at.position = leat_word_number(&r, " position=", UINT64_MAX);
    leat_buf_reset(&p->gtids);
    leat_buf_append(&p->gtids, word(&r, " gtids="));
    text(&r, " transaction=", p->transaction, sizeof p->transaction);
    p->rows = (uint32_t)leat_word_number(&r, " rows=", UINT32_MAX);
    text(&r, " from_file=", p->from.file, sizeof p->from.file);
    p->from.position = leat_word_number(&r, " from_position=", UINT64_MAX);
    leat_buf_reset(&p->from_gtids);
    leat_buf_append(&p->from_gtids, word(&r, " from_gtids="));
    p->parked = (uint32_t)leat_word_number(&r, " parked=", UINT32_MAX);
    if (leat_reader_done(&r) && !p->gtids.full && !p->from_gtids.full)
        return LEAT_OK;
    return leat_fail(err, LEAT_ECONFIG, "\"%.*s\" is not a position in a MySQL log",
                     (int)(token.len < 200 ? token.len : 200), (const char *)token.ptr);
}

/* --- order -------------------------------------------------------------------------------------
 */

/* "binlog.000009" is before "binlog.1000000": by length of the number, then by its digits. */
static int file_compare(const char *a, const char *b)
{
    const char *x = strrchr(a, '.'), *y = strrchr(b, '.');
    x = x ? x + 1 : a;
    y = y ? y + 1 : b;
    size_t n = strlen(x), m = strlen(y);
    return n != m ? (n < m ? -1 : 1) : strcmp(x, y);
}

int my_place_compare(const struct my_place *a, const struct my_place *b)
{
    int order = file_compare(a->file, b->file);
    if (order)
        return order;
    return a->position < b->position ? -1 : a->position > b->position;
}
