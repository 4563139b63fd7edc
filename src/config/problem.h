/*
 * What is wrong with a configuration file: all of it at once, each with its place, so that a user
 * mends a file in one round.
 *
 *     conf/leat.yaml:12:5: sources.shop: unknown key "publicaton"; did you mean "publication"?
 *
 * Order:     init, load, read, release.
 * Ownership: texts live in the list.
 * Bounds:    LEAT_CONFIG_PROBLEMS_MAX are kept, the rest is counted. What a text quotes of the file
 *            is cut and escaped: no file can forge a line.
 * Threads:   one owner.
 */
#ifndef CONFIG_PROBLEM_H
#define CONFIG_PROBLEM_H

#include <leat/arena.h>
#include <leat/buf.h>
#include <leat/err.h>

enum { LEAT_CONFIG_PROBLEMS_MAX = 100, LEAT_CONFIG_PROBLEM_BYTES = 600 };

struct leat_config_problem {
    unsigned line;   /* from 1; 0: the file as a whole */
    unsigned column; /* from 1, in characters */
    const char *text;
};

struct leat_config_problems {
    struct leat_arena arena;
    const char *path; /* as it stands in front of every line; set by the loader */
    struct leat_config_problem items[LEAT_CONFIG_PROBLEMS_MAX];
    size_t count;
    size_t dropped; /* found but not kept */
};

void leat_config_problems_init(struct leat_config_problems *problems);
void leat_config_problems_release(struct leat_config_problems *problems);

/* `where` is the dotted path of the place ("sources.shop"), or "" for none. */
void leat_config_problem_add(struct leat_config_problems *problems, unsigned line, unsigned column,
                             const char *where, const char *format, ...) LEAT_PRINTF(5, 6);

/* By place; problems of one place keep their order. */
void leat_config_problems_sort(struct leat_config_problems *problems);

/* One line per problem, each with its newline. */
void leat_config_problems_text(const struct leat_config_problems *problems, struct leat_buf *text);

/* What a problem may show of the file: quoted, escaped, cut at some sixty bytes. */
struct leat_config_quote {
    char text[300];
    int inner; /* bytes between the quotes, from text + 1 on */
};
struct leat_config_quote leat_config_quote(struct leat_slice bytes);
#define LEAT_CONFIG_QUOTE(word) leat_config_quote(leat_slice_text(word)).text

#endif
