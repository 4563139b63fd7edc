#include <leat/words.h>

#include <string.h>

struct leat_slice leat_word(struct leat_reader *r, const char *key)
{
    struct leat_slice name = leat_slice_text(key);
    if (!leat_slice_equal(leat_reader_bytes(r, name.len), name))
        r->bad = true;
    const uint8_t *end = r->bad ? NULL : memchr(r->at, ' ', leat_reader_left(r));
    return leat_reader_bytes(r, end ? (size_t)(end - r->at) : leat_reader_left(r));
}

uint64_t leat_word_number(struct leat_reader *r, const char *key, uint64_t max)
{
    struct leat_slice digits = leat_word(r, key);
    uint64_t v = 0;
    r->bad |= digits.len == 0;
    for (size_t i = 0; i < digits.len && !r->bad; i++) {
        uint8_t digit = (uint8_t)(digits.ptr[i] - '0');
        r->bad |= digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
                  __builtin_add_overflow(v, digit, &v) || v > max;
    }
    return r->bad ? 0 : v;
}
