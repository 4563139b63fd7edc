/*
 * Texts of the form `form1 key=word key=word …`, as resume tokens have: in a fixed order, a blank
 * between two, so that reading is taking one after the other.
 *
 * Each function takes the bytes of `key` (" lsn=", with its blank) and then the word up to the next
 * blank or the end. Anything else sets r->bad, and what comes out then is empty or 0.
 *
 * Ownership: words view the reader's bytes. Threads: pure.
 */
#ifndef LEAT_WORDS_H
#define LEAT_WORDS_H

#include <leat/reader.h>

struct leat_slice leat_word(struct leat_reader *r, const char *key);

/* Digits only: no sign, no blank, nothing above `max`. */
uint64_t leat_word_number(struct leat_reader *r, const char *key, uint64_t max);

#endif
