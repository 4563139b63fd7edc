/*
 * Tells systemd how we are, if it started us: READY=1, STOPPING=1, WATCHDOG=1, STATUS=…
 *
 * The protocol is one datagram to the socket named in $NOTIFY_SOCKET (sd_notify(3)); without it
 * nothing happens. Threads: any; never blocks.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

void notify_systemd(const char *state);

/* Half of the watchdog's period in milliseconds; 0: there is none. */
int64_t notify_watchdog_ms(void);

#endif
