#include "sources/webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "sources/webhook/base64.h"
#include "sources/webhook/time_text.h"

enum { DIGEST_BYTES_MAX = 64, SIGNATURE_TEXT_MAX = 256 };

static const struct signature_scheme PRESETS[] = {
    [SIGNATURE_CUSTOM] = {.text = "{body}"},
    [SIGNATURE_STANDARD_WEBHOOKS] = {.text = "{header:webhook-id}.{header:webhook-timestamp}.{body}",
                                     .header = "webhook-signature",
                                     .prefix = "v1,",
                                     .timestamp = "header:webhook-timestamp",
                                     .id = "header:webhook-id",
                                     .encoding = SIGNATURE_BASE64,
                                     .key = SIGNATURE_KEY_BASE64},
    [SIGNATURE_SVIX] = {.text = "{header:svix-id}.{header:svix-timestamp}.{body}",
                        .header = "svix-signature",
                        .prefix = "v1,",
                        .timestamp = "header:svix-timestamp",
                        .id = "header:svix-id",
                        .encoding = SIGNATURE_BASE64,
                        .key = SIGNATURE_KEY_BASE64},
    /* pending_webhooks in the body counts down from one try to the next. */
    [SIGNATURE_STRIPE] = {.text = "{part:t}.{body}",
                          .header = "Stripe-Signature",
                          .prefix = "v1=",
                          .timestamp = "part:t",
                          .id = "json:/id",
                          .id_alone = true},
    [SIGNATURE_GITHUB] = {.text = "{body}",
                          .header = "X-Hub-Signature-256",
                          .prefix = "sha256=",
                          .id = "header:X-GitHub-Delivery"},
    [SIGNATURE_SHOPIFY] = {.text = "{body}",
                           .header = "X-Shopify-Hmac-SHA256",
                           .id = "header:X-Shopify-Webhook-Id",
                           .encoding = SIGNATURE_BASE64},
    [SIGNATURE_SLACK] = {.text = "v0:{header:X-Slack-Request-Timestamp}:{body}",
                         .header = "X-Slack-Signature",
                         .prefix = "v0=",
                         .timestamp = "header:X-Slack-Request-Timestamp",
                         .id = "json:/event_id",
                         .challenge = true},
    [SIGNATURE_HOOKDECK] = {.text = "{body}",
                            .header = "x-hookdeck-signature",
                            .id = "header:x-hookdeck-eventid",
                            .encoding = SIGNATURE_BASE64},
};

/* --- the template --------------------------------------------------------------------------------- */

enum token_kind { TOKEN_BAD, TOKEN_LITERAL, TOKEN_BODY, TOKEN_HEADER, TOKEN_PART };

struct token {
    enum token_kind kind;
    char text[SIGNATURE_NAME_MAX + 1]; /* the name, or the literal */
};

static bool name_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static bool name_is(const char *name)
{
    size_t len = 0;
    while (name_letter(name[len]))
        len++;
    return len && !name[len];
}

/* "body", "header:NAME" or "part:NAME", of that many letters. */
static void value_parse(const char *text, size_t len, struct token *ret_token)
{
    static const struct {
        const char *word;
        enum token_kind kind;
    } WORDS[] = {{"header:", TOKEN_HEADER}, {"part:", TOKEN_PART}};
    *ret_token = (struct token){.kind = TOKEN_BAD};
    if (len == 4 && memcmp(text, "body", 4) == 0)
        ret_token->kind = TOKEN_BODY;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        size_t word = strlen(WORDS[i].word);
        if (len <= word || len - word > SIGNATURE_NAME_MAX || memcmp(text, WORDS[i].word, word) != 0)
            continue;
        memcpy(ret_token->text, text + word, len - word);
        ret_token->text[len - word] = '\0';
        ret_token->kind = name_is(ret_token->text) ? WORDS[i].kind : TOKEN_BAD;
    }
}

/* False at the end. *at moves behind the token. */
static bool token_next(const char **at, struct token *ret_token)
{
    size_t len = strcspn(*at, "{}");
    *ret_token = (struct token){.kind = TOKEN_BAD};
    if (!**at)
        return false;
    if (len && len <= SIGNATURE_NAME_MAX) {
        ret_token->kind = TOKEN_LITERAL;
        memcpy(ret_token->text, *at, len);
        *at += len;
        return true;
    }
    size_t inside = **at == '{' ? strcspn(*at + 1, "{}") : 0;
    if (inside && (*at)[inside + 1] == '}')
        value_parse(*at + 1, inside, ret_token);
    *at += ret_token->kind ? inside + 2 : strlen(*at);
    return true;
}

