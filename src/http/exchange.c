/*
 * What a source may ask of a request, and say in an answer.
 */
#include "http/exchange.h"

#include <leat/secret.h>

#include "http/problem.h"

#include <inttypes.h>
#include <stdio.h>

static const struct leat_exchange *exchange_of(const struct leat_ingest_request *request)
{
    return (const struct leat_exchange *)request;
}

const char *leat_ingest_header(const struct leat_ingest_request *request, const char *name)
{
    return MHD_lookup_connection_value(exchange_of(request)->connection, MHD_HEADER_KIND, name);
}

struct walk {
    leat_ingest_header_fn each;
    void *arg;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    const struct walk *walk = arg;
    (void)kind;
    walk->each(walk->arg, name, value ? value : "");
    return MHD_YES;
}

void leat_ingest_headers(const struct leat_ingest_request *request, leat_ingest_header_fn each,
                         void *arg)
{
    struct walk walk = {each, arg};
    MHD_get_connection_values(exchange_of(request)->connection, MHD_HEADER_KIND, on_header, &walk);
}

/* The guard let only digits pass. */
int64_t leat_ingest_length(const struct leat_ingest_request *request)
{
    const char *text = leat_ingest_header(request, "Content-Length");
    int64_t length = 0;
    if (!text)
        return leat_ingest_header(request, "Transfer-Encoding") ? -1 : 0;
    for (; *text && length < INT64_MAX / 20; text++)
        length = length * 10 + (*text - '0');
    return *text ? INT64_MAX : length;
}

/* --- answers ---------------------------------------------------------------------------------- */

void leat_ingest_problem(struct leat_ingest_request *request, unsigned status, const char *detail)
{
    struct leat_ingest_answer *answer = &request->answer;
    leat_buf_reset(&answer->body);
    leat_http_problem(&answer->body, status, detail);
    answer->status = status;
    answer->streamed = false;
    answer->content_type = "application/problem+json";
    answer->header_count = 0;
    if (status == 401)
        leat_ingest_answer_header(request, "WWW-Authenticate", "Bearer, ApiKey");
    int64_t retry_s = exchange_of(request)->retry_s;
    if (status == 503 || status == 429)
        leat_ingest_answer_header(request, "Retry-After", "%" PRId64, retry_s ? retry_s : 1);
}

void leat_ingest_answer_header(struct leat_ingest_request *request, const char *name,
                               const char *format, ...)
{
    struct leat_ingest_answer *answer = &request->answer;
    va_list args;
    if (answer->header_count == LEAT_INGEST_HEADERS_MAX)
        return;
    struct leat_ingest_header *header = &answer->headers[answer->header_count++];
    header->name = name;
    va_start(args, format);
    vsnprintf(header->value, sizeof header->value, format, args);
    va_end(args);
}

/* --- who may ----------------------------------------------------------------------------------- */

static bool scope_fits(const char *scope, const char *name)
{
    return !scope[0] || strcmp(scope, name) == 0;
}

static bool key_allows(const struct leat_api_key *key, enum leat_ingest_right right,
                       const char *tenant, const char *source)
{
    return key->rights & (right | LEAT_INGEST_ADMIN) && scope_fits(key->tenant, tenant) &&
           scope_fits(key->source, source);
}

/* False: the answer says that there is none, or none that is valid. */
static bool key_find(struct leat_ingest_request *request, struct leat_api_key *ret_key)
{
    struct leat_keyring *keyring = exchange_of(request)->ingest->options.keyring;
    struct leat_credentials credentials;
    leat_credentials_read(leat_ingest_header(request, "Authorization"), request->target, &credentials);
    bool known = credentials.given && keyring && leat_keyring_find(keyring, &credentials, ret_key);
    leat_secret_wipe(credentials.secret, sizeof credentials.secret);
    if (!known)
        leat_ingest_problem(request, 401, credentials.given ? "the key is not valid" : "a key is needed");
    return known;
}

static unsigned verdict(struct leat_ingest_request *request, const struct leat_api_key *key, bool allowed)
{
    if (!allowed)
        leat_ingest_problem(request, 403, "the key does not allow this");
    else if (!leat_limit_key((struct leat_exchange *)request, key->id))
        snprintf(request->key_id, sizeof request->key_id, "%.*s", LEAT_INGEST_KEY_ID_MAX - 1, key->id);
    return request->answer.status;
}

unsigned leat_ingest_authorize(struct leat_ingest_request *request, enum leat_ingest_right right,
                               const char *tenant, const char *source)
{
    struct leat_api_key key;
    if (!key_find(request, &key))
        return request->answer.status;
    return verdict(request, &key, key_allows(&key, right, tenant, source));
}

unsigned leat_ingest_authorize_scope(struct leat_ingest_request *request, enum leat_ingest_right right,
                                     struct leat_ingest_scope *ret_scope)
{
    struct leat_api_key key;
    if (!key_find(request, &key))
        return request->answer.status;
    snprintf(ret_scope->tenant, sizeof ret_scope->tenant, "%s", key.tenant);
    snprintf(ret_scope->source, sizeof ret_scope->source, "%s", key.source);
    ret_scope->admin = (key.rights & LEAT_INGEST_ADMIN) != 0;
    return verdict(request, &key, (key.rights & (right | LEAT_INGEST_ADMIN)) != 0);
}

void leat_ingest_wake(struct leat_ingest_request *request)
{
    MHD_resume_connection(exchange_of(request)->connection);
}
