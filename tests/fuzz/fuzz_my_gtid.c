/*
 * Two GTID sets from anything: a byte that says how each is read (text, bytes, or as MariaDB's
 * state), the length of the first, and both. What is read is written and reads the same, and the
 * laws of sets hold between the two.
 */
#include "sources/mysql/gtid.h"

#include <leat/limits.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUF_MAX = 64 << 20, FIRST_IS_BYTES = 1, SECOND_IS_BYTES = 2, IS_MARIA = 4, HEAD_BYTES = 2 };

static struct leat_err err;

static void want(bool law)
{
    if (!law)
        abort();
}

static void must(int status)
{
    want(status == LEAT_OK);
}

/* Intervals are sorted and do not touch, sources are sorted and none is empty. */
static void check_form(const struct my_gtid_set *set)
{
    size_t intervals = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct my_gtid_sid *s = &set->sids[i];
        want(s->count > 0 && strlen(s->tag) <= MY_TAG_MAX);
        if (i) {
            int order = memcmp(set->sids[i - 1].uuid, s->uuid, sizeof s->uuid);
            want(order < 0 || (order == 0 && strcmp(set->sids[i - 1].tag, s->tag) < 0));
        }
        for (size_t k = 0; k < s->count; k++) {
            want(s->intervals[k].first >= 1 && s->intervals[k].first <= s->intervals[k].last);
            want(!k || s->intervals[k - 1].last + 1 < s->intervals[k].first);
        }
        intervals += s->count;
    }
    want(intervals == set->interval_count);
}

static void check_round_trips(const struct my_gtid_set *set)
{
    struct leat_buf buf;
    struct my_gtid_set back;
    leat_buf_init(&buf, BUF_MAX);
    my_gtid_set_format(set, &buf);
    must(my_gtid_set_parse(leat_buf_slice(&buf), &back, &err));
    want(my_gtid_set_equal(set, &back));
    my_gtid_set_release(&back);
    leat_buf_reset(&buf);
    my_gtid_set_encode(set, &buf);
    must(my_gtid_set_decode(leat_buf_slice(&buf), &back, &err));
    want(my_gtid_set_equal(set, &back));
    my_gtid_set_release(&back);
    leat_buf_release(&buf);
}

static void check_laws(struct my_gtid_set *a, const struct my_gtid_set *b)
{
    struct my_gtid_set only_a = {.sids = NULL}, rest = {.sids = NULL};
    uint64_t count_b = my_gtid_set_count(b);
    must(my_gtid_set_subtract(a, b, &only_a, &err));
    check_form(&only_a);
    want((only_a.count == 0) == my_gtid_set_subset(a, b));
    want(my_gtid_set_subset(&only_a, a));
    must(my_gtid_set_merge(a, b, &err));
    check_form(a);
    want(my_gtid_set_subset(b, a));
    want(my_gtid_set_count(a) == my_gtid_set_count(&only_a) + count_b);
    must(my_gtid_set_subtract(a, b, &rest, &err));
    want(my_gtid_set_equal(&rest, &only_a));
    my_gtid_set_release(&only_a);
    my_gtid_set_release(&rest);
}

static bool read_set(struct leat_slice from, bool is_bytes, struct my_gtid_set *ret_set)
{
    int status =
        is_bytes ? my_gtid_set_decode(from, ret_set, &err) : my_gtid_set_parse(from, ret_set, &err);
    want(status == LEAT_OK ||
         (status == err.code &&
          (status == LEAT_ELIMIT || status == (is_bytes ? LEAT_EPROTO : LEAT_ECONFIG))));
    return status == LEAT_OK;
}

static void on_sets(uint8_t mode, struct leat_slice first, struct leat_slice second)
{
    struct my_gtid_set a = {.sids = NULL}, b = {.sids = NULL};
    if (read_set(first, mode & FIRST_IS_BYTES, &a)) {
        check_form(&a);
        check_round_trips(&a);
        if (read_set(second, mode & SECOND_IS_BYTES, &b))
            check_laws(&a, &b);
    }
    my_gtid_set_release(&a);
    my_gtid_set_release(&b);
}

static void on_state(struct leat_slice text)
{
    struct maria_gtid_state state, back;
    struct leat_buf buf;
    if (maria_gtid_state_parse(text, &state, &err))
        return;
    leat_buf_init(&buf, BUF_MAX);
    maria_gtid_state_format(&state, &buf);
    must(maria_gtid_state_parse(leat_buf_slice(&buf), &back, &err));
    want(state.count == back.count);
    for (size_t i = 0; i < state.count; i++) {
        const struct maria_gtid_position *p = &state.positions[i], *q = &back.positions[i];
        want(p->domain == q->domain && p->server_id == q->server_id && p->sequence == q->sequence);
        want(!i || state.positions[i - 1].domain < p->domain);
    }
    leat_buf_release(&buf);
    maria_gtid_state_release(&state);
    maria_gtid_state_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES)
        return 0;
    size_t len = data[1], left = size - HEAD_BYTES;
    uint8_t *exact = malloc(left ? left : 1); /* so that one byte too many is seen */
    if (!exact)
        abort();
    if (left)
        memcpy(exact, data + HEAD_BYTES, left);
    len = len < left ? len : left;
    if (data[0] & IS_MARIA)
        on_state(leat_slice_of(exact, left));
    else
        on_sets(data[0], leat_slice_of(exact, len), leat_slice_of(exact + len, left - len));
    free(exact);
    return 0;
}
