/*
 * The API keys as the HTTP threads see them: a copy in memory that follows the store. A key that was
 * made or revoked by another process counts within LEAT_KEYRING_FRESH_MS; an id that is not known is
 * looked up at once.
 *
 * Uses are noted here and written by leat_keyring_flush(), of a key once in LEAT_KEYRING_USE_US: a request
 * writes nothing.
 *
 * Bounds:  LEAT_KEYRING_USES_MAX keys between two flushes; what is more is noted at their next use.
 * Threads: any. Blocks on a short read of the store when keys have changed.
 */
#ifndef HTTP_KEYRING_H
#define HTTP_KEYRING_H

#include "http/credentials.h"
#include "store/keys.h"

enum {
    LEAT_KEYRING_FRESH_MS = 500,
    LEAT_KEYRING_USES_MAX = 64,
};
#define LEAT_KEYRING_USE_US (INT64_C(3600) * 1000000)

struct leat_keyring;

/* `keys` must outlive it. */
int leat_keyring_new(struct leat_api_keys *keys, struct leat_keyring **ret_keyring,
                     struct leat_err *err) LEAT_MUST_CHECK;
void leat_keyring_free(struct leat_keyring *keyring); /* accepts NULL */

/* True, and the key, if the credentials are those of a key that is valid. Takes the same time whether
 * the id or the secret is wrong. */
bool leat_keyring_find(struct leat_keyring *keyring, const struct leat_credentials *credentials,
                       struct leat_api_key *ret_key);

/* Writes the uses that were noted. One thread, which may block on the disk. Accepts NULL. */
void leat_keyring_flush(struct leat_keyring *keyring);

#endif