static int text_check(const char *text, struct leat_err *err)
{
    struct token token;
    unsigned bodies = 0, count = 0;
    bool bad = strlen(text) > SIGNATURE_TEXT_MAX, value = false;
    for (const char *at = text; token_next(&at, &token); count++) {
        bad |= token.kind == TOKEN_BAD || (value && token.kind != TOKEN_LITERAL);
        value = token.kind != TOKEN_LITERAL;
        bodies += token.kind == TOKEN_BODY;
    }
    if (bad || bodies != 1 || count > SIGNATURE_PIECES_MAX)
        return leat_fail(err, LEAT_ECONFIG,
                         "signature_text: \"%s\" must hold {body} once, and may hold {header:NAME} and "
                         "{part:NAME}, with something between them",
                         text);
    return LEAT_OK;
}

static bool text_holds(const char *text, const struct token *value)
{
    struct token token;
    for (const char *at = text; token_next(&at, &token);)
        if (token.kind == value->kind && strcasecmp(token.text, value->text) == 0)
            return true;
    return false;
}

/* --- the scheme ----------------------------------------------------------------------------------- */

static int timestamp_check(const struct signature_scheme *s, struct leat_err *err)
{
    struct token token;
    if (!s->timestamp)
        return LEAT_OK;
    value_parse(s->timestamp, strlen(s->timestamp), &token);
    if (token.kind != TOKEN_HEADER && token.kind != TOKEN_PART)
        return leat_fail(err, LEAT_ECONFIG,
                         "signature_timestamp: \"%s\" is neither header:NAME nor part:NAME",
                         s->timestamp);
    if (!text_holds(s->text, &token))
        return leat_fail(err, LEAT_ECONFIG,
                         "signature_timestamp: \"%s\" is not in signature_text, so anybody could change it",
                         s->timestamp);
    return LEAT_OK;
}

int signature_scheme_make(const struct signature_settings *o, struct signature_scheme *ret_scheme,
                          struct leat_err *err)
{
    if (o->preset <= SIGNATURE_NONE || (size_t)o->preset >= sizeof PRESETS / sizeof *PRESETS)
        return leat_fail(err, LEAT_ECONFIG, "signature: none is given");
    struct signature_scheme s = PRESETS[o->preset];
    s.text = o->text ? o->text : s.text;
    s.header = o->header ? o->header : s.header;
    s.prefix = o->prefix ? o->prefix : s.prefix ? s.prefix : "";
    s.timestamp = o->timestamp ? o->timestamp : s.timestamp;
    s.encoding = o->encoding ? (enum signature_encoding)o->encoding
                             : s.encoding ? s.encoding : SIGNATURE_HEX;
    s.hash = o->hash ? (enum signature_hash)o->hash : SIGNATURE_SHA256;
    s.key = o->key ? (enum signature_key)o->key : s.key ? s.key : SIGNATURE_KEY_TEXT;
    s.tolerance_ms = o->tolerance_ms;
    if (!s.header || !name_is(s.header))
        return leat_fail(err, LEAT_ECONFIG,
                         "signature_header: the name of the header with the signature is needed");
    int status = text_check(s.text, err);
    if (!status)
        status = timestamp_check(&s, err);
    if (!status)
        *ret_scheme = s;
    return status;
}

/* --- secrets -------------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_decode(struct leat_slice text, struct leat_buf *buf)
{
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        uint8_t byte = (uint8_t)(high << 4 | low);
        leat_buf_append(buf, leat_slice_of(&byte, 1));
    }
    return text.len % 2 == 0;
}

static bool behind(struct leat_slice *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->ptr, prefix, len) != 0)
        return false;
    *text = leat_slice_of(text->ptr + len, text->len - len);
    return true;
}

static bool key_decode(enum signature_key form, struct leat_slice text, struct leat_buf *buf)
{
    if (form == SIGNATURE_KEY_HEX)
        return hex_decode(text, buf);
    if (form == SIGNATURE_KEY_BASE64)
        return base64_decode(text, buf);
    leat_buf_append(buf, text);
    return true;
}

int signature_secret_read(const struct signature_scheme *s, const char *text,
                          struct signature_secret *ret_secret, struct leat_err *err)
{
    struct leat_slice rest = leat_slice_text(text);
    struct leat_buf key;
    if (s->key == SIGNATURE_KEY_BASE64 && (behind(&rest, "whpk_") || behind(&rest, "whsk_")))
        return leat_fail(err, LEAT_ECONFIG, "is a key for v1a (ed25519), which is not supported");
    if (s->key == SIGNATURE_KEY_BASE64)
        (void)behind(&rest, "whsec_");
    leat_buf_init(&key, sizeof ret_secret->key);
    bool fine = key_decode(s->key, rest, &key) && !key.full && key.len;
    if (fine) {
        memcpy(ret_secret->key, key.data, key.len);
        ret_secret->len = key.len;
    }
    if (key.data)
        OPENSSL_cleanse(key.data, key.capacity);
    leat_buf_release(&key);
    return fine ? LEAT_OK
                : leat_fail(err, LEAT_ECONFIG, "is empty, too long, or not what signature_key says");
}

/* --- what is signed ------------------------------------------------------------------------------- */

