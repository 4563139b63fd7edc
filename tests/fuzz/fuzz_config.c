/*
 * Any bytes as a configuration file: either a configuration, or problems that all have a place
 * inside the text and printable words; never a crash, a leak or a long wait.
 */
#include "unit/config/sample_types.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void problems_check(const struct leat_config_problems *problems, struct leat_slice text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n' || text.ptr[i] == '\r' ||
                 text.ptr[i] >= 0x80; /* NEL, LS and PS end lines too */
    require(problems->count > 0);
    for (size_t i = 0; i < problems->count; i++) {
        const struct leat_config_problem *p = &problems->items[i];
        require(p->line <= lines + 1 && p->column <= text.len + 2);
        for (const char *at = p->text; *at; at++)
            require((uint8_t)*at >= 0x20 && *at != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct leat_slice text = {data, len};
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    struct leat_config *config = NULL;
    struct leat_err err;
    int status = leat_config_parse("f", text, TYPES, TYPE_COUNT, &config, &problems, &err);
    require(status == LEAT_OK || status == LEAT_ECONFIG);
    if (status)
        problems_check(&problems, text);
    else
        require(leat_config_diff(config, config, NULL, NULL) == 0);
    leat_config_free(config);
    leat_config_problems_release(&problems);
    return 0;
}
