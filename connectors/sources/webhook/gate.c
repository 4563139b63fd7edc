#include "sources/webhook/gate.h"

#include <leat/clock.h>
#include <leat/log.h>
#include <leat/secret.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "sources/webhook/json_scan.h"

/* --- secrets -------------------------------------------------------------------------------------- */

struct secret_set {
    struct signature_secret items[SIGNATURE_SECRETS_MAX];
    size_t count;
};

typedef int (*secret_read_fn)(const char *name, char *ret_secret, size_t max, struct leat_err *err);

static int secrets_add(const struct signature_scheme *scheme, const struct leat_strings *names,
                       secret_read_fn read, struct secret_set *set, struct leat_err *err)
{
    char text[SIGNATURE_SECRET_BYTES_MAX + 1];
    int status = LEAT_OK;
    for (size_t i = 0; i < names->count && !status; i++) {
        if (set->count == SIGNATURE_SECRETS_MAX)
            return leat_fail(err, LEAT_ECONFIG, "more than %d secrets are given", SIGNATURE_SECRETS_MAX);
        status = read(names->items[i], text, sizeof text, err);
        if (status)
            break;
        status = signature_secret_read(scheme, text, &set->items[set->count], err);
        if (status)
            leat_err_context(err, "secret \"%s\"", names->items[i]);
        else
            set->count++;
    }
    leat_secret_wipe(text, sizeof text);
    return status;
}

static int secrets_read(const struct signature_settings *o, const struct signature_scheme *scheme,
                        struct secret_set *ret_set, struct leat_err *err)
{
    ret_set->count = 0;
    int status = secrets_add(scheme, &o->secret_files, leat_secret_file, ret_set, err);
    if (!status)
        status = secrets_add(scheme, &o->secret_env, leat_secret_env, ret_set, err);
    if (!status)
        status = secrets_add(scheme, &o->secret_credentials, leat_secret_credential, ret_set, err);
    return status;
}

static void secrets_replace(struct gate *g, const struct secret_set *set)
{
    pthread_rwlock_wrlock(&g->lock);
    leat_secret_wipe((char *)g->secrets, sizeof g->secrets);
    if (set)
        memcpy(g->secrets, set->items, sizeof g->secrets);
    g->secret_count = set ? set->count : 0;
    pthread_rwlock_unlock(&g->lock);
}

static int secrets_load(struct gate *g, struct leat_err *err)
{
    struct secret_set set = {.count = 0};
    int status = secrets_read(&g->settings->signature, &g->scheme, &set, err);
    secrets_replace(g, status ? NULL : &set);
    leat_secret_wipe((char *)&set, sizeof set);
    return status;
}

/* One thread reads; the others go on with what there is. */
static void secrets_refresh(struct gate *g)
{
    struct leat_err err;
    int64_t now_ms = leat_clock_monotonic_ms(), until_ms = atomic_load(&g->fresh_until_ms);
    if (now_ms < until_ms ||
        !atomic_compare_exchange_strong(&g->fresh_until_ms, &until_ms, now_ms + GATE_FRESH_MS))
        return;
    if (secrets_load(g, &err))
        leat_log_err(LEAT_LOG_ERROR, "webhook", g->instance, "secrets cannot be read", &err);
}

/* --- life ----------------------------------------------------------------------------------------- */

static bool is_signed(const struct webhook_settings *s)
{
    return s->authentication == WEBHOOK_AUTHENTICATION_SIGNATURE;
}

int gate_open(struct gate *g, const struct webhook_settings *settings, const char *instance,
              struct leat_err *err)
{
    g->settings = settings;
    g->instance = instance;
    g->tenant = settings->tenant ? settings->tenant : instance;
    pthread_rwlock_init(&g->lock, NULL);
    if (!is_signed(settings))
        return LEAT_OK;
    int status = signature_scheme_make(&settings->signature, &g->scheme, err);
    if (!status)
        status = secrets_load(g, err);
    g->fresh_until_ms = leat_clock_monotonic_ms() + GATE_FRESH_MS;
    if (status)
        gate_close(g);
    return status;
}

void gate_close(struct gate *g)
{
    if (!g->settings)
        return;
    leat_secret_wipe((char *)g->secrets, sizeof g->secrets);
    pthread_rwlock_destroy(&g->lock);
    g->settings = NULL;
}

int gate_check(const struct webhook_settings *settings, struct leat_err *err)
{
    struct signature_scheme scheme;
    struct secret_set set = {.count = 0};
    if (!is_signed(settings))
        return LEAT_OK;
    int status = signature_scheme_make(&settings->signature, &scheme, err);
    if (!status)
        status = secrets_read(&settings->signature, &scheme, &set, err);
    leat_secret_wipe((char *)&set, sizeof set);
    return status;
}

