/*
 * Any bytes as a form with a file, all the way: the first line is its Content-Type. Whatever the form says,
 * what becomes of it is one JSON object that begins with what is ours, and its parts are the file's bytes.
 */
#include "sources/webhook/json_scan.h"
#include "sources/webhook/upload.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* No name is there twice, and none of ours comes from the form. */
static void check_members(struct leat_slice object)
{
    struct json_walk walk;
    struct leat_slice key, value, first = {NULL, 0};
    int names = 0, checksums = 0;
    require(json_walk(&walk, object));
    while (json_next(&walk, &key, &value)) {
        if (!names++)
            first = key;
        checksums += leat_slice_equal(key, LEAT_SLICE_LITERAL("\"checksum\""));
    }
    require(leat_slice_equal(first, LEAT_SLICE_LITERAL("\"fileId\"")) ||
            leat_slice_equal(first, LEAT_SLICE_LITERAL("\"fileName\"")));
    require(checksums == 1);
    require(json_member(object, "fileName", &value) && value.len > 2 && !memchr(value.ptr, '/', value.len));
}

static void check_upload(struct upload *u, struct leat_slice body)
{
    struct leat_buf object;
    const char *why = NULL;
    size_t at, half = body.len / 2;
    if (upload_take(u, leat_slice_of(body.ptr, half), &why) ||
        upload_take(u, leat_slice_of(body.ptr + half, body.len - half), &why) || upload_end(u, &why)) {
        require(why != NULL);
        return;
    }
    leat_buf_init(&object, 1 << 20);
    leat_buf_append_text(&object, "{");
    leat_buf_append(&object, upload_members(u));
    leat_buf_append_text(&object, "\"part\":1}");
    require(!object.full && json_check(leat_buf_slice(&object), &at));
    check_members(leat_buf_slice(&object));
    require(upload_bytes(u) <= (int64_t)body.len && upload_parts(u) == 1 && strlen(upload_checksum(u)) == 64);
    leat_buf_release(&object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *line = memchr(data, '\n', len);
    const char *why = NULL, *directory = getenv("TMPDIR");
    struct upload *u;
    if (!line || memchr(data, 0, (size_t)(line - data)) || len > 400000)
        return 0;
    char *type = strndup((const char *)data, (size_t)(line - data));
    if (type && !upload_new(type, directory ? directory : "/tmp", 1 << 20, -1, &u, &why)) {
        check_upload(u, leat_slice_of(line + 1, (size_t)(data + len - line - 1)));
        upload_free(u);
    }
    free(type);
    return 0;
}
