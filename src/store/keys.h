/*
 * API keys in <store>/meta.mdb: what is kept is a salted hash, never the secret.
 *
 *     keys  id → version u8 = 2, salt 16, SHA-256(salt, secret) 32, rights u8, counted tenant,
 *                counted source, counted label, created_at_us i64, revoked_at_us i64, used_at_us i64,
 *                hash (layout.h)
 *
 * Version 1 had no used_at_us.
 *
 * Secrets have 190 random bits, so one round of SHA-256 is enough: there is nothing to guess.
 *
 * Order:   open → put, get, each … → close. Within the writer's process pass `store`: an environment
 *          is opened once per process. Other processes may change keys beside a running daemon.
 * Threads: any; put is serialised by LMDB's own lock between processes and must be called by one
 *          thread at a time within one.
 * Errors:  LEAT_ECONFIG no store, or no rights; LEAT_ERETRY no space; LEAT_EDATA a damaged record.
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "store/store.h"

enum { LEAT_API_KEY_ID_MAX = 32, LEAT_API_KEY_TEXT_MAX = 64, LEAT_API_KEYS_MAX = 10000 };

struct leat_api_key {
    char id[LEAT_API_KEY_ID_MAX + 1];
    uint8_t salt[16];
    uint8_t hash[32];
    uint8_t rights;                         /* bits of enum leat_ingest_right */
    char tenant[LEAT_API_KEY_TEXT_MAX + 1]; /* "": all */
    char source[LEAT_API_KEY_TEXT_MAX + 1]; /* source instance; "": all */
    char label[LEAT_API_KEY_TEXT_MAX + 1];  /* for people */
    int64_t created_at_us;
    int64_t revoked_at_us; /* 0: it is valid */
    int64_t used_at_us;    /* about when it was last used, to the hour; 0: never, as far as is known */
};

struct leat_api_keys;

/* `store` NULL: another process than the writer's; directory and meta.mdb are made if missing. */
int leat_api_keys_open(const char *path, struct leat_store *store, struct leat_api_keys **ret_keys,
                       struct leat_err *err) LEAT_MUST_CHECK;
void leat_api_keys_close(struct leat_api_keys *keys); /* accepts NULL */

/* Adds or replaces, durably. */
int leat_api_keys_put(struct leat_api_keys *keys, const struct leat_api_key *key,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* Notes that a key was used, if it is there still; nothing else of it changes, whoever changes it at the
 * same time. */
int leat_api_keys_used(struct leat_api_keys *keys, const char *id, int64_t used_at_us,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Calls back for each, in the order of their ids, in one short read transaction. */
typedef int (*leat_api_key_fn)(void *arg, const struct leat_api_key *key, struct leat_err *err);
int leat_api_keys_each(struct leat_api_keys *keys, leat_api_key_fn each, void *arg,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* Changes whenever something in meta.mdb was committed, by any process. */
uint64_t leat_api_keys_version(struct leat_api_keys *keys);

/* SHA-256 over salt and secret. */
void leat_api_key_hash(const uint8_t *salt, struct leat_slice secret, uint8_t *ret_hash);

#endif
