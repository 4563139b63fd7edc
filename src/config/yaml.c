/*
 * libyaml's events are put together with an explicit stack, so that depth costs a frame of ours and
 * never one of the processor's. A node that cannot be kept (a repeated key, a key that is a list)
 * is still built, only not attached: what follows it keeps its place.
 */
#include "config/yaml.h"

#include <leat/limits.h>

#include <stdio.h>
#include <yaml.h>

struct frame {
    struct leat_yaml_node *node; /* the list or map being filled */
    struct leat_yaml_node *last; /* its last child */
    size_t children;
    bool have_key;   /* in a map: the next node is the value of `key` */
    const char *key; /* NULL: a key that was refused; its value is dropped */
    struct leat_yaml_place key_place;
};

struct builder {
    struct leat_arena *arena;
    struct leat_config_problems *problems;
    struct leat_yaml_node *root;
    struct frame stack[LEAT_NESTING_MAX];
    size_t depth;
    size_t nodes;
    unsigned documents;
    bool stopped;
};

static struct leat_yaml_place place_of(yaml_mark_t mark)
{
    return (struct leat_yaml_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* Dotted names of the maps around, as far as they fit. */
struct path {
    char text[200];
};

static struct path path_of(const struct builder *b)
{
    struct path path = {""};
    size_t used = 0;
    for (size_t i = 0; i < b->depth && used < sizeof path.text; i++) {
        const char *key = b->stack[i].node->key;
        if (!key)
            continue;
        struct leat_config_quote quote = leat_config_quote(leat_slice_text(key));
        int len = snprintf(path.text + used, sizeof path.text - used, "%s%.*s", used ? "." : "",
                           quote.inner, quote.text + 1);
        used += len > 0 ? (size_t)len : 0;
    }
    return path;
}

static void problem(struct builder *b, struct leat_yaml_place place, const char *text)
{
    leat_config_problem_add(b->problems, place.line, place.column, path_of(b).text, "%s", text);
}

static void stop(struct builder *b, struct leat_yaml_place place, const char *text)
{
    problem(b, place, text);
    b->stopped = true;
}

/* --- attaching ------------------------------------------------------------------------------ */

static void key_take(struct builder *b, struct frame *f, struct leat_yaml_node *node)
{
    f->have_key = true;
    f->key = NULL;
    f->key_place = node->place;
    if (node->kind == LEAT_YAML_REFUSED)
        return;
    if (node->kind != LEAT_YAML_SCALAR)
        problem(b, node->place, "a key must be a word");
    else if (!node->text.len)
        problem(b, node->place, "a key is empty");
    else if (memchr(node->text.ptr, '\0', node->text.len))
        problem(b, node->place, "a key holds a NUL character");
    else
        f->key = (const char *)node->text.ptr;
}

static const struct leat_yaml_node *child_named(const struct frame *f, const char *key)
{
    for (const struct leat_yaml_node *child = f->node->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

/* True if the value may be attached under the waiting key. */
static bool key_give(struct builder *b, struct frame *f, struct leat_yaml_node *node)
{
    f->have_key = false;
    if (!f->key)
        return false;
    node->key = f->key;
    node->key_place = f->key_place;
    const struct leat_yaml_node *earlier = child_named(f, f->key);
    if (!earlier)
        return true;
    leat_config_problem_add(b->problems, f->key_place.line, f->key_place.column, path_of(b).text,
                            "%s is given twice; the first is on line %u", LEAT_CONFIG_QUOTE(f->key),
                            earlier->key_place.line);
    return false;
}

static void attach(struct builder *b, struct leat_yaml_node *node)
{
    if (!b->depth) {
        b->root = node;
        return;
    }
    struct frame *f = &b->stack[b->depth - 1];
    if (f->node->kind == LEAT_YAML_MAP) {
        if (!f->have_key) {
            key_take(b, f, node);
            return;
        }
        if (!key_give(b, f, node))
            return;
        if (++f->children > LEAT_YAML_KEYS_MAX) {
            stop(b, node->key_place, "more than 1000 keys in one mapping");
            return;
        }
    }
    if (f->last)
        f->last->next = node;
    else
        f->node->first = node;
    f->last = node;
}

static struct leat_yaml_node *node_new(struct builder *b, enum leat_yaml_kind kind,
                                       yaml_mark_t mark)
{
    struct leat_yaml_node *node = NULL;
    if (++b->nodes <= LEAT_YAML_NODES_MAX)
        node = leat_arena_zeroed(b->arena, 1, sizeof *node);
    if (!node) {
        stop(b, place_of(mark), "more than 20000 values");
        return NULL;
    }
    node->kind = kind;
    node->place = place_of(mark);
    return node;
}

/* --- events --------------------------------------------------------------------------------- */

static void refuse_marks(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                         const yaml_char_t *tag)
{
    if (anchor)
        problem(b, place_of(event->start_mark), "anchors (&name) are not allowed");
    if (tag)
        problem(b, place_of(event->start_mark), "tags (!type) are not allowed");
}

static void on_scalar(struct builder *b, const yaml_event_t *event)
{
    refuse_marks(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    struct leat_yaml_node *node = node_new(b, LEAT_YAML_SCALAR, event->start_mark);
    if (!node)
        return;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = leat_slice_of(event->data.scalar.value, event->data.scalar.length);
    node->text.ptr = (const uint8_t *)leat_arena_text(b->arena, node->text);
    if (node->text.ptr)
        attach(b, node);
    else
        stop(b, node->place, "too much text");
}

static void on_start(struct builder *b, const yaml_event_t *event, enum leat_yaml_kind kind)
{
    struct leat_yaml_node *node = node_new(b, kind, event->start_mark);
    if (!node)
        return;
    attach(b, node);
    if (b->stopped)
        return;
    if (b->depth == LEAT_NESTING_MAX) {
        stop(b, node->place, "nested too deeply");
        return;
    }
    b->stack[b->depth++] = (struct frame){.node = node};
}

static void on_alias(struct builder *b, const yaml_event_t *event)
{
    problem(b, place_of(event->start_mark), "aliases (*name) are not allowed");
    struct leat_yaml_node *node = node_new(b, LEAT_YAML_REFUSED, event->start_mark);
    if (node)
        attach(b, node);
}

static void on_document(struct builder *b, const yaml_event_t *event)
{
    if (++b->documents > 1)
        stop(b, place_of(event->start_mark), "a second document begins; only one is allowed");
}

static void on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        on_document(b, event);
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(b, event);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        on_start(b, event, LEAT_YAML_LIST);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_marks(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        on_start(b, event, LEAT_YAML_MAP);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    default:
        break;
    }
}

/* --- the text ------------------------------------------------------------------------------- */

/* libyaml's words are for YAML's authors; these are the ones that users meet. */
static const char *syntax_words(const char *native)
{
    static const struct {
        const char *native, *ours;
    } WORDS[] = {
        {"found character that cannot start any token",
         "a value cannot begin like this; indent with spaces, not "
         "tabs, and quote texts that begin with @, ` or %"},
        {"mapping values are not allowed in this context",
         "a ':' that makes no sense here; quote texts that hold "
         "\": \", and indent the keys of a mapping alike"},
        {"could not find expected ':'", "a key without its ':'"},
        {"did not find expected key",
         "expected a key; are the keys of this mapping indented alike?"},
        {"did not find expected '-' indicator", "expected an item that begins with '-'"},
        {"found unexpected end of stream", "the file ends inside a quoted text"},
        {"did not find expected node content", "expected a value"},
        {"did not find expected ',' or ']'", "expected ',' or ']'"},
        {"did not find expected ',' or '}'", "expected ',' or '}'"},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strcmp(WORDS[i].native, native) == 0)
            return WORDS[i].ours;
    return native;
}

static struct leat_yaml_place place_of_offset(struct leat_slice text, size_t offset)
{
    struct leat_yaml_place place = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n')
            place = (struct leat_yaml_place){place.line + 1, 1};
        else if ((text.ptr[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

static void syntax_problem(struct builder *b, const yaml_parser_t *parser, struct leat_slice text)
{
    const char *native = parser->problem ? parser->problem : "not YAML";
    struct leat_yaml_place place = place_of(parser->problem_mark);
    b->depth = 0; /* the names around it are not to be trusted */
    if (parser->error == YAML_READER_ERROR) {
        place = place_of_offset(text, parser->problem_offset);
        bool control = strcmp(native, "control characters are not allowed") == 0;
        native = control ? "control characters are not allowed" : "not UTF-8";
    }
    stop(b, place, syntax_words(native));
}

static void parse(struct builder *b, yaml_parser_t *parser, struct leat_slice text)
{
    bool ended = false;
    while (!b->stopped && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            syntax_problem(b, parser, text);
            return;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        on_event(b, &event);
        yaml_event_delete(&event);
    }
}

struct leat_yaml_node *leat_yaml_read(struct leat_slice text, struct leat_arena *arena,
                                      struct leat_config_problems *problems)
{
    if (text.len > LEAT_YAML_BYTES_MAX) {
        leat_config_problem_add(problems, 0, 0, "", "larger than 1 MiB");
        return NULL;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        leat_config_problem_add(problems, 0, 0, "", "out of memory");
        return NULL;
    }
    struct builder b = {.arena = arena, .problems = problems};
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text.len ? text.ptr : (const uint8_t *)"", text.len);
    parse(&b, &parser, text);
    yaml_parser_delete(&parser);
    return b.stopped ? NULL : b.root;
}

bool leat_yaml_is_nothing(const struct leat_yaml_node *node)
{
    return node->kind == LEAT_YAML_SCALAR && node->plain && node->text.len == 0;
}
