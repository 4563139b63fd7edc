/*
 * leat verify: reads everything that is stored, and checks it.
 *
 * LMDB follows the numbers that it finds in its pages: a damaged page can kill the process that
 * reads it. So the reading is done by children, forked before anything is opened (an environment
 * must not cross a fork), and a child that dies is itself a finding. Each child writes where it is
 * into a page of memory that it shares with its parent, so that even after a crash the sequence is
 * known exactly.
 *
 *     parent ── fork ──▶ child: offsets                     ── verdict ──▶ parent
 *            ── fork ──▶ child: the log from the first segment on  …
 *            ── fork ──▶ child: the log from the segment behind the damage on, until the end
 *
 * Within a segment nothing is read behind its first damage; other segments are.
 */
#include "daemon/commands.h"

#include <leat/clock.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/json_writer.h"
#include "daemon/show.h"
#include "daemon/verify.h"

enum { DAMAGES_MAX = 1000, TICK_MS = 100, BAR_WIDTH = 30, OUT_BYTES_MAX = 4 << 20 };

struct damage {
    uint64_t sequence; /* the last one that was right before it, or 0 */
    char text[700];
};

struct verdict {
    const char *path;
    struct verify_page *page; /* shared with the child */
    uint64_t *segments;       /* first sequences, ascending */
    size_t segment_count;
    struct damage *damages;
    size_t damage_count;
    uint64_t events, transactions, bytes; /* of children that have ended */
    uint32_t sources;
    int64_t begun_ms;
    bool draws; /* a progress bar */
};

/* --- segments --------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* By their names: no segment is opened here. */
static int segments_list(struct verdict *v, struct leat_err *err)
{
    DIR *dir = opendir(v->path);
    if (!dir)
        return leat_fail_errno(err, LEAT_ECONFIG, errno, "cannot open store %s", v->path);
    int status = LEAT_OK;
    for (const struct dirent *e; !status && (e = readdir(dir));) {
        unsigned long long first;
        int end = 0;
        if (sscanf(e->d_name, "seg-%20llu.mdb%n", &first, &end) != 1 || !end || e->d_name[end])
            continue;
        uint64_t *more = realloc(v->segments, (v->segment_count + 1) * sizeof *more);
        if (!more)
            status = leat_fail(err, LEAT_ERETRY, "out of memory for a list of segments");
        else
            (v->segments = more)[v->segment_count++] = first;
    }
    closedir(dir);
    if (v->segment_count)
        qsort(v->segments, v->segment_count, sizeof *v->segments, ascending);
    return status;
}

/* --- one child -------------------------------------------------------------------------------- */

static void draw(const struct verdict *v)
{
    uint64_t first = v->segments ? v->segments[0] : 1, last = v->page->last_sequence, at = v->page->at;
    if (!v->draws || last < first)
        return;
    double part = at > first ? (double)(at - first) / (double)(last - first + 1) : 0;
    int filled = part >= 1 ? BAR_WIDTH : (int)(part * BAR_WIDTH);
    fprintf(stderr, "\r[%.*s%*s] %3d %%  %llu events", filled, "##############################",
            BAR_WIDTH - filled, "", (int)(part * 100), (unsigned long long)(v->events + v->page->events));
}

static void draw_end(const struct verdict *v)
{
    if (v->draws)
        fprintf(stderr, "\r%*s\r", BAR_WIDTH + 40, "");
}

/* Waits for the child; the pipe's other end closes with it. */
static int wait_child(const struct verdict *v, pid_t child, int fd)
{
    struct pollfd end = {.fd = fd};
    int how = 0;
    while (poll(&end, 1, TICK_MS) <= 0)
        draw(v);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    return how;
}

static void damage_add(struct verdict *v, const char *text, const char *more)
{
    struct damage *d = v->damage_count < DAMAGES_MAX ? &v->damages[v->damage_count++] : NULL;
    if (!d)
        return;
    d->sequence = v->page->at ? v->page->at - 1 : 0;
    snprintf(d->text, sizeof d->text, "%s%s", text, more);
}

/* What a child left behind. */
static int judge(struct verdict *v, int how, struct leat_err *err)
{
    struct verify_page *page = v->page;
    v->events += page->events;
    v->transactions += page->transactions;
    v->bytes += page->json_bytes;
    if (WIFSIGNALED(how)) {
        char text[200];
        snprintf(text, sizeof text, "%s behind sequence %llu kills the process that reads it: ",
                 page->what == VERIFY_OFFSETS ? "the offsets"
                 : page->what == VERIFY_RUNS  ? "the look-up runs"
                                              : "what lies",
                 (unsigned long long)(page->at ? page->at - 1 : 0));
        damage_add(v, text, strsignal(WTERMSIG(how)));
        return LEAT_EDATA;
    }
    if (!page->done)
        return leat_fail(err, LEAT_ERETRY, "the reading process ended with %d", WEXITSTATUS(how));
    if (page->code == LEAT_EDATA)
        damage_add(v, page->text, "");
    else if (page->code)
        leat_fail(err, page->code, "%s", page->text);
    return page->code;
}

