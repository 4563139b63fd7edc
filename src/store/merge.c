/*
 * Runs are written in one pass, a page behind: a page says where the next one begins. Merging takes
 * a bounded piece at a time; between two pieces only the inputs' places and the page that is not
 * full yet are kept, in memory.
 *
 * The lowest level that has work goes first: it feeds the others, and what it leaves is little.
 * Each entry is merged once a level, and each commit copies four times what it brings, so that no
 * level falls behind for long.
 */
#include "store/runs.h"
#include "store/state.h"

#include <leat/failpoint.h>

enum { MERGE_ENTRIES = 4096, MERGE_PER_KEY = 4, DELETE_PAGES = 64 };

/* --- writing -------------------------------------------------------------------------------- */

static int page_put(struct leat_run_writer *w, struct leat_segment *segment, MDB_txn *txn,
                    const struct leat_run_entry *next)
{
    uint8_t bytes[LEAT_RUN_PAGE_BYTES];
    struct leat_run_page page = {
        .run = w->run, .index = w->index++, .count = w->pending, .last = !next};
    if (next)
        page.next = *next;
    size_t len = leat_run_page_write(&page, w->page, bytes);
    w->pending = 0;
    return leat_env_put(txn, segment->db[LEAT_DB_RUNS], leat_key_run(w->run, w->page[0]),
                        leat_slice_of(bytes, len), 0);
}

int leat_run_writer_put(struct leat_run_writer *w, struct leat_segment *segment, MDB_txn *txn,
                        struct leat_run_entry entry)
{
    int rc = 0;
    if (w->pending && leat_run_entry_compare(w->page[w->pending - 1], entry) >= 0)
        return 0; /* the same again */
    if (w->pending == LEAT_RUN_PAGE_ENTRIES)
        rc = page_put(w, segment, txn, &entry);
    w->page[w->pending++] = entry;
    w->entries++;
    return rc;
}

int leat_run_writer_end(struct leat_run_writer *w, struct leat_segment *segment, MDB_txn *txn)
{
    return w->pending ? page_put(w, segment, txn, NULL) : 0;
}

/* --- merging -------------------------------------------------------------------------------- */

/* The oldest runs of a level into a merge of their own, if there are enough. */
static bool merge_begin(struct leat_runs_state *s, unsigned level)
{
    struct leat_merge *m = &s->merges[level - 1];
    const struct leat_runs_catalogue *c = &s->catalogue;
    uint32_t count = 0;
    if (m->count || m->given_up || s->dead_count + LEAT_MERGE_FAN_IN > LEAT_RUNS_MAX)
        return m->count > 0;
    for (uint32_t i = 0; i < c->count && count < LEAT_MERGE_FAN_IN; i++)
        if (c->runs[i].level == level)
            m->inputs[count++] = c->runs[i].number;
    if (count < LEAT_MERGE_FAN_IN)
        return false;
    memset(m->ended, 0, sizeof m->ended);
    memset(m->next, 0, sizeof m->next);
    m->out = (struct leat_run_writer){.run = s->catalogue.next++};
    m->count = count;
    s->changed = true; /* the number is taken */
    return true;
}

static int inputs_open(struct leat_merge *m, struct leat_segment *segment, MDB_txn *txn,
                       struct leat_run_cursor *cursors)
{
    int rc = 0;
    for (uint32_t i = 0; i < m->count && !rc; i++) {
        if (m->ended[i])
            continue;
        rc = leat_run_cursor_open(segment, txn, &cursors[i]);
        if (!rc)
            rc = leat_run_cursor_seek(&cursors[i], m->inputs[i], m->next[i]);
        m->ended[i] = !rc && cursors[i].end;
        if (!rc && !cursors[i].end)
            m->next[i] = leat_run_cursor_entry(&cursors[i]);
    }
    return rc;
}

/* The input with the lowest entry; m->count: all have ended. */
static uint32_t lowest(const struct leat_merge *m)
{
    uint32_t found = m->count;
    for (uint32_t i = 0; i < m->count; i++)
        if (!m->ended[i] &&
            (found == m->count || leat_run_entry_compare(m->next[i], m->next[found]) < 0))
            found = i;
    return found;
}

