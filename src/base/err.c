#include <leat/err.h>

#include <stdio.h>
#include <string.h>

static void err_fill(struct leat_err *err, int code, enum leat_domain domain, int64_t native,
                     const char *format, va_list args) __attribute__((format(printf, 5, 0)));
static void err_fill(struct leat_err *err, int code, enum leat_domain domain, int64_t native,
                     const char *format, va_list args)
{
    err->code = code;
    err->domain = domain;
    err->native = native;
    err->state[0] = '\0';
    err->hint[0] = '\0';
    vsnprintf(err->text, sizeof err->text, format, args);
}

/* Appends and cuts at the array's end, which is what a bounded text is for. */
static void append_cut(char *text, size_t size, const char *more)
{
    size_t used = strlen(text), len = strlen(more);
    if (len > size - 1 - used)
        len = size - 1 - used;
    memcpy(text + used, more, len);
    text[used + len] = '\0';
}

int leat_fail(struct leat_err *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_fill(err, code, LEAT_DOMAIN_NONE, 0, format, args);
    va_end(args);
    return code;
}

int leat_fail_errno(struct leat_err *err, int code, int errnum, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_fill(err, code, LEAT_DOMAIN_ERRNO, errnum, format, args);
    va_end(args);
    char reason[128];
    append_cut(err->text, sizeof err->text, ": ");
    append_cut(err->text, sizeof err->text, strerror_r(errnum, reason, sizeof reason));
    return code;
}

int leat_fail_native(struct leat_err *err, int code, enum leat_domain domain, int64_t native,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_fill(err, code, domain, native, format, args);
    va_end(args);
    return code;
}

int leat_fail_sqlstate(struct leat_err *err, int code, const char *state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_fill(err, code, LEAT_DOMAIN_SQLSTATE, 0, format, args);
    va_end(args);
    snprintf(err->state, sizeof err->state, "%s", state ? state : "");
    return code;
}

void leat_err_context(struct leat_err *err, const char *format, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    append_cut(text, sizeof text, ": ");
    append_cut(text, sizeof text, err->text);
    memcpy(err->text, text, sizeof text);
}

void leat_err_hint(struct leat_err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

const char *leat_code_name(int code)
{
    switch (code) {
    case LEAT_OK:
        return "ok";
    case LEAT_AGAIN:
        return "again";
    case LEAT_EOF:
        return "eof";
    case LEAT_ERETRY:
        return "retry";
    case LEAT_EPROTO:
        return "proto";
    case LEAT_EDATA:
        return "data";
    case LEAT_ELIMIT:
        return "limit";
    case LEAT_ECONFIG:
        return "config";
    case LEAT_ESTORE:
        return "store";
    default:
        return "bug";
    }
}
