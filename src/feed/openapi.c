#include "feed/openapi.h"

/* The path is relative to where make runs, the project's root. */
__asm__(".pushsection .rodata\n"
        ".global openapi_begin, openapi_end\n"
        ".hidden openapi_begin, openapi_end\n"
        "openapi_begin:\n"
        ".incbin \"src/feed/openapi.json\"\n"
        "openapi_end:\n"
        ".popsection\n");

extern const uint8_t openapi_begin[], openapi_end[];

struct leat_slice openapi_text(void)
{
    return leat_slice_of(openapi_begin, (size_t)(openapi_end - openapi_begin));
}

static bool wants(const void *ctx, const struct leat_ingest_request *request)
{
    static const char PATH[] = "/openapi.json";
    size_t len = sizeof PATH - 1;
    (void)ctx;
    return strncmp(request->target, PATH, len) == 0 &&
           (!request->target[len] || request->target[len] == '?');
}

static int begin(void *ctx, struct leat_ingest_request *request)
{
    (void)ctx;
    if (strcmp(request->method, "GET") != 0) {
        leat_ingest_problem(request, 405, "the document is read with GET");
        leat_ingest_answer_header(request, "Allow", "GET");
        return LEAT_OK;
    }
    leat_buf_append(&request->answer.body, openapi_text());
    request->answer.status = 200;
    request->answer.content_type = "application/json";
    return LEAT_OK;
}

static void release(void *ctx, struct leat_ingest_request *request)
{
    (void)ctx;
    (void)request;
}

static const struct leat_ingest_path PATHS[] = {
    {"GET", "/openapi.json"},
    {NULL, NULL},
};

const struct leat_ingest_ops openapi_ops = {.wants = wants,
                                            .paths = PATHS,
                                            .begin = begin,
                                            .release = release};
