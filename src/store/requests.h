/*
 * Requests to the daemon in <store>/meta.mdb: a command puts one in, whether a daemon runs or not,
 * and the daemon takes it out when what it asked for is durable. Who may write the store's
 * directory may ask.
 *
 *     requests  number BE8 → version u8 = 1, counted source, counted body, hash (layout.h)
 *
 * What is in a body is the commands' and the daemon's matter.
 *
 * Order:   open → put, each, remove … → close. Within the writer's process pass `store`.
 * Threads: any; one at a time within a process.
 * Errors:  LEAT_ECONFIG no store, or no rights; LEAT_ERETRY no space; LEAT_EDATA a damaged record.
 */
#ifndef STORE_REQUESTS_H
#define STORE_REQUESTS_H

#include "store/store.h"

enum { LEAT_REQUEST_BODY_MAX = 32 << 10 };

struct leat_requests;

/* `store` NULL: another process than the writer's; meta.mdb must be there. */
int leat_requests_open(const char *path, struct leat_store *store,
                       struct leat_requests **ret_requests, struct leat_err *err) LEAT_MUST_CHECK;
void leat_requests_close(struct leat_requests *requests); /* accepts NULL */

/* Puts one in, durably, behind all that are there; *ret_number is its own for ever. */
int leat_requests_put(struct leat_requests *requests, const char *source, struct leat_slice body,
                      uint64_t *ret_number, struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back for each, oldest first, in one short read transaction; views live for the call. */
typedef int (*leat_request_fn)(void *arg, uint64_t number, struct leat_slice source,
                               struct leat_slice body, struct leat_err *err);
int leat_requests_each(struct leat_requests *requests, leat_request_fn each, void *arg,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Takes one out; one that is not there is fine. */
int leat_requests_remove(struct leat_requests *requests, uint64_t number,
                         struct leat_err *err) LEAT_MUST_CHECK;

/* Changes whenever something in meta.mdb was committed, by any process. */
uint64_t leat_requests_version(struct leat_requests *requests);

#endif
