/*
 * Oldest first: name, its length u32, mark u64, so that they are read from the end.
 */
#include "sources/mysql/savepoints.h"

#include <string.h>

struct savepoint {
    struct leat_slice name;
    uint64_t mark;
    size_t begin; /* in the buffer */
};

enum { MARK_BYTES = sizeof(uint64_t), SAVEPOINT_FIXED_BYTES = MARK_BYTES + sizeof(uint32_t) };

/* The newest one that ends at `end`. */
static struct savepoint savepoint_before(const struct leat_buf *b, size_t end)
{
    struct savepoint p;
    uint32_t len;
    const uint8_t *at = b->data + end;
    memcpy(&p.mark, at - MARK_BYTES, sizeof p.mark);
    memcpy(&len, at - SAVEPOINT_FIXED_BYTES, sizeof len);
    p.begin = end - SAVEPOINT_FIXED_BYTES - len;
    p.name = leat_slice_of(b->data + p.begin, len);
    return p;
}

int my_savepoint_set(struct leat_buf *b, struct leat_slice name, uint64_t mark,
                     struct leat_err *err)
{
    uint32_t len = (uint32_t)name.len;
    struct savepoint newest = b->len ? savepoint_before(b, b->len) : (struct savepoint){.mark = 0};
    if (b->len && leat_slice_equal(newest.name, name)) /* the same again, as in a loop */
        b->len = newest.begin;
    leat_buf_append(b, name);
    leat_buf_append(b, leat_slice_of(&len, sizeof len));
    leat_buf_append(b, leat_slice_of(&mark, sizeof mark));
    return b->full ? leat_fail(err, LEAT_ELIMIT,
                               "a transaction has more than %zu MiB of savepoints", b->max >> 20)
                   : LEAT_OK;
}

int my_savepoint_find(struct leat_buf *b, struct leat_slice name, uint64_t *ret_mark,
                      struct leat_err *err)
{
    while (b->len) {
        struct savepoint newest = savepoint_before(b, b->len);
        if (leat_slice_equal(newest.name, name)) {
            *ret_mark = newest.mark;
            return LEAT_OK;
        }
        b->len = newest.begin;
    }
    return leat_fail(err, LEAT_EPROTO, "the log undoes a savepoint \"%.*s\" that it did not set",
                     LEAT_SLICE_ARG(name));
}
