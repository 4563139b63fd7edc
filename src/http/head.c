#include "http/head.h"

/* Layout is what 0.9.75 does with its buffer. Later versions refuse bare LF and folded lines themselves
 * when they are told to be strict, and may keep headers elsewhere. */
static bool has_layout(void)
{
    return strcmp(MHD_get_version(), "0.9.75") == 0;
}

int leat_http_head_strictness(void)
{
    return has_layout() ? 0 : 1;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    leat_http_guard_header(arg, leat_slice_of(name, name_len), leat_slice_of(value, value_len));
    return MHD_YES;
}

static size_t head_bytes(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

struct leat_http_verdict leat_http_head_judge(struct MHD_Connection *connection, const char *method,
                                              const char *path, const char *version,
                                              size_t target_bytes, struct leat_http_guard *guard)
{
    struct leat_http_line line = {method, path, version, target_bytes, head_bytes(connection)};
    if (has_layout())
        leat_http_guard_line(guard, &line);
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, guard);
    return leat_http_guard_end(guard, version);
}
