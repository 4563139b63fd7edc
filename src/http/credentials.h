/*
 * Who a request says it is, in all the forms that are met in the wild:
 *
 *     Authorization: <key>                 no scheme
 *     Authorization: ApiKey <id>:<key>
 *     Authorization: Bearer <key>
 *     ?key=<key>  ?access_token=<key>      in the query: what a sender can be given that knows only a URL
 *
 * A key is "<prefix>_<id>_<secret>": the id finds the stored hash, the secret is compared with it.
 * With ApiKey the id stands apart, and the key may be the secret alone.
 *
 * Ownership: texts are copied. Threads: pure.
 */
#ifndef HTTP_CREDENTIALS_H
#define HTTP_CREDENTIALS_H

#include <stdbool.h>

enum { LEAT_CREDENTIALS_ID_MAX = 32, LEAT_CREDENTIALS_SECRET_MAX = 256 };

struct leat_credentials {
    bool given;      /* some were */
    bool from_query; /* they may stand in logs and histories of others */
    char id[LEAT_CREDENTIALS_ID_MAX + 1];         /* "" when they have no such form */
    char secret[LEAT_CREDENTIALS_SECRET_MAX + 1]; /* wipe it after use */
};

/* The header wins over the query. `authorization` may be NULL; `target` as in the request line. */
void leat_credentials_read(const char *authorization, const char *target,
                           struct leat_credentials *ret_credentials);

#endif
