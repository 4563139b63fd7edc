#include "sources/postgres/encoding.h"

#include <stdio.h>

/* PostgreSQL's names as iconv(3) knows them: EUC_JP is EUC-JP, WIN1252 is CP1252, KOI8R is KOI8-R.
 */
static void iconv_name(const char *name, char *ret_name, size_t size)
{
    if (strncmp(name, "WIN", 3) == 0)
        snprintf(ret_name, size, "CP%s", name + 3);
    else if (strncmp(name, "KOI8", 4) == 0)
        snprintf(ret_name, size, "KOI8-%s", name + 4);
    else
        snprintf(ret_name, size, "%s", name);
    for (char *at = ret_name; *at; at++)
        *at = *at == '_' ? '-' : *at;
}

int pg_encoding_open(struct leat_encoding *encoding, const char *name, struct leat_err *err)
{
    char known[48];
    iconv_name(name, known, sizeof known);
    return leat_encoding_open(encoding, known, err);
}
