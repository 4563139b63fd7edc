/*
 * How often an address and a key may ask: which of them, what is answered, what is said in every
 * answer.
 */
#include "http/exchange.h"

#include <leat/clock.h>

#include "http/problem.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    ADDRESS_PLACES = 64 << 10, /* 1 MiB */
    KEY_PLACES = 32 << 10,     /* three for each key that there may be */
    LINES_MAX = LEAT_HTTP_HEADERS_MAX,
};

static int quota_open(struct leat_ingest *ingest, enum leat_limit limit, const char *name,
                      int64_t requests, size_t places, struct leat_err *err)
{
    struct leat_quota_policy policy = {name, requests, ingest->options.rate_window_ms * 1000};
    return requests ? leat_quota_new(&policy, places, &ingest->stats.forgotten,
                                     &ingest->quotas[limit], err)
                    : LEAT_OK;
}

int leat_limits_open(struct leat_ingest *ingest, struct leat_err *err)
{
    const struct leat_ingest_options *o = &ingest->options;
    int status = leat_proxies_read(&o->proxies, &ingest->proxies, err);
    if (!status)
        status = quota_open(ingest, LEAT_LIMIT_ADDRESS, "address", o->rate_per_address,
                            ADDRESS_PLACES, err);
    return status ? status
                  : quota_open(ingest, LEAT_LIMIT_KEY, "key", o->rate_per_key, KEY_PLACES, err);
}

void leat_limits_close(struct leat_ingest *ingest)
{
    for (int i = 0; i < LEAT_LIMITS; i++)
        leat_quota_free(ingest->quotas[i]);
}

/* --- who it is -------------------------------------------------------------------------------- */

struct lines {
    const char *items[LINES_MAX];
    size_t count;
};

static enum MHD_Result on_line(void *arg, enum MHD_ValueKind kind, const char *name,
                               const char *value)
{
    struct lines *lines = arg;
    (void)kind;
    if (value && strcasecmp(name, "X-Forwarded-For") == 0 && lines->count < LINES_MAX)
        lines->items[lines->count++] = value;
    return MHD_YES;
}

static struct leat_client client_of(struct leat_exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct leat_client client = leat_client_peer(info ? info->client_addr : NULL);
    struct lines lines = {.count = 0};
    if (x->ingest->proxies.count)
        MHD_get_connection_values(x->connection, MHD_HEADER_KIND, on_line, &lines);
    while (lines.count)
        if (leat_client_forwarded(&x->ingest->proxies, leat_slice_text(lines.items[--lines.count]),
                                  &client))
            break;
    return leat_client_network(client);
}

/* --- what it may -------------------------------------------------------------------------------
 */

static unsigned take(struct leat_exchange *x, enum leat_limit limit, struct leat_slice who)
{
    static const char *const DETAIL[] = {"this address asks too often",
                                         "this key is used too often"};
    struct leat_quota *quota = x->ingest->quotas[limit];
    struct leat_quota_state *state = &x->limits[limit];
    *state = leat_quota_take(quota, who, leat_clock_monotonic_us());
    x->limited[limit] = true;
    if (!state->exceeded)
        return 0;
    atomic_fetch_add_explicit(&x->ingest->stats.limited[limit], 1, memory_order_relaxed);
    x->retry_s = state->retry_s;
    leat_ingest_problem(&x->request, 429, DETAIL[limit]);
    leat_buf_reset(&x->request.answer.body);
    leat_http_problem_quota(&x->request.answer.body, DETAIL[limit], leat_quota_policy(quota)->name);
    return 429;
}

unsigned leat_limit_address(struct leat_exchange *x)
{
    if (!x->ingest->quotas[LEAT_LIMIT_ADDRESS])
        return 0;
    struct leat_client client = client_of(x);
    return take(x, LEAT_LIMIT_ADDRESS, leat_slice_of(client.bytes, sizeof client.bytes));
}

unsigned leat_limit_key(struct leat_exchange *x, const char *id)
{
    return x->ingest->quotas[LEAT_LIMIT_KEY] ? take(x, LEAT_LIMIT_KEY, leat_slice_text(id)) : 0;
}

/* --- what is said of it -------------------------------------------------------------------------
 */

void leat_limit_headers(const struct leat_exchange *x, struct MHD_Response *response)
{
    char policies[160] = "", states[160] = "";
    int policies_len = 0, states_len = 0;
    for (int i = 0; i < LEAT_LIMITS; i++) {
        if (!x->limited[i])
            continue;
        const struct leat_quota_policy *p = leat_quota_policy(x->ingest->quotas[i]);
        policies_len += snprintf(policies + policies_len, sizeof policies - (size_t)policies_len,
                                 "%s\"%s\";q=%" PRId64 ";w=%" PRId64, policies_len ? ", " : "",
                                 p->name, p->requests, p->window_us / 1000000);
        states_len += snprintf(states + states_len, sizeof states - (size_t)states_len,
                               "%s\"%s\";r=%" PRId64 ";t=%" PRId64, states_len ? ", " : "", p->name,
                               x->limits[i].remaining, x->limits[i].reset_s);
    }
    if (!policies_len)
        return;
    MHD_add_response_header(response, "RateLimit-Policy", policies);
    MHD_add_response_header(response, "RateLimit", states);
}
