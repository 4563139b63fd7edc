/*
 * The file is judged through its descriptor (fstat), not its name, so that it cannot be exchanged
 * between the look and the read. systemd hands credentials out as root's files with an ACL for the
 * service, which shows as a readable group: there, and only there, group-readable is fine.
 */
#include <leat/secret.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int mode_check(const char *path, const struct stat *st, mode_t refused, struct leat_err *err)
{
    if (!S_ISREG(st->st_mode))
        return leat_fail(err, LEAT_ECONFIG, "secret \"%s\" is not a regular file", path);
    if (st->st_uid != geteuid() && st->st_uid != 0) {
        leat_fail(err, LEAT_ECONFIG, "secret \"%s\" belongs to user %u, who could change it", path,
                  (unsigned)st->st_uid);
        leat_err_hint(err, "chown %u '%s'", (unsigned)geteuid(), path);
        return LEAT_ECONFIG;
    }
    if (st->st_mode & refused) {
        leat_fail(err, LEAT_ECONFIG,
                  "secret \"%s\" has mode %04o: others than its owner can get at it", path,
                  (unsigned)(st->st_mode & 07777));
        leat_err_hint(err, "chmod 600 '%s'", path);
        return LEAT_ECONFIG;
    }
    return LEAT_OK;
}

/* Reads until the end or until the array is full; one byte more than a good secret may have. */
static int read_all(int fd, const char *path, char *ret_text, size_t max, size_t *ret_len,
                    struct leat_err *err)
{
    size_t len = 0;
    while (len < max) {
        ssize_t got = read(fd, ret_text + len, max - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot read secret \"%s\"", path);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return LEAT_OK;
}

/* Strips the newline, puts the NUL. `text` has room for max bytes, `len` are the content. */
static int text_finish(const char *what, char *text, size_t len, size_t max, struct leat_err *err)
{
    if (len && text[len - 1] == '\n')
        len--;
    if (len && text[len - 1] == '\r')
        len--;
    if (len >= max)
        return leat_fail(err, LEAT_ELIMIT, "secret \"%s\" is longer than %zu bytes", what, max - 1);
    if (len == 0)
        return leat_fail(err, LEAT_ECONFIG, "secret \"%s\" is empty", what);
    if (memchr(text, '\0', len))
        return leat_fail(err, LEAT_ECONFIG, "secret \"%s\" holds a NUL byte", what);
    text[len] = '\0';
    return LEAT_OK;
}

/* A secret of exactly max - 1 bytes and its line end still fit into the scratch array. */
static int fd_read(int fd, const char *path, char *ret_secret, size_t max, struct leat_err *err)
{
    size_t room = max + 2, len = 0;
    char *text = calloc(1, room);
    if (!text)
        return leat_fail(err, LEAT_ERETRY, "out of memory for secret \"%s\"", path);
    int status = read_all(fd, path, text, room, &len, err);
    if (!status)
        status = text_finish(path, text, len, max, err);
    if (!status)
        memcpy(ret_secret, text, max);
    leat_secret_wipe(text, room);
    free(text);
    return status;
}

static int path_read(const char *path, mode_t refused, char *ret_secret, size_t max,
                     struct leat_err *err)
{
    if (max > LEAT_SECRET_MAX)
        max = LEAT_SECRET_MAX;
    leat_secret_wipe(ret_secret, max);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot open secret \"%s\"", path);
    struct stat st;
    int status = LEAT_OK;
    if (fstat(fd, &st))
        status = leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot look at secret \"%s\"", path);
    if (!status)
        status = mode_check(path, &st, refused, err);
    if (!status)
        status = fd_read(fd, path, ret_secret, max, err);
    close(fd);
    return status;
}

int leat_secret_file(const char *path, char *ret_secret, size_t max, struct leat_err *err)
{
    return path_read(path, 077, ret_secret, max, err);
}

int leat_secret_env(const char *name, char *ret_secret, size_t max, struct leat_err *err)
{
    if (max > LEAT_SECRET_MAX)
        max = LEAT_SECRET_MAX;
    leat_secret_wipe(ret_secret, max);
    const char *value = getenv(name);
    if (!value)
        return leat_fail(err, LEAT_ECONFIG, "environment variable \"%s\" for a secret is not set",
                         name);
    size_t len = strlen(value);
    if (len > max)
        len = max; /* refused below; the whole array holds no terminator then */
    memcpy(ret_secret, value, len);
    int status = text_finish(name, ret_secret, len, max, err);
    if (status)
        leat_secret_wipe(ret_secret, max);
    return status;
}

int leat_secret_credential(const char *name, char *ret_secret, size_t max, struct leat_err *err)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!directory || directory[0] != '/') {
        leat_fail(err, LEAT_ECONFIG,
                  "credential \"%s\" is not there: $CREDENTIALS_DIRECTORY is not set", name);
        leat_err_hint(err, "LoadCredential=%s:/etc/leat/%s in the unit's [Service] section", name,
                      name);
        return LEAT_ECONFIG;
    }
    if (!name[0] || name[0] == '.' || strchr(name, '/'))
        return leat_fail(err, LEAT_ECONFIG, "\"%s\" is no name of a credential", name);
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (len < 0 || (size_t)len >= sizeof path)
        return leat_fail(err, LEAT_ECONFIG, "path of credential \"%s\" is too long", name);
    return path_read(path, 037, ret_secret, max, err);
}

void leat_secret_wipe(char *secret, size_t len)
{
    explicit_bzero(secret, len);
}
