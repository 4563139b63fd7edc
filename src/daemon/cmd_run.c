/*
 * leat run: the daemon. Nothing outside is touched before the configuration is known to be right;
 * then the store is locked, the sources start, and this thread waits: for signals, for the store's
 * failure, for the watchdog.
 *
 *   SIGTERM, SIGINT   what was read is stored and confirmed, then the process ends, within
 * shutdown_timeout whatever the peers do: a guard thread ends it at that moment SIGHUP the file is
 * read again; what is safe is taken over, the rest is named
 */
#include "daemon/commands.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "daemon/connectors.h"
#include "daemon/engine.h"
#include "daemon/intake.h"
#include "daemon/notify.h"
#include "daemon/pages.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 1000, KEEP_MEMORY_BYTES = 8 << 20 };

struct daemon {
    const char *config_path;
    struct leat_config *config;
    struct engine engine;
    struct pages *pages;   /* HTTP; NULL: off */
    struct intake *intake; /* events over HTTP; NULL: off */
    bool running;          /* the sources were started */
    int signal_fd;
    bool announced;  /* READY=1 was sent */
    int64_t reloads; /* asked for so far */
};

/* --- signals -----------------------------------------------------------------------------------
 */

static int signals_open(int *ret_fd, struct leat_err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* inherited by every thread that starts later */
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot receive signals");
    *ret_fd = fd;
    return LEAT_OK;
}

