/*
 * One table drives parsing, defaults, units, validation, --help and the text of conf/leat.yaml.
 *
 * A connector declares where each setting goes in its context; the values are in place before
 * open(). Strings and lists live as long as the configuration that they were read from, which
 * outlives every instance started from it.
 */
#ifndef LEAT_OPTION_H
#define LEAT_OPTION_H

#include <leat/err.h>
#include <leat/slice.h>

enum leat_option_type {
    LEAT_OPTION_TEXT,     /* const char *: NULL when not given and without default */
    LEAT_OPTION_SECRET,   /* const char *: as text, never printed */
    LEAT_OPTION_INT,      /* int64_t */
    LEAT_OPTION_BOOL,     /* bool */
    LEAT_OPTION_SIZE,     /* int64_t bytes: "64MiB", "1GB", "512" */
    LEAT_OPTION_DURATION, /* int64_t milliseconds: "10s", "200ms", "5m", "1h", "7d" */
    LEAT_OPTION_CHOICE,   /* int: index into `choices` */
    LEAT_OPTION_LIST,     /* struct leat_strings */
};

struct leat_strings {
    const char **items;
    size_t count;
};

enum leat_option_flag {
    LEAT_OPTION_REQUIRED = 1,
    LEAT_OPTION_RELOAD = 2, /* a changed value is taken over on SIGHUP; all others need a restart */
};

struct leat_option {
    const char *name; /* NULL ends a table */
    enum leat_option_type type;
    size_t offset;              /* of the setting in its struct, offsetof() */
    const char *fallback;       /* default as the user would write it; NULL: none */
    int64_t min, max;           /* for int, size, duration; both 0: unbounded */
    const char *const *choices; /* NULL-terminated words of a choice */
    int (*check)(const char *text, struct leat_err *err); /* of a text, or NULL; the reason alone */
    unsigned flags;                                       /* enum leat_option_flag */
    const char
        *section;    /* heading under which help and conf/leat.yaml show it, or NULL: as before */
    const char *doc; /* what it does, why one would change it; a sentence or three, no newline */
    const char *example; /* for conf/leat.yaml where there is no default, or NULL */
};

#endif
