/*
 * Events as lines on standard output, for pipes. What a reader of the pipe has taken nobody tells
 * us, so written counts as confirmed: after a crash some lines come again, and the last one may be
 * torn.
 *
 * A full pipe is waited for in pieces that never block (PIPE_BUF), so that stop is heard.
 */
#include <leat/clock.h>
#include <leat/emitter.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum { WAIT_MS = 200 };

struct out {
    struct leat_emit_settings emit;
    const _Atomic bool *stopping;
    uint64_t number; /* of the last batch written */
};

/* clang-format off */
static const struct leat_option OPTIONS[] = {LEAT_EMIT_OPTIONS, {.name = NULL}};
/* clang-format on */

static int out_validate(const void *ctx, struct leat_err *err)
{
    return leat_emit_settings_validate(ctx, err);
}

static int out_check(void *ctx, const char *instance, bool apply, struct leat_report *report,
                     struct leat_err *err)
{
    (void)ctx;
    (void)instance;
    (void)apply;
    (void)err;
    leat_report_add(report, LEAT_FINDING_OK, "stdout", "lines go to standard output", NULL, false);
    return LEAT_OK;
}

static int out_open(void *ctx, const struct leat_emitter_env *env, uint64_t *ret_acked,
                    struct leat_err *err)
{
    struct out *o = ctx;
    (void)ret_acked;
    (void)err;
    o->stopping = env->stopping;
    o->number = 0;
    return LEAT_OK;
}

static int out_failed(int errnum, struct leat_err *err)
{
    if (errnum != EPIPE)
        return leat_fail_errno(err, LEAT_ERETRY, errnum, "cannot write to standard output");
    leat_fail_errno(err, LEAT_ECONFIG, errnum, "nobody reads standard output any more");
    leat_err_hint(err, "start leat and its reader again; the cursor is kept");
    return LEAT_ECONFIG;
}

static int write_all(const struct out *o, const uint8_t *at, size_t len, struct leat_err *err)
{
    while (len) {
        struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
        if (poll(&fd, 1, WAIT_MS) <= 0) {
            if (*o->stopping)
                return leat_fail(err, LEAT_ERETRY,
                                 "standard output is not read, and the daemon is ending");
            continue;
        }
        ssize_t n = write(STDOUT_FILENO, at, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return out_failed(errno, err);
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return LEAT_OK;
}

static int out_submit(void *ctx, const struct leat_emit_batch *batch, struct leat_err *err)
{
    struct out *o = ctx;
    struct leat_buf lines;
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->events[i].value.len + 1;
    leat_buf_init(&lines, bytes);
    for (size_t i = 0; i < batch->count; i++) {
        leat_buf_append(&lines, batch->events[i].value);
        leat_buf_append_text(&lines, "\n");
    }
    int status = lines.full ? leat_fail(err, LEAT_ERETRY, "out of memory for lines")
                            : write_all(o, lines.data, lines.len, err);
    leat_buf_release(&lines);
    if (!status)
        o->number = batch->number;
    return status;
}

static int out_poll(void *ctx, int64_t until_ms, uint64_t *ret_number, struct leat_err *err)
{
    (void)until_ms;
    (void)err;
    *ret_number = ((struct out *)ctx)->number;
    return LEAT_OK;
}

static void out_close(void *ctx)
{
    (void)ctx;
}

extern const struct leat_emitter_ops stdout_emitter_ops;
const struct leat_emitter_ops stdout_emitter_ops = {
    .name = "stdout",
    .doc = "Lines on standard output, for pipes: at least once.",
    .options = OPTIONS,
    .ctx_size = sizeof(struct out),
    .validate = out_validate,
    .check = out_check,
    .open = out_open,
    .submit = out_submit,
    .poll = out_poll,
    .close = out_close,
};
