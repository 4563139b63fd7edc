/*
 * Binary JSON and partial updates: length u16 of a document, the document, then diffs. What comes
 * out of a document is JSON to another parser, and the same each time; what comes out of an update
 * of it, too. Nothing takes longer than its bytes allow.
 */
#include "sources/mysql/json_binary.h"

#include <leat/reader.h>

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 8 << 20, INPUT_MAX = 64 << 10 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct leat_slice copy_of(struct leat_slice s)
{
    uint8_t *exact = malloc(s.len ? s.len : 1); /* one byte too many is seen */
    check(exact != NULL);
    if (s.len)
        memcpy(exact, s.ptr, s.len);
    return leat_slice_of(exact, s.len);
}

/* jansson refuses NUL in keys and numbers that a double cannot hold; only its verdict on the rest
 * counts. */
static bool excused(struct leat_slice text)
{
    for (size_t i = 0; i + 6 <= text.len; i++)
        if (!memcmp(text.ptr + i, "\\u0000", 6))
            return true;
    return false;
}

static void check_json(struct leat_slice text)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)text.ptr, text.len,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    check(root || excused(text) || json_error_code(&error) == json_error_numeric_overflow);
    json_decref(root);
}

static void update(struct leat_slice text, bool sound, struct leat_slice diffs,
                   struct leat_arena *arena)
{
    struct leat_slice document = copy_of(text), exact = copy_of(diffs), patched;
    struct leat_err err = {.code = 0};
    int status = my_json_patch(document, exact, arena, &patched, &err);
    check(status == LEAT_OK || status == LEAT_EPROTO || status == LEAT_EDATA ||
          status == LEAT_ELIMIT);
    if (!status && sound)
        check_json(patched);
    free((void *)(uintptr_t)document.ptr);
    free((void *)(uintptr_t)exact.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_reader r = leat_reader_of(leat_slice_of(data, size));
    size_t len = leat_reader_le16(&r);
    if (r.bad || size > INPUT_MAX)
        return 0;
    len = len < leat_reader_left(&r) ? len : leat_reader_left(&r);
    struct leat_slice binary = copy_of(leat_reader_bytes(&r, len)), text, again;
    struct leat_arena arena;
    struct leat_err err = {.code = 0};
    leat_arena_init(&arena, ARENA_BYTES);
    int status = my_json_text(binary, &arena, &text, &err);
    check(status == LEAT_OK || status == LEAT_EPROTO || status == LEAT_ELIMIT);
    if (!status) {
        check_json(text);
        check(my_json_text(binary, &arena, &again, &err) == LEAT_OK &&
              leat_slice_equal(text, again));
        update(text, true, leat_slice_of(r.at, leat_reader_left(&r)), &arena);
    } else {
        update(binary, false, leat_slice_of(r.at, leat_reader_left(&r)), &arena);
    }
    leat_arena_release(&arena);
    free((void *)(uintptr_t)binary.ptr);
    return 0;
}
