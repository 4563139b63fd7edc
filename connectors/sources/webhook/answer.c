/*
 * Answers that every known client understands: `success` for one, `received` for another, ids in the
 * order of what was sent, and never both `error` and `message` in a 2xx.
 */
#include "sources/webhook/json_scan.h"
#include "sources/webhook/post.h"

static void put_id(struct leat_buf *body, const uint8_t *id)
{
    char text[WEBHOOK_UUID_TEXT];
    webhook_uuid_text(id, text);
    leat_buf_format(body, "\"%s\"", text);
}

static void put_head(struct post *p, struct leat_buf *body)
{
    leat_buf_append_text(body, "{\"success\":true,\"received\":true,");
    if (p->outcome == POST_REPEATED)
        leat_buf_append_text(body, "\"duplicate\":true,");
}

static void put_single(struct post *p, struct leat_buf *body)
{
    put_head(p, body);
    leat_buf_append_text(body, "\"eventId\":");
    put_id(body, p->events[0].id);
    leat_buf_append_text(body, ",\"flowType\":");
    json_quote(body, p->flow_type);
    leat_buf_append_text(body, ",\"eventType\":");
    json_quote(body, p->events[0].topic);
    leat_buf_append_text(body, "}\n");
}

static void put_ids(const struct post *p, struct leat_buf *body)
{
    leat_buf_append_text(body, "\"eventIds\":[");
    for (size_t i = 0; i < p->count; i++) {
        if (i)
            leat_buf_append_text(body, ",");
        put_id(body, p->events[i].id);
    }
    leat_buf_append_text(body, "]}\n");
}

static void put_batch(struct post *p, struct leat_buf *body)
{
    put_head(p, body);
    put_ids(p, body);
}

static void put_file(struct post *p, struct leat_buf *body)
{
    put_head(p, body);
    leat_buf_format(body, "\"checksum\":\"%s\",\"hashType\":\"SHA256\",", upload_checksum(p->upload));
    put_ids(p, body);
}

/* A verdict for each: only for clients that asked for it, since most take any 2xx for all. */
static void put_verdicts(struct post *p, struct leat_buf *body)
{
    leat_buf_append_text(body, p->outcome == POST_REPEATED ? "{\"duplicate\":true,\"results\":["
                                                           : "{\"results\":[");
    for (size_t i = 0; i < p->count; i++) {
        const struct post_event *e = &p->events[i];
        leat_buf_format(body, "%s{\"index\":%zu,\"status\":%u,", i ? "," : "", i,
                        e->refused ? e->refused : 200);
        if (e->refused) {
            leat_buf_format(body, "\"error\":{\"status\":%u,\"detail\":\"%s\"}}", e->refused, e->why);
        } else {
            leat_buf_append_text(body, "\"eventId\":");
            put_id(body, e->id);
            leat_buf_append_text(body, "}");
        }
    }
    leat_buf_append_text(body, "]}\n");
}

void post_answer(struct post *p)
{
    struct leat_ingest_answer *answer = &p->request->answer;
    if (p->outcome == POST_UNSTORED) {
        leat_ingest_problem(p->request, 503, "the store takes nothing now; try again");
        return;
    }
    if (p->outcome == POST_CONFLICT) {
        leat_ingest_problem(p->request, 422,
                            "another request was stored under this idempotency key");
        return;
    }
    bool some_refused = p->taken < p->count;
    answer->status = some_refused ? 207 : 200;
    answer->content_type = "application/json";
    if (some_refused)
        put_verdicts(p, &answer->body);
    else if (p->is_file)
        put_file(p, &answer->body);
    else if (p->batch)
        put_batch(p, &answer->body);
    else
        put_single(p, &answer->body);
}
