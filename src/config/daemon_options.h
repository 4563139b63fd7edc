/*
 * The settings of the daemon itself: everything in the configuration file outside `sources`.
 *
 * One table per section; offsets are relative to struct leat_settings. The first section has no
 * name: its options stand at the top of the file.
 */
#ifndef CONFIG_DAEMON_OPTIONS_H
#define CONFIG_DAEMON_OPTIONS_H

#include <leat/option.h>

/* As enum leat_compression. */
enum leat_settings_compression { LEAT_SETTINGS_NONE, LEAT_SETTINGS_ZSTD };

struct leat_settings {
    int64_t shutdown_timeout_ms;
    struct {
        const char *path;
        int64_t segment_bytes;
        int64_t segment_age_ms;
        int64_t map_bytes;
        int64_t quota_bytes;
        int64_t low_water_bytes;
        int compression; /* enum leat_settings_compression */
        int64_t compression_level;
    } store;
    struct {
        const char *listen; /* "127.0.0.1:7311", "[::1]:7311" or "off" */
    } http;
    struct {
        const char *listen; /* any address, or "off" */
        const char *tls_certificate, *tls_key;
        struct leat_strings trusted_proxies;
        int64_t threads;
        int64_t connections_max, connections_per_address_max;
        int64_t memory_bytes, head_bytes;
        int64_t rate_per_address, rate_per_key, rate_window_ms;
        bool read;
    } ingest;
    struct {
        int level;  /* enum leat_log_level */
        int format; /* enum leat_log_format */
    } log;
};

struct leat_settings_section {
    const char *name; /* NULL: the options at the top */
    const char *doc;
    const struct leat_option *options; /* NULL ends the sections */
};

extern const struct leat_settings_section leat_settings_sections[];

#endif
