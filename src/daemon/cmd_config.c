/*
 * leat config: the manual of the configuration, written from the same tables that read it.
 */
#include "daemon/commands.h"

#include <stdlib.h>
#include <string.h>

#include "config/reference.h"
#include "daemon/connectors.h"

enum { REFERENCE_BYTES_MAX = 1 << 20 };

static int reference(void)
{
    struct leat_buf text;
    size_t count;
    const struct leat_config_type *types = connectors_types(&count);
    leat_buf_init(&text, REFERENCE_BYTES_MAX);
    leat_config_write_reference(types, count, &text);
    fwrite(text.data, 1, text.len, stdout);
    bool whole = !text.full;
    leat_buf_release(&text);
    return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cmd_config(const struct command_line *line)
{
    struct leat_err err;
    if (line->operand_count == 1 && strcmp(line->operands[0], "reference") == 0)
        return reference();
    leat_fail(&err, LEAT_ECONFIG, "leat config knows \"reference\" only");
    return command_failed(&err);
}