/* Items of the signatures' header, without the blanks around them. False at the end. */
static bool item_next(const char **at, char separator, struct leat_slice *ret_item)
{
    const char stops[] = {separator, '\0'};
    while (**at == ' ' || **at == '\t' || **at == separator)
        (*at)++;
    size_t len = strcspn(*at, stops);
    *ret_item = leat_slice_of(*at, len);
    *at += len;
    while (ret_item->len && strchr(" \t", ret_item->ptr[ret_item->len - 1]))
        ret_item->len--;
    return ret_item->len > 0;
}

/* What stands behind NAME=. */
static struct leat_slice part_find(const char *header, const char *name)
{
    struct leat_slice item;
    for (const char *at = header; item_next(&at, ',', &item);)
        if (behind(&item, name) && behind(&item, "="))
            return item;
    return leat_slice_of(NULL, 0);
}

static struct leat_slice value_of(const struct signature_scheme *s, const struct token *token,
                                  const struct signature_message *m)
{
    switch (token->kind) {
    case TOKEN_BODY:
        return leat_slice_of(NULL, 0); /* it comes apart */
    case TOKEN_HEADER:
        return leat_slice_text(m->header(m->arg, token->text));
    case TOKEN_PART:
        return part_find(m->header(m->arg, s->header), token->text);
    default:
        return leat_slice_of(NULL, 0);
    }
}

struct pieces {
    struct leat_slice items[SIGNATURE_PIECES_MAX];
    size_t count;
    size_t body; /* which of them is the body */
};

/* Invariant 4: a value in front of another one must not hold what parts them. */
static bool is_clear(struct leat_slice value, const char *rest)
{
    const char *next = strchr(rest, '{');
    return !next || strncmp(next, "{body}", 6) == 0 || !memchr(value.ptr, *rest, value.len);
}

static bool pieces_collect(const struct signature_scheme *s, const struct signature_message *m,
                           struct pieces *ret_pieces)
{
    struct token token;
    ret_pieces->count = 0;
    for (const char *at = s->text, *begin = at; token_next(&at, &token); begin = at) {
        struct leat_slice piece = token.kind == TOKEN_LITERAL ? leat_slice_of(begin, (size_t)(at - begin))
                                                              : value_of(s, &token, m);
        bool value = token.kind == TOKEN_HEADER || token.kind == TOKEN_PART;
        if (value && (!piece.len || !is_clear(piece, at)))
            return false;
        if (token.kind == TOKEN_BAD || ret_pieces->count == SIGNATURE_PIECES_MAX)
            return false;
        if (token.kind == TOKEN_BODY)
            ret_pieces->body = ret_pieces->count;
        ret_pieces->items[ret_pieces->count++] = piece;
    }
    return ret_pieces->count > 0;
}

static bool in_time(const struct signature_scheme *s, const struct signature_message *m)
{
    struct token token;
    int64_t at_us;
    if (!s->timestamp)
        return true;
    value_parse(s->timestamp, strlen(s->timestamp), &token);
    struct leat_slice text = value_of(s, &token, m);
    if (!webhook_time_parse_epoch(text, &at_us) && !webhook_time_parse(text, &at_us))
        return false;
    int64_t off_us = at_us > m->now_us ? at_us - m->now_us : m->now_us - at_us;
    return off_us <= s->tolerance_ms * 1000;
}

