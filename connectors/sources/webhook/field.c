#include "sources/webhook/field.h"

#include "sources/webhook/json_scan.h"
#include "sources/webhook/utf8.h"

static const char *behind(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

int field_check(const char *text, struct leat_err *err)
{
    const char *header = behind(text, "header:"), *json = behind(text, "json:");
    if ((header && *header && !strpbrk(header, " :\t")) || (json && (!*json || *json == '/')) ||
        (behind(text, "text:") && text[5]))
        return LEAT_OK;
    leat_fail(err, LEAT_ECONFIG, "is none of header:NAME, json:/pointer, text:WORD");
    return LEAT_ECONFIG;
}

static bool from_json(const char *pointer, struct leat_slice body, struct leat_buf *buf)
{
    struct leat_slice value;
    if (!body.len || !json_find(body, pointer, &value))
        return false;
    char kind = json_kind(value);
    if (kind == '"')
        json_unquote(value, buf);
    else if (kind == '0')
        leat_buf_append(buf, value);
    else
        return false;
    return true;
}

bool field_read(const char *field, const struct leat_ingest_request *request, struct leat_slice body,
                struct leat_buf *buf)
{
    const char *header = behind(field, "header:"), *json = behind(field, "json:");
    if (json)
        return from_json(json, body, buf) && buf->len;
    const char *text = header ? leat_ingest_header(request, header) : field + strlen("text:");
    if (!text || !*text || !utf8_check(leat_slice_text(text)))
        return false;
    leat_buf_append_text(buf, text);
    return true;
}
