/*
 * Errors are named by their remedy, carry the native reason, and are logged once, by the runner
 * that decides what to do.
 *
 * A fallible function returns int: 0 is fine, a positive code is a legitimate other outcome, a
 * negative one an error. It fills `struct leat_err` where the failure happens; callers on the way
 * up may put context in front. `err` is never NULL.
 *
 *     text   what failed, on what, with the native reason      "cannot start replication on slot
 * "x": …" hint   what to do about it; a statement to paste where there is one; may be empty
 *
 * Order:   filled at most once per failure; leat_err_context() and leat_err_hint() after that.
 * Bounds:  texts are cut at the size of the arrays, never overrun. No secret is ever put in.
 * Threads: a plain value, one per call chain.
 */
#ifndef LEAT_ERR_H
#define LEAT_ERR_H

#include <stdarg.h>
#include <stdint.h>

#define LEAT_MUST_CHECK               __attribute__((warn_unused_result))
#define LEAT_PRINTF(text_at, args_at) __attribute__((format(printf, text_at, args_at)))

enum leat_code {
    LEAT_OK = 0,
    LEAT_AGAIN =
        1,        /* nothing was lost: make room or wait, then call again with the same arguments */
    LEAT_EOF = 2, /* there is no more, and that is no failure */
    LEAT_ERETRY = -1,  /* transient: back off and try again */
    LEAT_EPROTO = -2,  /* the peer spoke nonsense: drop the connection and reconnect */
    LEAT_EDATA = -3,   /* this record is bad: policy decides about it */
    LEAT_ELIMIT = -4,  /* a named bound was reached: the operator may raise it */
    LEAT_ECONFIG = -5, /* the operator must act; trying again does not help */
    LEAT_ESTORE = -6,  /* the store cannot be trusted: stop and keep the data */
    LEAT_EBUG = -7,    /* our own mistake */
};

/* Whose number `native` is. */
enum leat_domain {
    LEAT_DOMAIN_NONE,
    LEAT_DOMAIN_ERRNO,
    LEAT_DOMAIN_SQLSTATE, /* `state` holds the five characters */
    LEAT_DOMAIN_LMDB,
    LEAT_DOMAIN_ZSTD,
    LEAT_DOMAIN_YAML,
};

struct leat_err {
    int code; /* enum leat_code */
    enum leat_domain domain;
    int64_t native; /* errno, LMDB code …; 0 if there is none */
    char state[6];  /* SQLSTATE with its NUL, or "" */
    char text[600];
    char hint[600];
};

/* Fills err (domain none, no hint) and returns `code`, so that `return leat_fail(…)` is one line.
 */
int leat_fail(struct leat_err *err, int code, const char *format, ...) LEAT_PRINTF(3, 4);

/* As leat_fail(), with errno's number and ": strerror" behind the text. */
int leat_fail_errno(struct leat_err *err, int code, int errnum, const char *format, ...)
    LEAT_PRINTF(4, 5);

/* As leat_fail(), with a native number of `domain`; the text must already name the reason. */
int leat_fail_native(struct leat_err *err, int code, enum leat_domain domain, int64_t native,
                     const char *format, ...) LEAT_PRINTF(5, 6);

/* As leat_fail(), with a SQLSTATE; `state` may be NULL or "". */
int leat_fail_sqlstate(struct leat_err *err, int code, const char *state, const char *format, ...)
    LEAT_PRINTF(4, 5);

/* Puts "context: " in front of the text. */
void leat_err_context(struct leat_err *err, const char *format, ...) LEAT_PRINTF(2, 3);

/* Sets the remedy. */
void leat_err_hint(struct leat_err *err, const char *format, ...) LEAT_PRINTF(2, 3);

/* The word that stands for a code in logs and metrics: "retry", "proto", "data" …; never NULL. */
const char *leat_code_name(int code);

#endif
