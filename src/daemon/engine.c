#include "daemon/engine.h"

#include <leat/clock.h>
#include <leat/log.h>

#include "daemon/connectors.h"
#include "daemon/emission.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BUSY_LEVEL = -3 }; /* 1.6 times as quick as 1, five sixths of its ratio */

static struct leat_store_options store_options(const struct leat_settings *s)
{
    return (struct leat_store_options){
        .path = s->store.path,
        .segment_bytes = s->store.segment_bytes,
        .segment_age_ms = s->store.segment_age_ms,
        .map_bytes = s->store.map_bytes,
        .quota_bytes = s->store.quota_bytes,
        .low_water_bytes = s->store.low_water_bytes,
    };
}

/* Who asked for more than the quickest level gets it always. */
static int busy_level(int level)
{
    return level > 1 || level < BUSY_LEVEL ? level : BUSY_LEVEL;
}

static int runner_open(struct engine *e, const struct leat_config_instance *instance, struct leat_err *err)
{
    const struct leat_settings *s = leat_config_settings(e->config);
    struct leat_source_runner_settings settings = {
        .instance = instance->name,
        .ops = leat_source_named(instance->type->name),
        .ctx = instance->ctx,
        .directory = s->store.path,
        .batch = {s->store.compression == LEAT_SETTINGS_ZSTD ? LEAT_COMPRESSION_ZSTD : LEAT_COMPRESSION_NONE,
                  (int)s->store.compression_level, busy_level((int)s->store.compression_level)},
        .drain_ms = s->shutdown_timeout_ms / 2,
    };
    int status = leat_source_runner_new(&settings, e->store, e->committer, &e->runners[e->runner_count], err);
    e->runner_count += status == LEAT_OK;
    return status;
}

static int emitter_open(struct engine *e, const struct leat_config_instance *instance, struct leat_err *err)
{
    const struct leat_settings *s = leat_config_settings(e->config);
    struct leat_emit_runner_settings settings = {
        .instance = instance->name,
        .ops = leat_emitter_named(instance->type->name),
        .ctx = instance->ctx,
        .directory = s->store.path,
        .drain_ms = s->shutdown_timeout_ms / 4,
    };
    int status = emission_start(instance, &settings, err);
    if (!status)
        status = leat_emit_runner_new(&settings, e->store, &e->emitters[e->emitter_count], err);
    if (status)
        return status;
    leat_committer_watch(e->committer, leat_emit_runner_wake_fd(e->emitters[e->emitter_count++]));
    return LEAT_OK;
}

static int parts_open(struct engine *e, struct leat_err *err)
{
    const struct leat_settings *s = leat_config_settings(e->config);
    struct leat_store_options options = store_options(s);
    size_t count = leat_config_instance_count(e->config);
    size_t emitter_count = leat_config_role_count(e->config, LEAT_CONFIG_EMITTER);
    e->failed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    e->runners = calloc(count ? count : 1, sizeof *e->runners);
    e->emitters = calloc(emitter_count ? emitter_count : 1, sizeof *e->emitters);
    if (e->failed_fd < 0 || !e->runners || !e->emitters)
        return leat_fail_errno(err, LEAT_ERETRY, errno, "cannot set the daemon up");
    int status = leat_store_open(&options, &e->store, err);
    if (!status)
        status = leat_committer_new(e->store, &e->committer, err);
    for (size_t i = 0; !status && i < count; i++)
        status = runner_open(e, leat_config_instance_at(e->config, i), err);
    for (size_t i = 0; !status && i < emitter_count; i++)
        status = emitter_open(e, leat_config_role_at(e->config, LEAT_CONFIG_EMITTER, i), err);
    return status;
}

int engine_open(const struct leat_config *config, struct engine *ret_engine, struct leat_err *err)
{
    struct engine e = {.config = config, .failed_fd = -1, .started_us = leat_clock_wall_us()};
    int status = parts_open(&e, err);
    if (status) {
        engine_close(&e);
        return status;
    }
    *ret_engine = e;
    return LEAT_OK;
}

int engine_start(struct engine *e, struct leat_err *err)
{
    int status = leat_committer_start(e->committer, e->failed_fd, err);
    for (size_t i = 0; !status && i < e->runner_count; i++)
        status = leat_source_runner_start(e->runners[i], err);
    for (size_t i = 0; !status && i < e->emitter_count; i++)
        status = leat_emit_runner_start(e->emitters[i], err);
    return status;
}

bool engine_stop(struct engine *e, int64_t until_ms)
{
    bool all = true;
    for (size_t i = 0; i < e->runner_count; i++)
        leat_source_runner_stop(e->runners[i]);
    for (size_t i = 0; i < e->emitter_count; i++)
        leat_emit_runner_stop(e->emitters[i]); /* what is stored from now on waits in the store */
    for (size_t i = 0; i < e->runner_count; i++) {
        bool joined = leat_source_runner_join(e->runners[i], until_ms);
        if (!joined)
            LEAT_WARN("source", leat_source_runner_instance(e->runners[i]), "did not end in time");
        all &= joined;
    }
    if (all)
        leat_committer_stop(e->committer);
    for (size_t i = 0; i < e->emitter_count; i++) {
        bool joined = leat_emit_runner_join(e->emitters[i], until_ms);
        if (!joined)
            LEAT_WARN("emitter", leat_emit_runner_instance(e->emitters[i]), "did not end in time");
        all &= joined;
    }
    return all;
}

void engine_close(struct engine *e)
{
    for (size_t i = 0; i < e->runner_count; i++)
        leat_source_runner_free(e->runners[i]);
    for (size_t i = 0; i < e->emitter_count; i++)
        leat_emit_runner_free(e->emitters[i]);
    leat_committer_free(e->committer);
    leat_store_close(e->store);
    free(e->runners);
    free(e->emitters);
    if (e->failed_fd >= 0)
        close(e->failed_fd);
    *e = (struct engine){.failed_fd = -1};
}

bool engine_ready(const struct engine *e)
{
    struct leat_err ignored;
    bool ready = leat_committer_state(e->committer, &ignored) == LEAT_OK;
    for (size_t i = 0; i < e->runner_count; i++)
        ready &= leat_source_runner_ready(e->runners[i]);
    return ready;
}
