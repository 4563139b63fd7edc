#include "daemon/intake.h"

#include <leat/log.h>

#include "daemon/connectors.h"
#include "feed/feed.h"
#include "feed/files.h"
#include "feed/flowcore.h"
#include "feed/named.h"
#include "feed/openapi.h"

#include <stdlib.h>
#include <string.h>

enum { OWN_MOUNTS = 5 }; /* beside the sources', at most */

struct intake {
    struct leat_ingest *ingest;
    struct feed *feed;
    struct named *named;
    struct flowcore *flowcore;
    struct feed_files *files;
    struct leat_api_keys *keys;
    struct leat_keyring *keyring;
    struct leat_ingest_mount *mounts;
    size_t mount_count; /* those that were attached */
    const char *address;
};

static struct leat_ingest_options options_of(const struct leat_config *config)
{
    const struct leat_settings *s = leat_config_settings(config);
    return (struct leat_ingest_options){
        .listen = s->ingest.listen,
        .certificate = s->ingest.tls_certificate,
        .key = s->ingest.tls_key,
        .proxies = s->ingest.trusted_proxies,
        .threads = (unsigned)s->ingest.threads,
        .connections_max = (unsigned)s->ingest.connections_max,
        .per_address_max = (unsigned)s->ingest.connections_per_address_max,
        .memory_bytes = s->ingest.memory_bytes,
        .head_bytes = s->ingest.head_bytes,
        .rate_per_address = s->ingest.rate_per_address,
        .rate_per_key = s->ingest.rate_per_key,
        .rate_window_ms = s->ingest.rate_window_ms,
    };
}

static const struct leat_ingest_ops *ops_of(const struct leat_config_instance *instance)
{
    return leat_source_named(instance->type->name)->ingest;
}

/* True if there is a source that takes events or the stream is to be read, and a port for them. */
static bool wanted(const struct leat_config *config)
{
    bool any = leat_config_settings(config)->ingest.read;
    for (size_t i = 0; i < leat_config_instance_count(config); i++)
        any |= ops_of(leat_config_instance_at(config, i)) != NULL;
    return any && strcmp(leat_config_settings(config)->ingest.listen, "off") != 0;
}

int intake_check(const struct leat_config *config, struct leat_err *err)
{
    struct leat_ingest_options options = options_of(config);
    return wanted(config) ? leat_ingest_check(&options, err) : LEAT_OK;
}

static int attach_all(struct intake *intake, const struct leat_config *config, struct leat_err *err)
{
    int status = LEAT_OK;
    for (size_t i = 0; i < leat_config_instance_count(config) && !status; i++) {
        const struct leat_config_instance *instance = leat_config_instance_at(config, i);
        const struct leat_ingest_ops *ops = ops_of(instance);
        if (!ops)
            continue;
        status = ops->attach ? ops->attach(instance->ctx, instance->name, err) : LEAT_OK;
        if (!status)
            intake->mounts[intake->mount_count++] =
                (struct leat_ingest_mount){ops, instance->ctx, instance->name};
    }
    return status;
}

static int feed_open(struct intake *intake, struct engine *engine, struct leat_err *err)
{
    int status = feed_new(engine->store, &intake->feed, err);
    if (status)
        return status;
    leat_committer_watch(engine->committer, feed_wake_fd(intake->feed));
    intake->mounts[intake->mount_count++] = (struct leat_ingest_mount){&feed_ops, intake->feed, "feed"};
    status = named_new(engine->store, &intake->named, err);
    if (status)
        return status;
    intake->mounts[intake->mount_count++] = (struct leat_ingest_mount){&named_ops, intake->named, "readers"};
    status = flowcore_new(engine->store, &intake->flowcore, err);
    if (status)
        return status;
    intake->mounts[intake->mount_count++] =
        (struct leat_ingest_mount){&flowcore_ops, intake->flowcore, "flowcore"};
    intake->mounts[intake->mount_count++] = (struct leat_ingest_mount){&openapi_ops, NULL, "openapi"};
    status = feed_files_new(engine->store, &intake->files, err);
    if (!status)
        intake->mounts[intake->mount_count++] =
            (struct leat_ingest_mount){&feed_files_ops, intake->files, "files"};
    return status;
}

static int parts_open(struct intake *intake, struct engine *engine, struct leat_err *err)
{
    struct leat_ingest_options options = options_of(engine->config);
    const char *path = leat_config_settings(engine->config)->store.path;
    intake->address = options.listen;
    intake->mounts = calloc(leat_config_instance_count(engine->config) + OWN_MOUNTS, sizeof *intake->mounts);
    int status = intake->mounts ? LEAT_OK : leat_fail(err, LEAT_ERETRY, "out of memory for sources");
    if (!status)
        status = attach_all(intake, engine->config, err);
    if (!status)
        status = feed_open(intake, engine, err);
    if (!status)
        status = leat_api_keys_open(path, engine->store, &intake->keys, err);
    if (!status)
        status = leat_keyring_new(intake->keys, &intake->keyring, err);
    options.mounts = intake->mounts;
    options.mount_count = intake->mount_count;
    options.keyring = intake->keyring;
    return status ? status : leat_ingest_open(&options, &intake->ingest, err);
}

int intake_open(struct engine *engine, struct intake **ret_intake, struct leat_err *err)
{
    *ret_intake = NULL;
    if (!wanted(engine->config))
        return LEAT_OK;
    struct intake *intake = calloc(1, sizeof *intake);
    int status = intake ? parts_open(intake, engine, err)
                        : leat_fail(err, LEAT_ERETRY, "out of memory for the port for events");
    if (status) {
        intake_close(intake);
        return status;
    }
    *ret_intake = intake;
    return LEAT_OK;
}

int intake_listen(struct intake *intake, struct leat_err *err)
{
    if (!intake)
        return LEAT_OK;
    int status = feed_start(intake->feed, err);
    if (!status)
        status = named_start(intake->named, err);
    if (!status)
        status = flowcore_start(intake->flowcore, err);
    if (!status)
        status = feed_files_start(intake->files, err);
    if (!status)
        status = leat_ingest_start(intake->ingest, err);
    if (!status)
        LEAT_INFO("ingest", NULL, "listening", LEAT_F_TEXT("address", intake->address),
                  LEAT_F_INT("port", leat_ingest_port(intake->ingest)));
    return status;
}

void intake_close(struct intake *intake)
{
    if (!intake)
        return;
    feed_stop(intake->feed);
    named_stop(intake->named);
    flowcore_stop(intake->flowcore);
    feed_files_stop(intake->files);
    leat_ingest_close(intake->ingest);
    while (intake->mount_count) {
        struct leat_ingest_mount *mount = &intake->mounts[--intake->mount_count];
        if (mount->ops->detach)
            mount->ops->detach(mount->ctx);
    }
    feed_free(intake->feed);
    named_free(intake->named);
    flowcore_free(intake->flowcore);
    feed_files_free(intake->files);
    leat_keyring_free(intake->keyring);
    leat_api_keys_close(intake->keys);
    free(intake->mounts);
    free(intake);
}

const struct leat_ingest_stats *intake_stats(const struct intake *intake)
{
    return leat_ingest_stats(intake->ingest);
}

const struct feed_stats *intake_feed_stats(const struct intake *intake)
{
    return feed_stats(intake->feed);
}

const struct named_stats *intake_named_stats(const struct intake *intake)
{
    return named_stats(intake->named);
}

const struct flowcore_stats *intake_flowcore_stats(const struct intake *intake)
{
    return flowcore_stats(intake->flowcore);
}