const struct signature_scheme *gate_scheme(const struct gate *g)
{
    return is_signed(g->settings) ? &g->scheme : NULL;
}

/* --- a request ------------------------------------------------------------------------------------ */

static unsigned refuse(struct leat_ingest_request *r, unsigned status, const char *why)
{
    leat_ingest_problem(r, status, why);
    return status;
}

/* The item itself is answered, not what was asked: nothing is reflected. */
static const char *origin_allowed(const struct leat_strings *allowed, const char *origin)
{
    for (size_t i = 0; i < allowed->count; i++)
        if (strcmp(allowed->items[i], "*") == 0 || strcasecmp(allowed->items[i], origin) == 0)
            return allowed->items[i];
    return NULL;
}

/* Consent is in the headers. We limit no rate, and ask nobody back. */
static unsigned handshake(const struct gate *g, struct leat_ingest_request *r)
{
    const char *origin = leat_ingest_header(r, "WebHook-Request-Origin");
    const char *allowed = origin ? origin_allowed(&g->settings->allowed_origins, origin) : NULL;
    if (origin && !allowed)
        leat_ingest_problem(r, 403, "this origin may not send here");
    else
        r->answer.status = 200;
    leat_ingest_answer_header(r, "Allow", "POST, OPTIONS");
    if (allowed)
        leat_ingest_answer_header(r, "WebHook-Allowed-Origin", "%s", allowed);
    if (allowed)
        leat_ingest_answer_header(r, "WebHook-Allowed-Rate", "*");
    return r->answer.status;
}

unsigned gate_begin(struct gate *g, struct leat_ingest_request *r)
{
    if (strcmp(r->method, "OPTIONS") == 0 && g->settings->allowed_origins.count)
        return handshake(g, r);
    if (strcmp(r->method, "POST") != 0) {
        leat_ingest_problem(r, 405, "this path takes POST");
        leat_ingest_answer_header(r, "Allow", "POST");
        return 405;
    }
    if (g->settings->authentication == WEBHOOK_AUTHENTICATION_KEY)
        return leat_ingest_authorize(r, LEAT_INGEST_WRITE, g->tenant, g->instance);
    if (is_signed(g->settings) && !leat_ingest_header(r, g->scheme.header))
        return refuse(r, 401, "the request is not signed");
    return 0;
}

/* Slack asks once whether the address is ours. Signed as everything, and nothing to store. */
static unsigned challenge(struct leat_ingest_request *r)
{
    static const struct leat_slice ASKS = LEAT_SLICE_LITERAL("\"url_verification\"");
    struct leat_slice type, asked, body = leat_buf_slice(&r->body);
    size_t at;
    if (!json_check(body, &at) || json_kind(body) != '{' || !json_member(body, "type", &type) ||
        !leat_slice_equal(type, ASKS) || !json_member(body, "challenge", &asked) ||
        json_kind(asked) != '"')
        return 0;
    r->answer.status = 200;
    r->answer.content_type = "application/json";
    leat_buf_append_text(&r->answer.body, "{\"challenge\":");
    leat_buf_append(&r->answer.body, asked);
    leat_buf_append_text(&r->answer.body, "}\n");
    return 200;
}

static const char *header_of(const void *arg, const char *name)
{
    return leat_ingest_header(arg, name);
}

unsigned gate_pieces_begin(struct gate *g, struct leat_ingest_request *r, struct signature_check *ret_check)
{
    struct signature_message message = {.header = header_of, .arg = r, .now_us = r->received_us};
    *ret_check = (struct signature_check){.scheme = NULL};
    if (!is_signed(g->settings))
        return 0;
    secrets_refresh(g);
    pthread_rwlock_rdlock(&g->lock);
    size_t count = g->secret_count;
    const char *why = signature_begin(&g->scheme, g->secrets, count, &message, ret_check);
    pthread_rwlock_unlock(&g->lock);
    if (!count)
        return refuse(r, 503, "the signature cannot be checked now; try again");
    return why ? refuse(r, 401, why) : 0;
}

unsigned gate_pieces_end(const struct gate *g, struct leat_ingest_request *r, struct signature_check *check)
{
    const char *why = is_signed(g->settings) ? signature_end(check) : NULL;
    return why ? refuse(r, 401, why) : 0;
}

unsigned gate_finish(struct gate *g, struct leat_ingest_request *r)
{
    struct signature_check check;
    unsigned status = gate_pieces_begin(g, r, &check);
    signature_update(&check, leat_buf_slice(&r->body));
    if (!status)
        status = gate_pieces_end(g, r, &check);
    if (status || !is_signed(g->settings))
        return status;
    return g->scheme.challenge ? challenge(r) : 0;
}
