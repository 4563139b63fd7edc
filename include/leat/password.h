/*
 * Where a connector's password comes from: a file, an environment variable or a systemd credential;
 * at most one of them. It is read at each connection, so that a changed one is taken over.
 *
 * Ownership: the texts live in the configuration. Threads: any.
 */
#ifndef LEAT_PASSWORD_H
#define LEAT_PASSWORD_H

#include <leat/option.h>
#include <leat/secret.h>

#define LEAT_PASSWORD_MAX 1024 /* bytes with the NUL */

struct leat_password {
    const char *file, *env, *credential;
};

/* The options of a connector whose settings have a `struct leat_password` at `at` (offsetof). */
#define LEAT_PASSWORD_OPTIONS(at)                                                                  \
    {.name = "password_file",                                                                      \
     .type = LEAT_OPTION_TEXT,                                                                     \
     .offset = (at) + offsetof(struct leat_password, file),                                        \
     .doc = "File that holds the password and that only its owner can read. Without any password " \
            "setting the client library's own ways apply (peer, ~/.pgpass).",                      \
     .example = "/etc/leat/shop.password"},                                                        \
        {.name = "password_env",                                                                   \
         .type = LEAT_OPTION_TEXT,                                                                 \
         .offset = (at) + offsetof(struct leat_password, env),                                     \
         .doc = "Environment variable that holds the password.",                                   \
         .example = "SHOP_PASSWORD"},                                                              \
    {                                                                                              \
        .name = "password_credential", .type = LEAT_OPTION_TEXT,                                   \
        .offset = (at) + offsetof(struct leat_password, credential),                               \
        .doc = "Name of a systemd credential (LoadCredential=) that holds the password.",          \
        .example = "shop.password"                                                                 \
    }

/* LEAT_ECONFIG: more than one is given. */
int leat_password_validate(const struct leat_password *password,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* Reads it into the caller's array of `max` bytes, to be wiped after use (leat_secret_wipe). None
 * configured: *ret_given is false and the text empty. */
int leat_password_read(const struct leat_password *password, char *ret_text, size_t max,
                       bool *ret_given, struct leat_err *err) LEAT_MUST_CHECK;

#endif
