/*
 * Words of choices stand in the order of the enums that they become.
 */
#include "config/daemon_options.h"

#include <leat/loopback.h>

#define AT(member) offsetof(struct leat_settings, member)
#define MIB        (INT64_C(1) << 20)
#define TIB        (INT64_C(1) << 40)
#define SECOND     INT64_C(1000)
#define HOUR       (3600 * SECOND)

/* clang-format off */
static const char *const COMPRESSION_CHOICES[] = {"none", "zstd", NULL};
static const char *const LEVEL_CHOICES[] = {"debug", "info", "warn", "error", NULL};
static const char *const FORMAT_CHOICES[] = {"text", "json", NULL};

static const struct leat_option TOP_OPTIONS[] = {
    {.name = "shutdown_timeout", .type = LEAT_OPTION_DURATION, .offset = AT(shutdown_timeout_ms),
     .fallback = "10s", .min = SECOND, .max = 10 * 60 * SECOND,
     .doc = "How long a stop waits for what was already read to become durable. Nothing is lost "
             "when it is cut short: what was not confirmed is read again at the next start."},
    {.name = NULL},
};

static const struct leat_option STORE_OPTIONS[] = {
    {.name = "path", .type = LEAT_OPTION_TEXT, .offset = AT(store.path),
     .fallback = "/var/lib/leat",
     .doc = "Directory of the store, created if it is missing. One daemon writes a directory. It "
             "belongs on a local file system that keeps its word about fsync, better not on the "
             "database's own disk."},
    {.name = "segment_size", .type = LEAT_OPTION_SIZE, .offset = AT(store.segment_bytes),
     .fallback = "1GiB", .min = MIB, .max = TIB,
     .doc = "A segment is a file; a new one is begun when the newest passes this size. Space is "
             "given back by whole segments, so smaller ones follow a retention more closely."},
    {.name = "segment_age", .type = LEAT_OPTION_DURATION, .offset = AT(store.segment_age_ms),
     .fallback = "1d", .min = 0, .max = 366 * 24 * HOUR,
     .doc = "A new segment is also begun when the newest is so old and not empty. 0: by size "
             "only."},
    {.name = "map_size", .type = LEAT_OPTION_SIZE, .offset = AT(store.map_bytes),
     .fallback = "64GiB", .min = 4 * MIB, .max = 16 * TIB,
     .doc = "Address space reserved for a segment, and the hard bound of its size; it takes no "
             "disk. It must be larger than segment_size, by the largest transaction that may "
             "come. Lower it where address space is limited (ulimit -v)."},
    {.name = "quota", .type = LEAT_OPTION_SIZE, .offset = AT(store.quota_bytes),
     .fallback = "0", .min = 0, .max = 1024 * TIB,
     .doc = "Disk that all segments together may use. When it is reached sources pause, so the "
             "database keeps its log, and they go on by themselves when there is room again. 0: "
             "no quota."},
    {.name = "low_water", .type = LEAT_OPTION_SIZE, .offset = AT(store.low_water_bytes),
     .fallback = "1GiB", .min = 0, .max = 1024 * TIB,
     .doc = "Free space of the disk that leat never uses; sources pause as with quota. It keeps "
             "the last bytes of a disk that is shared with a database for the database."},
    {.name = "compression", .type = LEAT_OPTION_CHOICE, .offset = AT(store.compression),
     .fallback = "zstd", .choices = COMPRESSION_CHOICES,
     .doc = "How blocks of events are stored. A block that does not shrink is stored as it is."},
    {.name = "compression_level", .type = LEAT_OPTION_INT, .offset = AT(store.compression_level),
     .fallback = "1", .min = -7, .max = 19,
     .doc = "zstd's level: higher is smaller and slower. At 1 and below, blocks that fill while a source "
             "has a lot to say are compressed at -3, which keeps pace with a database that writes hard."},
    {.name = NULL},
};

static int check_listen(const char *text, struct leat_err *err)
{
    struct leat_loopback ignored;
    return leat_loopback_parse(text, &ignored, err);
}

static const struct leat_option HTTP_OPTIONS[] = {
    {.name = "listen", .type = LEAT_OPTION_TEXT, .offset = AT(http.listen),
     .fallback = "127.0.0.1:7311",
     .doc = "Address and port for /metrics, /healthz, /readyz and /status; \"off\" for none. "
             "Only loopback addresses (127.0.0.1, [::1], localhost), because the port speaks "
             "neither TLS nor passwords.",
     .check = check_listen},
    {.name = NULL},
};

static int check_listen_any(const char *text, struct leat_err *err)
{
    struct leat_loopback ignored;
    return leat_loopback_parse_any(text, &ignored, err);
}

