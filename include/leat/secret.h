/*
 * Secrets come from a file, an environment variable or a systemd credential, never from the command
 * line and never from the configuration itself. They are read when they are needed and wiped after
 * use.
 *
 *     char password[1024];
 *     status = leat_secret_file(path, password, sizeof password, err);
 *     … use it …
 *     leat_secret_wipe(password, sizeof password);
 *
 * One newline at the end ("\n" or "\r\n") is not part of the secret; an empty secret and a NUL byte
 * in it are errors, because both are accidents.
 *
 * Ownership: the caller's array, always NUL-terminated after success, wiped after failure.
 * Bounds:    `max` bytes with the NUL, at most LEAT_SECRET_MAX; a longer secret is LEAT_ELIMIT,
 *            never cut.
 * Threads:   any. Blocks on the file system.
 * Errors:    LEAT_ECONFIG with a hint, LEAT_ELIMIT. No text ever holds the secret.
 */
#ifndef LEAT_SECRET_H
#define LEAT_SECRET_H

#include <leat/err.h>

#include <stddef.h>

#define LEAT_SECRET_MAX (64u << 10) /* a private key with its chain fits */

/* From a regular file that belongs to us or to root and that nobody else can read or write. */
int leat_secret_file(const char *path, char *ret_secret, size_t max,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* From an environment variable; it stays set, because a reconnect asks again. */
int leat_secret_env(const char *name, char *ret_secret, size_t max,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* From $CREDENTIALS_DIRECTORY/<name>, where systemd's LoadCredential= puts it. */
int leat_secret_credential(const char *name, char *ret_secret, size_t max,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* Overwrites in a way that no compiler removes. */
void leat_secret_wipe(char *secret, size_t len);

#endif
