/* What all emitters can be told: the words of the choices, and settings against each other. */
#include <leat/emitter.h>

#include "codec/form.h"
#include "codec/route.h"

const char *const leat_emit_time_words[] = {
    "adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds",
    NULL};
const char *const leat_emit_decimal_words[] = {"precise", "string", "double", NULL};
const char *const leat_emit_binary_words[] = {"base64", "base64-url-safe", "hex", NULL};
const char *const leat_emit_interval_words[] = {"numeric", "string", NULL};
const char *const leat_emit_absent_words[] = {"placeholder", "omit", NULL};
const char *const leat_emit_bad_words[] = {"dead_letter", "stop", NULL};

static int format_check(const char *name, struct leat_err *err)
{
    struct leat_buf known;
    const struct leat_form *form;
    if (leat_form_find(name))
        return LEAT_OK;
    leat_buf_init(&known, 400);
    for (unsigned n = 0; (form = leat_form_at(n)); n++)
        leat_buf_format(&known, "%s%s", n ? ", " : "", form->name);
    leat_fail(err, LEAT_ECONFIG, "format: \"%s\" is unknown; there are %s", name,
              leat_buf_text(&known));
    leat_buf_release(&known);
    return LEAT_ECONFIG;
}

int leat_emit_settings_validate(const struct leat_emit_settings *s, struct leat_err *err)
{
    int status = format_check(s->format, err);
    if (!status)
        status = leat_route_check(s->topic, err);
    if (!status && s->retry_max_ms < s->retry_min_ms)
        status = leat_fail(err, LEAT_ECONFIG, "retry_max must not be shorter than retry_min");
    return status;
}
