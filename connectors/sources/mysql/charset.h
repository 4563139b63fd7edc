/*
 * Character sets by collation number, and text of them as UTF-8 (mysql.md 5.4).
 *
 * latin1 is what MySQL means by it (cp1252, with 81 8D 8F 90 9D as controls); utf8 and ascii are
 * checked and viewed, not copied; the others go by table, which is asked of iconv(3) once and then
 * corrected where glibc and the server differ. UTF-16 and UTF-32 are arithmetic.
 *
 * Ownership: converters live in the my_charsets; converted text in the arena.
 * Threads:   one owner.
 */
#ifndef MYSQL_CHARSET_H
#define MYSQL_CHARSET_H

#include <leat/arena.h>
#include <leat/err.h>

struct my_charset; /* one character set; compare by pointer */
struct my_charsets;

int my_charsets_new(struct my_charsets **ret_charsets, struct leat_err *err) LEAT_MUST_CHECK;
void my_charsets_free(struct my_charsets *charsets);

/* What the server says beyond the built-in table (my_catalog_collations). Unknown names are kept
 * and fail when they are used. */
int my_charsets_learn(struct my_charsets *charsets, uint32_t collation, const char *name,
                      struct leat_err *err) LEAT_MUST_CHECK;

/* NULL: a collation that nobody knows. */
struct my_charset *my_charset_of(struct my_charsets *charsets, uint32_t collation);
struct my_charset *my_charset_named(struct my_charsets *charsets, struct leat_slice name);
bool my_charset_is_binary(const struct my_charset *charset);
const char *my_charset_name(const struct my_charset *charset);
unsigned my_charset_bytes_max(const struct my_charset *charset); /* of one character: 1 to 4 */

/* Text as UTF-8; what is no character becomes U+FFFD and is counted in *ret_replaced. Valid UTF-8
 * in a UTF-8 set is viewed, not copied. */
int my_charset_utf8(struct my_charset *charset, struct leat_slice text, struct leat_arena *arena,
                    struct leat_slice *ret_text, int64_t *ret_replaced,
                    struct leat_err *err) LEAT_MUST_CHECK;

/* Bytes in front that are valid UTF-8: text.len if all of them are. */
size_t my_utf8_valid(struct leat_slice text);

#endif
