/*
 * A partial update: what to change in a document, and not the document.
 *
 *     diffs    op u8 (0 replace, 1 insert, 2 remove), length, path, and but for remove: length,
 * value as binary JSON; lengths are MySQL's length-encoded integers path     $ .name ."any name"
 * [7] [last] [last-2] …; never the whole document
 *
 * The document is our own canonical text, so the update is an edit of text: the place is found by
 * passing over values, and only the bytes there change. What is not touched keeps its very bytes,
 * numbers above all, and nothing is built that must be freed. Members stay in the server's order,
 * by length and then by bytes, so the result is what the server would print.
 *
 *     {"a": [1, 2], "bb": 3}      insert $.a[1] 5      {"a": [1, 5, 2], "bb": 3}
 *
 * Work is the document's length for each leg of each path; the server only logs diffs where they
 * are shorter than the document.
 */
#include "sources/mysql/json_binary.h"

#include "sources/mysql/binlog_event.h"
#include "sources/mysql/json_text.h"

enum my_json_op { OP_REPLACE = 0, OP_INSERT = 1, OP_REMOVE = 2 };

enum {
    ESCAPED_MAX = 6, /* bytes of text for a byte of a key */
    AROUND = 8,      /* quotes, colon and comma */
};

struct diff {
    uint8_t op; /* enum my_json_op */
    struct leat_slice path;
    struct leat_slice value; /* binary, then text */
};

/* The document as it is edited; the room for all that is inserted is there from the beginning. */
struct edit {
    uint8_t *text;
    size_t len;
    size_t room;
    struct leat_arena *arena; /* for keys */
    struct leat_err *err;
};

/* One step of a path. */
struct leg {
    bool cell;     /* of an array; else a member */
    bool from_end; /* index counts back from the last */
    uint64_t index;
    struct leat_slice key; /* without escapes */
};

static int broken(struct leat_err *err)
{
    return leat_fail(err, LEAT_EPROTO, "a partial update of a JSON document is malformed");
}

static int not_there(const struct edit *e, const struct diff *diff)
{
    return leat_fail(e->err, LEAT_EDATA,
                     "a partial update does not fit its JSON document: nothing to do at %.*s",
                     LEAT_SLICE_ARG(diff->path));
}

static int no_room(struct leat_err *err)
{
    return leat_fail(err, LEAT_ELIMIT, "a partial update makes a JSON document too long");
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The value of a hexadecimal digit; 16: it is none. */
static unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

/* Behind "\u". The server escapes only what is below the blank; nothing else is expected. */
static uint8_t read_unicode(struct leat_reader *r)
{
    struct leat_slice hex = leat_reader_bytes(r, 4);
    unsigned v = 0;
    for (size_t i = 0; i < hex.len; i++) {
        r->bad |= hex_digit(hex.ptr[i]) > 15;
        v = v << 4 | (hex_digit(hex.ptr[i]) & 15);
    }
    r->bad |= v >= 0x80;
    return (uint8_t)v;
}

static uint8_t read_escape(struct leat_reader *r)
{
    uint8_t c = leat_reader_u8(r);
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return read_unicode(r);
    default:
        return c;
    }
}

/* What stands between two quotes, without its escapes; a view where it has none. */
static bool unescape(struct leat_slice quoted, struct leat_arena *arena, struct leat_slice *ret)
{
    struct leat_reader r = leat_reader_of(quoted);
    if (!quoted.len || !memchr(quoted.ptr, '\\', quoted.len)) {
        *ret = quoted;
        return true;
    }
    uint8_t *to = leat_arena_alloc(arena, quoted.len);
    size_t len = 0;
    if (!to)
        return false;
    while (leat_reader_left(&r) && !r.bad) {
        uint8_t c = leat_reader_u8(&r);
        to[len++] = c == '\\' ? read_escape(&r) : c;
    }
    *ret = leat_slice_of(to, len);
    return !r.bad;
}

/* Behind the opening quote; the reader stands behind the closing one. */
static struct leat_slice read_quoted(struct leat_reader *r)
{
    const uint8_t *from = r->at;
    for (uint8_t c = 0; c != '"' && !r->bad;) {
        c = leat_reader_u8(r);
        if (c == '\\')
            leat_reader_u8(r);
    }
    return r->bad ? leat_slice_of(NULL, 0) : leat_slice_of(from, (size_t)(r->at - from - 1));
}

