#include "daemon/emission.h"

#include <leat/clock.h>

#include "config/since.h"

#include <string.h>

static bool number(const char *text, uint64_t *ret_value)
{
    uint64_t v = 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*at - '0');
    }
    *ret_value = v;
    return *text != '\0';
}

int emission_place(const char *text, struct leat_emit_runner_settings *s, struct leat_err *err)
{
    if (strcmp(text, "beginning") == 0) {
        s->start = LEAT_EMIT_BEGINNING;
    } else if (strcmp(text, "now") == 0) {
        s->start = LEAT_EMIT_NOW;
    } else if (number(text, &s->start_sequence)) {
        s->start = LEAT_EMIT_SEQUENCE;
    } else {
        s->start = LEAT_EMIT_TIME;
        if (since_parse(text, leat_clock_wall_us(), &s->start_us, err))
            return leat_fail(err, LEAT_ECONFIG,
                             "\"%.60s\" is neither beginning, now, a sequence, nor a time (ISO "
                             "8601, or 10m, 2h)",
                             text);
    }
    return LEAT_OK;
}

int emission_start(const struct leat_config_instance *instance,
                   struct leat_emit_runner_settings *settings, struct leat_err *err)
{
    const struct leat_emit_settings *s = instance->ctx;
    int status = emission_place(s->start, settings, err);
    if (status)
        leat_err_context(err, "emitters.%s.start", instance->name);
    return status;
}

int emission_check(const struct leat_config *config, struct leat_err *err)
{
    int status = LEAT_OK;
    for (size_t i = 0; !status && i < leat_config_role_count(config, LEAT_CONFIG_EMITTER); i++) {
        const struct leat_config_instance *instance =
            leat_config_role_at(config, LEAT_CONFIG_EMITTER, i);
        struct leat_emit_runner_settings settings;
        status = emission_start(instance, &settings, err);
    }
    return status;
}
