/*
 * Where an emitter begins, as its configuration says it.
 *
 * Threads: main.
 */
#ifndef DAEMON_EMISSION_H
#define DAEMON_EMISSION_H

#include "config/config.h"
#include "pipeline/emit_runner.h"

/* "beginning", "now", a sequence, or a time (ISO 8601, or a span back from now). LEAT_ECONFIG: none
 * of them. */
int emission_place(const char *text, struct leat_emit_runner_settings *settings,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* Fills in the start of an instance. */
int emission_start(const struct leat_config_instance *instance,
                   struct leat_emit_runner_settings *settings,
                   struct leat_err *err) LEAT_MUST_CHECK;

/* The starts of all emitters, without any effect. */
int emission_check(const struct leat_config *config, struct leat_err *err) LEAT_MUST_CHECK;

#endif