static const struct leat_option INGEST_OPTIONS[] = {
    {.name = "listen", .type = LEAT_OPTION_TEXT, .offset = AT(ingest.listen),
     .fallback = "127.0.0.1:7312", .check = check_listen_any,
     .doc = "Address and port where events come in; \"off\" for none. It is opened when there is a "
            "source that takes them. An address that other machines can reach needs tls_certificate "
            "or trusted_proxies."},
    {.name = "tls_certificate", .type = LEAT_OPTION_TEXT, .offset = AT(ingest.tls_certificate),
     .doc = "PEM file with the certificate and its chain: the port then speaks TLS only. Read at "
            "the start.", .example = "/etc/leat/tls.crt"},
    {.name = "tls_key", .type = LEAT_OPTION_TEXT, .offset = AT(ingest.tls_key),
     .doc = "PEM file with its private key, which only its owner can read.",
     .example = "/etc/leat/tls.key"},
    {.name = "trusted_proxies", .type = LEAT_OPTION_LIST, .offset = AT(ingest.trusted_proxies),
     .doc = "Addresses of proxies that speak TLS for us. When it is given, nobody else may "
            "connect.", .example = "[10.0.0.5]"},
    {.name = "threads", .type = LEAT_OPTION_INT, .offset = AT(ingest.threads), .fallback = "2",
     .min = 1, .max = 64, .doc = "Threads that receive and answer."},
    {.name = "connections", .type = LEAT_OPTION_INT, .offset = AT(ingest.connections_max),
     .fallback = "2000", .min = 1, .max = 60000,
     .doc = "Most connections at a time. Each needs a file descriptor (LimitNOFILE)."},
    {.name = "connections_per_address", .type = LEAT_OPTION_INT,
     .offset = AT(ingest.connections_per_address_max), .fallback = "1000", .min = 1, .max = 60000,
     .doc = "Most of them from one address, so that one client leaves room for others."},
    {.name = "memory", .type = LEAT_OPTION_SIZE, .offset = AT(ingest.memory_bytes),
     .fallback = "64MiB", .min = MIB, .max = TIB,
     .doc = "All bodies together that are not answered yet. Above it requests get 503."},
    {.name = "head_size", .type = LEAT_OPTION_SIZE, .offset = AT(ingest.head_bytes), .fallback = "64KiB",
     .min = 32 * 1024, .max = MIB,
     .doc = "Request line and headers together, and some KiB for the answer's; longer ones get 431. Each "
            "connection takes so much memory, and each request the time to clear it: raise it only for long "
            "metadata headers."},
    {.name = "rate_per_address", .type = LEAT_OPTION_INT, .offset = AT(ingest.rate_per_address),
     .fallback = "0", .min = 0, .max = 1000000,
     .doc = "Most requests of one address in each rate_window, right or wrong ones; 0: as many as come. They "
            "may come all at once, then as fast as the window gives them back. More get 429 with Retry-After; "
            "every answer says in RateLimit how many are left. Behind trusted_proxies the address is the "
            "client's, by X-Forwarded-For; of IPv6 addresses the first 64 bits count."},
    {.name = "rate_per_key", .type = LEAT_OPTION_INT, .offset = AT(ingest.rate_per_key), .fallback = "0",
     .min = 0, .max = 1000000,
     .doc = "Most requests with one API key in each rate_window, from wherever; 0: as many as come."},
    {.name = "rate_window", .type = LEAT_OPTION_DURATION, .offset = AT(ingest.rate_window_ms),
     .fallback = "1m", .min = SECOND, .max = 24 * HOUR,
     .doc = "What rate_per_address and rate_per_key count in."},
    {.name = "read", .type = LEAT_OPTION_BOOL, .offset = AT(ingest.read), .fallback = "false",
     .doc = "Open the port also when no source takes events, so that the stream can be read: "
            "GET /v1/events, with a key that may read. When the port is open, it is served anyway."},
    {.name = NULL},
};

static const struct leat_option LOG_OPTIONS[] = {
    {.name = "level", .type = LEAT_OPTION_CHOICE, .offset = AT(log.level), .fallback = "info",
     .choices = LEVEL_CHOICES, .flags = LEAT_OPTION_RELOAD,
     .doc = "Least severity that is written to standard error. Only debug may show values of "
             "rows."},
    {.name = "format", .type = LEAT_OPTION_CHOICE, .offset = AT(log.format), .fallback = "text",
     .choices = FORMAT_CHOICES, .flags = LEAT_OPTION_RELOAD,
     .doc = "text is a line of key=value pairs, json an object a line."},
    {.name = NULL},
};

const struct leat_settings_section leat_settings_sections[] = {
    {.name = NULL, .doc = "The daemon", .options = TOP_OPTIONS},
    {.name = "store", .doc = "The store: where events are kept until they are no longer needed",
     .options = STORE_OPTIONS},
    {.name = "http", .doc = "The HTTP port: metrics and health, for machines",
     .options = HTTP_OPTIONS},
    {.name = "ingest", .doc = "The port where events come in over HTTP", .options = INGEST_OPTIONS},
    {.name = "log", .doc = "The log, on standard error", .options = LOG_OPTIONS},
    {.options = NULL},
};
/* clang-format on */
