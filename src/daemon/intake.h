/*
 * The port where events come in, put together from a configuration: the sources that take them, the
 * feed that gives them out, the keys, the server.
 *
 *     open (sources attached, keys read) ─▶ engine_start ─▶ listen ─▶ … ─▶ engine_stop ─▶ close
 *
 * Requests are only taken while the sources run, so that each finds somebody who answers it.
 *
 * Threads: main.
 * Errors:  LEAT_ECONFIG names the setting.
 */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "daemon/engine.h"
#include "feed/feed.h"
#include "feed/flowcore.h"
#include "feed/named.h"
#include "http/ingest.h"

struct intake;

/* What open would refuse of the settings, without any effect. */
int intake_check(const struct leat_config *config, struct leat_err *err) LEAT_MUST_CHECK;

/* *ret_intake is NULL when no source takes events, or the port is off. */
int intake_open(struct engine *engine, struct intake **ret_intake, struct leat_err *err) LEAT_MUST_CHECK;
int intake_listen(struct intake *intake, struct leat_err *err) LEAT_MUST_CHECK; /* accepts NULL */
void intake_close(struct intake *intake);                                       /* accepts NULL */

const struct leat_ingest_stats *intake_stats(const struct intake *intake);
const struct feed_stats *intake_feed_stats(const struct intake *intake);
const struct named_stats *intake_named_stats(const struct intake *intake);
const struct flowcore_stats *intake_flowcore_stats(const struct intake *intake);

#endif
