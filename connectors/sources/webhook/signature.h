/*
 * Is a request signed by somebody who knows the secret? One engine for all senders:
 *
 *     text      {header:webhook-id}.{header:webhook-timestamp}.{body}     what is signed
 *     header    webhook-signature: v1,<base64> v1,<base64>                where the signatures stand
 *     prefix    v1,         others in the same header are not looked at
 *     timestamp header:webhook-timestamp                                  within a tolerance of now
 *     id        header:webhook-id                                         the same when it is sent again
 *
 * In `text` and `timestamp`, {header:NAME} is a header and {part:NAME} what stands behind NAME= in
 * the header of the signatures. Signatures in one header are separated by commas, or by blanks when
 * the prefix ends with a comma. What senders are known to do is a preset.
 *
 * Invariants
 *   1. It fails closed: no secret, no header, a missing part, anything unreadable is "not signed".
 *   2. The body is signed as it came, before it is decompressed or looked at.
 *   3. All secrets are tried on all signatures, in a time that does not depend on which one fits.
 *   4. Of two values that follow each other, the first does not hold the letter that parts them:
 *      nothing can be moved from one into the other.
 *
 * Ownership: schemes and messages view texts of others. Threads: pure.
 * Bounds:    SIGNATURE_PIECES_MAX pieces of a text, SIGNATURE_CANDIDATES_MAX signatures.
 * Source:    the senders' own documentation; the Standard Webhooks specification 1.0.0.
 */
#ifndef WEBHOOK_SIGNATURE_H
#define WEBHOOK_SIGNATURE_H

#include <leat/option.h>

enum {
    SIGNATURE_PIECES_MAX = 16,
    SIGNATURE_CANDIDATES_MAX = 16,
    SIGNATURE_NAME_MAX = 127,
    SIGNATURE_SECRETS_MAX = 8,
    SIGNATURE_SECRET_BYTES_MAX = 1024,
};

enum signature_preset {
    SIGNATURE_NONE,
    SIGNATURE_CUSTOM,
    SIGNATURE_STANDARD_WEBHOOKS,
    SIGNATURE_SVIX,
    SIGNATURE_STRIPE,
    SIGNATURE_GITHUB,
    SIGNATURE_SHOPIFY,
    SIGNATURE_SLACK,
    SIGNATURE_HOOKDECK,
};

/* 0 in a setting: as the preset has it. */
enum signature_encoding { SIGNATURE_HEX = 1, SIGNATURE_BASE64 };
enum signature_hash { SIGNATURE_SHA256 = 1, SIGNATURE_SHA1, SIGNATURE_SHA512 };
enum signature_key { SIGNATURE_KEY_TEXT = 1, SIGNATURE_KEY_HEX, SIGNATURE_KEY_BASE64 };

struct signature_settings {
    int preset;                                       /* enum signature_preset */
    const char *text, *header, *prefix, *timestamp;   /* NULL: as the preset has it */
    int encoding, hash, key;                          /* the enums above */
    int64_t tolerance_ms;
    struct leat_strings secret_files, secret_env, secret_credentials;
};

struct signature_scheme {
    const char *text, *header, *prefix;
    const char *timestamp; /* "header:NAME" or "part:NAME"; NULL: the sender has none */
    const char *id;        /* a field, see field.h; NULL: none */
    enum signature_encoding encoding;
    enum signature_hash hash;
    enum signature_key key;
    int64_t tolerance_ms;
    bool challenge; /* url_verification is answered */
    bool id_alone;  /* a repeat may differ in its body */
};

struct signature_secret {
    uint8_t key[SIGNATURE_SECRET_BYTES_MAX];
    size_t len;
};

struct signature_message {
    const char *(*header)(const void *arg, const char *name); /* NULL: not there */
    const void *arg;
    struct leat_slice body;
    int64_t now_us;
};

/* The preset with what the settings say otherwise. LEAT_ECONFIG: it would not protect. */
int signature_scheme_make(const struct signature_settings *settings,
                          struct signature_scheme *ret_scheme, struct leat_err *err) LEAT_MUST_CHECK;

/* A secret as its owner writes it, as the key that is used. LEAT_ECONFIG names no byte of it. */
int signature_secret_read(const struct signature_scheme *scheme, const char *text,
                          struct signature_secret *ret_secret, struct leat_err *err) LEAT_MUST_CHECK;

/* A body that comes in pieces: begin with what the head says (message->body is not looked at), then the
 * pieces, then the end. Headers must live as long; the secrets need to live for begin only. */
struct signature_check {
    const struct signature_scheme *scheme;
    const char *header;                              /* with the signatures */
    void *macs[SIGNATURE_SECRETS_MAX];               /* one for each secret */
    size_t mac_count;
    struct leat_slice behind[SIGNATURE_PIECES_MAX]; /* what is signed behind the body */
    size_t behind_count;
};

/* NULL: go on. Else why it is not signed, whatever comes; the check is released. */
const char *signature_begin(const struct signature_scheme *scheme, const struct signature_secret *secrets,
                            size_t secret_count, const struct signature_message *message,
                            struct signature_check *ret_check) LEAT_MUST_CHECK;
void signature_update(struct signature_check *check, struct leat_slice piece);

/* NULL: it is signed. Else why not. Releases the check. */
const char *signature_end(struct signature_check *check) LEAT_MUST_CHECK;
void signature_release(struct signature_check *check); /* accepts a zeroed or released one */

/* All of it at once. NULL: it is signed. Else why not, a text of ours. */
const char *signature_verify(const struct signature_scheme *scheme,
                             const struct signature_secret *secrets, size_t secret_count,
                             const struct signature_message *message) LEAT_MUST_CHECK;

#endif
