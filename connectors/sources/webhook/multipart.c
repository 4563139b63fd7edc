/*
 * The delimiter begins with a CR and has no other, so bytes that only resembled it can hold no
 * second beginning: they are given out from the delimiter itself, and nothing is ever kept or
 * compared twice.
 *
 *     DATA ── CR LF - - boundary ──▶ BEHIND ── blanks CR LF ──▶ HEAD ── empty line ──▶ DATA …
 *                                      └── - - ──▶ ENDED
 *
 * The body begins as if a line end stood before it, so that the first delimiter needs none.
 */
#include "sources/webhook/multipart.h"

#include <string.h>
#include <strings.h>

#include "sources/webhook/utf8.h"

enum state {
    STATE_DATA,
    STATE_BEHIND,
    STATE_DASH,
    STATE_BLANKS,
    STATE_LF,
    STATE_HEAD,
    STATE_ENDED,
    STATE_BAD
};

static bool bad(struct multipart *m, unsigned status, const char *why)
{
    m->state = STATE_BAD;
    m->status = status;
    m->why = why;
    return false;
}

/* --- parameters: ; name=token; name="text"
 * -------------------------------------------------------- */

struct parameters {
    const char *at, *end;
};

static bool is_token(char c)
{
    return (uint8_t)c > 0x20 && c != 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void blanks_skip(struct parameters *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
        p->at++;
}

/* A backslash stands for itself, unless a quote or another one follows: old browsers send paths. */
static bool quoted_read(struct parameters *p, char *ret_text, size_t max)
{
    size_t len = 0;
    for (p->at++; p->at < p->end && *p->at != '"'; p->at++) {
        if (*p->at == '\\' && p->end - p->at > 1 && (p->at[1] == '"' || p->at[1] == '\\'))
            p->at++;
        if (len + 1 >= max)
            return false;
        ret_text[len++] = *p->at;
    }
    ret_text[len] = '\0';
    return p->at++ < p->end;
}

static bool word_read(struct parameters *p, bool value, char *ret_text, size_t max)
{
    size_t len = 0;
    for (; p->at < p->end &&
           (value ? *p->at != ';' && *p->at != ' ' && *p->at != '\t' : is_token(*p->at));
         p->at++) {
        if (len + 1 >= max)
            return false;
        ret_text[len++] = *p->at;
    }
    ret_text[len] = '\0';
    return len > 0;
}

/* 1: one was read; 0: there is none any more; -1: malformed. */
static int parameter_next(struct parameters *p, char *ret_name, char *ret_value)
{
    blanks_skip(p);
    while (p->at < p->end && *p->at == ';') {
        p->at++;
        blanks_skip(p);
    }
    if (p->at == p->end)
        return 0;
    if (!word_read(p, false, ret_name, MULTIPART_NAME_MAX + 1) || p->at == p->end ||
        *p->at++ != '=')
        return -1;
    bool quoted = p->at < p->end && *p->at == '"';
    bool fine = quoted ? quoted_read(p, ret_value, MULTIPART_FILENAME_MAX + 1)
                       : word_read(p, true, ret_value, MULTIPART_FILENAME_MAX + 1);
    blanks_skip(p);
    return fine && (p->at == p->end || *p->at == ';') ? 1 : -1;
}

/* --- the boundary
 * --------------------------------------------------------------------------------- */

bool multipart_is(const char *content_type)
{
    static const char TYPE[] = "multipart/form-data";
    return content_type && strncasecmp(content_type, TYPE, sizeof TYPE - 1) == 0 &&
           strchr("; \t", content_type[sizeof TYPE - 1]);
}

static bool is_boundary(const char *text)
{
    static const char MARKS[] = "'()+_,-./:=? ";
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr(MARKS, c)))
            return false;
    }
    return len > 0 && len <= MULTIPART_BOUNDARY_MAX && text[len - 1] != ' ';
}

bool multipart_init(struct multipart *m, const char *content_type)
{
    char name[MULTIPART_NAME_MAX + 1], value[MULTIPART_FILENAME_MAX + 1],
        boundary[MULTIPART_FILENAME_MAX + 1] = "";
    struct parameters p = {content_type, content_type + strlen(content_type)};
    int more;
    memset(m, 0, sizeof *m);
    p.at += strcspn(content_type, ";");
    while ((more = parameter_next(&p, name, value)) > 0) {
        if (strcasecmp(name, "boundary") != 0)
            continue;
        if (boundary[0])
            return false;
        memcpy(boundary, value, strlen(value) + 1);
    }
    if (more < 0 || !is_boundary(boundary))
        return false;
    size_t len = strlen(boundary);
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary, len);
    m->delimiter_len = 4 + len;
    m->matched = 2;
    return true;
}

