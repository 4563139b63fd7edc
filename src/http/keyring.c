#include "http/keyring.h"

#include <leat/clock.h>
#include <leat/log.h>

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct leat_keyring {
    struct leat_api_keys *keys;
    _Atomic int64_t fresh_until_ms;
    pthread_rwlock_t lock; /* over all below */
    _Atomic uint64_t version;
    struct leat_api_key *items; /* in the order of their ids */
    size_t count, capacity;
    pthread_mutex_t use_lock; /* over those below */
    struct use {
        char id[LEAT_API_KEY_ID_MAX + 1];
        int64_t at_us;
    } uses[LEAT_KEYRING_USES_MAX];
    size_t use_count;
    int64_t quiet_until_us; /* after a failure: an old time is better than a line in the log each second */
};

static int item_add(void *arg, const struct leat_api_key *key, struct leat_err *err)
{
    struct leat_keyring *ring = arg;
    if (ring->count >= LEAT_API_KEYS_MAX)
        return leat_fail(err, LEAT_ELIMIT, "more than %d API keys", LEAT_API_KEYS_MAX);
    if (ring->count == ring->capacity) {
        size_t more = ring->capacity ? 2 * ring->capacity : 16;
        struct leat_api_key *items = realloc(ring->items, more * sizeof *items);
        if (!items)
            return leat_fail(err, LEAT_ERETRY, "out of memory for API keys");
        ring->items = items;
        ring->capacity = more;
    }
    ring->items[ring->count++] = *key;
    return LEAT_OK;
}

/* Reads all of them again; what cannot be read leaves no key valid. */
static int reload(struct leat_keyring *ring, struct leat_err *err)
{
    pthread_rwlock_wrlock(&ring->lock);
    uint64_t version = leat_api_keys_version(ring->keys);
    int status = LEAT_OK;
    if (version != ring->version) {
        ring->count = 0;
        status = leat_api_keys_each(ring->keys, item_add, ring, err);
        ring->version = status ? 0 : version;
        if (status)
            ring->count = 0;
    }
    pthread_rwlock_unlock(&ring->lock);
    return status;
}

static void refresh(struct leat_keyring *ring, bool now)
{
    struct leat_err err;
    int64_t now_ms = leat_clock_monotonic_ms();
    if (!now && now_ms < ring->fresh_until_ms)
        return;
    ring->fresh_until_ms = now_ms + LEAT_KEYRING_FRESH_MS;
    if (leat_api_keys_version(ring->keys) != ring->version && reload(ring, &err))
        leat_log_err(LEAT_LOG_ERROR, "http", NULL, "keys cannot be read", &err);
}

static int compare(const void *id, const void *item)
{
    return strcmp(id, ((const struct leat_api_key *)item)->id);
}

static bool copy(struct leat_keyring *ring, const char *id, struct leat_api_key *ret_key)
{
    pthread_rwlock_rdlock(&ring->lock);
    const struct leat_api_key *found =
        ring->count ? bsearch(id, ring->items, ring->count, sizeof *found, compare) : NULL;
    if (found)
        *ret_key = *found;
    pthread_rwlock_unlock(&ring->lock);
    return found != NULL;
}

/* --- uses ------------------------------------------------------------------------------------- */

static void use_note(struct leat_keyring *ring, const struct leat_api_key *key)
{
    int64_t now_us = leat_clock_wall_us();
    if (now_us - key->used_at_us < LEAT_KEYRING_USE_US)
        return;
    pthread_mutex_lock(&ring->use_lock);
    size_t i = 0;
    while (i < ring->use_count && strcmp(ring->uses[i].id, key->id) != 0)
        i++;
    if (i == ring->use_count && i < LEAT_KEYRING_USES_MAX && now_us >= ring->quiet_until_us) {
        memcpy(ring->uses[i].id, key->id, sizeof key->id);
        ring->uses[i].at_us = now_us;
        ring->use_count++;
    }
    pthread_mutex_unlock(&ring->use_lock);
}

static size_t uses_take(struct leat_keyring *ring, struct use *ret_uses)
{
    pthread_mutex_lock(&ring->use_lock);
    size_t count = ring->use_count;
    memcpy(ret_uses, ring->uses, count * sizeof *ret_uses);
    ring->use_count = 0;
    pthread_mutex_unlock(&ring->use_lock);
    return count;
}

void leat_keyring_flush(struct leat_keyring *ring)
{
    struct use uses[LEAT_KEYRING_USES_MAX];
    struct leat_err err;
    size_t count = ring ? uses_take(ring, uses) : 0;
    int status = LEAT_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = leat_api_keys_used(ring->keys, uses[i].id, uses[i].at_us, &err);
    if (!status)
        return;
    leat_log_err(LEAT_LOG_WARN, "http", NULL, "the use of keys cannot be noted", &err);
    pthread_mutex_lock(&ring->use_lock);
    ring->quiet_until_us = leat_clock_wall_us() + LEAT_KEYRING_USE_US;
    pthread_mutex_unlock(&ring->use_lock);
}

/* --- look-up ---------------------------------------------------------------------------------- */

bool leat_keyring_find(struct leat_keyring *ring, const struct leat_credentials *credentials,
                       struct leat_api_key *ret_key)
{
    struct leat_api_key key = {.revoked_at_us = 1};
    uint8_t hash[32];
    refresh(ring, false);
    if (!copy(ring, credentials->id, &key)) {
        refresh(ring, true);
        copy(ring, credentials->id, &key); /* an unknown one is compared as well, in vain */
    }
    leat_api_key_hash(key.salt, leat_slice_text(credentials->secret), hash);
    bool same = CRYPTO_memcmp(hash, key.hash, sizeof hash) == 0;
    if (!same || key.revoked_at_us || !key.id[0])
        return false;
    use_note(ring, &key);
    *ret_key = key;
    return true;
}

int leat_keyring_new(struct leat_api_keys *keys, struct leat_keyring **ret_keyring,
                     struct leat_err *err)
{
    struct leat_keyring *ring = calloc(1, sizeof *ring);
    if (!ring)
        return leat_fail(err, LEAT_ERETRY, "out of memory for API keys");
    ring->keys = keys;
    pthread_rwlock_init(&ring->lock, NULL);
    pthread_mutex_init(&ring->use_lock, NULL);
    int status = reload(ring, err);
    if (status) {
        leat_keyring_free(ring);
        return status;
    }
    *ret_keyring = ring;
    return LEAT_OK;
}

void leat_keyring_free(struct leat_keyring *ring)
{
    if (!ring)
        return;
    pthread_rwlock_destroy(&ring->lock);
    pthread_mutex_destroy(&ring->use_lock);
    free(ring->items);
    free(ring);
}