/* --- passing over the document ---------------------------------------------------------------- */

static bool at(const struct leat_reader *r, uint8_t c)
{
    return r->at < r->end && *r->at == c;
}

static bool take(struct leat_reader *r, uint8_t c)
{
    bool there = at(r, c);
    r->at += there;
    return there;
}

static void skip_blanks(struct leat_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static void skip_word(struct leat_reader *r)
{
    const uint8_t *from = r->at;
    while (r->at < r->end && !strchr(",]} \n\t\r", *r->at ? *r->at : ','))
        r->at++;
    r->bad |= r->at == from;
}

/* A value of any depth without recursion: brackets are counted, strings passed over. */
static void skip_value(struct leat_reader *r)
{
    size_t depth = 0;
    if (!at(r, '{') && !at(r, '[') && !at(r, '"')) {
        skip_word(r);
        return;
    }
    do {
        uint8_t c = leat_reader_u8(r);
        if (c == '"')
            read_quoted(r);
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
    } while (depth && !r->bad);
}

/* One element or member. */
struct child {
    const uint8_t *from; /* the value, or the key's quote */
    const uint8_t *value;
    const uint8_t *end;
    struct leat_slice key; /* as it is written */
};

struct children {
    struct leat_reader r;
    bool object;
    bool begun;
};

/* At a value; false: it has no children of that sort. */
static bool children_open(struct leat_reader r, bool object, struct children *ret)
{
    *ret = (struct children){.r = r, .object = object};
    return take(&ret->r, object ? '{' : '[');
}

/* The next child; false at the end, with the reader at the closing bracket, or r.bad. */
static bool children_next(struct children *c, struct child *ret)
{
    struct leat_reader *r = &c->r;
    skip_blanks(r);
    if (at(r, c->object ? '}' : ']'))
        return false;
    if (c->begun && !take(r, ','))
        r->bad = true;
    c->begun = true;
    skip_blanks(r);
    ret->from = r->at;
    if (c->object) {
        r->bad |= !take(r, '"');
        ret->key = read_quoted(r);
        skip_blanks(r);
        r->bad |= !take(r, ':');
        skip_blanks(r);
    }
    ret->value = r->at;
    if (!r->bad)
        skip_value(r);
    ret->end = r->at;
    return !r->bad;
}

/* --- finding a child -------------------------------------------------------------------------- */

/* Where a leg leads, or would lead. */
struct place {
    bool found;
    struct child child;      /* if found */
    const uint8_t *previous; /* end of the child before, or before the place; NULL: there is none */
    const uint8_t *next;     /* begin of the child behind; NULL: there is none */
    const uint8_t *first;    /* behind the opening bracket */
};

/* The server's order of members: by length, then by bytes. */
static int compare_keys(struct leat_slice a, struct leat_slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

/* Before, at or behind the place: < 0, 0, > 0. A key that cannot be read ends the walk. */
static int compare_child(const struct edit *e, const struct leg *leg, uint64_t index,
                         const struct child *child, struct children *children)
{
    struct leat_slice key;
    if (leg->cell)
        return index < leg->index ? -1 : index > leg->index;
    if (unescape(child->key, e->arena, &key))
        return compare_keys(key, leg->key);
    children->r.bad = true;
    return -1;
}

/* Turns an index from the end into one from the beginning. */
static bool settle_index(struct children children, struct leg *leg)
{
    struct child child;
    uint64_t count = 0;
    if (!leg->from_end)
        return true;
    while (children_next(&children, &child))
        count++;
    if (leg->index >= count)
        return false;
    leg->index = count - 1 - leg->index;
    leg->from_end = false;
    return true;
}

/* False: the value at `r` has no children of the leg's sort. */
static bool find(const struct edit *e, struct leat_reader r, struct leg *leg,
                 struct place *ret_place)
{
    struct children children;
    struct child child;
    if (!children_open(r, !leg->cell, &children) || (leg->cell && !settle_index(children, leg)))
        return false;
    struct place p = {.first = children.r.at};
    for (uint64_t index = 0; children_next(&children, &child); index++) {
        int order = p.found ? 1 : compare_child(e, leg, index, &child, &children);
        if (order > 0) {
            p.next = child.from;
            break;
        }
        if (order == 0) {
            p.found = true;
            p.child = child;
        } else {
            p.previous = child.end;
        }
    }
    *ret_place = p;
    return !children.r.bad;
}

/* --- paths ------------------------------------------------------------------------------------ */

static uint64_t read_number(struct leat_reader *r)
{
    uint64_t v = 0;
    const uint8_t *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && v < UINT32_MAX)
        v = v * 10 + (uint64_t)(*r->at++ - '0');
    r->bad |= r->at == from;
    return v;
}

static bool take_word(struct leat_reader *r, const char *word)
{
    size_t len = strlen(word);
    bool there = leat_reader_left(r) >= len && !memcmp(r->at, word, len);
    r->at += there ? len : 0;
    return there;
}

static void read_cell(struct leat_reader *path, struct leg *ret)
{
    *ret = (struct leg){.cell = true, .from_end = take_word(path, "last")};
    if (!ret->from_end || take(path, '-'))
        ret->index = read_number(path);
    path->bad |= !take(path, ']');
}

static void read_member(const struct edit *e, struct leat_reader *path, struct leg *ret)
{
    *ret = (struct leg){.cell = false};
    if (take(path, '"')) {
        path->bad |= !unescape(read_quoted(path), e->arena, &ret->key);
        return;
    }
    const uint8_t *from = path->at;
    while (path->at < path->end && *path->at != '.' && *path->at != '[')
        path->at++;
    ret->key = leat_slice_of(from, (size_t)(path->at - from));
    path->bad |= path->at == from;
}

static void read_leg(const struct edit *e, struct leat_reader *path, struct leg *ret)
{
    if (take(path, '['))
        read_cell(path, ret);
    else if (take(path, '.'))
        read_member(e, path, ret);
    else
        path->bad = true;
}

/* --- edits ------------------------------------------------------------------------------------ */

/* [from, to) becomes `text`. The room was counted beforehand. */
static bool splice(struct edit *e, const uint8_t *from, const uint8_t *to, struct leat_slice text)
{
    size_t at_from = (size_t)(from - e->text), at_to = (size_t)(to - e->text);
    size_t len = e->len - (at_to - at_from) + text.len;
    if (len > e->room)
        return false;
    memmove(e->text + at_from + text.len, e->text + at_to, e->len - at_to);
    if (text.len)
        memcpy(e->text + at_from, text.ptr, text.len);
    e->len = len;
    return true;
}

/* A child with a comma to its neighbour goes. */
static bool remove_child(struct edit *e, const struct place *p)
{
    struct leat_slice nothing = {NULL, 0};
    if (p->next && !p->previous)
        return splice(e, p->child.from, p->next, nothing);
    return splice(e, p->previous ? p->previous : p->child.from, p->child.end, nothing);
}

/* The new child as text: `"key": value` with a comma on the side where there is a neighbour. */
static bool child_text(struct edit *e, const struct leg *leg, const struct place *p,
                       struct leat_slice value, struct leat_slice *ret_text)
{
    struct my_json_text t = {.room = value.len + leg->key.len * ESCAPED_MAX + AROUND};
    t.to = leat_arena_alloc(e->arena, t.room);
    if (!t.to)
        return false;
    if (p->previous)
        my_json_put(&t, ", ", 2);
    if (!leg->cell) {
        my_json_put_string(&t, leg->key);
        my_json_put(&t, ": ", 2);
    }
    my_json_put(&t, value.ptr, value.len);
    if (!p->previous && (p->next || p->found))
        my_json_put(&t, ", ", 2);
    *ret_text = leat_slice_of(t.to, t.len);
    return t.len <= t.room;
}

/* In front of what is at an array's cell, or between a member's neighbours. */
static bool insert_child(struct edit *e, const struct leg *leg, const struct place *p,
                         struct leat_slice value)
{
    struct leat_slice text;
    const uint8_t *to = p->previous ? p->previous
                        : p->found  ? p->child.from
                        : p->next   ? p->next
                                    : p->first;
    return child_text(e, leg, p, value, &text) && splice(e, to, to, text);
}

static int act(struct edit *e, const struct diff *diff, const struct leg *leg,
               const struct place *p)
{
    bool done = true;
    if (diff->op == OP_INSERT ? p->found && !leg->cell : !p->found)
        return not_there(e, diff);
    if (diff->op == OP_INSERT)
        done = insert_child(e, leg, p, diff->value);
    else if (diff->op == OP_REMOVE)
        done = remove_child(e, p);
    else
        done = splice(e, p->child.value, p->child.end, diff->value);
    return done ? LEAT_OK : no_room(e->err);
}

static int apply(struct edit *e, const struct diff *diff)
{
    struct leat_reader r = leat_reader_of(leat_slice_of(e->text, e->len));
    struct leat_reader path = leat_reader_of(diff->path);
    struct leg leg;
    struct place place;
    skip_blanks(&r);
    if (!take(&path, '$') || !leat_reader_left(&path))
        return broken(e->err);
    for (;;) {
        read_leg(e, &path, &leg);
        if (path.bad)
            return broken(e->err);
        if (!find(e, r, &leg, &place))
            return not_there(e, diff);
        if (!leat_reader_left(&path))
            return act(e, diff, &leg, &place);
        if (!place.found)
            return not_there(e, diff);
        r.at = place.child.value;
    }
}

/* --- diffs ------------------------------------------------------------------------------------ */

static struct leat_slice read_counted(struct leat_reader *r)
{
    uint64_t len = my_lenenc(r);
    r->bad |= len > leat_reader_left(r);
    return leat_reader_bytes(r, r->bad ? 0 : (size_t)len);
}

static bool read_diff(struct leat_reader *r, struct diff *ret)
{
    *ret = (struct diff){.op = leat_reader_u8(r)};
    ret->path = read_counted(r);
    if (ret->op != OP_REMOVE)
        ret->value = read_counted(r);
    r->bad |= ret->op > OP_REMOVE || (ret->op != OP_REMOVE && !ret->value.len);
    return !r->bad;
}

/* All of them, with their values as text. */
static int read_diffs(struct leat_slice bytes, struct leat_arena *arena, struct diff **ret_diffs,
                      size_t *ret_count, struct leat_err *err)
{
    struct leat_reader r = leat_reader_of(bytes);
    struct diff diff;
    size_t count = 0;
    while (leat_reader_left(&r) && read_diff(&r, &diff))
        count++;
    if (r.bad)
        return broken(err);
    struct diff *diffs = leat_arena_zeroed(arena, count ? count : 1, sizeof *diffs);
    if (!diffs)
        return no_room(err);
    r = leat_reader_of(bytes);
    for (size_t i = 0; i < count && read_diff(&r, &diffs[i]); i++) {
        int status = LEAT_OK;
        if (diffs[i].op != OP_REMOVE)
            status = my_json_text(diffs[i].value, arena, &diffs[i].value, err);
        if (status)
            return status;
    }
    *ret_diffs = diffs;
    *ret_count = count;
    return LEAT_OK;
}

/* How long the document may become. */
static size_t room_for(struct leat_slice document, const struct diff *diffs, size_t count)
{
    size_t room = document.len;
    for (size_t i = 0; i < count; i++)
        room += diffs[i].value.len + diffs[i].path.len * ESCAPED_MAX + AROUND;
    return room;
}

int my_json_patch(struct leat_slice document, struct leat_slice bytes, struct leat_arena *arena,
                  struct leat_slice *ret_text, struct leat_err *err)
{
    struct diff *diffs = NULL;
    size_t count = 0;
    int status = read_diffs(bytes, arena, &diffs, &count, err);
    if (status)
        return status;
    if (!count) {
        *ret_text = document;
        return LEAT_OK;
    }
    struct edit e = {.room = room_for(document, diffs, count), .arena = arena, .err = err};
    e.text = leat_arena_alloc(arena, e.room);
    if (!e.text)
        return no_room(err);
    if (document.len)
        memcpy(e.text, document.ptr, document.len);
    e.len = document.len;
    for (size_t i = 0; i < count; i++) {
        status = apply(&e, &diffs[i]);
        if (status)
            return status;
    }
    *ret_text = leat_slice_of(e.text, e.len);
    return LEAT_OK;
}
