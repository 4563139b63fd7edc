/*
 * The daemon's state as one JSON object; `leat status` prints the same. Any thread; blocks on a look at the
 * store's files.
 */
#ifndef DAEMON_STATUS_PAGE_H
#define DAEMON_STATUS_PAGE_H

#include "daemon/engine.h"

void status_page(const struct engine *engine, struct leat_buf *buf);

#endif
