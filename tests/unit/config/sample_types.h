/*
 * Two connector types that exist only in these tests: one with an option of every kind, one that is
 * nearly empty.
 */
#ifndef TESTS_CONFIG_SAMPLE_TYPES_H
#define TESTS_CONFIG_SAMPLE_TYPES_H

#include "config/config.h"

struct river {
    const char *host;
    int64_t port;
    const char *publication;
    const char *token;
    bool create;
    int64_t row_bytes_max;
    int64_t confirm_interval_ms;
    int mode;
    struct leat_strings tables;
    struct leat_strings skip;
    int64_t offset;
};

static const char *const RIVER_MODES[] = {"auto", "binary", "text", NULL};

#define RIVER(member) offsetof(struct river, member)
static const struct leat_option RIVER_OPTIONS[] = {
    {.section = "Connection", .name = "host", .type = LEAT_OPTION_TEXT, .offset = RIVER(host),
     .fallback = "/var/run/river", .doc = "Where it is."},
    {.name = "port", .type = LEAT_OPTION_INT, .offset = RIVER(port), .fallback = "5432",
     .min = 1, .max = 65535,
     .doc = "Port of it."},
    {.name = "publication", .type = LEAT_OPTION_TEXT, .offset = RIVER(publication),
     .flags = LEAT_OPTION_REQUIRED,
     .doc = "What it publishes.", .example = "leat_shop"},
    {.name = "token", .type = LEAT_OPTION_SECRET, .offset = RIVER(token), .doc = "A secret.",
     .example = "abc"},
    {.section = "Flow", .name = "create", .type = LEAT_OPTION_BOOL, .offset = RIVER(create),
     .fallback = "false",
     .doc = "Make what is missing."},
    {.name = "row_max", .type = LEAT_OPTION_SIZE, .offset = RIVER(row_bytes_max),
     .fallback = "96MiB", .min = 1 << 20, .max = 1 << 30, .doc = "Longest row."},
    {.name = "confirm_interval", .type = LEAT_OPTION_DURATION, .offset = RIVER(confirm_interval_ms),
     .fallback = "1s", .min = 50, .max = 60000, .flags = LEAT_OPTION_RELOAD, .doc = "How often."},
    {.name = "mode", .type = LEAT_OPTION_CHOICE, .offset = RIVER(mode), .fallback = "auto",
     .choices = RIVER_MODES,
     .doc = "How."},
    {.name = "tables", .type = LEAT_OPTION_LIST, .offset = RIVER(tables), .doc = "Which.",
     .example = "[\"public.*\"]"},
    {.name = "skip", .type = LEAT_OPTION_LIST, .offset = RIVER(skip),
     .fallback = "[\"tmp.*\", old]",
     .doc = "Which not."},
    {.name = "offset", .type = LEAT_OPTION_INT, .offset = RIVER(offset), .example = "-5",
     .doc = "A number that may be negative and has no bounds."},
    {.name = NULL},
};

/* Settings against each other. */
static inline int river_validate(const void *ctx, struct leat_err *err)
{
    const struct river *r = ctx;
    if (!r->create || r->mode != 1)
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG, "create: makes no sense with mode binary");
    leat_err_hint(err, "leave one of them out");
    return LEAT_ECONFIG;
}

static const struct leat_option POND_OPTIONS[] = {{.name = NULL}};

static const struct leat_config_type TYPES[] = {
    {"river", "A river that flows.", RIVER_OPTIONS, sizeof(struct river), river_validate, LEAT_CONFIG_SOURCE},
    {"pond", "A pond that does not.", POND_OPTIONS, 0, NULL, LEAT_CONFIG_SOURCE},
};
enum { TYPE_COUNT = 2 };

#endif
