/*
 * Where an event goes: a topic's name from a template and the event.
 *
 *     "{source}.{schema}.{table}"  +  shop, public, order lines  ─▶  "shop.public.order-20lines"
 *
 * Injective: bytes of a name other than A-Z a-z 0-9 and _ are written as -XX (hexadecimal), and
 * nothing else writes a '-' or, inside a name, a '.'; so different names give different topics
 * whatever is in them. A name that the event does not have is left out together with the '.' in
 * front of it.
 *
 *     {source} {database} {schema} {table} {type} {op} {tenant}
 *
 * {schema} is the database where the source has no schemas (MySQL). {type} is a post's event type
 * or a message's prefix.
 *
 * Threads: pure.
 */
#ifndef CODEC_ROUTE_H
#define CODEC_ROUTE_H

#include <leat/event.h>

/* LEAT_ECONFIG says what is wrong with the template: an unknown or open brace, or bytes between
 * that no topic may have. */
int leat_route_check(const char *template, struct leat_err *err) LEAT_MUST_CHECK;

/* Appends the topic; the template must be a checked one. */
void leat_route_write(const char *template, const char *instance, const struct leat_event *event,
                      struct leat_buf *buf);

#endif
