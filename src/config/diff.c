/*
 * Two loaded files side by side. Values are compared, not texts: 60s and 1m are the same.
 */
#include "config/config.h"
#include "config/scalar.h"
#include "config/section.h"

struct diff {
    leat_config_change_fn each;
    void *arg;
    size_t count;
};

static void tell(struct diff *d, const struct leat_config_change *change)
{
    d->count++;
    if (d->each)
        d->each(d->arg, change);
}

static void options_diff(struct diff *d, const char *where, const char *instance,
                         const struct leat_option *options, const void *old, const void *new)
{
    for (const struct leat_option *o = options; o->name; o++) {
        if (leat_scalar_equal(o, old, new))
            continue;
        struct leat_section_path path = leat_section_join(where, o->name);
        tell(d, &(struct leat_config_change){.kind = LEAT_CONFIG_CHANGED,
                                             .path = path.text,
                                             .instance = instance,
                                             .option = o,
                                             .reload = o->flags & LEAT_OPTION_RELOAD});
    }
}

static void instance_tell(struct diff *d, enum leat_config_change_kind kind, const char *name)
{
    struct leat_section_path path = leat_section_join("sources", name);
    tell(d, &(struct leat_config_change){
                .kind = kind, .path = path.text, .instance = name, .reload = false});
}

static bool same_type(const struct leat_config_instance *a, const struct leat_config_instance *b)
{
    return strcmp(a->type->name, b->type->name) == 0;
}

size_t leat_config_diff(const struct leat_config *old, const struct leat_config *new,
                        leat_config_change_fn each, void *arg)
{
    struct diff d = {each, arg, 0};
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++)
        options_diff(&d, s->name ? s->name : "", NULL, s->options, leat_config_settings(old),
                     leat_config_settings(new));
    for (size_t i = 0; i < leat_config_instance_count(old); i++) {
        const struct leat_config_instance *was = leat_config_instance_at(old, i);
        const struct leat_config_instance *is = leat_config_instance_named(new, was->name);
        if (!is || !same_type(was, is))
            instance_tell(&d, LEAT_CONFIG_REMOVED, was->name);
        else
            options_diff(&d, leat_section_join("sources", was->name).text, was->name,
                         was->type->options, was->ctx, is->ctx);
    }
    for (size_t i = 0; i < leat_config_instance_count(new); i++) {
        const struct leat_config_instance *is = leat_config_instance_at(new, i);
        const struct leat_config_instance *was = leat_config_instance_named(old, is->name);
        if (!was || !same_type(was, is))
            instance_tell(&d, LEAT_CONFIG_ADDED, is->name);
    }
    return d.count;
}
