/*
 * Optimal string alignment after Boytsov (2011), with three rows of the table kept.
 */
#include "config/suggest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned leat_suggest_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned rows[3][LEAT_SUGGEST_WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *over = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned change = a[i - 1] != b[j - 1];
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && over[j - 2] + 1 < row[j])
                row[j] = over[j - 2] + 1;
        }
    }
    return rows[a_len % 3][b_len];
}

void leat_suggest_init(struct leat_suggest *suggest, const char *word)
{
    size_t len = strlen(word);
    unsigned farthest = len / 3 ? (unsigned)(len / 3) : 1;
    *suggest = (struct leat_suggest){.word = word, .distance = farthest + 1};
}

/* One is the beginning of the other, and more than a letter or two. */
static bool begins(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t shorter = a_len < b_len ? a_len : b_len;
    return shorter >= 3 && strncmp(a, b, shorter) == 0;
}

void leat_suggest_offer(struct leat_suggest *suggest, const char *known)
{
    size_t word_len = strlen(suggest->word), known_len = strlen(known);
    if (!word_len || word_len > LEAT_SUGGEST_WORD_MAX || known_len > LEAT_SUGGEST_WORD_MAX)
        return;
    unsigned distance = leat_suggest_distance(suggest->word, known);
    if (strcasecmp(suggest->word, known) == 0)
        distance = 0;
    if (distance < suggest->distance) {
        suggest->best = known;
        suggest->distance = distance;
    } else if (!suggest->best && begins(suggest->word, word_len, known, known_len)) {
        suggest->best = known; /* any other that is really near replaces it */
    }
}

struct leat_suggest_text leat_suggest_ask(const struct leat_suggest *suggest)
{
    struct leat_suggest_text text = {""};
    if (suggest->best)
        snprintf(text.text, sizeof text.text, "; did you mean \"%s\"?", suggest->best);
    return text;
}
