/*
 * The words of a statement. Comments are passed over, executable ones are entered: a server that
 * does not execute such a comment has already blanked it in what it logs, so what is there is code.
 *
 *     alter table `i` add x int -- why   ─▶   WORD alter, WORD table, NAME i, WORD add …
 *
 * Order:     init, then next until END or BAD, which repeat. `at` may be saved and set back.
 * Ownership: a token views the statement; its text is as written, quotes taken off, doubling and
 *            escapes still in it: my_token_text undoes them.
 * Threads:   a plain value.
 */
#ifndef MYSQL_DDL_TOKEN_H
#define MYSQL_DDL_TOKEN_H

#include <leat/arena.h>
#include <leat/err.h>

enum my_token_kind {
    MY_TOKEN_END,
    MY_TOKEN_BAD,    /* a quote that is not closed */
    MY_TOKEN_WORD,   /* keyword, name without quotes, number */
    MY_TOKEN_NAME,   /* name in backticks, or in double quotes by ANSI_QUOTES */
    MY_TOKEN_STRING, /* 'text', or "text" */
    MY_TOKEN_HEX,    /* X'digits' */
    MY_TOKEN_SIGN,   /* one byte of anything else */
};

struct my_token {
    enum my_token_kind kind;
    uint8_t quote; /* of NAME, STRING, HEX; the byte itself of SIGN */
    struct leat_slice text;
};

struct my_lexer {
    const uint8_t *at, *end;
    bool ansi_quotes, backslash_escapes;
    bool in_code; /* inside an executable comment */
    struct my_token token;
};

void my_lexer_init(struct my_lexer *lexer, struct leat_slice statement, bool ansi_quotes,
                   bool no_backslash_escapes);

/* Into lexer->token. */
void my_lexer_next(struct my_lexer *lexer);

/* Is the token this word, in any case? */
bool my_token_is(const struct my_token *token, const char *word);

/* Its text with doubled quotes and escapes undone, in the arena. LEAT_ELIMIT: full. */
int my_token_text(const struct my_lexer *lexer, struct leat_arena *arena,
                  struct leat_slice *ret_text, struct leat_err *err) LEAT_MUST_CHECK;

#endif
