/*
 * Lines are built in a buffer on the stack and written with one write(2). A line that does not fit
 * is cut, never split. Folding keeps the hash of the last few lines in a small table: a line seen
 * again within a minute is only counted, and the count is told with its next appearance.
 */
#include <leat/log.h>

#include <leat/clock.h>
#include <leat/hash.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES = 4096, FOLD_SLOTS = 64 };
static const int64_t FOLD_WINDOW_MS = 60 * 1000;

static _Atomic int log_level = LEAT_LOG_INFO;
static _Atomic int log_format = LEAT_LOG_LOGFMT;

static const char *const LEVEL_NAMES[] = {"DEBUG", "INFO", "WARN", "ERROR"};

struct line {
    char text[LINE_BYTES];
    size_t len;
};

struct fold {
    uint64_t hash;
    int64_t since_ms;
    int64_t count;
};

static struct fold folds[FOLD_SLOTS];
static pthread_mutex_t folds_lock = PTHREAD_MUTEX_INITIALIZER;

void leat_log_setup(enum leat_log_level level, enum leat_log_format format)
{
    log_level = (int)level;
    log_format = (int)format;
}

void leat_log_level_set(enum leat_log_level level)
{
    log_level = (int)level;
}

static void line_char(struct line *l, char c)
{
    if (l->len < sizeof l->text - 2) /* room for the newline */
        l->text[l->len++] = c;
}

static void line_text(struct line *l, const char *text)
{
    for (; *text; text++)
        line_char(l, *text);
}

static void line_format(struct line *l, const char *format, ...) LEAT_PRINTF(2, 3);
static void line_format(struct line *l, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_text(l, text);
}

/* JSON string escapes, which also serve key="value" lines: no control byte, quote or DEL survives.
 * Bytes above 0x7f pass, except C1 controls and the bidirectional marks that could reorder a line.
 */
static void line_quoted(struct line *l, struct leat_slice s)
{
    line_char(l, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool mark = c == 0xe2 && i + 2 < s.len && (s.ptr[i + 1] == 0x80 || s.ptr[i + 1] == 0x81);
        bool c1 = c == 0xc2 && i + 1 < s.len && s.ptr[i + 1] < 0xa0;
        if (c == '"' || c == '\\') {
            line_char(l, '\\');
            line_char(l, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            line_format(l, "\\u%04x", c);
        } else if (mark) {
            line_format(l, "\\u%04x", 0x2000 | (s.ptr[i + 1] & 0x3f) << 6 | (s.ptr[i + 2] & 0x3f));
            i += 2;
        } else if (c1) {
            line_format(l, "\\u%04x", s.ptr[++i]);
        } else {
            line_char(l, (char)c);
        }
    }
    line_char(l, '"');
}

static void line_head(struct line *l, bool json, enum leat_log_level level, const char *component,
                      const char *instance, const char *event)
{
    if (json) {
        line_format(l, "\"level\":\"%s\",\"component\":\"%s\"", LEVEL_NAMES[level], component);
        if (instance) {
            line_text(l, ",\"instance\":");
            line_quoted(l, leat_slice_text(instance));
        }
        line_text(l, ",\"event\":");
        line_quoted(l, leat_slice_text(event));
        return;
    }
    line_format(l, "%s %s", LEVEL_NAMES[level], component);
    if (instance)
        line_format(l, "[%s]", instance);
    line_char(l, ' ');
    line_text(l, event);
}

static void line_field(struct line *l, bool json, const struct leat_field *f)
{
    line_format(l, json ? ",\"%s\":" : " %s=", f->key);
    if (f->type == LEAT_FIELD_INT)
        line_format(l, "%lld", (long long)f->number);
    else
        line_quoted(l, f->text);
}

/* False: swallow this line. Otherwise *ret_repeated says how many were swallowed before it. */
static bool fold_pass(struct leat_slice body, int64_t *ret_repeated)
{
    uint64_t hash = leat_hash(body);
    int64_t now_ms = leat_clock_monotonic_ms();
    pthread_mutex_lock(&folds_lock);
    struct fold *f = &folds[hash % FOLD_SLOTS];
    bool again = f->hash == hash && now_ms - f->since_ms < FOLD_WINDOW_MS;
    *ret_repeated = f->hash == hash && !again ? f->count : 0;
    if (again)
        f->count++;
    else
        *f = (struct fold){.hash = hash, .since_ms = now_ms};
    pthread_mutex_unlock(&folds_lock);
    return !again;
}

static void line_write(struct line *body, bool json, int64_t repeated)
{
    char stamp[LEAT_CLOCK_TEXT];
    leat_clock_format(leat_clock_wall_us(), stamp);
    struct line out = {.len = 0};
    line_format(&out, json ? "{\"ts\":\"%s\"," : "%s ", stamp);
    for (size_t i = 0; i < body->len; i++)
        line_char(&out, body->text[i]);
    if (repeated)
        line_format(&out, json ? ",\"repeated\":%lld" : " repeated=%lld", (long long)repeated);
    if (json)
        line_char(&out, '}');
    out.text[out.len++] = '\n';
    ssize_t written = write(STDERR_FILENO, out.text, out.len);
    (void)written; /* a full or closed log must never stop the stream */
}

void leat_log_write(enum leat_log_level level, const char *component, const char *instance,
                    const char *event, const struct leat_field *fields)
{
    if ((int)level < log_level)
        return;
    bool json = log_format == LEAT_LOG_JSON;
    struct line body = {.len = 0};
    line_head(&body, json, level, component, instance, event);
    for (const struct leat_field *f = fields; f && f->key; f++)
        line_field(&body, json, f);
    int64_t repeated;
    if (fold_pass(leat_slice_of(body.text, body.len), &repeated))
        line_write(&body, json, repeated);
}

void leat_log_err(enum leat_log_level level, const char *component, const char *instance,
                  const char *event, const struct leat_err *err)
{
    struct leat_field fields[6];
    size_t n = 0;
    fields[n++] = LEAT_F_TEXT("error", leat_code_name(err->code));
    fields[n++] = LEAT_F_TEXT("text", err->text);
    if (err->state[0])
        fields[n++] = LEAT_F_TEXT("sqlstate", err->state);
    if (err->native)
        fields[n++] = LEAT_F_INT("native", err->native);
    if (err->hint[0])
        fields[n++] = LEAT_F_TEXT("hint", err->hint);
    fields[n] = (struct leat_field){.key = NULL};
    leat_log_write(level, component, instance, event, fields);
}