/* --- the signatures ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t bytes;
} HASHES[] = {[SIGNATURE_SHA256] = {"SHA256", 32},
              [SIGNATURE_SHA1] = {"SHA1", 20},
              [SIGNATURE_SHA512] = {"SHA512", 64}};

struct candidates {
    uint8_t digests[SIGNATURE_CANDIDATES_MAX][DIGEST_BYTES_MAX];
    size_t count;
};

static void candidate_add(const struct signature_scheme *s, struct leat_slice item,
                          struct candidates *c)
{
    struct leat_buf digest;
    size_t bytes = HASHES[s->hash].bytes;
    if (!behind(&item, s->prefix) || c->count == SIGNATURE_CANDIDATES_MAX)
        return;
    leat_buf_init(&digest, DIGEST_BYTES_MAX);
    bool read = s->encoding == SIGNATURE_HEX ? hex_decode(item, &digest) : base64_decode(item, &digest);
    if (read && !digest.full && digest.len == bytes)
        memcpy(c->digests[c->count++], digest.data, bytes);
    leat_buf_release(&digest);
}

static void candidates_read(const struct signature_scheme *s, const char *header,
                            struct candidates *ret_candidates)
{
    struct leat_slice item;
    size_t prefix = strlen(s->prefix);
    char separator = prefix && s->prefix[prefix - 1] == ',' ? ' ' : ',';
    ret_candidates->count = 0;
    for (const char *at = header; item_next(&at, separator, &item);)
        candidate_add(s, item, ret_candidates);
}

/* A computation over what stands before the body; NULL: it cannot be made. */
static EVP_MAC_CTX *mac_begin(EVP_MAC *mac, const struct signature_scheme *s,
                              const struct signature_secret *secret, const struct pieces *pieces)
{
    char hash[8];
    snprintf(hash, sizeof hash, "%s", HASHES[s->hash].name);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    bool fine = ctx && secret->len && EVP_MAC_init(ctx, secret->key, secret->len, params);
    for (size_t i = 0; i < pieces->body && fine; i++)
        fine = EVP_MAC_update(ctx, pieces->items[i].ptr, pieces->items[i].len);
    if (fine)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static bool mac_end(EVP_MAC_CTX *ctx, const struct signature_check *c, uint8_t *ret_digest)
{
    size_t len = 0;
    bool fine = true;
    for (size_t i = 0; i < c->behind_count && fine; i++)
        fine = EVP_MAC_update(ctx, c->behind[i].ptr, c->behind[i].len);
    return fine && EVP_MAC_final(ctx, ret_digest, &len, DIGEST_BYTES_MAX) &&
           len == HASHES[c->scheme->hash].bytes;
}

static bool any_fits(const struct signature_check *c, const struct candidates *candidates)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    bool fits = false;
    for (size_t i = 0; i < c->mac_count; i++) {
        if (!mac_end(c->macs[i], c, digest))
            continue;
        for (size_t j = 0; j < candidates->count; j++)
            fits |= CRYPTO_memcmp(digest, candidates->digests[j], HASHES[c->scheme->hash].bytes) == 0;
    }
    OPENSSL_cleanse(digest, sizeof digest);
    return fits;
}

void signature_release(struct signature_check *c)
{
    while (c->mac_count)
        EVP_MAC_CTX_free(c->macs[--c->mac_count]);
}

const char *signature_begin(const struct signature_scheme *s, const struct signature_secret *secrets,
                            size_t secret_count, const struct signature_message *m,
                            struct signature_check *ret_check)
{
    struct pieces pieces;
    struct signature_check c = {.scheme = s, .header = m->header(m->arg, s->header)};
    if (!c.header)
        return "the request is not signed";
    if (!pieces_collect(s, m, &pieces))
        return "what is signed is not complete";
    if (!in_time(s, m))
        return "the time of the signature is not near enough to now";
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (size_t i = 0; i < secret_count && mac; i++) {
        c.macs[c.mac_count] = mac_begin(mac, s, &secrets[i], &pieces);
        c.mac_count += c.macs[c.mac_count] != NULL;
    }
    EVP_MAC_free(mac);
    for (size_t i = pieces.body + 1; i < pieces.count; i++)
        c.behind[c.behind_count++] = pieces.items[i];
    *ret_check = c;
    return NULL;
}

/* One that fails is of no use any more: its secret fits nothing. */
void signature_update(struct signature_check *c, struct leat_slice piece)
{
    for (size_t i = 0; i < c->mac_count; i++) {
        if (!piece.len || EVP_MAC_update(c->macs[i], piece.ptr, piece.len))
            continue;
        EVP_MAC_CTX_free(c->macs[i]);
        c->macs[i--] = c->macs[--c->mac_count];
    }
}

const char *signature_end(struct signature_check *c)
{
    struct candidates candidates;
    candidates_read(c->scheme, c->header, &candidates);
    bool fits = any_fits(c, &candidates);
    signature_release(c);
    return fits ? NULL : "the signature is not valid";
}

const char *signature_verify(const struct signature_scheme *s, const struct signature_secret *secrets,
                             size_t secret_count, const struct signature_message *m)
{
    struct signature_check check;
    const char *why = signature_begin(s, secrets, secret_count, m, &check);
    if (why)
        return why;
    signature_update(&check, m->body);
    return signature_end(&check);
}