/* --- the head of a part
 * --------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* What browsers escape in names; of %XX nothing else, because no sender would mean it. */
static void quotes_restore(char *text)
{
    char *out = text;
    for (; *text; text++) {
        bool quote = text[0] == '%' && text[1] == '2' && text[2] == '2';
        *out++ = quote ? '"' : *text;
        text += quote ? 2 : 0;
    }
    *out = '\0';
}

/* UTF-8'language'%XX… */
static bool extended_read(const char *value, char *ret_text)
{
    const char *at = strchr(value, '\''), *text = at ? strchr(at + 1, '\'') : NULL;
    size_t len = 0;
    if (!text || strncasecmp(value, "utf-8'", 6) != 0)
        return false;
    for (text++; *text; text++) {
        int high = *text == '%' ? hex(text[1]) : -1, low = high < 0 ? -1 : hex(text[2]);
        if (*text == '%' && low < 0)
            return false;
        ret_text[len++] = *text == '%' ? (char)(high << 4 | low) : *text;
        text += *text == '%' ? 2 : 0;
    }
    ret_text[len] = '\0';
    return strlen(ret_text) == len;
}

static bool is_plain(const char *text)
{
    for (const char *at = text; *at; at++)
        if ((uint8_t)*at < 0x20 || *at == 0x7f)
            return false;
    return utf8_check(leat_slice_text(text));
}

static bool parameter_take(struct multipart *m, const char *name, const char *value, bool *named,
                           bool *extended)
{
    struct multipart_part *part = &m->part;
    if (strcasecmp(name, "name") == 0) {
        if (*named || strlen(value) > MULTIPART_NAME_MAX)
            return false;
        memcpy(part->name, value, strlen(value) + 1);
        quotes_restore(part->name);
        *named = true;
    } else if (strcasecmp(name, "filename*") == 0) {
        if (*extended || !extended_read(value, part->filename))
            return false;
        part->has_filename = *extended = true;
    } else if (strcasecmp(name, "filename") == 0 && !*extended) {
        if (part->has_filename)
            return false;
        memcpy(part->filename, value, strlen(value) + 1);
        quotes_restore(part->filename);
        part->has_filename = true;
    }
    return true;
}

static bool disposition_read(struct multipart *m, const char *at, const char *end)
{
    char name[MULTIPART_NAME_MAX + 1], value[MULTIPART_FILENAME_MAX + 1];
    struct parameters p = {at, end};
    bool named = false, extended = false;
    int more;
    if (!word_read(&p, false, name, sizeof name) || strcasecmp(name, "form-data") != 0)
        return false;
    while ((more = parameter_next(&p, name, value)) > 0)
        if (!parameter_take(m, name, value, &named, &extended))
            return false;
    return more == 0 && named && m->part.name[0] && is_plain(m->part.name) &&
           is_plain(m->part.filename);
}

static bool name_is(const char *at, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(at, name, len) == 0;
}

/* Only what changes nothing about the bytes. */
static bool is_as_it_is(const char *at, size_t len)
{
    return name_is(at, len, "binary") || name_is(at, len, "8bit") || name_is(at, len, "7bit");
}

static bool line_read(struct multipart *m, const char *at, const char *end, bool *disposed)
{
    const char *name = at;
    while (at < end && is_token(*at))
        at++;
    size_t name_len = (size_t)(at - name);
    if (!name_len || at == end || *at++ != ':')
        return bad(m, 400, "a part has a malformed header");
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t len = (size_t)(end - at);
    if (name_is(name, name_len, "Content-Disposition")) {
        if (*disposed || !disposition_read(m, at, end))
            return bad(m, 400, "a part has no proper Content-Disposition");
        *disposed = true;
    } else if (name_is(name, name_len, "Content-Type")) {
        if (len > MULTIPART_TYPE_MAX || m->part.type[0])
            return bad(m, 400, "a part has no proper Content-Type");
        memcpy(m->part.type, at, len);
        m->part.type[len] = '\0';
        if (!is_plain(m->part.type))
            return bad(m, 400, "a part has no proper Content-Type");
    } else if (name_is(name, name_len, "Content-Transfer-Encoding") && !is_as_it_is(at, len)) {
        return bad(m, 400, "a part has a Content-Transfer-Encoding");
    }
    return true;
}