static int signal_take(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

/* --- reload ------------------------------------------------------------------------------------
 */

static void tell_change(void *arg, const struct leat_config_change *change)
{
    (void)arg;
    if (change->reload)
        LEAT_INFO("daemon", NULL, "reloaded", LEAT_F_TEXT("setting", change->path));
    else
        LEAT_WARN("daemon", NULL, "needs a restart", LEAT_F_TEXT("setting", change->path));
}

/* Takes over what may change while running, which are the log's settings; a bad file changes
 * nothing. */
static void reload(struct daemon *d)
{
    struct leat_config *fresh;
    struct leat_config_problems problems;
    struct leat_err err;
    leat_config_problems_init(&problems);
    if (connectors_load(d->config_path, &fresh, &problems, &err)) {
        leat_log_err(LEAT_LOG_ERROR, "daemon", NULL, "reload refused", &err);
    } else {
        size_t changes = leat_config_diff(d->config, fresh, tell_change, NULL);
        const struct leat_settings *s = leat_config_settings(fresh);
        leat_log_setup((enum leat_log_level)s->log.level, (enum leat_log_format)s->log.format);
        LEAT_INFO("daemon", NULL,
                  "configuration read again", /* numbered, or twins would be folded */
                  LEAT_F_INT("reload", ++d->reloads), LEAT_F_INT("changes", (int64_t)changes));
        leat_config_free(fresh);
    }
    leat_config_problems_release(&problems);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void *guard_run(void *arg)
{
    leat_clock_pause_us(*(const int64_t *)arg * 1000);
    LEAT_ERROR("daemon", NULL, "did not end in time",
               LEAT_F_TEXT("what", "a peer or the disk does not answer; the "
                                   "store is consistent"));
    _exit(EXIT_FAILURE);
}

/* The process ends at `timeout_ms` even if a thread never comes back from the disk. */
static void guard_start(int64_t timeout_ms)
{
    static int64_t left_ms;
    pthread_t thread;
    left_ms = timeout_ms;
    if (pthread_create(&thread, NULL, guard_run, &left_ms) == 0)
        pthread_detach(thread);
}

static int shut_down(struct daemon *d, int64_t timeout_ms)
{
    notify_systemd("STOPPING=1");
    int64_t begun_ms = leat_clock_monotonic_ms();
    guard_start(timeout_ms - timeout_ms / 20);
    bool clean = engine_stop(&d->engine, begun_ms + timeout_ms * 9 / 10);
    pages_close(d->pages);
    if (!clean)
        _exit(EXIT_FAILURE); /* threads still use what would be freed */
    intake_close(d->intake);
    engine_close(&d->engine);
    LEAT_INFO("daemon", NULL, "ended", LEAT_F_INT("ms", leat_clock_monotonic_ms() - begun_ms));
    return EXIT_SUCCESS;
}

/* --- running -----------------------------------------------------------------------------------
 */

static void tick(struct daemon *d)
{
    notify_systemd("WATCHDOG=1");
    if (!d->announced && engine_ready(&d->engine)) {
        d->announced = true;
        LEAT_INFO("daemon", NULL, "ready");
    }
}

/* Until a signal asks for the end or the store fails. */
static int serve(struct daemon *d)
{
    int64_t timeout_ms = leat_config_settings(d->config)->shutdown_timeout_ms;
    int64_t watchdog_ms = notify_watchdog_ms();
    int tick_ms = watchdog_ms && watchdog_ms < TICK_MS ? (int)watchdog_ms : TICK_MS;
    for (;;) {
        struct pollfd fds[2] = {{.fd = d->signal_fd, .events = POLLIN},
                                {.fd = d->engine.failed_fd, .events = POLLIN}};
        poll(fds, 2, tick_ms);
        if (fds[1].revents & POLLIN) {
            LEAT_ERROR("daemon", NULL,
                       "the store failed: ending, start again to go on from what is durable");
            _exit(EXIT_FAILURE);
        }
        int number = fds[0].revents & POLLIN ? signal_take(d->signal_fd) : 0;
        if (number == SIGHUP)
            reload(d);
        else if (number) {
            LEAT_INFO("daemon", NULL, "ending",
                      LEAT_F_TEXT("signal", number == SIGTERM ? "TERM" : "INT"));
            return shut_down(d, timeout_ms);
        }
        tick(d);
    }
}

/* Blocks and dirty pages are made and given back hundreds of times a second: without this each time
 * from the kernel, which clears them first. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY_BYTES);
    mallopt(M_MMAP_THRESHOLD, KEEP_MEMORY_BYTES);
}

static int start(struct daemon *d, struct leat_err *err)
{
    int status = signals_open(&d->signal_fd, err);
    if (!status)
        status = intake_check(d->config, err);
    if (!status)
        status = engine_open(d->config, &d->engine, err);
    if (!status)
        status = intake_open(&d->engine, &d->intake, err);
    if (!status)
        status = pages_open(&d->engine, d->intake, &d->pages, err);
    d->running = !status;
    if (!status)
        status = engine_start(&d->engine, err);
    if (!status)
        status = intake_listen(d->intake, err);
    return status;
}

int cmd_run(const struct command_line *line)
{
    struct leat_err err;
    const char *path = command_text(line, "config");
    struct daemon d = {.config_path = path ? path : COMMANDS_CONFIG_DEFAULT,
                       .signal_fd = -1,
                       .engine = {.failed_fd = -1}};
    int exit_code = command_load(line, &d.config);
    if (exit_code)
        return exit_code;
    const struct leat_settings *s = leat_config_settings(d.config);
    leat_log_setup((enum leat_log_level)s->log.level, (enum leat_log_format)s->log.format);
    LEAT_INFO("daemon", NULL, "starting", LEAT_F_TEXT("version", LEAT_VERSION),
              LEAT_F_TEXT("store", s->store.path),
              LEAT_F_INT("sources", (int64_t)leat_config_instance_count(d.config)));
    keep_memory();
    if (start(&d, &err)) {
        leat_log_err(LEAT_LOG_ERROR, "daemon", NULL, "cannot start", &err);
        exit_code = err.code == LEAT_ECONFIG ? EXIT_USAGE : EXIT_FAILURE;
        if (d.running &&
            !engine_stop(&d.engine, leat_clock_monotonic_ms() + s->shutdown_timeout_ms))
            _exit(exit_code);
        pages_close(d.pages);
        intake_close(d.intake);
        engine_close(&d.engine);
    } else {
        notify_systemd("READY=1");
        exit_code = serve(&d);
    }
    if (d.signal_fd >= 0)
        close(d.signal_fd);
    leat_config_free(d.config);
    return exit_code;
}