static int merge_copy(struct leat_merge *m, struct leat_segment *segment, MDB_txn *txn,
                      struct leat_run_cursor *cursors, size_t *budget)
{
    uint32_t from;
    int rc = 0;
    while (!rc && *budget && (from = lowest(m)) < m->count) {
        --*budget;
        rc = leat_run_writer_put(&m->out, segment, txn, m->next[from]);
        if (!rc)
            rc = leat_run_cursor_next(&cursors[from]);
        m->ended[from] = !rc && cursors[from].end;
        if (!rc && !cursors[from].end)
            m->next[from] = leat_run_cursor_entry(&cursors[from]);
    }
    return rc;
}

static bool is_input(const struct leat_merge *m, uint32_t run)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->inputs[i] == run)
            return true;
    return false;
}

/* The inputs leave the catalogue, what they became enters it. */
static int merge_end(struct leat_runs_state *s, unsigned level, struct leat_segment *segment,
                     MDB_txn *txn)
{
    struct leat_merge *m = &s->merges[level - 1];
    struct leat_runs_catalogue *c = &s->catalogue;
    uint32_t kept = 0;
    int rc = leat_run_writer_end(&m->out, segment, txn);
    for (uint32_t i = 0; i < c->count; i++)
        if (!is_input(m, c->runs[i].number))
            c->runs[kept++] = c->runs[i];
    for (uint32_t i = 0; i < m->count; i++)
        s->dead[s->dead_count++] = m->inputs[i];
    uint8_t above = (uint8_t)(level < LEAT_MERGE_LEVELS ? level + 1 : level);
    c->runs[kept] = (struct leat_run){m->out.run, above, m->out.entries};
    c->count = kept + 1;
    m->count = 0;
    s->changed = true;
    LEAT_FAILPOINT("runs_merged");
    return rc;
}

/* What was written of it is as dead as the inputs would be. */
static int merge_give_up(struct leat_runs_state *s, struct leat_merge *m)
{
    s->dead[s->dead_count++] = m->out.run;
    m->count = 0;
    m->given_up = true;
    return 0;
}

static int merge_piece(struct leat_runs_state *s, unsigned level, struct leat_segment *segment,
                       MDB_txn *txn, size_t *budget)
{
    struct leat_merge *m = &s->merges[level - 1];
    struct leat_run_cursor cursors[LEAT_MERGE_FAN_IN];
    for (uint32_t i = 0; i < LEAT_MERGE_FAN_IN; i++)
        cursors[i].cursor = NULL;
    int rc = inputs_open(m, segment, txn, cursors);
    if (!rc)
        rc = merge_copy(m, segment, txn, cursors, budget);
    for (uint32_t i = 0; i < LEAT_MERGE_FAN_IN; i++)
        leat_run_cursor_close(&cursors[i]);
    LEAT_FAILPOINT("runs_merging");
    if (rc == MDB_CORRUPTED)
        return merge_give_up(s, m);
    return !rc && lowest(m) == m->count ? merge_end(s, level, segment, txn) : rc;
}

/* --- what is dead --------------------------------------------------------------------------- */

static int dead_delete(struct leat_runs_state *s, struct leat_segment *segment, MDB_txn *txn,
                       size_t pages)
{
    int rc = 0;
    while (pages && s->dead_count && !rc) {
        bool gone;
        rc = leat_run_delete(segment, txn, s->dead[s->dead_count - 1], &pages, &gone);
        s->dead_count -= !rc && gone;
    }
    return rc;
}

int leat_runs_merge(struct leat_runs_state *s, struct leat_segment *segment, MDB_txn *txn,
                    size_t key_count)
{
    size_t budget = MERGE_ENTRIES + MERGE_PER_KEY * key_count;
    int rc = dead_delete(s, segment, txn, DELETE_PAGES + 2 * budget / LEAT_RUN_PAGE_ENTRIES);
    for (unsigned level = 1; level <= LEAT_MERGE_LEVELS && budget && !rc; level++)
        if (merge_begin(s, level))
            rc = merge_piece(s, level, segment, txn, &budget);
    return rc;
}
