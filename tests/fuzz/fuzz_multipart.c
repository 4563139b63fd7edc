/*
 * Any bytes as a form: the first line is its Content-Type, the next byte says where the body is
 * cut. In one piece, in two and byte by byte the same comes out, and a part's texts are UTF-8
 * within their bounds.
 */
#include "sources/webhook/multipart.h"
#include "sources/webhook/utf8.h"

#include <leat/hash.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What was told so far: all bytes of all parts, with marks between them. */
struct told {
    struct multipart m;
    uint64_t hash;
    size_t bytes;
    bool ended;
};

static void note(struct told *t, int event, struct leat_slice data)
{
    for (size_t i = 0; i < data.len; i++)
        t->hash = (t->hash ^ data.ptr[i]) * 0x100000001b3u;
    if (event != MULTIPART_DATA)
        t->hash = (t->hash ^ (unsigned)event) * 0x9e3779b97f4a7c15u;
    t->bytes += event == MULTIPART_DATA ? data.len : 0;
}

static void check_part(const struct multipart_part *p)
{
    require(p->name[0] && utf8_check(leat_slice_text(p->name)));
    require(utf8_check(leat_slice_text(p->filename)) && utf8_check(leat_slice_text(p->type)));
    require(!strpbrk(p->name, "\r\n") && !strpbrk(p->filename, "\r\n"));
}

static void take(struct told *t, struct leat_slice piece)
{
    struct leat_slice got = {NULL, 0};
    enum multipart_event event;
    while ((event = multipart_next(&t->m, &piece, &got)) != MULTIPART_MORE &&
           event != MULTIPART_BAD) {
        note(t, (int)event, event == MULTIPART_DATA ? got : leat_slice_of(NULL, 0));
        if (event == MULTIPART_PART) {
            check_part(&t->m.part);
            note(t, 9, leat_slice_text(t->m.part.name));
            note(t, 10, leat_slice_text(t->m.part.filename));
        }
        require(!t->ended);
        t->ended = event == MULTIPART_END;
    }
    require(event == MULTIPART_BAD ? t->m.why && t->m.status : piece.len == 0);
}

static bool same(const struct told *a, const struct told *b)
{
    return a->hash == b->hash && a->bytes == b->bytes && a->ended == b->ended &&
           a->m.status == b->m.status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *line = memchr(data, '\n', len);
    if (!line || line + 1 == data + len || memchr(data, 0, (size_t)(line - data)))
        return 0;
    char *type = strndup((const char *)data, (size_t)(line - data));
    struct leat_slice body = leat_slice_of(line + 2, (size_t)(data + len - line - 2));
    struct told *t = calloc(3, sizeof *t);
    if (!type || !t || !multipart_init(&t[0].m, type))
        goto done;
    t[1].m = t[2].m = t[0].m;
    size_t cut = body.len ? line[1] * body.len / 255 : 0;
    take(&t[0], body);
    take(&t[1], leat_slice_of(body.ptr, cut));
    take(&t[1], leat_slice_of(body.ptr + cut, body.len - cut));
    for (size_t i = 0; i < body.len; i++)
        take(&t[2], leat_slice_of(body.ptr + i, 1));
    require(same(&t[0], &t[1]) && same(&t[0], &t[2]));
    require(t[0].bytes <= body.len && multipart_whole(&t[0].m) == t[0].ended);
done:
    free(t);
    free(type);
    return 0;
}
