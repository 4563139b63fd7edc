/*
 * Findings in words: what the preflights of all connectors share. A sentence by printf, a comment
 * in a fix that no name can break out of, a list of tables that stays a sentence, a size.
 *
 *     struct leat_tally keyless;
 *     leat_tally_init(&keyless);
 *     … leat_tally_add(&keyless, schema, table, NULL); …
 *     leat_tally_report(&keyless, report, LEAT_FINDING_WARN, "primary_key", "no key have ", "");
 *
 * Ownership: texts are copied; a tally is released by leat_tally_report() or leat_tally_release().
 * Threads:   one owner.
 */
#ifndef LEAT_FINDING_H
#define LEAT_FINDING_H

#include <leat/buf.h>
#include <leat/report.h>

/* A finding. `fix` may be NULL or empty: statements, each ending with ';', one a line. */
void leat_finding(struct leat_report *report, enum leat_severity severity, const char *id,
                  const char *fix, const char *format, ...) LEAT_PRINTF(5, 6);

/* A finding whose fix works after a restart of the server only. */
void leat_finding_restart(struct leat_report *report, enum leat_severity severity, const char *id,
                          const char *fix, const char *format, ...) LEAT_PRINTF(5, 6);

/* "-- text" and a line feed in front if there is something: what may only be pasted by somebody who
 * has decided. Control characters become blanks, so that no name can end the comment. */
void leat_fix_comment(struct leat_buf *fix, const char *format, ...) LEAT_PRINTF(2, 3);

/* Tables for one sentence: "public.a, public.b (id, name) and 7 more". */
struct leat_tally {
    int count;
    struct leat_buf names;
};

enum { LEAT_TALLY_LISTED_MAX = 5 };

void leat_tally_init(struct leat_tally *tally);
void leat_tally_release(struct leat_tally *tally);
void leat_tally_add(struct leat_tally *tally, const char *schema, const char *table,
                    const char *detail); /* `detail` may be NULL or empty */

/* The sentence's part; nothing can be added after it. */
const char *leat_tally_text(struct leat_tally *tally);

/* A finding of `before`, the names and `after`, if there are names; releases the tally. */
void leat_tally_report(struct leat_tally *tally, struct leat_report *report,
                       enum leat_severity severity, const char *id, const char *before,
                       const char *after);

/* "1.5 GB". */
enum { LEAT_SIZE_TEXT = 24 };
const char *leat_size_format(int64_t bytes, char *ret_text);

#endif