/* Lines without the empty one. */
static bool head_read(struct multipart *m)
{
    const char *at = (const char *)m->head, *end = at + m->head_len - 2;
    bool disposed = false;
    memset(&m->part, 0, sizeof m->part);
    if (m->parts++ == MULTIPART_PARTS_MAX)
        return bad(m, 413, "there are too many parts in this form");
    while (at < end) {
        const char *stop = memchr(at, '\r', (size_t)(end - at));
        if (!stop || stop[1] != '\n' || memchr(at, '\0', (size_t)(stop - at)) ||
            memchr(at, '\n', (size_t)(stop - at)))
            return bad(m, 400, "a part has a malformed header");
        if (!line_read(m, at, stop, &disposed))
            return false;
        at = stop + 2;
    }
    return disposed || bad(m, 400, "a part has no proper Content-Disposition");
}

/* --- bytes
 * ---------------------------------------------------------------------------------------- */

static uint8_t byte_take(struct leat_slice *piece)
{
    uint8_t c = *piece->ptr;
    *piece = leat_slice_of(piece->ptr + 1, piece->len - 1);
    return c;
}

static enum multipart_event delimited(struct multipart *m)
{
    bool part = m->in_part;
    m->matched = m->held = 0;
    m->in_part = false;
    m->state = STATE_BEHIND;
    return part ? MULTIPART_PART_END : MULTIPART_MORE;
}

/* MORE: nothing to tell yet; *piece may be used up or not. */
static enum multipart_event data_next(struct multipart *m, struct leat_slice *piece,
                                      struct leat_slice *ret_data)
{
    if (m->matched) {
        if (*piece->ptr == m->delimiter[m->matched]) {
            byte_take(piece);
            m->held++;
            return ++m->matched == m->delimiter_len ? delimited(m) : MULTIPART_MORE;
        }
        *ret_data = leat_slice_of(m->delimiter, m->held);
        m->matched = m->held = 0;
        return m->in_part ? MULTIPART_DATA : MULTIPART_MORE;
    }
    const uint8_t *stop = memchr(piece->ptr, '\r', piece->len);
    size_t len = stop ? (size_t)(stop - piece->ptr) : piece->len;
    *ret_data = leat_slice_of(piece->ptr, len);
    *piece = leat_slice_of(piece->ptr + len, piece->len - len);
    if (stop) {
        byte_take(piece);
        m->matched = m->held = 1;
    }
    return len && m->in_part ? MULTIPART_DATA : MULTIPART_MORE;
}

static enum multipart_event head_next(struct multipart *m, struct leat_slice *piece)
{
    if (m->head_len == MULTIPART_HEAD_MAX) {
        bad(m, 413, "the head of a part is too long");
        return MULTIPART_MORE;
    }
    m->head[m->head_len++] = byte_take(piece);
    bool empty = m->head_len == 2 && memcmp(m->head, "\r\n", 2) == 0;
    if (!empty && (m->head_len < 4 || memcmp(m->head + m->head_len - 4, "\r\n\r\n", 4) != 0))
        return MULTIPART_MORE;
    if (!head_read(m))
        return MULTIPART_MORE;
    m->state = STATE_DATA;
    m->in_part = true;
    m->head_len = 0;
    return MULTIPART_PART;
}

/* Behind the delimiter: two dashes, or blanks and a line end. */
static enum multipart_event behind_next(struct multipart *m, struct leat_slice *piece)
{
    uint8_t c = byte_take(piece);
    if (m->state == STATE_BEHIND && c == '-') {
        m->state = STATE_DASH;
    } else if (m->state == STATE_DASH && c == '-') {
        m->state = STATE_ENDED;
        return MULTIPART_END;
    } else if ((m->state == STATE_BEHIND || m->state == STATE_BLANKS) && (c == ' ' || c == '\t')) {
        m->state = STATE_BLANKS;
    } else if ((m->state == STATE_BEHIND || m->state == STATE_BLANKS) && c == '\r') {
        m->state = STATE_LF;
    } else if (m->state == STATE_LF && c == '\n') {
        m->state = STATE_HEAD;
    } else {
        bad(m, 400, "a delimiter of the form is malformed");
    }
    return MULTIPART_MORE;
}

enum multipart_event multipart_next(struct multipart *m, struct leat_slice *piece,
                                    struct leat_slice *ret_data)
{
    enum multipart_event event = MULTIPART_MORE;
    while (piece->len && event == MULTIPART_MORE && m->state != STATE_BAD) {
        if (m->state == STATE_ENDED)
            *piece = leat_slice_of(piece->ptr + piece->len, 0);
        else if (m->state == STATE_DATA)
            event = data_next(m, piece, ret_data);
        else
            event = m->state == STATE_HEAD ? head_next(m, piece) : behind_next(m, piece);
    }
    return m->state == STATE_BAD ? MULTIPART_BAD : event;
}

bool multipart_whole(const struct multipart *m)
{
    return m->state == STATE_ENDED;
}
