#include "sources/webhook/settings.h"

#include <fnmatch.h>

#include "sources/webhook/field.h"

#define AT(member) offsetof(struct webhook_settings, member)
#define SIGN(member) AT(signature.member)
#define KIB        (INT64_C(1) << 10)
#define MIB        (INT64_C(1) << 20)

/* clang-format off */
static const char *const AUTHENTICATION_CHOICES[] = {"key", "none", "signature", NULL};
static const char *const PRESET_CHOICES[] = {"none", "custom", "standard-webhooks", "svix", "stripe",
                                             "github", "shopify", "slack", "hookdeck", NULL};
static const char *const ENCODING_CHOICES[] = {"preset", "hex", "base64", NULL};
static const char *const HASH_CHOICES[] = {"preset", "sha256", "sha1", "sha512", NULL};
static const char *const KEY_CHOICES[] = {"preset", "text", "hex", "base64", NULL};
static const char *const ACCEPT_CHOICES[] = {"json", "any", NULL};

const struct leat_option webhook_options[] = {
    {.name = "tenant", .type = LEAT_OPTION_TEXT, .offset = AT(tenant), .section = "What it takes",
     .doc = "First part of the paths /event/TENANT/… and /events/TENANT/…. Default: the name of this "
            "source.", .example = "acme"},
    {.name = "streams", .type = LEAT_OPTION_LIST, .offset = AT(streams),
     .doc = "Patterns DATACORE/FLOWTYPE/EVENTTYPE of what is taken under those paths; * and ? stand "
            "for any text and any letter, not for a slash. Anything else is 404. Default: all.",
     .example = "[shop/order.0/*, shop/customer.0/customer.created.0]"},
    {.name = "authentication", .type = LEAT_OPTION_CHOICE, .offset = AT(authentication),
     .fallback = "key", .choices = AUTHENTICATION_CHOICES,
     .doc = "key: each request needs a key of `leat keys create` that may write to this tenant and "
            "source. none takes events from everybody who reaches the port. signature: each must be "
            "signed by the sender, see below."},
    {.name = "signature", .type = LEAT_OPTION_CHOICE, .offset = SIGN(preset), .fallback = "none",
     .choices = PRESET_CHOICES, .section = "Signatures (authentication: signature)",
     .doc = "What the sender does. The settings signature_* say what a custom one does, or change a "
            "preset. A request without a valid signature gets 401. The preset's id of a request (such "
            "as webhook-id) is its idempotency key and external id unless those are set."},
    {.name = "secret_files", .type = LEAT_OPTION_LIST, .offset = SIGN(secret_files),
     .doc = "Files that hold a secret each and that only their owner can read. All secrets are valid, "
            "8 at most; files are read again every second, so a new one needs no restart.",
     .example = "[/etc/leat/github.secret, /etc/leat/github.secret.old]"},
    {.name = "secret_env", .type = LEAT_OPTION_LIST, .offset = SIGN(secret_env),
     .doc = "Environment variables that hold a secret each.", .example = "[GITHUB_SECRET]"},
    {.name = "secret_credentials", .type = LEAT_OPTION_LIST, .offset = SIGN(secret_credentials),
     .doc = "Names of systemd credentials (LoadCredential=) that hold a secret each.",
     .example = "[github.secret]"},
    {.name = "signature_text", .type = LEAT_OPTION_TEXT, .offset = SIGN(text),
     .doc = "What is signed. {header:NAME} is a header, {part:NAME} what stands behind NAME= in the "
            "header of the signature, {body} the body as it came. Default of custom: {body}.",
     .example = "\"{header:X-Id}.{header:X-Time}.{body}\""},
    {.name = "signature_header", .type = LEAT_OPTION_TEXT, .offset = SIGN(header),
     .doc = "The header that holds the signature, or several: with commas between them, or blanks when "
            "signature_prefix ends with a comma.", .example = "X-Signature"},
    {.name = "signature_prefix", .type = LEAT_OPTION_TEXT, .offset = SIGN(prefix),
     .doc = "What stands before a signature there. Signatures without it do not count.",
     .example = "\"sha256=\""},
    {.name = "signature_encoding", .type = LEAT_OPTION_CHOICE, .offset = SIGN(encoding),
     .fallback = "preset", .choices = ENCODING_CHOICES,
     .doc = "How it is written. preset: as the preset has it, of custom hex."},
    {.name = "signature_hash", .type = LEAT_OPTION_CHOICE, .offset = SIGN(hash), .fallback = "preset",
     .choices = HASH_CHOICES, .doc = "The hash of its HMAC. preset: sha256."},
    {.name = "signature_key", .type = LEAT_OPTION_CHOICE, .offset = SIGN(key), .fallback = "preset",
     .choices = KEY_CHOICES,
     .doc = "How the secret is written: as text that is the key itself, or as hex or base64 of it; "
            "whsec_ before base64 is left out. preset: as the preset has it, of custom text."},
    {.name = "signature_timestamp", .type = LEAT_OPTION_TEXT, .offset = SIGN(timestamp),
     .doc = "Where a request says when it was signed: header:NAME or part:NAME. It must be part of "
            "signature_text. Seconds or milliseconds since 1970, or ISO 8601. Without it an old "
            "request can be sent again by whoever saw it.", .example = "header:X-Time"},
    {.name = "signature_tolerance", .type = LEAT_OPTION_DURATION, .offset = SIGN(tolerance_ms),
     .fallback = "5m", .min = 1000, .max = INT64_C(24) * 3600 * 1000,
     .doc = "How far that time may be from ours, in both directions."},
    {.name = "request_size", .type = LEAT_OPTION_SIZE, .offset = AT(request_bytes_max),
     .fallback = "16MiB", .min = KIB, .max = 64 * MIB, .section = "Bounds",
     .doc = "Longest body, also after it was decompressed. Longer ones get 413."},
    {.name = "event_size", .type = LEAT_OPTION_SIZE, .offset = AT(event_bytes_max),
     .fallback = "1MiB", .min = KIB, .max = 64 * MIB, .doc = "Longest single event."},
    {.name = "events_per_request", .type = LEAT_OPTION_INT, .offset = AT(events_max),
     .fallback = "10000", .min = 1, .max = 10000, .doc = "Most events of one request."},
    {.name = "file_size", .type = LEAT_OPTION_SIZE, .offset = AT(file_bytes_max),
     .fallback = "1GiB", .min = KIB, .max = INT64_C(4096) * MIB,
     .doc = "Longest file. On its way it lies on the disk of the store, beside its parts there."},
    {.name = "files_at_once", .type = LEAT_OPTION_INT, .offset = AT(files_max),
     .fallback = "16", .min = 1, .max = 1000,
     .doc = "Most files that are on their way at a time; the next one gets 503."},
    {.name = "hold", .type = LEAT_OPTION_DURATION, .offset = AT(hold_ms), .fallback = "5s",
     .min = 0, .max = 60 * 1000,
     .doc = "How long a request waits while the store has no room, before it gets 503. Clients that "
            "give up after three quick tries lose fewer events when they are held."},
    {.name = "idempotency_window", .type = LEAT_OPTION_DURATION, .offset = AT(idempotency_window_ms),
     .fallback = "7d", .min = 60 * 1000, .max = INT64_C(90) * 24 * 3600 * 1000,
     .doc = "How long the keys of Idempotency-Key headers are remembered. A repeat gets 200 with the "
            "ids of the first, another body under the same key 422."},
    {.name = "idempotency_keys", .type = LEAT_OPTION_INT, .offset = AT(idempotency_keys_max),
     .fallback = "5000000", .min = 1000, .max = 500000000,
     .doc = "Keys within the window that memory is set aside for, some 4 bytes each. When more come, none is "
            "forgotten, but more requests need a look into the store, which takes them longer."},
    {.name = "cloudevents", .type = LEAT_OPTION_BOOL, .offset = AT(cloudevents), .fallback = "true",
     .section = "CloudEvents",
     .doc = "Recognise CloudEvents 1.0: binary, structured, and (on /in/ and /events/) batched. Their "
            "source and id are the idempotency key; on /in/ the type is the event type and the subject the "
            "external id. Binary ones not with authentication: signature, which does not cover headers."},
    {.name = "allowed_origins", .type = LEAT_OPTION_LIST, .offset = AT(allowed_origins),
     .doc = "Senders that get consent when they ask with OPTIONS and WebHook-Request-Origin whether "
            "they may send here; * for all. Default: none.", .example = "[eventgrid.azure.net]"},
    {.name = "accept", .type = LEAT_OPTION_CHOICE, .offset = AT(accept), .fallback = "json",
     .choices = ACCEPT_CHOICES, .section = "Senders that know only a URL: POST /in/SOURCE",
     .doc = "json: the body must be one JSON text. any: every body is stored as it came, with its "
            "content type in the metadata."},
    {.name = "data_core", .type = LEAT_OPTION_TEXT, .offset = AT(data_core),
     .fallback = "webhooks", .doc = "Data core of these events."},
    {.name = "flow_type", .type = LEAT_OPTION_TEXT, .offset = AT(flow_type),
     .doc = "Flow type of these events. Default: the name of this source.", .example = "github.0"},
    {.name = "event_type", .type = LEAT_OPTION_TEXT, .offset = AT(event_type), .check = field_check,
     .doc = "Where a request says its event type: header:NAME, json:/pointer into the body, or "
            "text:WORD for always the same. A request that does not say it gets 400.",
     .fallback = "text:received", .example = "header:X-GitHub-Event"},
    {.name = "external_id", .type = LEAT_OPTION_TEXT, .offset = AT(external_id), .check = field_check,
     .doc = "Where it says its own id, in the same forms. Stored beside the event.",
     .example = "header:X-GitHub-Delivery"},
    {.name = "event_time", .type = LEAT_OPTION_TEXT, .offset = AT(event_time), .check = field_check,
     .doc = "Where it says when it happened: ISO 8601 with a zone, or seconds or milliseconds since "
            "1970. Default: when it came.", .example = "json:/created"},
    {.name = "idempotency_key", .type = LEAT_OPTION_TEXT, .offset = AT(idempotency_key),
     .check = field_check,
     .doc = "Where it says what makes it the same request when it comes again, beside the header "
            "Idempotency-Key, which wins.", .example = "header:X-GitHub-Delivery"},
    {.name = NULL},
};
/* clang-format on */

