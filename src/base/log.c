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

enum {
    LINE_BYTES = 4096,
    CONTENT_BYTES =
        LINE_BYTES - 256, /* no text goes past this: quotes, time stamp and brackets still fit … */
    FIELDS_BYTES = LINE_BYTES - 384, /* … and no field begins past this */
    FOLD_SLOTS = 64,
};
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

/* The character that `s` begins with, and how many bytes it takes; 0 if that is not UTF-8. */
static size_t character(struct leat_slice s, uint32_t *ret_point)
{
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: less is overlong */
    uint8_t c = s.ptr[0];
    size_t len = c < 0x80 ? 1 : c >> 5 == 0x06 ? 2 : c >> 4 == 0x0e ? 3 : c >> 3 == 0x1e ? 4 : 0;
    if (len == 0 || len > s.len)
        return 0;
    uint32_t point = len == 1 ? c : c & 0x7fu >> len;
    for (size_t i = 1; i < len; i++) {
        if (s.ptr[i] >> 6 != 2)
            return 0;
        point = point << 6 | (s.ptr[i] & 0x3f);
    }
    if (point < LEAST[len] || point > 0x10ffff || point >> 11 == 0x1b)
        return 0;
    *ret_point = point;
    return len;
}

/* What could move a terminal's cursor, end a line or reorder it: controls, separators,
 * bidirectional marks, tags. */
static bool deceives(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           (c >= 0xe0000 && c < 0xe0080);
}

static void escape(uint32_t c, char *ret_text, size_t size)
{
    if (c == '"' || c == '\\')
        snprintf(ret_text, size, "\\%c", (int)c);
    else if (c < 0x10000)
        snprintf(ret_text, size, "\\u%04x", c);
    else
        snprintf(ret_text, size, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 | (c & 0x3ff));
}

/* JSON string escapes, which also serve key="value" lines. What is not UTF-8 becomes U+FFFD. A long
 * text is cut between characters, so that what follows still fits. */
static void line_escaped(struct line *l, struct leat_slice s)
{
    while (s.len) {
        char text[16];
        uint32_t c = 0xfffd;
        size_t len = character(s, &c);
        bool plain = len && c != '"' && c != '\\' && !deceives(c);
        if (plain)
            snprintf(text, sizeof text, "%.*s", (int)len, (const char *)s.ptr);
        else
            escape(c, text, sizeof text);
        if (l->len + strlen(text) > CONTENT_BYTES)
            return;
        line_text(l, text);
        s = leat_slice_of(s.ptr + (len ? len : 1), s.len - (len ? len : 1));
    }
}

static void line_quoted(struct line *l, struct leat_slice s)
{
    line_char(l, '"');
    line_escaped(l, s);
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
    if (instance) {
        line_char(l, '[');
        line_escaped(l, leat_slice_text(instance));
        line_char(l, ']');
    }
    line_char(l, ' ');
    line_text(l, event);
}

static void line_field(struct line *l, bool json, const struct leat_field *f)
{
    if (l->len > FIELDS_BYTES)
        return;
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
