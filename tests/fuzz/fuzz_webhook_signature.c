/*
 * Any headers on a signed request. The input is lines: preset, id, timestamp, the signatures; the rest
 * is the text of a custom scheme. Nobody here knows the secret, so nothing may pass; and what we sign
 * ourselves passes with whatever stands beside it.
 */
#include "sources/webhook/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LINE_MAX_BYTES = 2048 };

struct lines {
    char id[LINE_MAX_BYTES], timestamp[LINE_MAX_BYTES], signatures[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
    const char *header;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char *header_of(const void *arg, const char *name)
{
    const struct lines *l = arg;
    if (strcasecmp(name, l->header) == 0)
        return l->signatures;
    if (strcasestr(name, "time"))
        return l->timestamp;
    return l->id[0] ? l->id : NULL;
}

static size_t line_take(const uint8_t *data, size_t len, char *ret_line)
{
    size_t n = 0;
    while (n < len && n < LINE_MAX_BYTES - 1 && data[n] != '\n' && data[n])
        n++;
    memcpy(ret_line, data, n);
    ret_line[n] = '\0';
    return n < len ? n + 1 : n;
}

static const uint8_t BODY[] = "{\"id\":\"x\"}";
static const struct signature_secret SECRET = {.key = "\x01nobody knows\xff", .len = 14};

/* The GitHub form, whose text is the body alone. */
static void check_signed(struct lines *l, struct signature_message *m)
{
    static const struct signature_settings SETTINGS = {.preset = SIGNATURE_CUSTOM, .header = "X-Sign",
                                                       .prefix = "sign="};
    struct signature_scheme scheme;
    struct leat_err err;
    char whole[2 * LINE_MAX_BYTES], *at = whole;
    uint8_t digest[32];
    l->signatures[strcspn(l->signatures, "s")] = '\0'; /* no "sign=" before ours, so that it is among the first */
    at += snprintf(at, LINE_MAX_BYTES, "%s,sign=", l->signatures);
    require(HMAC(EVP_sha256(), SECRET.key, (int)SECRET.len, BODY, sizeof BODY - 1, digest, NULL) != NULL);
    for (size_t i = 0; i < sizeof digest; i++)
        at += snprintf(at, 3, "%02x", digest[i]);
    snprintf(l->signatures, sizeof l->signatures, "%s", strlen(whole) < LINE_MAX_BYTES ? whole : strrchr(whole, ',') + 1);
    l->header = "X-Sign";
    require(signature_scheme_make(&SETTINGS, &scheme, &err) == LEAT_OK);
    require(signature_verify(&scheme, &SECRET, 1, m) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct lines l;
    struct signature_scheme scheme;
    struct signature_secret read;
    struct leat_err err;
    struct signature_message m = {.header = header_of, .arg = &l, .body = {BODY, sizeof BODY - 1},
                                  .now_us = INT64_C(1763715600000000)};
    struct signature_settings o = {.header = NULL, .tolerance_ms = 300000};
    if (!len)
        return 0;
    o.preset = data[0] % (SIGNATURE_HOOKDECK + 1);
    data++, len--;
    char *const fields[] = {l.id, l.timestamp, l.signatures, l.text};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t taken = line_take(data, len, fields[i]);
        data += taken, len -= taken;
    }
    if (o.preset == SIGNATURE_CUSTOM)
        o.text = l.text, o.header = "X-Sign", o.prefix = "", o.timestamp = l.id[0] ? l.id : NULL;
    if (signature_scheme_make(&o, &scheme, &err) == LEAT_OK) {
        l.header = scheme.header;
        require(signature_verify(&scheme, &SECRET, 1, &m) != NULL);
        if (signature_secret_read(&scheme, l.id, &read, &err) == LEAT_OK)
            require(read.len && read.len <= sizeof read.key);
    }
    check_signed(&l, &m);
    return 0;
}
