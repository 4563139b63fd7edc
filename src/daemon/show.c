#include "daemon/show.h"

#include <leat/clock.h>

#include <inttypes.h>

/* --- texts ------------------------------------------------------------------------------------ */

/* Bytes of a sequence that must not reach a terminal: C0, DEL, C1 (U+0080 … U+009F), and the
 * marks that reorder text (U+202A … U+202E, U+2066 … U+2069). 0: fine. */
static size_t hostile(const uint8_t *at, size_t left)
{
    if ((at[0] < 0x20 && at[0] != '\t') || at[0] == 0x7f)
        return 1;
    if (left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return 2;
    if (left < 3 || at[0] != 0xe2)
        return 0;
    bool mark = (at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
    return mark ? 3 : 0;
}

void show_slice(FILE *out, struct leat_slice text)
{
    const uint8_t *at = text.ptr, *end = at + text.len;
    while (at < end) {
        size_t bad = hostile(at, (size_t)(end - at));
        if (!bad)
            fputc(*at++, out);
        for (; bad; bad--)
            fprintf(out, "\\x%02x", *at++);
    }
}

void show_text(FILE *out, const char *text)
{
    show_slice(out, leat_slice_text(text));
}

void show_lines(FILE *out, int indent, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        fprintf(out, "%*s", indent, "");
        show_slice(out, leat_slice_of(text, len));
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
}

void show_error(const struct leat_err *err)
{
    fprintf(stderr, "leat: ");
    show_text(stderr, err->text);
    fputc('\n', stderr);
    if (err->hint[0])
        show_lines(stderr, 6, err->hint);
}

/* --- numbers ---------------------------------------------------------------------------------- */

struct show_word show_bytes(int64_t bytes)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct show_word word = {"?"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit < 6; unit++)
        value /= 1024;
    if (bytes >= 0)
        snprintf(word.text, sizeof word.text, unit ? "%.1f %s" : "%.0f %s", value, UNITS[unit]);
    return word;
}

struct show_word show_time(int64_t wall_us)
{
    struct show_word word = {"never"};
    char text[LEAT_CLOCK_TEXT];
    if (wall_us == 0)
        return word;
    leat_clock_format(wall_us, text);
    snprintf(word.text, sizeof word.text, "%.10s %.8sZ", text, text + 11);
    return word;
}

struct show_word show_span_ms(int64_t ms)
{
    struct show_word word = {"?"};
    if (ms >= 48 * INT64_C(3600000))
        snprintf(word.text, sizeof word.text, "%" PRId64 " d", ms / (24 * INT64_C(3600000)));
    else if (ms >= 2 * INT64_C(3600000))
        snprintf(word.text, sizeof word.text, "%" PRId64 " h", ms / 3600000);
    else if (ms >= 120000)
        snprintf(word.text, sizeof word.text, "%" PRId64 " min", ms / 60000);
    else if (ms >= 1000)
        snprintf(word.text, sizeof word.text, "%.1f s", (double)ms / 1000);
    else if (ms >= 0)
        snprintf(word.text, sizeof word.text, "%" PRId64 " ms", ms);
    return word;
}

/* --- tables ----------------------------------------------------------------------------------- */

void show_table(FILE *out, const char *const *cells, size_t columns, size_t rows)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            size_t width = 0;
            for (size_t i = 0; i < rows; i++) {
                size_t len = strlen(cells[i * columns + column]);
                width = len > width ? len : width;
            }
            const char *cell = cells[row * columns + column];
            show_text(out, cell);
            bool last = column + 1 == columns;
            fprintf(out, "%*s%s", last ? 0 : (int)(width - strlen(cell)), "", last ? "\n" : "  ");
        }
}
