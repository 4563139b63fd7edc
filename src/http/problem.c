#include "http/problem.h"

struct named {
    unsigned status;
    const char *title, *code;
};

static const struct named NAMES[] = {
    {400, "Bad Request", "BAD_REQUEST"},
    {401, "Unauthorized", "UNAUTHORIZED"},
    {403, "Forbidden", "FORBIDDEN"},
    {404, "Not Found", "NOT_FOUND"},
    {405, "Method Not Allowed", "METHOD_NOT_ALLOWED"},
    {408, "Request Timeout", "REQUEST_TIMEOUT"},
    {409, "Conflict", "CONFLICT"},
    {410, "Gone", "GONE"},
    {411, "Length Required", "LENGTH_REQUIRED"},
    {413, "Content Too Large", "CONTENT_TOO_LARGE"},
    {414, "URI Too Long", "URI_TOO_LONG"},
    {415, "Unsupported Media Type", "UNSUPPORTED_MEDIA_TYPE"},
    {417, "Expectation Failed", "EXPECTATION_FAILED"},
    {422, "Unprocessable Content", "UNPROCESSABLE_CONTENT"},
    {429, "Too Many Requests", "TOO_MANY_REQUESTS"},
    {431, "Request Header Fields Too Large", "HEADERS_TOO_LARGE"},
    {500, "Internal Server Error", "INTERNAL_SERVER_ERROR"},
    {503, "Service Unavailable", "SERVICE_UNAVAILABLE"},
    {505, "HTTP Version Not Supported", "VERSION_NOT_SUPPORTED"},
    {507, "Insufficient Storage", "INSUFFICIENT_STORAGE"},
};

static const struct named *find(unsigned status)
{
    static const struct named other = {500, "Internal Server Error", "INTERNAL_SERVER_ERROR"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (NAMES[i].status == status)
            return &NAMES[i];
    return &other;
}

const char *leat_http_title(unsigned status)
{
    return find(status)->title;
}

const char *leat_http_code(unsigned status)
{
    return find(status)->code;
}

static void members(struct leat_buf *buf, const char *type, unsigned status, const char *detail)
{
    const char *code = leat_http_code(status);
    leat_buf_format(buf,
                    "{\"type\":\"%s\",\"title\":\"%s\",\"status\":%u,\"detail\":\"%s\","
                    "\"code\":\"%s\",\"error\":\"%s\",\"message\":\"%s\"",
                    type, leat_http_title(status), status, detail, code, code, detail);
}

void leat_http_problem(struct leat_buf *buf, unsigned status, const char *detail)
{
    members(buf, "about:blank", status, detail);
    leat_buf_append_text(buf, "}\n");
}

void leat_http_problem_quota(struct leat_buf *buf, const char *detail, const char *policy)
{
    members(buf, "https://iana.org/assignments/http-problem-types#quota-exceeded", 429, detail);
    leat_buf_format(buf, ",\"violated-policies\":[\"%s\"]}\n", policy);
}
