/*
 * A packed decimal: precision u8, scale u8, then its bytes. What comes out has the digits that
 * precision and scale promise, no more and no fewer behind the point, and no zeros in front.
 */
#include "sources/mysql/decimal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t len, unsigned precision, unsigned scale)
{
    size_t at = len && text[0] == '-', whole = 0, fraction = 0;
    for (; at + whole < len && text[at + whole] != '.'; whole++)
        check(text[at + whole] >= '0' && text[at + whole] <= '9');
    check(whole >= 1 && (whole == 1 || text[at] != '0'));
    check(whole <= precision - scale || (whole == 1 && text[at] == '0'));
    at += whole;
    check((at < len) == (scale > 0));
    for (at += scale > 0; at + fraction < len; fraction++)
        check(text[at + fraction] >= '0' && text[at + fraction] <= '9');
    check(fraction == scale);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t len = my_decimal_bytes(data[0], data[1]);
    if (!len || size - 2 < len)
        return 0;
    uint8_t *exact = malloc(len); /* one byte too many is seen */
    char *text = malloc(MY_DECIMAL_TEXT_MAX);
    check(exact && text);
    memcpy(exact, data + 2, len);
    size_t printed = my_decimal_text(exact, data[0], data[1], text);
    check(printed <= MY_DECIMAL_TEXT_MAX);
    if (printed)
        check_text(text, printed, data[0], data[1]);
    free(exact);
    free(text);
    return 0;
}