static int child_run(struct verdict *v, enum verify_what what, uint64_t from, struct leat_err *err)
{
    int ends[2];
    if (pipe(ends))
        return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot make a pipe");
    memset(v->page, 0, sizeof *v->page);
    v->page->what = what;
    v->page->at = from;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        signal(SIGBUS, SIG_DFL); /* a sanitizer's handler would make an exit of the death */
        signal(SIGSEGV, SIG_DFL);
        verify_run(v->path, v->page);
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    int status = child > 0 ? judge(v, wait_child(v, child, ends[0]), err)
                           : leat_fail_errno(err, LEAT_ERETRY, errno, "cannot fork");
    close(ends[0]);
    return status;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* The log, going on behind a damaged segment. */
static int log_run(struct verdict *v, struct leat_err *err)
{
    size_t next = 0;
    while (next < v->segment_count) {
        int status = child_run(v, VERIFY_LOG, v->segments[next], err);
        if (status != LEAT_EDATA)
            return status;
        while (next < v->segment_count && v->segments[next] <= v->page->at)
            next++;
    }
    return LEAT_OK;
}

static int verify(struct verdict *v, struct leat_err *err)
{
    v->begun_ms = leat_clock_monotonic_ms();
    v->draws = isatty(STDERR_FILENO);
    v->damages = calloc(DAMAGES_MAX, sizeof *v->damages);
    v->page = mmap(NULL, sizeof *v->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (v->page == MAP_FAILED || !v->damages)
        return leat_fail(err, LEAT_ERETRY, "out of memory");
    int status = segments_list(v, err);
    if (!status)
        status = child_run(v, VERIFY_OFFSETS, 0, err);
    v->sources = v->page->sources;
    if (status == LEAT_OK || status == LEAT_EDATA)
        status = log_run(v, err);
    if (!status && !v->damage_count) /* else the same damage would be met again */
        status = child_run(v, VERIFY_RUNS, v->page->at, err);
    if (status == LEAT_EDATA)
        status = LEAT_OK;
    draw_end(v);
    return status;
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void print_json(const struct verdict *v)
{
    struct leat_buf buf;
    struct leat_json json = leat_json_at(&buf), *j = &json;
    leat_buf_init(&buf, OUT_BYTES_MAX);
    leat_json_object(j);
    LEAT_JSON_NAME(j, "ok");
    leat_json_bool(j, v->damage_count == 0);
    LEAT_JSON_NAME(j, "segments");
    leat_json_uint(j, v->segment_count);
    LEAT_JSON_NAME(j, "first_sequence");
    leat_json_uint(j, v->segment_count && v->events ? v->segments[0] : 0);
    LEAT_JSON_NAME(j, "last_sequence");
    leat_json_uint(j, v->events ? v->page->at - 1 : 0);
    LEAT_JSON_NAME(j, "events");
    leat_json_uint(j, v->events);
    LEAT_JSON_NAME(j, "transactions");
    leat_json_uint(j, v->transactions);
    LEAT_JSON_NAME(j, "sources");
    leat_json_uint(j, v->sources);
    LEAT_JSON_NAME(j, "json_bytes");
    leat_json_uint(j, v->bytes);
    LEAT_JSON_NAME(j, "seconds");
    leat_json_double(j, (double)(leat_clock_monotonic_ms() - v->begun_ms) / 1000);
    LEAT_JSON_NAME(j, "damage");
    leat_json_array(j);
    for (size_t i = 0; i < v->damage_count; i++) {
        leat_json_object(j);
        LEAT_JSON_NAME(j, "after_sequence");
        leat_json_uint(j, v->damages[i].sequence);
        LEAT_JSON_NAME(j, "text");
        leat_json_text(j, v->damages[i].text);
        leat_json_object_end(j);
    }
    leat_json_array_end(j);
    leat_json_object_end(j);
    printf("%s\n", leat_buf_text(&buf));
    leat_buf_release(&buf);
}

static void print(const struct verdict *v)
{
    double seconds = (double)(leat_clock_monotonic_ms() - v->begun_ms) / 1000;
    for (size_t i = 0; i < v->damage_count; i++) {
        printf("DAMAGE ");
        show_text(stdout, v->damages[i].text);
        printf("\n");
    }
    printf("%llu events of %llu transactions, %u sources, %zu segments read in %.1f s: %s\n",
           (unsigned long long)v->events, (unsigned long long)v->transactions, v->sources,
           v->segment_count, seconds, v->damage_count ? "damaged" : "all sound");
}

int cmd_verify(const struct command_line *line)
{
    struct leat_config *config;
    struct leat_settings settings;
    struct leat_err err;
    int exit_code = command_settings(line, &config, &settings);
    if (exit_code)
        return exit_code;
    struct verdict v = {.path = settings.store.path, .page = MAP_FAILED};
    int status = verify(&v, &err);
    if (status == LEAT_OK && command_flag(line, "json"))
        print_json(&v);
    else if (status == LEAT_OK)
        print(&v);
    exit_code = status ? command_failed(&err) : v.damage_count ? EXIT_FINDINGS : EXIT_SUCCESS;
    if (v.page != MAP_FAILED)
        munmap(v.page, sizeof *v.page);
    free(v.damages);
    free(v.segments);
    leat_config_free(config);
    return exit_code;
}
