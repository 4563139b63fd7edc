#include "feed/cursor.h"

#include <string.h>

enum { VERSION = 'A', BYTES = 12, CHARACTERS = 16 };

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void feed_cursor_text(const struct feed_cursor *cursor, char *ret_text)
{
    uint8_t bytes[BYTES];
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(cursor->store >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        bytes[4 + i] = (uint8_t)(cursor->sequence >> (56 - 8 * i));
    *ret_text++ = VERSION;
    for (unsigned i = 0; i < BYTES; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (unsigned shift = 24; shift; shift -= 6)
            *ret_text++ = ALPHABET[three >> (shift - 6) & 63];
    }
    *ret_text = '\0';
}

bool feed_cursor_parse(const char *text, struct feed_cursor *ret_cursor)
{
    uint8_t bytes[BYTES];
    uint32_t bits = 0;
    if (strlen(text) != CHARACTERS + 1 || text[0] != VERSION)
        return false;
    for (unsigned i = 0; i < CHARACTERS; i++) {
        const char *at = strchr(ALPHABET, text[1 + i]);
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - ALPHABET);
        if (i % 4 == 3)
            for (unsigned k = 0; k < 3; k++)
                bytes[i / 4 * 3 + k] = (uint8_t)(bits >> (16 - 8 * k));
    }
    struct feed_cursor cursor = {0, 0};
    for (unsigned i = 0; i < 4; i++)
        cursor.store = cursor.store << 8 | bytes[i];
    for (unsigned i = 4; i < BYTES; i++)
        cursor.sequence = cursor.sequence << 8 | bytes[i];
    *ret_cursor = cursor;
    return true;
}