static unsigned slashes(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '/';
    return n;
}

/* What is said of signatures must have an effect: who gives a secret believes that it is asked for. */
static int signature_validate(const struct webhook_settings *s, struct leat_err *err)
{
    const struct signature_settings *o = &s->signature;
    struct signature_scheme ignored;
    size_t secrets = o->secret_files.count + o->secret_env.count + o->secret_credentials.count;
    bool any = o->preset != SIGNATURE_NONE || secrets || o->text || o->header || o->prefix ||
               o->timestamp || o->encoding || o->hash || o->key;
    if (s->authentication != WEBHOOK_AUTHENTICATION_SIGNATURE)
        return !any ? LEAT_OK
                    : leat_fail(err, LEAT_ECONFIG,
                                "signatures are only checked with authentication: signature");
    if (!secrets)
        return leat_fail(err, LEAT_ECONFIG,
                         "authentication: signature needs a secret: secret_files, secret_env or "
                         "secret_credentials");
    return signature_scheme_make(o, &ignored, err);
}

int webhook_settings_validate(const struct webhook_settings *s, struct leat_err *err)
{
    for (size_t i = 0; i < s->streams.count; i++)
        if (slashes(s->streams.items[i]) != 2)
            return leat_fail(err, LEAT_ECONFIG,
                             "streams: \"%s\" is not of the form DATACORE/FLOWTYPE/EVENTTYPE",
                             s->streams.items[i]);
    for (size_t i = 0; i < s->allowed_origins.count; i++)
        if (!*s->allowed_origins.items[i] || strlen(s->allowed_origins.items[i]) > 253 ||
            strpbrk(s->allowed_origins.items[i], " \t\r\n,"))
            return leat_fail(err, LEAT_ECONFIG, "allowed_origins: \"%s\" is no name of a host",
                             s->allowed_origins.items[i]);
    if (s->event_bytes_max > s->request_bytes_max)
        return leat_fail(err, LEAT_ECONFIG, "event_size is larger than request_size");
    return signature_validate(s, err);
}

/* One part at a time: a name may hold what another pattern's slash would match. */
static bool part_fits(const char **pattern, const char *name)
{
    char part[256];
    size_t len = strcspn(*pattern, "/");
    if (len >= sizeof part)
        return false;
    memcpy(part, *pattern, len);
    part[len] = '\0';
    *pattern += len + ((*pattern)[len] == '/');
    return fnmatch(part, name, FNM_NOESCAPE) == 0;
}

bool webhook_settings_stream(const struct webhook_settings *s, const char *data_core,
                             const char *flow_type, const char *event_type)
{
    for (size_t i = 0; i < s->streams.count; i++) {
        const char *pattern = s->streams.items[i];
        if (part_fits(&pattern, data_core) && part_fits(&pattern, flow_type) &&
            part_fits(&pattern, event_type))
            return true;
    }
    return s->streams.count == 0;
}
