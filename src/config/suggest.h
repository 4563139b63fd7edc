/*
 * "did you mean …?": the known word that is nearest to a mistyped one.
 *
 * Nearness is the optimal string alignment distance (insert, delete, replace, swap neighbours), at
 * most a third of the word's length and at least one; a word that begins with a known one, or the
 * other way round ("warning" and "warn", "password" and "password_file"), is near too. The first of
 * equally near ones wins.
 *
 * Order:  init with the mistyped word, offer every known word, ask once.
 * Bounds: words longer than LEAT_SUGGEST_WORD_MAX are never suggested nor helped.
 */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include <leat/slice.h>

enum { LEAT_SUGGEST_WORD_MAX = 64 };

struct leat_suggest {
    const char *word;
    const char *best; /* NULL: none is near enough */
    unsigned distance;
};

void leat_suggest_init(struct leat_suggest *suggest, const char *word);
void leat_suggest_offer(struct leat_suggest *suggest, const char *known);

/* `; did you mean "…"?`, or "". */
struct leat_suggest_text {
    char text[LEAT_SUGGEST_WORD_MAX + 24];
};
struct leat_suggest_text leat_suggest_ask(const struct leat_suggest *suggest);

/* Distance of two words of at most LEAT_SUGGEST_WORD_MAX bytes. */
unsigned leat_suggest_distance(const char *a, const char *b);

#endif
