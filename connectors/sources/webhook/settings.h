/*
 * The options of a webhook source, and what contradicts itself among them.
 *
 * Threads: read-only after loading.
 */
#ifndef WEBHOOK_SETTINGS_H
#define WEBHOOK_SETTINGS_H

#include <leat/option.h>

#include "sources/webhook/signature.h"

enum webhook_authentication {
    WEBHOOK_AUTHENTICATION_KEY,
    WEBHOOK_AUTHENTICATION_NONE,
    WEBHOOK_AUTHENTICATION_SIGNATURE,
};
enum webhook_accept { WEBHOOK_ACCEPT_JSON, WEBHOOK_ACCEPT_ANY };

struct webhook_settings {
    const char *tenant;          /* NULL: the instance's name */
    struct leat_strings streams; /* patterns of dataCore/flowType/eventType; none: all */
    int authentication;          /* enum webhook_authentication */
    struct signature_settings signature;
    int64_t request_bytes_max, event_bytes_max, events_max;
    int64_t file_bytes_max, files_max;
    int64_t hold_ms;
    bool cloudevents;
    struct leat_strings allowed_origins;
    int accept; /* enum webhook_accept: what /in/ takes */
    const char *data_core, *flow_type; /* of /in/; NULL: "webhooks", the instance's name */
    const char *event_type, *external_id, *event_time, *idempotency_key; /* fields, see field.h; NULL: none */
    int64_t idempotency_window_ms, idempotency_keys_max;
};

extern const struct leat_option webhook_options[];

int webhook_settings_validate(const struct webhook_settings *settings, struct leat_err *err)
    LEAT_MUST_CHECK;

/* Is such a stream taken? */
bool webhook_settings_stream(const struct webhook_settings *settings, const char *data_core,
                             const char *flow_type, const char *event_type);

#endif
